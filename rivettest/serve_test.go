package rivettest_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/rivettest"
)

const (
	Snooze      = rivet.Action[time.Duration, rivet.None]("snooze")
	Rang        = rivet.Event[int]("rang")
	Generations = rivet.Action[rivet.None, []int]("generations")
	Stuck       = rivet.Action[rivet.None, rivet.None]("stuck")
)

type clock struct{ Rung int }

// alarmClock rings so long after snooze, whatever happens meanwhile.
var alarmClock = actor.Define("alarm clock", func(d *actor.Definition[clock]) {
	set := actor.CreateVars(d, func(*actor.Context[clock]) (chan time.Duration, error) {
		return make(chan time.Duration, 1), nil
	})
	actor.Do(d, Snooze, func(c *actor.Context[clock], wait time.Duration) error {
		*set.Of(c) <- wait
		return nil
	})
	d.Run(func(c *actor.Context[clock]) error {
		for {
			select {
			case wait := <-*set.Of(c):
				select {
				case <-time.After(wait):
				case <-c.Done():
					return nil
				}
			case <-c.Done():
				return nil
			}
			err := c.Update(func(s *clock) {
				s.Rung++
				_ = actor.Broadcast(c, Rang, s.Rung)
			})
			if err != nil {
				return err
			}
		}
	})
})

// A host lives in the bubble's time: hours pass while nobody waits.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := rivettest.Serve(t, actor.Registry{alarmClock})
		c := host.Client().GetOrCreate("alarm clock", rivet.Key{"bedside"}).Connect(t.Context())
		rings := Rang.Subscribe(c)
		begun := time.Now()
		for i := 1; i <= 2; i++ {
			if _, err := Snooze.Call(t.Context(), c, 9*time.Hour); err != nil {
				t.Fatal(err)
			}
			if n, err := rings.Next(t.Context()); n != i || err != nil {
				t.Fatalf("ring %d, %v, want %d", n, err, i)
			}
			if d := time.Since(begun); d != time.Duration(i)*9*time.Hour {
				t.Errorf("it rang after %v", d)
			}
		}
	})
}

type sleeper struct{ Woken int }

// An actor that nobody calls sleeps, and is woken by the next call.
func TestServeSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dozy := actor.Define("dozy", func(d *actor.Definition[sleeper]) {
			d.OnWake(func(c *actor.Context[sleeper]) error { c.State.Woken++; return nil })
			actor.Handle(d, Generations, func(c *actor.Context[sleeper], _ rivet.None) ([]int, error) {
				return []int{c.State.Woken, int(c.Generation())}, nil
			})
		})
		h := rivettest.Serve(t, actor.Registry{dozy}).Client().GetOrCreate("dozy", nil)
		for i, wait := range []time.Duration{0, time.Second, time.Hour} {
			<-time.After(wait)
			want := []int{1, 1, 2}[i]
			got, err := rivet.Do(t.Context(), h, Generations)
			if err != nil || fmt.Sprint(got) != fmt.Sprint([]int{want, want}) {
				t.Fatalf("after %v: %v, %v, want generation %d", wait, got, err, want)
			}
		}
	})
}

// recorder is a test that fails without failing.
type recorder struct {
	testing.TB
	out      strings.Builder
	failures []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}
func (r *recorder) Output() io.Writer { return &r.out }
func (r *recorder) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

// What does not end is a failure of the test, and so is what it cannot begin with.
func TestServeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, release := make(chan bool), make(chan bool)
		stubborn := actor.Define("stubborn", func(d *actor.Definition[sleeper]) {
			actor.Do(d, Stuck, func(*actor.Context[sleeper], rivet.None) error {
				close(begun)
				<-release // whatever the Context says
				return nil
			})
		})
		r := &recorder{TB: t}
		host := rivettest.Serve(r, actor.Registry{stubborn})
		done := make(chan error, 1)
		go func() {
			_, err := rivet.Do(t.Context(), host.Client().GetOrCreate("stubborn", nil), Stuck)
			done <- err
		}()
		<-begun
		at := time.Now()
		r.end()
		if len(r.failures) != 1 || !strings.Contains(r.failures[0], "shutdown") {
			t.Errorf("failures %q, want one of the shutdown", r.failures)
		}
		if d := time.Since(at); d > 31*time.Second {
			t.Errorf("the end took %v", d)
		}
		synctest.Wait()
		close(release)
		if err := <-done; err == nil {
			t.Error("the call that did not end has succeeded")
		}
	})

	for name, opts := range map[string][]actor.Option{
		"is given twice": {local.Memory()},
		"Addr":           {actor.Addr("nowhere")},
	} {
		func() {
			r := &recorder{TB: t}
			defer func() {
				if got := recover(); got != r {
					t.Errorf("%s: %v was thrown", name, got)
				}
				if len(r.failures) != 1 || !strings.Contains(r.failures[0], name) {
					t.Errorf("failures %q, want one with %q", r.failures, name)
				}
			}()
			rivettest.Serve(r, actor.Registry{alarmClock}, opts...)
		}()
	}
}

// What the host warns of is in the log of the test.
func TestServeLogs(t *testing.T) {
	broken := actor.Define("broken", func(d *actor.Definition[sleeper]) {
		actor.Do(d, Stuck, func(*actor.Context[sleeper], rivet.None) error { panic("of the handler") })
	})
	r := &recorder{TB: t}
	host := rivettest.Serve(r, actor.Registry{broken})
	_, err := rivet.Do(t.Context(), host.Client().GetOrCreate("broken", nil), Stuck)
	if !rivet.IsCode(err, "internal_error") {
		t.Errorf("error %v", err)
	}
	r.end()
	if len(r.failures) > 0 {
		t.Errorf("failures %q", r.failures)
	}
	if !strings.Contains(r.out.String(), "of the handler") {
		t.Errorf("the log does not say what happened:\n%s", r.out.String())
	}
}
