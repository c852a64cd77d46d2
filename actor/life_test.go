package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// define defines the actor of a test.
func define(setup func(d *actor.Definition[S]), opts ...actor.DefinitionOption) actor.Actor {
	return actor.Define("a", setup, opts...)
}

// on handles an action that takes and returns a number.
func on(d *actor.Definition[S], name string, f func(c sctx, n int) (int, error), opts ...actor.HandlerOption) {
	actor.Handle(d, rivet.Action[int, int](name), f, opts...)
}

// ask calls an action and returns the answer, or an error's code.
func ask(in *actor.Instance, name string, n int) string {
	w := callHTTP(in, name, fmt.Sprintf(`{"args":[%d]}`, n))
	body := w.Body.String()
	if _, rest, ok := strings.Cut(body, `"code":"`); ok {
		code, _, _ := strings.Cut(rest, `"`)
		return fmt.Sprintf("%d %s", w.Code, code)
	}
	return strings.TrimSuffix(strings.TrimPrefix(body, `{"output":`), "}")
}

// later calls an action on a goroutine.
func later(in *actor.Instance, name string, n int) <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- ask(in, name, n) }()
	return answer
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// journal keeps what happened, in its order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " ")
}

// Write makes it the end of a log.
func (j *journal) Write(p []byte) (int, error) { j.note("%s", p); return len(p), nil }

func (j *journal) logger() actor.Option {
	return actor.WithLogger(slog.New(slog.NewTextHandler(j, nil)))
}

// hooked defines an actor that notes all its hooks in j.
func hooked(j *journal, more func(d *actor.Definition[S]), opts ...actor.DefinitionOption) actor.Actor {
	return define(func(d *actor.Definition[S]) {
		actor.CreateState(d, func(*actor.CreateContext, int) (S, error) { j.note("state"); return S{}, nil })
		actor.CreateVars(d, func(sctx) (int, error) { j.note("vars"); return 0, nil })
		d.OnCreate(func(c sctx) error { j.note("create"); return nil })
		d.OnSleep(func(c sctx) { j.note("sleep"); c.State.N += 100 })
		d.OnDestroy(func(c sctx) { j.note("destroy") })
		on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
		on(d, "add", func(c sctx, n int) (int, error) { c.State.N += n; return c.State.N, nil })
		on(d, "wait", func(c sctx, n int) (int, error) { // heeds its context
			select {
			case <-time.After(time.Duration(n) * time.Second):
				c.State.N++
				return c.State.N, nil
			case <-c.Done():
				j.note("[%v]", context.Cause(c))
				return 0, c.Err()
			}
		})
		on(d, "stubborn", func(c sctx, n int) (int, error) { // does not
			<-time.After(time.Duration(n) * time.Second)
			j.note("stubborn ended")
			return 0, nil
		})
		if more != nil {
			more(d)
		}
	}, opts...)
}

// The hooks of a life come once each, in their order, and what they change is
// stored.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, hooked(&j, func(d *actor.Definition[S]) {
			d.OnWake(func(c sctx) error { j.note("wake %d", c.Generation()); return nil })
		}))
		in := b.mustStart(t)
		want(t, ask(in, "add", 1), "1")
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t)
		want(t, ask(in, "get", 0), "101")
		b.stop(t, in, actor.GoingAway)
		in = b.mustStart(t)
		want(t, ask(in, "get", 0), "201")
		b.stop(t, in, actor.Lost)
		want(t, ask(in, "get", 0), "503 stopping")
		in = b.mustStart(t)
		b.stop(t, in, actor.Destroying)
		want(t, j.String(), "state vars create wake 1 sleep vars wake 2 sleep vars wake 3 vars wake 4 destroy")
	})
}

