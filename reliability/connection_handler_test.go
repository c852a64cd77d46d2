package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

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
			var mu sync.Mutex
			panics := make(map[any]int)
			c := connect(t, gw,
				rivet.WithPanicHandler(func(r any, _ []byte) {
					mu.Lock()
					defer mu.Unlock()
					panics[r]++
				}),
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
			_ = c.Close()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			for what, n := range map[string]int{"attempt": 2, "connected": 2, "disconnected": 2, "gap": 1, "call": 2, "drop": 1} {
				if panics[what] < n {
					t.Errorf("%d panics of %s were reported, want %d: %v", panics[what], what, n, panics)
				}
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

// program is what the handlers of row 40 have at hand.
type program struct {
	client *rivet.Client
	conn   *conn.Conn
}

// place is where the library calls the program.
type place struct {
	options func(act func()) []rivet.Option
	connect func(act func()) []rivet.ConnectOption
	attach  func(t *testing.T, c *conn.Conn, act func())
	// held is a place where the connection waits for the program: nothing
	// that needs the connection can come to an end there.
	held bool
}

// places are all of them. Each is visited while a connection opens, gets an
// event, answers a call, is dropped and opens again.
func places() map[string]place {
	observer := func(o func(act func()) rivet.Observer) place {
		return place{options: func(act func()) []rivet.Option {
			return []rivet.Option{rivet.WithObserver(o(act))}
		}}
	}
	attach := func(f func(t *testing.T, c *conn.Conn, act func())) place { return place{attach: f} }
	return map[string]place{
		"Event.On": attach(func(_ *testing.T, c *conn.Conn, act func()) { ticks.On(c, func(int) { act() }) }),
		"OnOnce":   attach(func(_ *testing.T, c *conn.Conn, act func()) { ticks.OnOnce(c, func(int) { act() }) }),
		"Conn.On":  attach(func(_ *testing.T, c *conn.Conn, act func()) { c.On("tick", func(conn.Event) { act() }) }),
		"loop": attach(func(t *testing.T, c *conn.Conn, act func()) {
			sub := ticks.Subscribe(c)
			go func() {
				for range sub.All(t.Context()) {
					act()
				}
			}()
		}),
		"OnOpen":         attach(func(_ *testing.T, c *conn.Conn, act func()) { c.OnOpen(func(conn.OpenInfo) { act() }) }),
		"OnClose":        attach(func(_ *testing.T, c *conn.Conn, act func()) { c.OnClose(func(conn.CloseInfo) { act() }) }),
		"OnError":        attach(func(_ *testing.T, c *conn.Conn, act func()) { c.OnError(func(error) { act() }) }),
		"OnStatusChange": attach(func(_ *testing.T, c *conn.Conn, act func()) { c.OnStatusChange(func(conn.Status) { act() }) }),
		"Statuses": attach(func(t *testing.T, c *conn.Conn, act func()) {
			go func() {
				for range c.Statuses(t.Context()) {
					act()
				}
			}()
		}),
		"Observer.Attempt": observer(func(act func()) rivet.Observer {
			return rivet.Observer{Attempt: func(conn.AttemptInfo) { act() }}
		}),
		"Observer.Connected": observer(func(act func()) rivet.Observer {
			return rivet.Observer{Connected: func(conn.OpenInfo) { act() }}
		}),
		"Observer.Disconnected": observer(func(act func()) rivet.Observer {
			return rivet.Observer{Disconnected: func(conn.CloseInfo) { act() }}
		}),
		"Observer.Gap": observer(func(act func()) rivet.Observer {
			return rivet.Observer{Gap: func(conn.GapInfo) { act() }}
		}),
		"Observer.Call": observer(func(act func()) rivet.Observer {
			return rivet.Observer{Call: func(conn.CallInfo) { act() }}
		}),
		"Observer.Drop": {
			options: observer(func(act func()) rivet.Observer {
				return rivet.Observer{Drop: func(conn.DropInfo) { act() }}
			}).options,
			attach: func(_ *testing.T, c *conn.Conn, _ func()) { ticks.Subscribe(c, stream.Buffer(1)) },
		},
		"panic handler": {
			options: func(act func()) []rivet.Option {
				return []rivet.Option{rivet.WithPanicHandler(func(any, []byte) { act() })}
			},
			attach: func(_ *testing.T, c *conn.Conn, _ func()) { ticks.On(c, func(int) { panic("x") }) },
		},
		"retry policy": {held: true, options: func(act func()) []rivet.Option {
			return []rivet.Option{rivet.WithRetry(func(f conn.Failure) bool { act(); return !f.Permanent })}
		}},
		"token function": {held: true, options: func(act func()) []rivet.Option {
			return []rivet.Option{rivet.WithTokenFunc(func(context.Context) (string, error) { act(); return "t", nil })}
		}},
		"headers function": {held: true, options: func(act func()) []rivet.Option {
			return []rivet.Option{rivet.WithHeadersFunc(func(context.Context) (http.Header, error) { act(); return nil, nil })}
		}},
		"params function": {held: true, connect: func(act func()) []rivet.ConnectOption {
			return []rivet.ConnectOption{rivet.WithParamsFunc(func(context.Context) (any, error) { act(); return 1, nil })}
		}},
	}
}

func TestBehaviour40_HandlersCallBackIntoTheClient(t *testing.T) {
	type deed struct {
		do func(t *testing.T, p program)
		// ends tells whether the connection is closed by it, waits whether it
		// needs the connection.
		ends, waits bool
	}
	deeds := map[string]deed{
		"call": {waits: true, do: func(t *testing.T, p program) {
			n, err := echo.Call(soon(t), p.conn, 1)
			want(t, n, err, 1)
		}},
		"wait for an event": {waits: true, do: func(t *testing.T, p program) {
			_, err := ticks.Await(soon(t), p.conn, func(ctx context.Context) error {
				_, err := emit.Call(ctx, p.conn, 2)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}},
		"subscribe and unsubscribe": {do: func(_ *testing.T, p program) {
			kept := tocks.Subscribe(p.conn)
			tocks.On(p.conn, func(int) {})()
			_ = rivet.Event[int]("other").Subscribe(p.conn).Close()
			_ = kept.Close()
			p.conn.OnOpen(func(conn.OpenInfo) {})()
			_, _, _ = p.conn.Stats(), p.conn.Debug(), p.conn.Err()
		}},
		"reconnect": {do: func(_ *testing.T, p program) { p.conn.Reconnect() }},
		"close":     {ends: true, do: func(_ *testing.T, p program) { _ = p.conn.Close() }},
		"close in the middle of calls": {ends: true, waits: true, do: func(t *testing.T, p program) {
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					if _, err := hold.Call(soon(t), p.conn, 1); err == nil {
						t.Error("call returned")
					}
				})
			}
			pass(time.Millisecond)
			_ = p.conn.Close()
			wg.Wait()
		}},
		"shut down": {ends: true, do: func(t *testing.T, p program) {
			if err := p.conn.Shutdown(soon(t)); err != nil {
				t.Error(err)
			}
		}},
		"close the client": {ends: true, do: func(t *testing.T, p program) {
			if err := p.client.Close(); err != nil {
				t.Error(err)
			}
		}},
	}
	for placeName, where := range places() {
		for deedName, what := range deeds {
			if where.held && what.waits {
				continue
			}
			t.Run(placeName+", "+deedName, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					var acted atomic.Bool // not a sync.Once: the deed may lead here again
					var p program
					made, done := make(chan struct{}), make(chan struct{})
					act := func() {
						if acted.Swap(true) {
							return
						}
						defer close(done)
						<-made
						started := time.Now()
						what.do(t, p)
						// A call may have to wait for the next link.
						limit := time.Duration(0)
						switch {
						case what.waits:
							limit = conn.DefaultBackoffMin
						case where.held:
							limit = conn.DefaultCloseTimeout
						}
						if d := time.Since(started); d > limit {
							t.Errorf("took %v", d)
						}
					}
					opts := []rivet.Option{rivet.WithPanicHandler(func(r any, stack []byte) { t.Errorf("%v\n%s", r, stack) })}
					if where.options != nil {
						opts = append(opts, where.options(act)...)
					}
					p.client = gw.Client(t, opts...)
					var onConnect []rivet.ConnectOption
					if where.connect != nil {
						onConnect = where.connect(act)
					}
					p.conn = open(t, p.client.GetOrCreate("room", rivet.Key{"a"}), onConnect...)
					if where.attach != nil {
						where.attach(t, p.conn, act)
					}
					other := ticks.Subscribe(p.conn, stream.Gaps(true))
					close(made)

					// The tour past all places; what ends the connection ends the tour.
					for i := range 2 {
						if p.conn.Ready(soon(t)) != nil {
							break
						}
						synctest.Wait()
						if gc := gw.Conns()[len(gw.Conns())-1]; p.conn.Err() == nil {
							rivettest.Emit(gw, ticks, 10+i)
							_, _ = echo.Call(soon(t), p.conn, 5)
							synctest.Wait()
							gc.Drop()
							synctest.Wait()
						}
					}
					select {
					case <-done:
					case <-soon(t).Done():
						t.Fatal("the handler did not return, or was not called")
					}
					if what.ends {
						ended(t, p.conn)
						if !errors.Is(p.conn.Err(), rivet.ErrClosed) {
							t.Error(p.conn.Err())
						}
						return
					}
					ready(t, p.conn)
					synctest.Wait()
					rivettest.Emit(gw, ticks, 20)
					for {
						n, err := other.Next(soon(t))
						if err != nil && !stream.IsNotice(err) {
							t.Fatal(err)
						}
						if n == 20 {
							break
						}
					}
					n, err := echo.Call(soon(t), p.conn, 6)
					want(t, n, err, 6)
				})
			})
		}
	}
}
