package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestBehaviour04_CallsOnAConnectionThatGaveUpFail(t *testing.T) {
	type variant struct {
		script rivettest.Step
		end    func(*conn.Conn, context.CancelCauseFunc)
		cause  func(error) bool // what the error must tell beside ErrClosed
	}
	cause := errors.New("the program is over")
	code := func(code string) func(error) bool {
		return func(err error) bool { return rivet.IsCode(err, code) }
	}
	for name, v := range map[string]variant{
		"permanent failure": {
			script: rivettest.Status(403, `{"group":"auth","code":"forbidden","message":"no"}`),
			cause:  code("auth.forbidden"),
		},
		"refused by the actor": {
			script: rivettest.Fail(rivettest.UserError("banned", "banned", nil)),
			cause:  code("user.banned"),
		},
		"closed": {
			script: rivettest.NoInit(),
			end:    func(c *conn.Conn, _ context.CancelCauseFunc) { _ = c.Close() },
			cause:  func(err error) bool { return !errors.Is(err, context.Canceled) },
		},
		"context ended": {
			script: rivettest.NoInit(),
			end:    func(_ *conn.Conn, cancel context.CancelCauseFunc) { cancel(cause) },
			cause:  func(err error) bool { return errors.Is(err, cause) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(v.script)
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				c := room(t, gw).Connect(ctx)
				defer c.Close()
				check := func(what string, err error) {
					t.Helper()
					if !errors.Is(err, rivet.ErrClosed) || !v.cause(err) || rivet.MaybeExecuted(err) {
						t.Errorf("%s: %v (may have run: %v)", what, err, rivet.MaybeExecuted(err))
					}
				}
				var wg sync.WaitGroup
				waiting := ticks.Subscribe(c)
				wg.Go(func() {
					_, err := charge.Call(soon(t), c, 1)
					check("call that waited", err)
				})
				wg.Go(func() {
					_, err := waiting.Next(soon(t))
					check("subscription that waited", err)
				})
				wg.Go(func() {
					_, err := ticks.Once(soon(t), c)
					check("Once that waited", err)
				})
				wg.Go(func() { check("Ready that waited", c.Ready(soon(t))) })
				if v.end != nil {
					pass(time.Second)
					v.end(c, cancel)
				}
				wg.Wait()
				ended(t, c)

				started := time.Now()
				_, err := charge.Call(context.Background(), c, 2)
				check("call afterwards", err)
				var ce *rivet.CallError
				if !errors.As(err, &ce) || ce.Action != string(charge) {
					t.Errorf("call afterwards: %T", err)
				}
				_, err = ticks.Subscribe(c).Next(context.Background())
				check("subscription afterwards", err)
				_, err = ticks.Once(context.Background(), c)
				check("Once afterwards", err)
				check("loop afterwards", loopEnd(t, "loop afterwards", ticks.All(context.Background(), c)))
				check("Ready afterwards", c.Ready(context.Background()))
				if d := time.Since(started); d != 0 {
					t.Errorf("took %v to fail", d)
				}
				pass(time.Hour)
				if n := len(gw.Attempts()); n != 1 {
					t.Errorf("%d attempts, want 1", n)
				}
				if n := rivettest.Calls(gw, charge); len(n) != 0 {
					t.Errorf("calls %v reached the server", n)
				}
			})
		})
	}
}

func TestBehaviour05_RejectedCallNeverRunsLater(t *testing.T) {
	// One call waits in the queue when its attempt fails; what happens to it
	// must agree with what the server saw.
	for name, step := range map[string]rivettest.Step{
		"actor stopped":       rivettest.CloseBeforeInit(1011, "actor.stopped"),
		"closed with 1000":    rivettest.CloseBeforeInit(1000, ""),
		"dropped before Init": rivettest.DropBeforeInit(),
		"no Init":             rivettest.NoInit(),
		"refused":             rivettest.Refuse(1),
	} {
		t.Run("queued, "+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(step.Times(3))
				c := connect(t, gw)
				patient := make(chan error, 1)
				go func() {
					n, err := charge.Call(within(t, time.Hour), c, 1)
					want(t, n, err, 1)
					patient <- err
				}()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				_, err := charge.Call(ctx, c, 2) // gives up while it waits
				if !errors.Is(err, context.DeadlineExceeded) || rivet.MaybeExecuted(err) {
					t.Errorf("impatient call: %v (may have run: %v)", err, rivet.MaybeExecuted(err))
				}
				<-patient
				pass(time.Hour)
				if got := rivettest.Calls(gw, charge); len(got) != 1 || got[0] != 1 {
					t.Errorf("server saw %v, want the patient call alone", got)
				}
			})
		})
	}
	t.Run("in flight", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.Unanswered())
			c := connect(t, gw)
			go func() {
				if gc, err := gw.WaitConn(t.Context(), 0); err == nil {
					_, _ = gc.WaitMessage(t.Context(), rivettest.IsAction(string(charge)))
					gc.Close(1000, "")
				}
			}()
			_, err := charge.Call(soon(t), c, 1)
			if !rivet.MaybeExecuted(err) {
				t.Errorf("call whose link was closed: %v", err)
			}
			ready(t, c)
			pass(time.Hour)
			if got := rivettest.Calls(gw, charge); len(got) != 1 {
				t.Errorf("server saw %v, want one", got)
			}
		})
	})
	t.Run("closed", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.LateInit(time.Second))
			h := room(t, gw)
			c := open(t, h)
			go func() { pass(time.Second / 2); c.Close() }()
			if _, err := charge.Call(soon(t), c, 1); !errors.Is(err, rivet.ErrClosed) || rivet.MaybeExecuted(err) {
				t.Errorf("queued call of a closed connection: %v", err)
			}
			ready(t, open(t, h))
			pass(time.Hour)
			if got := rivettest.Calls(gw, charge); len(got) != 0 {
				t.Errorf("server saw %v", got)
			}
		})
	})
	t.Run("at random", func(t *testing.T) {
		inEach(t, func(t *testing.T, enc codec.Encoding) { ghosts(t, enc) })
	})
}

