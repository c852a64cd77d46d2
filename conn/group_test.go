package conn_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// subscribed waits until the gateway sends c events.
func subscribed(t *testing.T, c *conn.Conn, gw *rivettest.Gateway) {
	t.Helper()
	ready(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := gw.Conn(0).WaitSubscribed(ctx, tick); err != nil {
		t.Fatal(err)
	}
}

// next is the next event of sub.
func next[T any](t *testing.T, sub *stream.Subscription[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	v, err := sub.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Several subscriptions get the same value, which has been decoded once; one
// alone gets its own, as do those of other types.
func TestSubscriptionsShareWhatIsDecoded(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		defer c.Close()
		type other numbered
		var subs []*stream.Subscription[numbered]
		join := func() { subs = append(subs, conn.SubscribeTyped[numbered](c, tick)) }
		join()
		stranger := conn.SubscribeTyped[other](c, tick)
		subscribed(t, c, gw)
		// texts are where the text of the next event is in the memory of each.
		texts := func() (where map[*byte]int) {
			gw.Conn(0).Emit(tick, numbered{7, "text"})
			where = make(map[*byte]int)
			for _, sub := range subs {
				v := next(t, sub)
				if v != (numbered{7, "text"}) {
					t.Errorf("got %v", v)
				}
				where[unsafe.StringData(v.Text)]++
			}
			where[unsafe.StringData(next(t, stranger).Text)]++
			return where
		}
		if got := texts(); len(got) != 2 {
			t.Errorf("one, and a stranger: texts in %d places", len(got))
		}
		join()
		join()
		if got := texts(); len(got) != 2 {
			t.Errorf("three, and a stranger: texts in %d places", len(got))
		}
		subs[1].Close()
		subs = append(subs[:1], subs[2])
		if got := texts(); len(got) != 2 {
			t.Errorf("two, and a stranger: texts in %d places", len(got))
		}
	})
}

// guarded is a type with a decoder of its own, which waits for guard.
type guarded struct{ n int }

var guard chan struct{}

func (g *guarded) UnmarshalCBOR([]byte) error {
	<-guard
	g.n = 1
	return nil
}

// Code of others runs on the goroutine of whoever consumes, never on the
// reader's, which all events and replies pass through.
func TestReaderDecodesWithCompiledDecodersOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		guard = make(chan struct{})
		c := connect(t, config(gw))
		defer c.Close()
		var slow []*stream.Subscription[guarded]
		var quick []*stream.Subscription[int]
		for range 2 {
			slow = append(slow, conn.SubscribeTyped[guarded](c, tick))
			quick = append(quick, conn.SubscribeTyped[int](c, tick))
		}
		subscribed(t, c, gw)
		var wg sync.WaitGroup
		for _, sub := range slow {
			wg.Go(func() {
				if v, err := sub.Next(t.Context()); err != nil || v.n != 1 {
					t.Errorf("got %v, %v", v, err)
				}
			})
		}
		for n := range 200 {
			gw.Conn(0).Emit(tick, n)
		}
		for _, sub := range quick {
			for n := range 200 {
				if got := next(t, sub); got != n {
					t.Fatalf("got %d, want %d", got, n)
				}
			}
		}
		close(guard)
		wg.Wait()
	})
}

// Everyone is told of an event that cannot be decoded, in its place.
func TestUndecodableEventIsToldToAll(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		defer c.Close()
		var subs []*stream.Subscription[int]
		for range 3 {
			subs = append(subs, conn.SubscribeTyped[int](c, tick))
		}
		subscribed(t, c, gw)
		for _, v := range []any{1, "two", 3} {
			gw.Conn(0).Emit(tick, v)
		}
		told := make(map[*stream.DecodeError]bool)
		for _, sub := range subs {
			first := next(t, sub)
			_, err := sub.Next(t.Context())
			var undecoded *stream.DecodeError
			if !errors.As(err, &undecoded) || !stream.IsNotice(err) || told[undecoded] {
				t.Errorf("the second event is %v", err)
			}
			told[undecoded] = true
			if third := next(t, sub); first != 1 || third != 3 {
				t.Errorf("around it: %d and %d", first, third)
			}
			if st := sub.Stats(); st.Received != 3 || st.Delivered != 3 || st.Undecoded != 1 {
				t.Errorf("stats are %+v", st)
			}
		}
	})
}

