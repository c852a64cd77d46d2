package actor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/codec"
)

// queuesOn returns the queues of a new generation, and what crashes it.
func queuesOn(t *testing.T, s *shelf, limit int) (qs *queues, crash func()) {
	t.Helper()
	j, cut := journalOn(t, s)
	qs = newQueues(s, j, slog.New(slog.DiscardHandler), func() func() { return func() {} }, limit, 64<<10)
	if err := qs.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	crash = func() { qs.close(ErrLeaseEnded); cut(); qs.wait() }
	t.Cleanup(crash)
	return qs, crash
}

func jsonValue(text string) codec.Value { return codec.RawValue(codec.JSON, []byte(text)) }

// The queues are lists of messages that only a completion shortens, whatever
// crashes come in between.
func TestQueuesAsLists(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type sent struct {
			id       MessageID
			body     string
			attempts int // at least
		}
		s := newShelf()
		qs, crash := queuesOn(t, s, 1000)
		lists := map[string][]*sent{} // what is in each queue, in order
		held := map[MessageID]*delivery{}
		byID := map[MessageID]*sent{}
		names := rapid.SampledFrom([]string{"a", "b", ""})
		ctx := context.Background()
		gone, cancel := context.WithCancel(ctx)
		cancel()

		remove := func(id MessageID) {
			for name, l := range lists {
				lists[name] = slices.DeleteFunc(l, func(m *sent) bool { return m.id == id })
			}
			delete(held, id)
		}
		draw := func(r *rapid.T) (*delivery, bool) {
			var ids []MessageID
			for id := range held {
				ids = append(ids, id)
			}
			if len(ids) == 0 {
				return nil, false
			}
			slices.Sort(ids)
			return held[rapid.SampledFrom(ids).Draw(r, "held")], true
		}
		again := func() {
			crash()
			qs, crash = queuesOn(t, s, 1000)
			clear(held)
		}
		uncounted := func() {
			for _, m := range byID {
				m.attempts = 0 // the last count may be lost
			}
		}
		var last MessageID
		send := func(r *rapid.T, ctx context.Context) (*sent, string, error) {
			name := names.Draw(r, "name")
			// Some bodies are so long that not all of them stay in memory.
			body := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 60 << 10}).Draw(r, "size"))
			m, stored, err := qs.add(name, jsonValue(body), false)
			if err != nil {
				r.Fatal(err)
			}
			if m.id <= last {
				r.Fatalf("message %d comes after %d", m.id, last)
			}
			last = m.id
			if err = stored.wait(ctx); err == nil {
				qs.spare(m)
			}
			byID[m.id] = &sent{id: m.id, body: body}
			return byID[m.id], name, err
		}
		r.Repeat(map[string]func(*rapid.T){
			"send": func(r *rapid.T) {
				m, name, err := send(r, ctx)
				if err != nil {
					r.Fatal(err)
				}
				lists[name] = append(lists[name], m)
			},
			"receive": func(r *rapid.T) {
				name := names.Draw(r, "name")
				d, err := qs.tryNext(ctx, name)
				if err != nil {
					r.Fatal(err)
				}
				var want *sent
				for _, m := range lists[name] {
					if held[m.id] == nil {
						want = m
						break
					}
				}
				switch {
				case d == nil && want == nil:
				case d == nil || want == nil:
					r.Fatalf("received %v, want %v", d, want)
				case d.id != want.id || !bytes.Equal(d.body, []byte(want.body)) || d.enc != codec.JSON || d.queue != name:
					r.Fatalf("received message %d of %d bytes, want %d of %d bytes", d.id, len(d.body), want.id, len(want.body))
				case d.attempt <= want.attempts:
					r.Fatalf("it is attempt %d of message %d, want more than %d", d.attempt, d.id, want.attempts)
				default:
					want.attempts = d.attempt
					held[d.id] = d
				}
			},
			"complete": func(r *rapid.T) {
				if d, ok := draw(r); ok {
					if err := qs.complete(ctx, d, codec.Value{}); err != nil {
						r.Fatal(err)
					}
					if err := qs.complete(ctx, d, codec.Value{}); !errors.Is(err, ErrSettled) {
						r.Fatalf("completed again: %v", err)
					}
					remove(d.id)
				}
			},
			"release": func(r *rapid.T) {
				if d, ok := draw(r); ok {
					if err := qs.putBack(d, 0); err != nil {
						r.Fatal(err)
					}
					if err := qs.complete(ctx, d, codec.Value{}); !errors.Is(err, ErrSettled) {
						r.Fatalf("completed what was released: %v", err)
					}
					delete(held, d.id)
				}
			},
			"discard": func(r *rapid.T) {
				for _, l := range lists {
					if len(l) > 0 && held[l[0].id] == nil {
						if ok, err := qs.discard(ctx, l[0].id); !ok || err != nil {
							r.Fatal(ok, err)
						}
						remove(l[0].id)
						return
					}
				}
			},
			"crash": func(r *rapid.T) {
				if err := qs.journal.add(nil).wait(ctx); err != nil {
					r.Fatal(err)
				}
				again()
			},
			"crash while sending": func(r *rapid.T) {
				m, name, _ := send(r, gone)
				again()
				uncounted()
				if qs.all[m.id] != nil { // either is right
					lists[name] = append(lists[name], m)
				}
			},
			"crash while completing": func(r *rapid.T) {
				if d, ok := draw(r); ok {
					_ = qs.complete(gone, d, codec.Value{})
					again()
					uncounted()
					if qs.all[d.id] == nil {
						remove(d.id)
					}
				}
			},
			"": func(r *rapid.T) {
				n := 0
				for _, l := range lists {
					n += len(l)
				}
				if len(qs.all) != n {
					r.Fatalf("there are %d messages, want %d", len(qs.all), n)
				}
				if qs.cached < 0 || qs.cached > queueCache+64<<10 {
					r.Fatalf("%d bytes are in memory", qs.cached)
				}
			},
		})
		// In the end nothing but these messages is in the store.
		if err := qs.journal.add(nil).wait(ctx); err != nil {
			r.Fatal(err)
		}
		if n := s.keys(); n != 2*len(qs.all) {
			r.Fatalf("%d keys are in the store for %d messages", n, len(qs.all))
		}
	})
}