// A running action has the grace time; then its context ends, with a cause.
func TestStopGrace(t *testing.T) {
	for _, c := range []struct {
		action string
		secs   int
		reason actor.StopReason
		took   time.Duration
		answer string
		notes  string
		fails  string
	}{
		{"wait", 9, actor.Sleeping, 9 * time.Second, "1", "sleep", ""},
		{"wait", 9, actor.GoingAway, 9 * time.Second, "1", "sleep", ""},
		{"wait", 99, actor.Sleeping, 10 * time.Second, "503 stopping", "[actor.stopping: The actor is stopping] sleep", ""},
		{"wait", 9, actor.Destroying, 0, "503 stopping", "[actor.stopping: The actor is stopping] destroy", ""},
		{"wait", 9, actor.Lost, 0, "503 stopping", "[actor.stopping: The actor is stopping]", ""},
		{"stubborn", 12, actor.Sleeping, 12 * time.Second, "0", "stubborn ended sleep", ""},
		{"stubborn", 20, actor.Sleeping, 20 * time.Second, "0", "stubborn ended sleep", ""},
		{"stubborn", 50, actor.Sleeping, 25 * time.Second, "0", "stubborn ended", "keeps its turn"},
		{"stubborn", 50, actor.Destroying, 25 * time.Second, "0", "stubborn ended", "keeps its turn"},
		{"stubborn", 50, actor.Lost, 10 * time.Second, "0", "stubborn ended", "something still runs"},
	} {
		t.Run(fmt.Sprint(c.action, c.secs, c.reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				b := newBench(t, hooked(&j, nil, actor.StopGrace(10*time.Second)))
				in := b.mustStart(t)
				j.lines = nil
				answer := later(in, c.action, c.secs)
				synctest.Wait()
				behind := later(in, "get", 0)
				synctest.Wait()
				begun := time.Now()
				err := in.Stop(t.Context(), c.reason)
				if took := time.Since(begun); took != c.took {
					t.Errorf("it took %v, not %v", took, c.took)
				}
				if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
					t.Errorf("Stop returned %v", err)
				}
				if _, ok := in.Hold(); ok {
					t.Error("a stopped actor can be held")
				}
				want(t, <-answer, c.answer)
				if got := <-behind; c.answer == "503 stopping" {
					want(t, got, c.answer) // it does not begin any more
				}
				synctest.Wait()
				want(t, j.String(), c.notes)
			})
		})
	}
}

// A stop that is cut short says so; it goes on by itself, and hooks whose turn
// comes too late do not run.
func TestStopCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, hooked(&j, nil))
		in := b.mustStart(t)
		j.lines = nil
		answer := later(in, "stubborn", 50)
		synctest.Wait()
		waits := later(in, "get", 0)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		first := make(chan error)
		go func() { first <- in.Stop(t.Context(), actor.Sleeping) }()
		synctest.Wait()
		if err := in.Stop(ctx, actor.Destroying); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("the second Stop returned %v after %v", err, time.Since(begun))
		}
		if err := <-first; err == nil {
			t.Error("the first Stop returned nil")
		}
		want(t, <-waits, "503 stopping")
		again := time.Now()
		if err := in.Stop(t.Context(), actor.Sleeping); err == nil || !time.Now().Equal(again) {
			t.Errorf("the third Stop returned %v after %v", err, time.Since(again))
		}
		<-answer
		synctest.Wait()
		want(t, j.String(), "stubborn ended")
	})
}

// A handler that comes back after the last turn changes the state once more.
func TestChangeAfterTheLastTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
			on(d, "slow", func(c sctx, n int) (int, error) {
				_ = c.Await(func() error { <-time.After(13 * time.Second); return nil })
				c.State.N = n
				return n, nil
			})
		}, actor.StopGrace(10*time.Second), actor.SaveInterval(time.Hour)))
		in := b.mustStart(t)
		answer := later(in, "slow", 7)
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		<-answer
		want(t, ask(b.mustStart(t), "get", 0), "7")
	})
}

