package reliability_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestBehaviour01_EstablishedConnectionSurvivesAFailedHandshake(t *testing.T) {
	const failures = 8
	for name, step := range map[string]rivettest.Step{
		"refused":               rivettest.Refuse(1),
		"dial hangs":            rivettest.HangDial(),
		"reset":                 rivettest.Reset(),
		"handshake hangs":       rivettest.Hang(),
		"503":                   rivettest.Status(503, ""),
		"502 of a proxy":        rivettest.Status(502, "<html>Bad Gateway</html>"),
		"500":                   rivettest.Status(500, `{"group":"guard","code":"internal","message":"x"}`),
		"closed without a code": rivettest.CloseBeforeInit(1006, ""),
		"closed as overloaded":  rivettest.CloseBeforeInit(1013, ""),
		"actor not ready":       rivettest.CloseBeforeInit(1011, "guard.actor_ready_timeout"),
		"actor stopped":         rivettest.Fail(rivettest.Error("actor", "stopped", "stopped", nil)),
		"dropped before Init":   rivettest.DropBeforeInit(),
		"Init never comes":      rivettest.NoInit(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c := connect(t, gw)
				sub := ticks.Subscribe(c, stream.Gaps(true))
				ready(t, c)
				subscribed(t, gw.Conn(0), ticks)

				gw.Script(step.Times(failures))
				gw.Conn(0).Drop()
				synctest.Wait()                                 // noticed
				n, err := echo.Call(within(t, time.Hour), c, 7) // waits for the end of the outage
				want(t, n, err, 7)
				if got := len(gw.Attempts()); got != 1+failures+1 {
					t.Errorf("%d attempts, want %d", got, 1+failures+1)
				}
				for _, s := range c.Debug().History {
					if s.Status == conn.Closed || s.Status == conn.Idle && s.Attempt > 0 {
						t.Errorf("went through %v: %v", s.Status, s.Cause)
					}
				}
				gc := gw.Conns()[len(gw.Conns())-1]
				subscribed(t, gc, ticks)
				rivettest.Emit(gc, ticks, 1)
				var gap *stream.GapError
				if _, err := sub.Next(soon(t)); !errors.As(err, &gap) {
					t.Errorf("first after the outage: %v, want a gap", err)
				}
				n, err = sub.Next(soon(t))
				want(t, n, err, 1)
				if c.Status() != conn.Connected || c.Err() != nil {
					t.Errorf("status %v, %v", c.Status(), c.Err())
				}
			})
		})
	}
	t.Run("down for a day", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			ready(t, c)
			gw.Down()
			pass(24 * time.Hour)
			gw.Up()
			up := time.Now()
			ready(t, c)
			if d := time.Since(up); d > conn.DefaultBackoffMax {
				t.Errorf("back only %v after the gateway was", d)
			}
		})
	})
	t.Run("restarted on TCP", func(t *testing.T) {
		gw := loopback(t)
		c := connect(t, gw, rivet.WithBackoff(backoff.Exponential(time.Millisecond, time.Millisecond)))
		sub := ticks.Subscribe(c)
		ready(t, c)
		gw.Down()
		for s := range c.Statuses(soon(t)) {
			if s.Status == conn.Disconnected && s.Attempt > 3 {
				break
			}
		}
		gw.Up()
		subscribed(t, gw.Conn(1), ticks)
		rivettest.Emit(gw, ticks, 1)
		n, err := sub.Next(soon(t))
		want(t, n, err, 1)
	})
}

