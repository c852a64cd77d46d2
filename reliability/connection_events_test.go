package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestBehaviour11_OnceReleasesTheServerSubscription(t *testing.T) {
	// Each variant listens, gets the event 1 that fire sends, and leaves.
	for name, listen := range map[string]func(t *testing.T, c *conn.Conn, fire func()){
		"Once": func(t *testing.T, c *conn.Conn, fire func()) {
			go fire()
			n, err := ticks.Once(soon(t), c)
			want(t, n, err, 1)
		},
		"Once on the connection": func(t *testing.T, c *conn.Conn, fire func()) {
			go fire()
			if _, err := c.Once(soon(t), string(ticks)); err != nil {
				t.Error(err)
			}
		},
		"Once that is cancelled": func(t *testing.T, c *conn.Conn, fire func()) {
			ctx, cancel := context.WithCancel(soon(t))
			go func() { pass(time.Second); cancel() }()
			if _, err := ticks.Once(ctx, c); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		},
		"OnOnce": func(t *testing.T, c *conn.Conn, fire func()) {
			got := make(chan int, 2)
			ticks.OnOnce(c, func(n int) { got <- n })
			fire()
			want(t, <-got, nil, 1)
		},
		"OnOnce that is cancelled": func(_ *testing.T, c *conn.Conn, _ func()) {
			cancel := ticks.OnOnce(c, func(int) {})
			pass(time.Second)
			cancel()
		},
		"Await": func(t *testing.T, c *conn.Conn, fire func()) {
			n, err := ticks.Await(soon(t), c, func(context.Context) error { fire(); return nil })
			want(t, n, err, 1)
		},
		"Await whose cause fails": func(t *testing.T, c *conn.Conn, fire func()) {
			failed := errors.New("no cause")
			_, err := ticks.Await(soon(t), c, func(context.Context) error { fire(); return failed })
			if err != failed {
				t.Error(err)
			}
		},
		"On": func(t *testing.T, c *conn.Conn, fire func()) {
			got := make(chan int, 2)
			cancel := ticks.On(c, func(n int) { got <- n })
			fire()
			want(t, <-got, nil, 1)
			cancel()
		},
		"loop that is left": func(t *testing.T, c *conn.Conn, fire func()) {
			go fire()
			for n, err := range ticks.All(soon(t), c) {
				want(t, n, err, 1)
				break
			}
		},
		"loop over values that is left": func(t *testing.T, c *conn.Conn, fire func()) {
			go fire()
			for n := range ticks.Seq(soon(t), c) {
				want(t, n, nil, 1)
				break
			}
		},
		"channel": func(t *testing.T, c *conn.Conn, fire func()) {
			ctx, cancel := context.WithCancel(soon(t))
			ch := ticks.Chan(ctx, c)
			fire()
			want(t, <-ch, nil, 1)
			cancel()
			for range ch {
			}
		},
		"subscription": func(t *testing.T, c *conn.Conn, fire func()) {
			sub := ticks.Subscribe(c)
			fire()
			n, err := sub.Next(soon(t))
			want(t, n, err, 1)
			_ = sub.Close()
			_ = sub.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					c := connect(t, gw, rivet.WithEncoding(enc))
					ready(t, c)
					gc := gw.Conn(0)
					frames := func() string {
						synctest.Wait()
						var names []string
						for _, m := range gc.Messages(nil) {
							names = append(names, m.Kind.String())
						}
						// One that is sent late is renewed once, which changes nothing.
						return strings.Join(slices.Compact(names), " ")
					}
					fire := func() {
						synctest.Wait() // whoever listens does so now
						subscribed(t, gc, ticks)
						rivettest.Emit(gc, ticks, 1)
					}
					listen(t, c, fire)
					if got := frames(); got != "subscribe unsubscribe" {
						t.Errorf("alone: %s", got)
					}
					// Beside another listener, and without any trace of the first time.
					other := ticks.Subscribe(c)
					listen(t, c, fire)
					if got := frames(); got != "subscribe unsubscribe subscribe" {
						t.Errorf("beside another: %s", got)
					}
					_ = other.Close()
					if got := frames(); got != "subscribe unsubscribe subscribe unsubscribe" {
						t.Errorf("the last one: %s", got)
					}
					if s := c.Stats(); s.Subscriptions != 0 || s.Topics != 0 {
						t.Errorf("left over: %+v", s)
					}
				})
			})
		})
	}
}