// OnSleep and OnDestroy may do what they like, and the state is stored.
func TestLastHooksMisbehave(t *testing.T) {
	for name, f := range map[string]func(sctx){
		"panic":  func(sctx) { panic("oh") },
		"goexit": func(sctx) { runtime.Goexit() },
		"await":  func(c sctx) { _ = c.Await(func() error { <-time.After(time.Second); return nil }) },
		"update": func(c sctx) { _ = c.Update(func(*S) {}) },
		"save":   func(c sctx) { _ = c.SaveState(c) },
		"call":   func(c sctx) { c.Sleep(); c.Destroy(); c.KeepAwake() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				hook := func(c sctx) { n++; c.State.N = 5; f(c) }
				b := newBench(t, define(func(d *actor.Definition[S]) {
					d.OnSleep(hook)
					d.OnDestroy(hook)
					on(d, "get", func(c sctx, _ int) (int, error) { return c.State.N, nil })
				}))
				b.stop(t, b.mustStart(t), actor.Sleeping)
				in := b.mustStart(t)
				want(t, ask(in, "get", 0), "5")
				b.stop(t, in, actor.Destroying)
				if n != 2 {
					t.Errorf("the hooks ran %d times", n)
				}
			})
		})
	}
}

// OnSleep has its own grace time, and is left behind after it.
func TestOnSleepDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnSleep(func(c sctx) { <-c.Done(); <-free })
		}, actor.StopGrace(10*time.Second)))
		in := b.mustStart(t)
		begun := time.Now()
		err := in.Stop(t.Context(), actor.Sleeping)
		if err == nil || !strings.Contains(err.Error(), "OnSleep does not end") || time.Since(begun) != 12500*time.Millisecond {
			t.Errorf("Stop returned %v after %v", err, time.Since(begun))
		}
		close(free)
	})
}

// An action can ask for the end of its actor; its reply goes out.
func TestSleepAndDestroyFromAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "sleep", func(c sctx, n int) (int, error) { c.Sleep(); <-time.After(time.Second); c.State.N++; return n, nil })
			on(d, "destroy", func(c sctx, n int) (int, error) { c.Destroy(); <-time.After(time.Second); return n, nil })
		}))
		for _, c := range []struct {
			name   string
			reason actor.StopReason
		}{{"sleep", actor.Sleeping}, {"destroy", actor.Destroying}} {
			in := b.mustStart(t)
			answer := later(in, c.name, 3)
			want(t, <-b.asks, c.name)
			b.stop(t, in, c.reason)
			want(t, <-answer, "3")
		}
	})
}

// The idle time is counted from the end of what kept the actor awake.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "keep", func(c sctx, n int) (int, error) {
				release := c.KeepAwake()
				go func() { <-time.After(time.Duration(n) * time.Second); release(); release() }()
				return 0, nil
			})
			on(d, "await", func(c sctx, n int) (int, error) {
				return 0, c.Await(func() error { <-time.After(time.Duration(n) * time.Second); return nil })
			})
		}, actor.SleepAfter(30*time.Second), actor.ActionTimeout(time.Hour)))
		begun := time.Now()
		in := b.mustStart(t)
		asleep := func(after time.Duration) {
			t.Helper()
			want(t, <-b.asks, "sleep")
			if d := time.Since(begun); d != after {
				t.Errorf("asked to sleep after %v, not %v", d, after)
			}
		}
		asleep(30 * time.Second)
		ask(in, "keep", 100)
		asleep(160 * time.Second)
		ask(in, "await", 7)
		asleep(197 * time.Second)
		release, _ := in.Hold()
		<-time.After(time.Minute)
		release()
		release()
		asleep((197 + 60 + 30) * time.Second)
		b.stop(t, in, actor.Sleeping)
		<-time.After(time.Hour)
		if len(b.asks) > 0 {
			t.Error("a stopped actor asked to sleep")
		}
	})
}

func TestNoSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, counter(actor.NoSleep()))
		in := b.mustStart(t)
		<-time.After(24 * time.Hour)
		if len(b.asks) > 0 {
			t.Errorf("it asked to %s", <-b.asks)
		}
		b.stop(t, in, actor.GoingAway)
	})
}

// KeepAwake that is never released does not keep the host from stopping, nor
// OnSleep from running.
func TestKeepAwakeForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, hooked(&j, func(d *actor.Definition[S]) {
			d.OnWake(func(c sctx) error { c.KeepAwake(); return nil })
		}, actor.StopGrace(10*time.Second)))
		in := b.mustStart(t)
		begun := time.Now()
		b.stop(t, in, actor.GoingAway)
		if d := time.Since(begun); d != 12500*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		want(t, j.String(), "state vars create sleep")
	})
}
