package rivet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// fleet connects to n actors of one gateway; actor i has the key i.
func fleet(t *testing.T, gw *rivettest.Gateway, n int, opts ...rivet.Option) []*conn.Conn {
	t.Helper()
	client := gw.Client(t, opts...)
	conns := make([]*conn.Conn, n)
	for i := range conns {
		conns[i] = client.GetOrCreate("counter", rivet.Key{"fleet", strconv.Itoa(i)}).Connect(t.Context())
		t.Cleanup(func() { conns[i].Close() })
	}
	for _, c := range conns {
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return conns
}

// socketOf returns the server's side of the connection to actor i.
func socketOf(gw *rivettest.Gateway, i int) *rivettest.Conn {
	return gw.Instance("counter", "fleet", strconv.Itoa(i)).Conns()[0]
}

// tell emits the event of actor i.
func tell(gw *rivettest.Gateway, i int, args ...any) {
	gw.Instance("counter", "fleet", strconv.Itoa(i)).Emit(string(changed), args...)
}

func TestMergeEventsOfManyConnections(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		const n, rounds = 100, 20
		gw := newGateway2(t, rivettest.InMemory())
		conns := fleet(t, gw, n)
		synctest.Wait() // the gateway may still be starting what serves a connection
		before := testgoroutines.Count()
		g := rivet.MergeEvents(changed)
		for _, c := range conns {
			g.Add(c)
		}
		synctest.Wait()
		if now := testgoroutines.Count(); now > before || g.Len() != n {
			t.Errorf("%d connections, %d goroutines more", g.Len(), now-before)
		}
		<-time.After(time.Hour)
		emitted := time.Now()
		for r := range rounds {
			for i := range n {
				tell(gw, i, r)
			}
		}
		var next [n]int
		seen := 0
		for ev, err := range stream.Merge(g.Stream().Filter(func(rivet.Sourced[int]) bool { return true })).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			i, err := strconv.Atoi(ev.Info.Key[1])
			if err != nil || ev.Value != next[i] || ev.Info.Name != "counter" || ev.Info.ActorID == "" || !ev.At.Equal(emitted) {
				t.Fatalf("event %+v, want %d at %v", ev, next[i], emitted)
			}
			next[i]++
			if seen++; seen == n*rounds {
				break
			}
		}
		g.Close()
		for i := range n {
			if err := socketOf(gw, i).WaitUnsubscribed(t.Context(), string(changed)); err != nil {
				t.Fatal(err)
			}
		}
		for range g.All(t.Context()) {
			t.Error("a step after Close")
		}
		for _, c := range conns {
			if c.Err() != nil {
				t.Error("Close has closed a connection")
			}
		}
	})
}

// Connections come and go while the loop runs.
func TestMergeEventsAddAndRemove(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		conns := fleet(t, gw, 3)
		g := rivet.MergeEvents(changed, stream.Gaps(true))
		var log []string
		note := func(what string, args ...any) { log = append(log, fmt.Sprintf(what, args...)) }
		play := func(f func()) {
			f()
			<-time.After(time.Second)
		}
		go func() {
			play(func() { tell(gw, 0, 1) }) // nobody is there
			var remove func()
			play(func() { remove = g.Add(conns[0]); g.Add(conns[1]) })
			play(func() { tell(gw, 0, 2) })
			play(func() { tell(gw, 1, "no number") })
			play(func() { socketOf(gw, 1).Drop() }) // comes back
			play(func() { tell(gw, 1, 3) })
			play(remove)
			play(func() { tell(gw, 0, 4) })
			play(func() { g.Add(conns[2]) })
			play(func() { tell(gw, 2, 5); <-time.After(time.Millisecond); conns[2].Close() })
			play(func() { g.Add(conns[2]) }) // has ended
			play(func() { note("%d left", g.Len()); tell(gw, 1, 6) })
			g.Close()
		}()
		for ev, err := range g.All(t.Context()) {
			var gap *stream.GapError
			var undecoded *stream.DecodeError
			var ended *rivet.SourceError
			switch {
			case err == nil:
				note("%s: %d", ev.Info.Key[1], ev.Value)
			case errors.As(err, &ended):
				if !stream.IsNotice(err) || !errors.Is(err, rivet.ErrClosed) || !strings.Contains(err.Error(), "counter[fleet/2]") {
					t.Errorf("notice: %v", err)
				}
				note("%s ended", ended.Info.Key[1])
			case errors.As(err, &gap):
				note("gap")
			case errors.As(err, &undecoded):
				if !strings.Contains(err.Error(), "counter[fleet/1]") {
					t.Errorf("notice: %v", err)
				}
				note("undecoded")
			default:
				t.Errorf("got %v", err)
			}
		}
		want := []string{"0: 2", "undecoded", "gap", "1: 3", "2: 5", "2 ended", "2 ended", "1 left", "1: 6"}
		if !slices.Equal(log, want) {
			t.Errorf("\n got %q\nwant %q", log, want)
		}
	})
}

// Adding, removing and leaving the loop, all at a time.
func TestMergeEventsAddAndRemoveWhileRanging(t *testing.T) {
	gw := newGateway(t)
	const n, rounds = 8, 20
	conns := fleet(t, gw, n)
	g := rivet.MergeEvents(changed)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	for i, c := range conns {
		go func() {
			defer func() { done <- struct{}{} }()
			for r := range rounds {
				remove := g.Add(c)
				if err := socketOf(gw, i).WaitSubscribed(ctx, string(changed)); err != nil {
					t.Error(err)
				}
				tell(gw, i, r)
				remove()
				if err := socketOf(gw, i).WaitUnsubscribed(ctx, string(changed)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	go func() {
		for range n {
			<-done
		}
		g.Close()
	}()
	for more := true; more; {
		more = false
		for ev, err := range g.All(ctx) {
			if err != nil {
				t.Error(err)
			}
			more = ev.Value%2 == 0
			break
		}
		if !more && ctx.Err() == nil && g.Len() > 0 {
			more = true
		}
	}
	for range g.All(ctx) { // until Close
	}
	if g.Len() != 0 || ctx.Err() != nil {
		t.Errorf("%d connections are left, %v", g.Len(), ctx.Err())
	}
}