func TestBehaviour12_OneBadListenerStarvesNobody(t *testing.T) {
	bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		var mu sync.Mutex
		var panics []string
		c := connect(t, gw, rivet.WithPanicHandler(func(r any, stack []byte) {
			mu.Lock()
			defer mu.Unlock()
			panics = append(panics, fmt.Sprint(r))
			if len(stack) == 0 {
				t.Error("no stack")
			}
			panic("the hook is bad as well")
		}))
		var bad, good, raw, opens, looped []int
		ticks.On(c, func(n int) { bad = append(bad, n); panic(fmt.Sprint("tick ", n)) })
		ticks.On(c, func(n int) { good = append(good, n) })
		c.On(string(ticks), func(conn.Event) { raw = append(raw, 1) })
		c.OnOpen(func(conn.OpenInfo) { panic("open") })
		c.OnOpen(func(conn.OpenInfo) { opens = append(opens, 1) })
		c.OnStatusChange(func(conn.Status) { panic("status") })
		sub := ticks.Subscribe(c)
		ready(t, c)
		subscribed(t, gw.Conn(0), ticks)
		const events = 100
		for i := range events {
			rivettest.Emit(gw, ticks, i)
		}
		for range events {
			n, err := sub.Next(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			looped = append(looped, n)
		}
		n, err := echo.Call(soon(t), c, 3)
		want(t, n, err, 3)
		synctest.Wait()
		_ = c.Close() // one status at least comes after the callback was registered
		synctest.Wait()
		for name, got := range map[string][]int{"bad": bad, "good": good, "loop": looped} {
			if len(got) != events || !slices.IsSorted(got) {
				t.Errorf("%s listener got %d events: %v", name, len(got), got)
			}
		}
		if len(raw) != events || len(opens) != 1 || c.Stats().Links != 1 {
			t.Errorf("%d events, %d opens, %d links", len(raw), len(opens), c.Stats().Links)
		}
		for _, p := range []string{"tick 0", "tick 99", "open", "status"} {
			if !slices.Contains(panics, p) {
				t.Errorf("panic %q was not reported", p)
			}
		}
	})
	t.Run("observer", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			var panics atomic.Int32
			c := connect(t, gw,
				rivet.WithPanicHandler(func(any, []byte) { panics.Add(1) }),
				rivet.WithObserver(rivet.Observer{
					Attempt:      func(conn.AttemptInfo) { panic("attempt") },
					Connected:    func(conn.OpenInfo) { panic("connected") },
					Disconnected: func(conn.CloseInfo) { panic("disconnected") },
					Gap:          func(conn.GapInfo) { panic("gap") },
					Call:         func(conn.CallInfo) { panic("call") },
					Drop:         func(conn.DropInfo) { panic("drop") },
				}))
			sub := ticks.Subscribe(c, stream.Buffer(1))
			for i := range 2 {
				ready(t, c)
				subscribed(t, gw.Conn(i), ticks)
				rivettest.Emit(gw, ticks, 1)
				rivettest.Emit(gw, ticks, 2)
				n, err := echo.Call(soon(t), c, 3)
				want(t, n, err, 3)
				gw.Conn(i).Drop()
				synctest.Wait()
			}
			n, err := sub.Next(soon(t))
			for stream.IsNotice(err) {
				n, err = sub.Next(soon(t))
			}
			want(t, n, err, 2)
			synctest.Wait()
			if n := panics.Load(); n < 9 {
				t.Errorf("%d panics were reported", n)
			}
		})
	})
	t.Run("decoder", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			bad := conn.SubscribeDecoded(c, []string{string(ticks)}, func(*conn.Frame, *int) error { panic("decoder") })
			good := ticks.Subscribe(c)
			ready(t, c)
			subscribed(t, gw.Conn(0), ticks)
			rivettest.Emit(gw, ticks, 1)
			var undecoded *rivet.DecodeError
			if _, err := bad.Next(soon(t)); !errors.As(err, &undecoded) {
				t.Errorf("panic of a decoder: %v", err)
			}
			n, err := good.Next(soon(t))
			want(t, n, err, 1)
		})
	})
}

