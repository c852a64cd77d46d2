package actor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

func hostOf(t *testing.T, a actor.Actor, opts ...actor.Option) *actor.Host {
	t.Helper()
	h, err := actor.New(actor.Registry{a}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// An actor that sleeps wakes up for what it has scheduled, and sleeps again.
func TestScheduleWakes(t *testing.T) {
	var woke chan time.Time
	a := actor.Define("sleeper", func(d *actor.Definition[struct{}]) {
		actor.Do(d, Fail, func(c *actor.Context[struct{}], _ rivet.None) error {
			woke <- time.Now()
			return nil
		})
		actor.Do(d, Note, func(c *actor.Context[struct{}], _ string) error {
			return actor.Every(c, "tick", time.Hour, Fail, rivet.None{})
		})
	}, actor.SleepAfter(time.Second))
	synctest.Test(t, func(t *testing.T) {
		woke = make(chan time.Time, 10) // of the bubble, whose time waits for no other
		h := hostOf(t, a, local.Memory())
		if _, err := Note.Call(t.Context(), h.Client().GetOrCreate("sleeper", rivet.Key{}), ""); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			<-time.After(30 * time.Minute)
			if n := h.Stats().Awake; n != 0 {
				t.Errorf("%d actors are awake", n)
			}
			if got, want := <-woke, epoch.Add(time.Duration(i+1)*time.Hour); got.Sub(want).Abs() > 2*time.Millisecond {
				t.Errorf("it ran at %v, want %v", got, want)
			}
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What a host leaves behind goes on with the next one, although nobody calls.
func TestRestartOfTheHost(t *testing.T) {
	dir := t.TempDir()
	began, ended := make(chan string, 1), make(chan string, 1)
	a := func(blocks bool) actor.Actor {
		return worker(func(d *actor.Definition[ledger]) {
			actor.Consume(d, Jobs, func(c *actor.Context[ledger], j job) (string, error) {
				if blocks {
					began <- j.Name
					return "", c.Await(func() error { <-c.Done(); return c.Err() })
				}
				ended <- j.Name
				return "", nil
			})
		}, actor.StopGrace(400*time.Millisecond))
	}
	h := hostOf(t, a(true), local.Dir(dir))
	if err := Jobs.Send(t.Context(), h.Client().GetOrCreate("worker", rivet.Key{}), job{"a"}); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	h = hostOf(t, a(false), local.Dir(dir))
	h.Handler()
	if name := <-ended; name != "a" {
		t.Errorf("the job is %q", name)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}