// ghosts makes calls that give up at random moments over links that are cut at
// random moments, and compares what callers were told with what arrived.
func ghosts(t *testing.T, enc codec.Encoding) {
	gw := loopback(t)
	gw.Script(rivettest.Latency(5 * time.Millisecond).Times(10000))
	c := connect(t, gw, rivet.WithEncoding(enc), rivet.WithBackoff(backoff.Exponential(time.Millisecond, time.Millisecond)))
	const callers, each = 16, 25
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		ran = make(map[int]error)
	)
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				n := i*each + j
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(30000))*time.Microsecond)
				_, err := charge.Call(ctx, c, n)
				cancel()
				mu.Lock()
				ran[n] = err
				mu.Unlock()
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	for cutting := true; cutting; {
		select {
		case <-over:
			cutting = false
		case <-time.After(time.Duration(rand.IntN(60000)) * time.Microsecond):
			for _, gc := range gw.Conns() {
				gc.Drop()
			}
		}
	}
	// What could still come late comes before this.
	ready(t, c)
	if _, err := echo.Call(soon(t), c, 0); err != nil {
		t.Error(err)
	}
	seen := make(map[int]int)
	for _, n := range rivettest.Calls(gw, charge) {
		if seen[n]++; seen[n] > 1 {
			t.Errorf("call %d was sent %d times", n, seen[n])
		}
	}
	succeeded, unsent := 0, 0
	for n, err := range ran {
		switch {
		case err == nil && seen[n] != 1:
			t.Errorf("call %d returned and was not seen", n)
		case err != nil && !rivet.MaybeExecuted(err) && seen[n] != 0:
			t.Errorf("call %d was reported as not run, and was seen: %v", n, err)
		case err == nil:
			succeeded++
		case !rivet.MaybeExecuted(err):
			unsent++
		}
	}
	t.Logf("of %d calls %d returned, %d never left", callers*each, succeeded, unsent)
	if maybe := callers*each - succeeded - unsent; succeeded == 0 || unsent == 0 || maybe == 0 {
		t.Errorf("of %d calls %d returned, %d never left: the test tests little", callers*each, succeeded, unsent)
	}
}