func TestBehaviour14_SubscribeAndUnsubscribeAroundADisconnect(t *testing.T) {
	type variant struct {
		script []rivettest.Step
		enter  func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn)
		leave  func(gw *rivettest.Gateway, c *conn.Conn) // so that c connects
		closed bool
	}
	nothing := func(*rivettest.Gateway, *conn.Conn) {}
	for name, v := range map[string]variant{
		"before anything": {enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) {}, leave: nothing},
		"dialing": {script: []rivettest.Step{rivettest.HangDial()},
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"handshake": {script: []rivettest.Step{rivettest.Hang()},
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"before Init": {script: []rivettest.Step{rivettest.LateInit(time.Second)},
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"connected": {enter: func(t *testing.T, _ *rivettest.Gateway, c *conn.Conn) { ready(t, c) }, leave: nothing},
		"link dead, not noticed": {
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Conn(0).Pause()
			}, leave: func(gw *rivettest.Gateway, c *conn.Conn) { c.Reconnect(); synctest.Wait() }},
		"link ending now": {
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Conn(0).Drop()
			}, leave: func(*rivettest.Gateway, *conn.Conn) { synctest.Wait() }},
		"waiting for the next attempt": {
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Down()
				pass(time.Minute)
			}, leave: func(gw *rivettest.Gateway, _ *conn.Conn) { gw.Up() }},
		"closed": {closed: true,
			enter: func(t *testing.T, _ *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				_ = c.Close()
			}, leave: nothing},
		"failed for good": {closed: true, script: []rivettest.Step{rivettest.Status(403, "")},
			enter: func(t *testing.T, _ *rivettest.Gateway, c *conn.Conn) { ended(t, c) }, leave: nothing},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(v.script...)
				c := connect(t, gw)
				before := ticks.Subscribe(c)
				loop := make(chan error, 1)
				go func() {
					_, err := ticks.Once(t.Context(), c) // a second one to the same event
					loop <- err
				}()
				v.enter(t, gw, c)
				during := rivet.Event[int]("during").Subscribe(c)
				kept := tocks.Subscribe(c)
				cancel := ticks.On(c, func(int) {})

				started := time.Now()
				for _, s := range []*stream.Subscription[int]{before, during} {
					for range 2 {
						if err := s.Close(); err != nil {
							t.Errorf("Close: %v", err)
						}
					}
					if _, err := s.Next(soon(t)); err == nil {
						t.Error("event from a closed subscription")
					}
				}
				cancel()
				cancel()
				if d := time.Since(started); d != 0 {
					t.Errorf("took %v", d)
				}
				if v.closed {
					if _, err := kept.Next(soon(t)); !errors.Is(err, rivet.ErrClosed) {
						t.Errorf("subscription to a closed connection: %v", err)
					}
					if err := <-loop; !errors.Is(err, rivet.ErrClosed) {
						t.Errorf("Once on a closed connection: %v", err)
					}
					if s := c.Stats(); s.Subscriptions != 0 || s.Topics != 0 {
						t.Errorf("left over: %+v", s)
					}
					return
				}
				v.leave(gw, c)
				ready(t, c)
				gc := gw.Conns()[len(gw.Conns())-1]
				subscribed(t, gc, tocks)
				synctest.Wait()
				if got := gc.Subscriptions(); !slices.Equal(got, []string{"tick", "tock"}) {
					t.Errorf("subscribed to %v", got)
				}
				rivettest.Emit(gw, tocks, 4)
				rivettest.Emit(gw, ticks, 5)
				n, err := kept.Next(soon(t))
				want(t, n, err, 4)
				if err := <-loop; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestBehaviour29_LongStreamSlowReader(t *testing.T) {
	const (
		events  = 50_000
		payload = 400
		buffer  = 256
	)
	type outcome struct {
		delivered, lagged uint64
		last              int
		err               error
	}
	type blob struct {
		rivet.Positional
		N    int
		Fill string
	}
	const blobs = rivet.Event[blob]("blob")
	for _, policy := range []stream.Policy{stream.DropOldest, stream.DropNewest, stream.Latest, stream.Block, stream.Fail} {
		t.Run(policy.String(), func(t *testing.T) {
			gw := loopback(t)
			c := connect(t, gw)
			slow := blobs.Subscribe(c, stream.Buffer(buffer), stream.Overflow(policy))
			ready(t, c)
			gc := gw.Conn(0)
			if err := gc.WaitSubscribed(soon(t), string(blobs)); err != nil {
				t.Fatal(err)
			}

			// The reader takes one event for every thousand that are sent, and
			// what is left at the end.
			ctx := soon(t)
			turns := make(chan struct{})
			done := make(chan outcome)
			go func() {
				var o outcome
				o.last = -1
				defer func() { done <- o }()
				idle := false
				for {
					if !idle && policy != stream.Block {
						if _, more := <-turns; !more {
							idle = true
						}
					}
					b, err := slow.Next(ctx)
					var lag *stream.LagError
					switch {
					case errors.As(err, &lag):
						o.lagged += lag.Dropped
					case err != nil:
						o.err = err
						return
					case b.N <= o.last || len(b.Fill) != payload:
						o.err = fmt.Errorf("event %d after %d", b.N, o.last)
						return
					default:
						o.delivered++
						o.last = b.N
						if o.last == events-1 || policy == stream.DropNewest && idle && slow.Stats().Depth == 0 {
							return
						}
					}
				}
			}()

			fill := strings.Repeat("x", payload)
			before := heap()
			var most uint64
			for i := range events {
				rivettest.Emit(gc, blobs, blob{N: i, Fill: fill})
				if i%1000 == 999 {
					if err := gc.Flush(ctx); err != nil {
						t.Fatal(err)
					}
					select {
					case turns <- struct{}{}:
					default:
					}
				}
				if i%(events/5) == events/5-1 {
					most = max(most, heap())
				}
			}
			n, err := echo.Call(soon(t), c, 1) // behind all events
			want(t, n, err, 1)
			s := slow.Stats()
			close(turns)
			var o outcome
			select {
			case o = <-done:
			case <-ctx.Done():
				t.Fatal("the reader did not come to an end")
			}

			if grown := int64(most) - int64(before); grown > 4<<20 {
				t.Errorf("heap grew by %d kB for %d kB of events", grown>>10, events*payload>>10)
			}
			if s.HighWater > buffer || s.Depth > 2*buffer {
				t.Errorf("buffer of %d held %d, with %d on their way", buffer, s.HighWater, s.Depth)
			}
			s = slow.Stats()
			if s.Received != s.Delivered+s.Dropped+uint64(s.Depth) || s.Delivered != o.delivered {
				t.Errorf("counters do not add up: %+v, delivered %d", s, o.delivered)
			}
			if policy == stream.Fail {
				var over *stream.OverflowError
				if !errors.As(o.err, &over) {
					t.Errorf("ended with %v, want an overflow", o.err)
				}
				if err := gc.WaitUnsubscribed(soon(t), string(blobs)); err != nil {
					t.Error(err)
				}
				return
			}
			if o.err != nil || s.Received != events {
				t.Errorf("received %d of %d, %v", s.Received, events, o.err)
			}
			switch policy {
			case stream.Block:
				if s.Dropped != 0 || o.delivered != events {
					t.Errorf("lost events: %+v", s)
				}
			case stream.Latest:
				if o.last != events-1 || o.lagged != 0 {
					t.Errorf("ended with event %d, lag of %d", o.last, o.lagged)
				}
			case stream.DropOldest:
				if o.last != events-1 || o.lagged != s.Dropped || s.Dropped == 0 {
					t.Errorf("ended with event %d, lag of %d: %+v", o.last, o.lagged, s)
				}
			case stream.DropNewest:
				if s.Dropped == 0 {
					t.Errorf("nothing was dropped: %+v", s)
				}
			}
		})
	}
}

