package actor_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/testgoroutines"
)

var errHook = errors.New("the hook's error")

// misbehaving are ways in which a hook fails.
var misbehaving = map[string]func() error{
	"error":  func() error { return errHook },
	"panic":  func() error { panic(errHook) },
	"goexit": func() error { runtime.Goexit(); return nil },
}

// A start whose hook fails is over when Start returns; the next one begins where
// it failed, and OnCreate runs once in a life.
func TestStartFails(t *testing.T) {
	for how, fail := range misbehaving {
		for _, hook := range []string{"CreateState", "CreateVars", "OnCreate", "OnWake"} {
			t.Run(hook+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var j journal
					failing := true
					note := func(name string) error {
						j.note("%s", name)
						if name == hook && failing {
							return fail()
						}
						return nil
					}
					b := newBench(t, define(func(d *actor.Definition[S]) {
						actor.CreateState(d, func(*actor.CreateContext, int) (S, error) { return S{1}, note("CreateState") })
						actor.CreateVars(d, func(sctx) (int, error) { return 0, note("CreateVars") })
						d.OnCreate(func(c sctx) error { c.State.N *= 2; return note("OnCreate") })
						d.OnWake(func(c sctx) error {
							c.State.N += 10
							context.AfterFunc(c, func() { j.note("over") })
							return note("OnWake")
						})
						d.OnSleep(func(sctx) { j.note("OnSleep") })
						on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
					}))
					before := testgoroutines.Count()
					in, err := b.start(t.Context())
					if in != nil || err == nil || !strings.Contains(err.Error(), " a[k]: "+hook+": ") {
						t.Fatalf("Start returned %v, %v", in, err)
					}
					if how == "error" && !errors.Is(err, errHook) {
						t.Errorf("%v is not the hook's error", err)
					}
					synctest.Wait()
					if n := testgoroutines.Count(); n > before {
						t.Errorf("%d goroutines are left", n-before)
					}
					failing = false
					in = b.mustStart(t)
					want(t, ask(in, "get", 0), "12")
					b.stop(t, in, actor.Sleeping)
					synctest.Wait()
					want(t, j.String(), map[string]string{
						"CreateState": "CreateState CreateState CreateVars OnCreate OnWake OnSleep over",
						"CreateVars":  "CreateState CreateVars CreateState CreateVars OnCreate OnWake OnSleep over",
						"OnCreate":    "CreateState CreateVars OnCreate CreateState CreateVars OnCreate OnWake OnSleep over",
						"OnWake":      "CreateState CreateVars OnCreate OnWake over CreateVars OnWake OnSleep over",
					}[hook])
				})
			})
		}
	}
}

// A start that is given up ends the hook's context; Start returns when the hook
// has.
func TestStartGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnWake(func(c sctx) error { <-c.Done(); <-time.After(time.Second); return errHook })
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := b.start(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errHook) || time.Since(begun) != 2*time.Second {
			t.Errorf("Start returned %v after %v", err, time.Since(begun))
		}
	})
}

// What a hook of the start begins with its Context goes on until the actor stops.
func TestHookContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken sctx
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnWake(func(c sctx) error { woken = c; return nil })
			on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
		}))
		ctx, cancel := context.WithCancel(t.Context())
		in, err := b.start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if woken.Err() != nil {
			t.Fatal("the context has ended with the start")
		}
		if err := woken.Update(func(s *S) { s.N = 4 }); err != nil {
			t.Error(err)
		}
		want(t, ask(in, "get", 0), "4")
		b.stop(t, in, actor.Sleeping)
		if err := context.Cause(woken); err == nil || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("the cause is %v", err)
		}
		if err := woken.Update(func(*S) { t.Error("an Update after Stop ran") }); err == nil {
			t.Error("an Update after Stop returned nil")
		}
		if err := woken.SaveState(t.Context()); err == nil {
			t.Error("SaveState after Stop returned nil")
		}
	})
}

// Run keeps the actor awake, and may put away what it has when it is to end.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.Run(func(c sctx) error {
				if c.Generation() == 2 {
					return nil
				}
				<-c.Done()
				if c.State != nil {
					t.Error("there is a State without a turn")
				}
				for range 10 { // not by chance
					if err := c.Update(func(s *S) { s.N++ }); err != nil {
						t.Error(err)
					}
				}
				<-time.After(time.Second)
				return c.View(func(s *S) { s.N += 0 })
			})
			on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
		}, actor.SleepAfter(30*time.Second)))
		in := b.mustStart(t)
		<-time.After(time.Hour)
		if len(b.asks) > 0 {
			t.Fatalf("while Run runs it asked to %s", <-b.asks)
		}
		b.stop(t, in, actor.Sleeping)
		if len(b.asks) > 0 {
			t.Errorf("when it was to end it asked %s", <-b.asks)
		}
		begun := time.Now()
		in = b.mustStart(t)
		want(t, ask(in, "get", 0), "10")
		want(t, <-b.asks, "sleep")
		if d := time.Since(begun); d != 30*time.Second {
			t.Errorf("it asked to sleep after %v", d)
		}
		b.stop(t, in, actor.Sleeping)
	})
}