func TestBehaviour02_PermanentFailureStopsAndSaysSo(t *testing.T) {
	type variant struct {
		step   rivettest.Step
		handle func(*rivet.Client) *rivet.Handle // GetOrCreate when nil
		code   string
		status int
		is     error
	}
	byID := func(c *rivet.Client) *rivet.Handle {
		return c.GetForID("room", "0123456789abcdefghijklmnopqrst")
	}
	byKey := func(c *rivet.Client) *rivet.Handle { return c.Get("room", rivet.Key{"nobody made it"}) }
	for name, v := range map[string]variant{
		"401": {step: rivettest.Status(401, `{"group":"auth","code":"unauthorized","message":"no"}`),
			code: "auth.unauthorized", status: http.StatusUnauthorized},
		"401 of a proxy": {step: rivettest.Status(401, "<html>Log in</html>"), status: http.StatusUnauthorized},
		"403": {step: rivettest.Status(403, `{"group":"auth","code":"forbidden","message":"no"}`),
			code: "auth.forbidden", status: http.StatusForbidden, is: codec.ErrForbidden},
		"403 of a proxy": {step: rivettest.Status(403, ""), status: http.StatusForbidden},
		"refused by the actor": {step: rivettest.Fail(rivettest.UserError("banned", "banned", nil)),
			code: "user.banned"},
		"closed as forbidden":  {step: rivettest.CloseBeforeInit(1011, "auth.forbidden"), code: "auth.forbidden"},
		"no actor of that id":  {handle: byID, code: "actor.not_found", is: codec.ErrActorNotFound},
		"no actor of that key": {handle: byKey, code: "actor.not_found", is: codec.ErrActorNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				client := gw.Client(t)
				h := client.GetOrCreate("room", rivet.Key{"a"})
				if v.handle != nil {
					h = v.handle(client)
				} else {
					gw.Script(v.step)
				}
				c := open(t, h)
				err := c.Ready(within(t, time.Hour))
				permanent(t, c, err, v.code, v.status)
				if v.is != nil && !errors.Is(err, v.is) {
					t.Errorf("%v is not %v", err, v.is)
				}
				pass(24 * time.Hour)
				if n := len(gw.Attempts()); n != 1 {
					t.Errorf("%d attempts, want 1", n)
				}
			})
		})
	}
	t.Run("token revoked while connected", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			ready(t, c)
			gw.Script(rivettest.Status(401, `{"group":"auth","code":"unauthorized","message":"no"}`).Times(99))
			gw.Conn(0).Drop()
			ended(t, c)
			permanent(t, c, c.Err(), "auth.unauthorized", http.StatusUnauthorized)
			if n := len(gw.Attempts()); n != 2 {
				t.Errorf("%d attempts, want 2", n)
			}
		})
	})
	t.Run("actor of an id destroyed while connected", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			inst := gw.Instance("room", "a")
			c := open(t, gw.Client(t).GetForID("room", inst.ID()))
			ready(t, c)
			inst.Destroy()
			ended(t, c)
			permanent(t, c, c.Err(), "actor.not_found", 0)
		})
	})
	t.Run("the policy is asked first", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.Status(401, "").Times(2))
			var asked []conn.Failure
			c := connect(t, gw, rivet.WithRetry(func(f conn.Failure) bool {
				asked = append(asked, f)
				return true
			}))
			ready(t, c)
			if len(asked) != 2 || !asked[0].Permanent || asked[1].Attempt != 2 {
				t.Errorf("asked %+v", asked)
			}
		})
	})
}

// permanent checks that c is closed for good, with err as its reason.
func permanent(t *testing.T, c *conn.Conn, err error, code string, status int) {
	t.Helper()
	var e *codec.Error
	if !errors.Is(err, rivet.ErrClosed) || !errors.As(err, &e) {
		t.Fatalf("ended with %v (%T), want ErrClosed and a typed cause", err, err)
	}
	if code != "" && !rivet.IsCode(err, code) || e.HTTPStatus != status {
		t.Errorf("cause %s.%s with status %d, want %s with %d", e.Group, e.Code, e.HTTPStatus, code, status)
	}
	ended(t, c)
	s := c.State()
	if s.Status != conn.Closed || !errors.Is(s.Cause, e) || !errors.Is(c.Err(), e) {
		t.Errorf("state %v with cause %v, Err %v", s.Status, s.Cause, c.Err())
	}
}

func TestBehaviour03_AcceptThenDropMakesNoReconnectStorm(t *testing.T) {
	const links = 20
	gaps := func(t *testing.T, gw *rivettest.Gateway) (gaps []time.Duration) {
		if err := gw.WaitAttempts(within(t, time.Hour), links); err != nil {
			t.Fatal(err)
		}
		as := gw.Attempts()[:links]
		for i := range as[1:] {
			gaps = append(gaps, as[i+1].At.Sub(as[i].At))
		}
		return gaps
	}
	for name, step := range map[string]rivettest.Step{
		"closed with 1000":  rivettest.CloseAfterInit(1000, ""),
		"closed with 1011":  rivettest.CloseAfterInit(1011, "actor.stopped"),
		"dropped":           rivettest.DropAfterInit(),
		"dropped mid-frame": rivettest.DropMidFrame(),
		"sends garbage":     rivettest.Garbage([]byte{0xff, 0xff, 0xff, 0xff}),
		"dropped after 9 s, which is not stable": rivettest.OnOpen("9 s", func(gc *rivettest.Conn) {
			pass(9 * time.Second)
			gc.Drop()
		}),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(step.Times(2 * links))
				started := time.Now()
				c := connect(t, gw)
				ticks.Subscribe(c) // makes no difference
				gs := gaps(t, gw)
				if n := c.Stats().Links; n < links-1 {
					t.Fatalf("only %d links were connected", n)
				}
				early := 0
				for _, a := range gw.Attempts() {
					if a.At.Sub(started) < 2*time.Second {
						early++
					}
				}
				if early >= 10 {
					t.Errorf("%d attempts in 2 s", early)
				}
				// Full jitter below a cap that doubles: the first five waits take
				// 8 s at most; ten later ones take less with a chance of 10^-9.
				var first, later time.Duration
				for i, g := range gs {
					switch {
					case i < 5:
						first += g
					case i < 15:
						later += g
					}
					if g < 50*time.Millisecond {
						t.Errorf("wait %d was only %v", i, g)
					}
				}
				if later <= first {
					t.Errorf("waits do not grow: %v", gs)
				}
				slices.Sort(gs)
				if n := len(slices.Compact(gs)); n < links/2 {
					t.Errorf("no jitter: %v", gs)
				}
			})
		})
	}
	t.Run("a stable link starts anew", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.OnOpen("11 s", func(gc *rivettest.Conn) {
				pass(11 * time.Second)
				gc.Drop()
			}).Times(2 * links))
			connect(t, gw)
			for i, g := range gaps(t, gw) {
				if wait := g - 11*time.Second; wait > conn.DefaultBackoffMin {
					t.Errorf("wait %d was %v", i, wait)
				}
			}
		})
	})
}

