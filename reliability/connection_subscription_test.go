package reliability_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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

func TestBehaviour14_SubscribeAndUnsubscribeAroundADisconnect(t *testing.T) {
	type variant struct {
		script []rivettest.Step
		enter  func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn)
		status conn.Status                               // then
		leave  func(gw *rivettest.Gateway, c *conn.Conn) // so that c connects
		closed bool
	}
	nothing := func(*rivettest.Gateway, *conn.Conn) {}
	for name, v := range map[string]variant{
		"before anything": {enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) {}, leave: nothing},
		"dialing": {script: []rivettest.Step{rivettest.HangDial()}, status: conn.Connecting,
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"handshake": {script: []rivettest.Step{rivettest.Hang()}, status: conn.Connecting,
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"before Init": {script: []rivettest.Step{rivettest.LateInit(time.Second)}, status: conn.Connecting,
			enter: func(*testing.T, *rivettest.Gateway, *conn.Conn) { synctest.Wait() }, leave: nothing},
		"connected": {status: conn.Connected, enter: func(t *testing.T, _ *rivettest.Gateway, c *conn.Conn) { ready(t, c) }, leave: nothing},
		"link dead, not noticed": {status: conn.Connected,
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Conn(0).Pause()
			}, leave: func(gw *rivettest.Gateway, c *conn.Conn) { c.Reconnect(); synctest.Wait() }},
		"link ending now": {
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Conn(0).Drop()
			}, leave: func(*rivettest.Gateway, *conn.Conn) { synctest.Wait() }},
		"waiting for the next attempt": {status: conn.Disconnected,
			enter: func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn) {
				ready(t, c)
				gw.Down()
				pass(time.Minute)
				synctest.Wait()
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
				if got := c.Status(); v.status != conn.Idle && got != v.status {
					t.Fatalf("status %v, want %v", got, v.status)
				}
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