// A Run that fails is told to the driver, once, and to the log.
func TestRunFails(t *testing.T) {
	for how, says := range map[string]string{
		"error": "failed: the hook's error", "panic": "failed: panic: the hook's error", "goexit": "failed: the function ended its goroutine",
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				fail := misbehaving[how]
				b := newBench(t, define(func(d *actor.Definition[S]) {
					d.OnSleep(func(sctx) { t.Error("OnSleep ran") })
					d.Run(func(c sctx) error { <-time.After(time.Second); return fail() })
				}), j.logger())
				in := b.mustStart(t)
				want(t, <-b.asks, says)
				b.stop(t, in, actor.Lost)
				if len(b.asks) > 0 {
					t.Errorf("then it asked %s", <-b.asks)
				}
				if !strings.Contains(j.String(), "name=Run") {
					t.Errorf("the log is %s", &j)
				}
			})
		})
	}
}

// Handlers end in all ways but those of a handler, and the actor goes on.
func TestHandlerMisbehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			for how, fail := range misbehaving {
				on(d, how, func(c sctx, _ int) (int, error) { c.State.N++; return 0, fail() })
				on(d, how+" beside", func(c sctx, _ int) (int, error) { return 0, fail() }, actor.Concurrent())
				on(d, how+" in Update", func(c sctx, _ int) (int, error) {
					return 0, c.Update(func(s *S) { s.N++; _ = fail() })
				}, actor.Concurrent())
				on(d, how+" in Await", func(c sctx, _ int) (int, error) { c.State.N++; return 0, c.Await(fail) })
			}
			on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
		}))
		in := b.mustStart(t)
		for how := range misbehaving {
			for _, where := range []string{"", "%20beside", "%20in%20Update", "%20in%20Await"} {
				if how == "error" && where == "%20in%20Update" {
					want(t, ask(in, how+where, 0), "0")
					continue
				}
				want(t, ask(in, how+where, 0), "500 internal_error")
			}
		}
		want(t, ask(in, "get", 0), "9")
		b.stop(t, in, actor.Sleeping)
	})
}

// A panic in Update is thrown at whoever called it, and harms nobody else.
func TestUpdatePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caught := make(chan any, 1)
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.Run(func(c sctx) error {
				defer func() { caught <- recover() }()
				_ = c.Update(func(s *S) { s.N = 3; panic("mine") })
				return nil
			})
			on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
		}))
		in := b.mustStart(t)
		if v := <-caught; v != "mine" {
			t.Errorf("caught %v", v)
		}
		want(t, ask(in, "get", 0), "3")
		b.stop(t, in, actor.Sleeping)
	})
}

// OnStateChange is called after each turn that has changed the state, the part
// before Await and Update included, not after others, and not of itself.
func TestOnStateChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		quiet := true
		awaits := false
		var woken sctx
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnStateChange(func(c sctx) {
				j.note("%d", c.State.N)
				if !quiet {
					c.State.N += 100
				}
				if awaits {
					_ = c.Await(func() error { <-time.After(time.Second); return nil })
				}
			})
			d.OnWake(func(c sctx) error { woken = c; return nil })
			d.OnSleep(func(c sctx) { c.State.N = 9 })
			on(d, "set", func(c sctx, n int) (int, error) { c.State.N = n; return n, nil })
			on(d, "fail", func(c sctx, n int) (int, error) { c.State.N = n; panic("oh") })
			on(d, "twice", func(c sctx, n int) (int, error) {
				c.State.N = n
				_ = c.Await(func() error { return nil })
				c.State.N++
				return n, nil
			})
		}))
		in := b.mustStart(t)
		_ = woken.View(func(*S) {})
		_ = woken.Update(func(*S) {})
		_ = woken.Update(func(s *S) { s.N = 1 })
		ask(in, "set", 1)
		ask(in, "set", 2)
		ask(in, "set", 2)
		ask(in, "twice", 3)
		ask(in, "fail", 5)
		want(t, j.String(), "1 2 3 4 5")
		quiet = false
		ask(in, "set", 6)
		ask(in, "set", 106)
		awaits = true
		ask(in, "set", 7)
		quiet, awaits = true, false
		b.stop(t, in, actor.Sleeping)
		want(t, j.String(), "1 2 3 4 5 6 7 9")
	})
}

// A state that came from the store, or was just made, is no change.
func TestOnStateChangeAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.State(S{5})
			d.OnStateChange(func(sctx) { told++ })
			d.OnWake(func(sctx) error { return nil })
		}))
		b.stop(t, b.mustStart(t), actor.Sleeping)
		b.stop(t, b.mustStart(t), actor.Sleeping)
		if told != 0 {
			t.Errorf("told %d times", told)
		}
	})
}
