package reliability_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

var (
	chaosSeed = flag.Uint64("chaos.seed", 0, "seed of the chaos test; 0 takes a new one")
	chaosTime = flag.Duration("chaos.time", 20*time.Second, "how long the chaos lasts")
)

const members = 50

// TestChaos lets connections with subscriptions, views and calls live on a
// network that refuses, resets, cuts, truncates, delays and forgets them, and
// then compares what they saw with what the gateway did. What the network does
// to the n-th connection of a client, and what the client asks for, depend on
// the seed alone: a seed that failed fails again, as far as timing allows.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -run='^TestChaos$' -chaos.seed=%d -chaos.time=%v", seed, *chaosTime)
	files := openFiles(t)
	connections := soak(t, seed, *chaosTime)
	if n := openFiles(t); n > files {
		t.Errorf("%d files and sockets are open, %d before", n, files)
	}
	// A goroutine or timer that was left would hold on to its connection.
	left := 0
	for range 20 {
		runtime.GC()
		left = 0
		for _, c := range connections {
			if c.Value() != nil {
				left++
			}
		}
		if left == 0 {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if left > 0 {
		t.Errorf("%d closed connections are still referred to", left)
	}
}

// soak is the chaos, from the first connection to the last check.
func soak(t *testing.T, seed uint64, d time.Duration) (connections []weak.Pointer[conn.Conn]) {
	gw := loopback(t, rivettest.RecordLimit(0))
	w := newWorld(t, gw)
	bad := newProxy(t, strings.TrimPrefix(gw.Endpoint(), "http://"), func(client, n int) fate { return fateOf(seed, client, n) })
	defer bad.close()

	ms := make([]*member, members)
	for i := range ms {
		ms[i] = newMember(t, i, seed, gw.Endpoint(), bad)
		connections = append(connections, weak.Make(ms[i].conn))
	}
	stop := make(chan struct{})
	for _, m := range ms {
		m.work(stop)
	}
	<-time.After(d)
	close(stop)
	for _, m := range ms {
		m.callers.Wait() // calls have deadlines
	}
	bad.calm()
	settle(t, gw, w, ms)

	var sum totals
	for _, m := range ms {
		sum.links += m.conn.Stats().Links
		sum.attempts += m.conn.Stats().Attempts
		sum.gaps += m.conn.Stats().Gaps
		sum.churns += m.churns.Load()
		// A View goes first for every other member, a connection for the rest.
		if m.view != nil && m.index%2 == 0 {
			_ = m.view.Close()
		}
		if err := m.conn.Close(); err != nil {
			t.Errorf("member %d: close: %v", m.index, err)
		}
		select {
		case <-m.conn.Done():
		default:
			t.Errorf("member %d: closed, but not done", m.index)
		}
		if m.view != nil {
			_ = m.view.Close()
		}
		m.leave()
		m.listeners.Wait()
		if err := m.client.Close(); err != nil {
			t.Errorf("member %d: close the client: %v", m.index, err)
		}
	}
	bad.close()
	gw.Close() // waits for what still runs

	for _, m := range ms {
		m.checkCalls(t, w, &sum)
		m.faithful.check(t, fmt.Sprintf("member %d", m.index), w.links(fmt.Sprint(m.index)), true, &sum)
		if m.slow != nil {
			m.slow.check(t, fmt.Sprintf("slow member %d", m.index), w.links(fmt.Sprint(m.index)), false, &sum)
		}
	}
	sum.require(t, bad)
	return connections
}

// settle waits until everybody has seen the last change, and holds the Views
// against the state.
func settle(t *testing.T, gw *rivettest.Gateway, w *world, ms []*member) {
	t.Helper()
	clean, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	defer clean.Close()
	ctx := within(t, time.Minute)
	for round := 0; ; round++ {
		for key := range 10 {
			h := clean.GetOrCreate("room", rivet.Key{fmt.Sprint("k", key)})
			if _, err := add.Call(ctx, h, order{ID: -1 - round*10 - key, By: round}); err != nil {
				t.Fatalf("over a network that works again: %v", err)
			}
		}
		// A link that is half-open still counts as connected, so the change may
		// have gone nowhere: then there is another.
		try, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		missing := slices.DeleteFunc(slices.Clone(ms), func(m *member) bool {
			seq := w.state(m.key).Seq
			return m.faithful.reach(try, seq) && (m.slow == nil || m.slow.reach(try, seq))
		})
		cancel()
		if len(missing) == 0 {
			break
		}
		if ctx.Err() != nil {
			for _, m := range missing {
				t.Errorf("member %d does not recover: %v; %+v", m.index, m.conn.State(), m.conn.Stats())
			}
			t.FailNow()
		}
	}
	for _, m := range ms {
		if m.view == nil {
			continue
		}
		want := w.state(m.key)
		ctx := within(t, 20*time.Second)
		var got tally
		for s, err := range m.view.All(ctx) {
			if err == nil {
				got = s
			}
			if got == want {
				break
			}
		}
		if got != want {
			t.Errorf("view of member %d is %+v (%v), the state %+v", m.index, got, m.view.Err(), want)
		}
	}
}

// openFiles counts the process's file descriptors, 0 where that is not known.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// totals says what the chaos has met, to show that it was one.
type totals struct {
	links, attempts, gaps          uint64
	churns                         int64
	calls, answered, unsent, maybe int
	again, events, holes, lagged   int
	segments                       int
}

// require fails a run that was too calm to prove anything.
func (s *totals) require(t *testing.T, bad *proxy) {
	t.Helper()
	t.Logf("%d attempts, %d links, %d gaps; fates met: %v", s.attempts, s.links, s.gaps, bad.met)
	t.Logf("%d calls: %d answered, %d failed unsent, %d failed and may have run; %d idempotent ones ran again",
		s.calls, s.answered, s.unsent, s.maybe, s.again)
	t.Logf("%d events in %d stretches, %d holes, %d dropped for slow loops; %d short subscriptions",
		s.events, s.segments, s.holes, s.lagged, s.churns)
	for name, n := range map[string]int{
		"links lost": int(s.links) - members, "attempts failed": int(s.attempts) - int(s.links), "gaps": int(s.gaps),
		"calls answered": s.answered, "calls failed unsent": s.unsent, "calls that may have run": s.maybe,
		"events": s.events, "holes": s.holes, "events dropped": s.lagged,
	} {
		if n <= 0 {
			t.Errorf("the chaos met no %s", name)
		}
	}
}

func (m *member) checkCalls(t *testing.T, w *world, sum *totals) {
	t.Helper()
	if !maps.Equal(m.observed, m.returned) {
		t.Errorf("member %d: the observer saw %v, callers %v", m.index, m.observed, m.returned)
	}
	for _, o := range m.orders {
		sum.calls++
		runs := w.runs(o.id)
		maybe := rivet.MaybeExecuted(o.err)
		say := func(what string) {
			t.Errorf("member %d: call %d (%s, idempotent %v, http %v) %s: ran %d times, receipt %v, error %v (may have run: %v)",
				m.index, o.id, o.action, o.idempotent, o.http, what, runs, o.receipt, o.err, maybe)
		}
		switch {
		case o.err == nil:
			sum.answered++
			if runs == 0 || o.receipt.ID != o.id || o.action == string(fail) {
				say("was answered")
			}
		case !isTyped(o.err, o.http):
			say("failed with an error of no known type")
		case rivet.IsCode(o.err, "no"):
			sum.answered++
			if runs == 0 || o.action != string(fail) || !maybe {
				say("was refused by the actor")
			}
		case maybe:
			sum.maybe++
		default:
			sum.unsent++
			if runs != 0 {
				say("failed before it was sent")
			}
		}
		if runs > 1 {
			sum.again++
			if !o.idempotent {
				say("was sent twice")
			}
		}
	}
}

// check holds a subscription against what the gateway put on the links.
func (r *record) check(t *testing.T, who string, links [][]int, complete bool, sum *totals) {
	t.Helper()
	if s := r.stats; s.Received != s.Delivered+s.Dropped || s.Depth != 0 {
		t.Errorf("%s: counters do not add up: %+v", who, s)
	}
	// In order, once each, and nothing missing without a word.
	last, told := 0, true
	for i, e := range r.entries {
		switch {
		case e.err != nil:
			// The connection was closed before the loop.
			if i != len(r.entries)-1 || stream.IsNotice(e.err) {
				t.Errorf("%s: entry %d: %v", who, i, e.err)
			}
		case e.gap || e.lag > 0:
			told = true
			sum.lagged += int(e.lag)
			if complete && e.lag > 0 {
				t.Errorf("%s: lagged by %d although there was room", who, e.lag)
			}
		default:
			sum.events++
			if e.seq <= last {
				t.Errorf("%s: event %d after %d", who, e.seq, last)
			}
			if e.seq > last+1 && last > 0 {
				sum.holes++
				if !told {
					t.Errorf("%s: events %d to %d are missing without a notice", who, last+1, e.seq-1)
				}
			}
			last, told = e.seq, false
		}
	}
	// Between two gaps there is one link, of which everything has come up to
	// some point, but for what was dropped by count.
	next := 0
	for _, part := range split(r.entries) {
		sum.segments++
		at := slices.IndexFunc(links[next:], func(link []int) bool { return follows(part, link, complete) })
		if at < 0 {
			t.Errorf("%s: what came between two gaps is not the beginning of any link: %v", who, part)
			return
		}
		next += at + 1
	}
}

// split cuts entries at gaps; stretches without events are left out.
func split(entries []entry) (parts [][]entry) {
	var part []entry
	events := false
	for _, e := range append(slices.Clone(entries), entry{gap: true}) {
		switch {
		case e.gap:
			if events {
				parts = append(parts, part)
			}
			part, events = nil, false
		case e.err == nil:
			part = append(part, e)
			events = events || e.seq > 0
		}
	}
	return parts
}

// follows reports whether part is what a subscription may see of link: its
// beginning. One that was slow may have lost events there already, and from
// then on those that its notices count.
func follows(part []entry, link []int, complete bool) bool {
	at := 0
	if !complete {
		first := slices.IndexFunc(part, func(e entry) bool { return e.seq > 0 })
		if at = slices.Index(link, part[first].seq); at < 0 {
			return false
		}
		part = part[first:]
	}
	for i, e := range part {
		if e.lag > 0 {
			at += int(e.lag)
			if rest := part[i+1:]; !slices.ContainsFunc(rest, func(e entry) bool { return e.seq > 0 }) {
				return true // the lag ends in the gap, and may reach beyond it
			}
			continue
		}
		if at >= len(link) || link[at] != e.seq {
			return false
		}
		at++
	}
	return true
}