func TestBehaviour13_ResubscribesExactlyOncePerEvent(t *testing.T) {
	frames := func(gc *rivettest.Conn) map[string]int {
		n := make(map[string]int)
		for _, m := range gc.Messages(nil) {
			switch m.Kind {
			case rivettest.SubscribeMessage:
				n[m.Name]++
			case rivettest.UnsubscribeMessage:
				n["end of "+m.Name]++
			}
		}
		return n
	}
	for name, cut := range map[string]func(*conn.Conn, *rivettest.Conn){
		"dropped":          func(_ *conn.Conn, gc *rivettest.Conn) { gc.Drop() },
		"closed":           func(_ *conn.Conn, gc *rivettest.Conn) { gc.Close(1000, "") },
		"reconnect called": func(c *conn.Conn, _ *rivettest.Conn) { c.Reconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c := connect(t, gw)
				several := []*stream.Subscription[int]{ticks.Subscribe(c), ticks.Subscribe(c), ticks.Subscribe(c)}
				tocks.On(c, func(int) {})
				both := c.Subscribe([]string{string(ticks), string(tocks)})
				early := rivet.Event[int]("early").Subscribe(c)
				ready(t, c)
				subscribed(t, gw.Conn(0), "early")
				if err := early.Close(); err != nil {
					t.Error(err)
				}
				const links = 12
				for i := range links {
					gc := gw.Conn(i)
					ready(t, c)
					synctest.Wait()
					expect := map[string]int{"tick": 1, "tock": 1}
					if i == 0 {
						expect["early"], expect["end of early"] = 1, 1
					}
					if i > 5 {
						expect["late"] = 1
					}
					if got := frames(gc); !maps.Equal(got, expect) {
						t.Fatalf("link %d: %v, want %v", i, got, expect)
					}
					cut(c, gc)
					if i == 5 {
						rivet.Event[int]("late").Subscribe(c) // about when the link ends
					}
					if _, err := gw.WaitConn(within(t, time.Hour), i+1); err != nil {
						t.Fatal(err)
					}
				}
				// Events come once to each, whatever has happened to the link.
				synctest.Wait()
				rivettest.Emit(gw, ticks, 9)
				for _, s := range several {
					n, err := s.Next(soon(t))
					want(t, n, err, 9)
				}
				if ev, err := both.Next(soon(t)); err != nil || ev.Name != "tick" {
					t.Error(ev, err)
				}
				synctest.Wait()
				for i, s := range several {
					if st := s.Stats(); st.Received != 1 {
						t.Errorf("subscription %d received %d events, want 1", i, st.Received)
					}
				}
			})
		})
	}
	t.Run("changed while down", func(t *testing.T) {
		inEach(t, func(t *testing.T, enc codec.Encoding) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c := connect(t, gw, rivet.WithEncoding(enc))
				gone := ticks.Subscribe(c)
				back := tocks.Subscribe(c)
				ready(t, c)
				subscribed(t, gw.Conn(0), tocks)
				gw.Down()
				synctest.Wait()
				_ = gone.Close()
				_ = back.Close()
				tocks.Subscribe(c) // ended and begun again
				for i := range 3 {
					rivet.Event[int](fmt.Sprint("new", i)).Subscribe(c)
				}
				gw.Up()
				gc := gw.Conn(1)
				ready(t, c)
				synctest.Wait()
				if got, expect := frames(gc), map[string]int{"tock": 1, "new0": 1, "new1": 1, "new2": 1}; !maps.Equal(got, expect) {
					t.Errorf("%v, want %v", got, expect)
				}
			})
		})
	})
}