// heap is the memory in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestBehaviour34_FirstListenerMissesNothing(t *testing.T) {
	listeners := map[string]func(t *testing.T, c *conn.Conn) (next func() int){
		"Subscribe": func(t *testing.T, c *conn.Conn) func() int {
			sub := ticks.Subscribe(c)
			return func() int {
				n, err := sub.Next(soon(t))
				if err != nil {
					t.Error(err)
				}
				return n
			}
		},
		"On": func(_ *testing.T, c *conn.Conn) func() int {
			got := make(chan int, 8)
			ticks.On(c, func(n int) { got <- n })
			return func() int { return <-got }
		},
		"Chan": func(t *testing.T, c *conn.Conn) func() int {
			ch := ticks.Chan(t.Context(), c)
			return func() int { return <-ch }
		},
	}
	for name, listen := range listeners {
		for _, step := range []rivettest.Step{rivettest.Pass(), rivettest.LateInit(3 * time.Second), rivettest.DropBeforeInit(), rivettest.Refuse(2)} {
			t.Run(name+", "+step.String(), func(t *testing.T) {
				inEach(t, func(t *testing.T, enc codec.Encoding) {
					bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
						gw.Script(step)
						c := connect(t, gw, rivet.WithEncoding(enc))
						next := listen(t, c) // before Init
						for i := range 5 {
							n, err := emit.Call(soon(t), c, i)
							want(t, n, err, i)
							want(t, next(), nil, i)
						}
						gc := gw.Conns()[len(gw.Conns())-1]
						ms := gc.Messages(nil)
						if ms[0].Kind != rivettest.SubscribeMessage || ms[1].Kind != rivettest.ActionMessage {
							t.Errorf("first %v, then %v", ms[0], ms[1])
						}
					})
				})
			})
		}
	}
	t.Run("on TCP, as Init arrives", func(t *testing.T) {
		gw := loopback(t)
		h := room(t, gw)
		for i := range 100 {
			c := open(t, h)
			if i%2 == 0 {
				ready(t, c)
			}
			for _, event := range []rivet.Event[int]{tocks, ticks} {
				defer event.Subscribe(c).Close()
			}
			n, err := ticks.Await(soon(t), c, func(ctx context.Context) error {
				_, err := emit.Call(ctx, c, i)
				return err
			})
			want(t, n, err, i)
			_ = c.Close()
		}
	})
}