// A subscription that nobody consumes holds up the others only under Block, and
// ends under Fail.
func TestStalledSubscriptionAmongSharers(t *testing.T) {
	const events = 100
	for policy := stream.DropOldest; policy <= stream.Fail; policy++ {
		t.Run(policy.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c := connect(t, config(gw))
				defer c.Close()
				stalled := conn.SubscribeTyped[numbered](c, tick, stream.Buffer(10), stream.Overflow(policy))
				others := []*stream.Subscription[numbered]{conn.SubscribeTyped[numbered](c, tick), conn.SubscribeTyped[numbered](c, tick)}
				subscribed(t, c, gw)
				for n := range events {
					gw.Conn(0).Emit(tick, number(n))
				}
				take := func(sub *stream.Subscription[numbered], from, to int) {
					for n := from; n < to; n++ {
						if got := next(t, sub); got != number(n) {
							t.Fatalf("got %d, want %d", got.N, n)
						}
					}
				}
				lag := func(want uint64) {
					_, err := stalled.Next(t.Context())
					var lag *stream.LagError
					if !errors.As(err, &lag) || lag.Dropped != want {
						t.Fatalf("got %v, want a lag of %d", err, want)
					}
				}
				if policy == stream.Block {
					pass(time.Second)
					if got := others[0].Stats().Received; got == events {
						t.Error("the reader was not held")
					}
					take(stalled, 0, events)
				}
				for _, sub := range others {
					take(sub, 0, events)
				}
				switch policy {
				case stream.DropOldest:
					lag(events - 10)
					take(stalled, events-10, events)
				case stream.DropNewest:
					take(stalled, 0, 10)
					lag(events - 10)
				case stream.Latest:
					take(stalled, events-1, events)
				case stream.Fail:
					take(stalled, 0, 10)
					var overflow *stream.OverflowError
					if _, err := stalled.Next(t.Context()); !errors.As(err, &overflow) {
						t.Errorf("the end is %v", err)
					}
					pass(time.Second)
					if got := c.Stats().Subscriptions; got != 2 {
						t.Errorf("%d subscriptions are left", got)
					}
				}
			})
		})
	}
}

// TestComingAndGoingInAFlood has subscriptions of every policy come and go while
// events rush by, so that there is now one and now many. Nobody gets an event
// twice, out of order or changed; who must not lose any gets all from its first
// one on, and everyone's counters add up.
func TestComingAndGoingInAFlood(t *testing.T) {
	const events = 5_000
	gw := rivettest.NewGateway(t, rivettest.RecordLimit(0))
	gw.Actor("room")
	c := connect(t, config(gw))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	policies := map[string][]stream.Option{
		"drop oldest": {stream.Buffer(20)},
		"drop newest": {stream.Buffer(20), stream.Overflow(stream.DropNewest)},
		"latest":      {stream.Overflow(stream.Latest)},
		"block":       {stream.Buffer(20), stream.Overflow(stream.Block)},
		"fail":        {stream.Buffer(5000), stream.Overflow(stream.Fail)},
		"few bytes":   {stream.BufferBytes(4 << 10)},
	}
	// visit takes up to n events and reports whether the last one was seen.
	visit := func(name string, n int) (over bool, err error) {
		sub := conn.SubscribeTyped[numbered](c, tick, policies[name]...)
		defer sub.Close()
		defer func() {
			sub.Close()
			if st := sub.Stats(); err == nil && (st.Depth != 0 || st.Received != st.Delivered+st.Dropped) {
				err = fmt.Errorf("stats do not add up: %+v", st)
			}
		}()
		last := -1
		for ev, err := range sub.All(ctx) {
			if _, lag := err.(*stream.LagError); lag && name != "block" && name != "fail" {
				continue
			}
			if err != nil {
				return false, err
			}
			lossless := name == "block" || name == "fail"
			if ev != number(ev.N) || ev.N <= last && last < events || lossless && last >= 0 && ev.N != last+1 && ev.N != events {
				return false, fmt.Errorf("event %d after %d, text %.40q", ev.N, last, ev.Text)
			}
			if last = ev.N; last == events {
				return true, nil
			}
			if n--; n == 0 {
				return false, nil
			}
		}
		return false, context.Cause(ctx)
	}
	var wg sync.WaitGroup
	for name := range policies {
		for _, n := range []int{3, 100, 700} {
			wg.Go(func() {
				for {
					over, err := visit(name, n)
					if err != nil {
						t.Errorf("%s, for %d events: %v", name, n, err)
					}
					if over || err != nil {
						return
					}
				}
			})
		}
	}
	subscribed(t, c, gw)
	gc := gw.Conn(0)
	for n := range events {
		gc.Emit(tick, number(n))
		if n%128 == 0 {
			if err := gc.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		gc.Emit(tick, number(events)) // until everyone has had it
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("not all came to the end")
		}
	}
}