// Damage hurts only the message that has it.
func TestQueueDamage(t *testing.T) {
	s := newShelf()
	qs, crash := queuesOn(t, s, 10)
	var ids []MessageID
	for i := range 4 {
		m, stored, err := qs.add("q", jsonValue(fmt.Sprint(i)), false)
		if err != nil || stored.wait(t.Context()) != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.id)
	}
	crash()
	s.set(string(queueKey(queueHeads, ids[0])), "\x01\x02")
	s.set(string(queueKey(queueHeads, 1)), "")
	s.set(string(queueKey(queueHeads, 2))+"x", "\x01")
	s.mu.Lock()
	delete(s.values, string(queueKey(queueBodies, ids[1])))
	s.mu.Unlock()

	var log bytes.Buffer
	qs, _ = queuesOn(t, s, 10)
	qs.log = slog.New(slog.NewTextHandler(&log, nil))
	qs.all, qs.byName = map[MessageID]*queued{}, map[string]*queue{}
	if err := qs.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range ids[2:] {
		d, err := qs.tryNext(t.Context(), "q")
		if err != nil || d == nil || d.id != want {
			t.Fatalf("received %v, %v, want message %d", d, err, want)
		}
	}
	if n := strings.Count(log.String(), "stored queue message"); n != 4 {
		t.Errorf("%d of 4 are logged: %s", n, log.String())
	}
	if n := s.keys(keyQueue); n != 9 {
		t.Errorf("%d keys are there, want all 9", n)
	}
}

func FuzzQueueRecord(f *testing.F) {
	m := &queued{id: 7, queue: "jobs", enc: codec.CBOR, attempts: 3, at: time.UnixMicro(1e15)}
	f.Add(queueKey(queueHeads, m.id), m.appendHead(nil))
	f.Add([]byte{}, []byte{queueRecord})
	f.Fuzz(func(t *testing.T, key, head []byte) {
		m, err := decodeQueued(key, head)
		if err != nil {
			if !strings.Contains(err.Error(), "queue message") {
				t.Errorf("the error does not say what is damaged: %v", err)
			}
			return
		}
		if again := m.appendHead(nil); !bytes.Equal(again, head) {
			t.Errorf("%x becomes %x", head, again)
		}
	})
}