func TestBehaviour06_CallsInFlightEndWithTheirLink(t *testing.T) {
	type variant struct {
		cut   func(*rivettest.Conn)
		after time.Duration // how long it may take to notice
	}
	const silence = 3 * time.Second // ping and pong
	for name, v := range map[string]variant{
		"dropped":             {func(gc *rivettest.Conn) { gc.Drop() }, 0},
		"closed with 1000":    {func(gc *rivettest.Conn) { gc.Close(1000, "") }, 0},
		"closed with 1011":    {func(gc *rivettest.Conn) { gc.Close(1011, "actor.stopped") }, 0},
		"closed without code": {func(gc *rivettest.Conn) { gc.Close(1005, "") }, 0},
		"message of nonsense": {func(gc *rivettest.Conn) { gc.SendMessage([]byte{0xff, 0xfe, 0xfd}) }, 0},
		"frame of nonsense":   {func(gc *rivettest.Conn) { gc.SendRaw(bytes.Repeat([]byte{0xff}, 14)) }, 0},
		"half a message": {func(gc *rivettest.Conn) {
			gc.SendRaw([]byte{0x82, 0x7e, 0x10, 0x00, 1, 2})
			_ = gc.Flush(context.Background())
			gc.Pause()
		}, silence},
		"silent":               {func(gc *rivettest.Conn) { gc.Pause() }, silence},
		"reads, never answers": {func(gc *rivettest.Conn) { gc.PauseWrites() }, silence},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					const calls = 50
					gw.Script(rivettest.Unanswered())
					c := connect(t, gw, rivet.WithEncoding(enc), rivet.WithPing(2*time.Second, time.Second))
					ready(t, c)
					var wg sync.WaitGroup
					failedAt := make(chan time.Time, calls)
					for i := range calls {
						wg.Go(func() {
							_, err := charge.Call(within(t, time.Hour), c, i)
							var lost *rivet.DisconnectedError
							if !errors.As(err, &lost) || !rivet.MaybeExecuted(err) {
								t.Errorf("call in flight: %v (may have run: %v)", err, rivet.MaybeExecuted(err))
							}
							failedAt <- time.Now()
						})
					}
					gc := gw.Conn(0)
					if _, err := gc.WaitMessages(soon(t), calls, rivettest.IsAction(string(charge))); err != nil {
						t.Fatal(err)
					}
					cutAt := time.Now()
					v.cut(gc)
					wg.Wait()
					for range calls {
						if d := (<-failedAt).Sub(cutAt); d > v.after {
							t.Errorf("failed %v after its link", d)
						}
					}
					if s := c.Stats(); s.CallsInFlight != 0 || s.CallsQueued != 0 {
						t.Errorf("left over: %+v", s)
					}
					n, err := charge.Call(soon(t), c, calls)
					want(t, n, err, calls)
					if got := rivettest.Calls(gw, charge); len(got) != calls+1 {
						t.Errorf("server saw %d calls, want %d", len(got), calls+1)
					}
				})
			})
		})
	}
}

func TestBehaviour08_CancellingACallWorks(t *testing.T) {
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.Unanswered())
			var log bytes.Buffer
			c := connect(t, gw, rivet.WithEncoding(enc),
				rivet.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			ready(t, c)
			gc := gw.Conn(0)
			synctest.Wait()
			quiet := log.Len()

			const calls = 100
			for i := range calls {
				ctx, cancel := context.WithCancel(t.Context())
				started := time.Now()
				go func() { pass(time.Second); cancel() }()
				_, err := echo.Call(ctx, c, i)
				if !errors.Is(err, context.Canceled) || !rivet.MaybeExecuted(err) {
					t.Fatalf("cancelled call: %v (may have run: %v)", err, rivet.MaybeExecuted(err))
				}
				if d := time.Since(started); d != time.Second {
					t.Fatalf("cancelled after 1 s, returned after %v", d)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := echo.Call(ctx, c, calls); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call past its deadline: %v", err)
			}
			if s := c.Stats(); s.CallsInFlight != 0 || s.CallsQueued != 0 {
				t.Errorf("left over: %+v", s)
			}

			// The replies that come late are nobody's, and nobody is told.
			ms, err := gc.WaitMessages(soon(t), calls+1, rivettest.IsAction(string(echo)))
			if err != nil {
				t.Fatal(err)
			}
			var failed []error
			c.OnError(func(err error) { failed = append(failed, err) })
			for i, m := range ms {
				if i%2 == 0 {
					gc.Reply(m.ID, i)
				} else {
					gc.ReplyError(m.ID, rivettest.UserError("late", "late", nil))
				}
			}
			got := make(chan int)
			go func() {
				n, err := echo.Call(soon(t), c, 77)
				want(t, n, err, 77)
				got <- n
			}()
			m, err := gc.WaitMessages(soon(t), calls+2, rivettest.IsAction(string(echo)))
			if err != nil {
				t.Fatal(err)
			}
			gc.Reply(m[calls+1].ID, 77)
			<-got
			if s := c.Stats(); s.Unexpected != calls+1 || s.Links != 1 || s.Attempts != 1 {
				t.Errorf("after the late replies: %+v", s)
			}
			synctest.Wait()
			if log.Len() != quiet || len(failed) != 0 {
				t.Errorf("late replies were logged or reported: %v\n%s", failed, log.Bytes()[quiet:])
			}
		})
	})
	t.Run("before it was sent", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.NoInit())
			c := connect(t, gw)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { pass(time.Second); cancel() }()
			_, err := charge.Call(ctx, c, 1)
			if !errors.Is(err, context.Canceled) || rivet.MaybeExecuted(err) {
				t.Errorf("%v (may have run: %v)", err, rivet.MaybeExecuted(err))
			}
			if s := c.Stats(); s.CallsQueued != 0 {
				t.Errorf("left over: %+v", s)
			}
			_, err = charge.Call(ctx, c, 2)
			if !errors.Is(err, context.Canceled) || rivet.MaybeExecuted(err) {
				t.Errorf("cancelled before: %v", err)
			}
		})
	})
}