// Who waits longest is served first, and who has given up is left out.
func TestQueueWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		qs, crash := queuesOn(t, s, 10)
		got := make([]string, 4)
		for i := range got {
			ctx := t.Context()
			if i == 1 {
				c, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = c
			}
			go func() {
				d, err := qs.next(ctx, "q", func(wait func() error) error { return wait() })
				if err != nil {
					got[i] = err.Error()
					return
				}
				got[i] = string(d.body)
			}()
			synctest.Wait()
		}
		<-time.After(2 * time.Second)
		for _, body := range []string{`"a"`, `"b"`} {
			if _, _, err := qs.add("q", jsonValue(body), false); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		qs.close(errors.New("closed"))
		synctest.Wait()
		if want := []string{`"a"`, context.DeadlineExceeded.Error(), `"b"`, "closed"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		crash()
	})
}

// A message that comes to somebody who gives up at that moment is not lost.
func TestQueueHandOver(t *testing.T) {
	qs, _ := queuesOn(t, newShelf(), 1000)
	for i := range 500 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan *delivery)
		go func() {
			d, _ := qs.next(ctx, "q", func(wait func() error) error { return wait() })
			done <- d
		}()
		m := &queued{id: MessageID(i + 1), queue: "q", inRAM: true}
		for {
			qs.mu.Lock()
			if q := qs.byName["q"]; q != nil && len(q.waiters) == 1 {
				break
			}
			qs.mu.Unlock()
			runtime.Gosched()
		}
		cancel()
		for range i % 20 { // for the waiter to see it, and wait for mu
			runtime.Gosched()
		}
		qs.all[m.id] = m
		qs.offer(m)
		qs.mu.Unlock()
		d := <-done
		if d == nil {
			var err error
			if d, err = qs.tryNext(t.Context(), "q"); d == nil {
				t.Fatalf("message %d is lost: %v", m.id, err)
			}
		}
		if err := qs.complete(t.Context(), d, codec.Value{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(qs.byName) != 0 {
		t.Errorf("%d queues are remembered, want none", len(qs.byName))
	}
}

// Bodies beyond what is kept in memory are read back; one that is discarded
// meanwhile is not delivered, nor does it come back.
func TestQueueLongBodies(t *testing.T) {
	s := newShelf()
	qs, _ := queuesOn(t, s, 100)
	const n = 40
	for i := range n {
		body := fmt.Sprintf("%d%s", i, strings.Repeat(" ", 60<<10))
		if _, err := qs.enqueue(t.Context(), "q", jsonValue(body), false, 0); err != nil {
			t.Fatal(err)
		}
		if qs.cached > queueCache+64<<10 {
			t.Fatalf("%d bytes are in memory", qs.cached)
		}
	}
	for i := range n - 1 {
		d, err := qs.tryNext(t.Context(), "q")
		if err != nil || d == nil || !strings.HasPrefix(string(d.body), fmt.Sprint(i, " ")) {
			t.Fatalf("message %d: %v, %v", i, d, err)
		}
		if err := qs.complete(t.Context(), d, codec.Value{}); err != nil {
			t.Fatal(err)
		}
	}
	last := slices.Collect(maps.Keys(qs.all))[0]
	s.onGet = func() {
		if ok, err := qs.discard(t.Context(), last); !ok || err != nil {
			t.Errorf("discard: %v, %v", ok, err)
		}
	}
	if d, err := qs.tryNext(t.Context(), "q"); d != nil || err != nil {
		t.Errorf("received %v, %v", d, err)
	}
	if err := qs.journal.add(nil).wait(t.Context()); err != nil || s.keys() != 0 || qs.cached != 0 {
		t.Errorf("%v; %d keys and %d bytes are left", err, s.keys(), qs.cached)
	}
}

// What was set aside keeps no actor awake.
func TestBacklogWithoutWhatIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qs, _ := queuesOn(t, newShelf(), 10)
		if _, _, err := qs.add("q", jsonValue("1"), false); err != nil {
			t.Fatal(err)
		}
		d, err := qs.tryNext(t.Context(), "q")
		if err != nil || qs.backlog("q").IsZero() {
			t.Fatalf("what is delivered does not count, or %v", err)
		}
		qs.setAside(d)
		if at := qs.backlog("q"); !at.IsZero() {
			t.Errorf("the actor is to wake up at %v", at)
		}
	})
}
