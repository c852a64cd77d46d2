package actor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// plan is what an actor of the tests has done, and when.
type plan struct{ Seen []string }

const (
	Note    = rivet.Action[string, rivet.None]("note")
	Fail    = rivet.Action[rivet.None, rivet.None]("fail")
	Slow    = rivet.Action[time.Duration, rivet.None]("slow")
	Missing = rivet.Action[rivet.None, rivet.None]("missing")
	Do      = rivet.Action[string, string]("do")
	Seen    = rivet.Action[rivet.None, []string]("seen")
)

// epoch is when bubbles begin.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func clock() string { return time.Since(epoch).String() }

// planner is an actor whose action do is f.
func planner(f func(c *actor.Context[plan], how string) (string, error), more ...func(*actor.Definition[plan])) actor.Actor {
	return actor.Define("planner", func(d *actor.Definition[plan]) {
		note := func(c *actor.Context[plan], what string) {
			if c.Conn() != nil {
				what += " for a connection"
			}
			c.State.Seen = append(c.State.Seen, what+"@"+clock())
		}
		actor.Do(d, Note, func(c *actor.Context[plan], what string) error { note(c, what); return nil })
		actor.Do(d, Fail, func(c *actor.Context[plan], _ rivet.None) error { note(c, "fail"); panic("it fails") })
		actor.Do(d, Slow, func(c *actor.Context[plan], for_ time.Duration) error {
			note(c, "slow")
			return c.Await(func() error {
				select {
				case <-time.After(for_):
					return nil
				case <-c.Done():
					return c.Err()
				}
			})
		})
		actor.Handle(d, Do, f)
		actor.Handle(d, Seen, func(c *actor.Context[plan], _ rivet.None) ([]string, error) { return c.State.Seen, nil })
		for _, f := range more {
			f(d)
		}
	}, actor.StopGrace(time.Second), actor.NoSleep())
}

// do calls the action do.
func do(t *testing.T, in *actor.Instance, how string) string {
	t.Helper()
	w := callHTTP(in, "do", fmt.Sprintf(`{"args":[%q]}`, how))
	return strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"output":"`), `"}`)
}

// saw returns what the actor has seen.
func saw(t *testing.T, in *actor.Instance) string {
	t.Helper()
	w := callHTTP(in, "seen", `{"args":[]}`)
	var answer struct{ Output []string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return strings.Join(answer.Output, " ")
}

func wantSeen(t *testing.T, in *actor.Instance, want string) {
	t.Helper()
	synctest.Wait()
	if got := saw(t, in); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func wantAlarm(t *testing.T, b *bench, want time.Duration) {
	t.Helper()
	synctest.Wait()
	got := b.alarmAt()
	switch {
	case want == 0 && got.IsZero():
	case want == 0, !got.Equal(epoch.Add(want)):
		t.Errorf("the alarm is at %v, want %v", got.Sub(epoch), want)
	}
}

func TestAfterAndAt(t *testing.T) {
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		var errs []error
		in := func(d time.Duration, what string) {
			_, err := actor.After(c, d, Note, what)
			errs = append(errs, err)
		}
		in(3*time.Second, "c")
		in(time.Second, "a")
		in(time.Second, "b") // behind a, as it came later
		_, err := actor.At(c, epoch.Add(2*time.Second), Fail, rivet.None{})
		errs = append(errs, err)
		_, err = actor.At(c, time.Time{}, Note, "long ago")
		return "ok", errors.Join(append(errs, err)...)
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		if got := do(t, in, ""); got != "ok" {
			t.Fatal(got)
		}
		wantSeen(t, in, "long ago@0s")
		wantAlarm(t, b, time.Second)
		<-time.After(2500 * time.Millisecond)
		wantSeen(t, in, "long ago@0s a@1s b@1s fail@2s")
		wantAlarm(t, b, 3*time.Second)
		b.stop(t, in, actor.Sleeping)
		<-time.After(time.Minute) // the driver may be late
		in = b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		wantSeen(t, in, "long ago@0s a@1s b@1s fail@2s c@1m2.5s")
		wantAlarm(t, b, 0)
		if n := b.keys(6); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

// What was scheduled is there after a crash; what ran and was not settled runs
// again, and what it did to the state goes with it.
func TestScheduleCrash(t *testing.T) {
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		_, err := actor.After(c, time.Second, Slow, time.Minute)
		_, err2 := actor.After(c, 2*time.Second, Note, "once")
		return "ok", errors.Join(err, err2)
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		if got := do(t, in, ""); got != "ok" {
			t.Fatal(got)
		}
		b.crash(t, in)
		in = b.mustStart(t)
		<-time.After(2500 * time.Millisecond)
		wantSeen(t, in, "slow@1s once@2s")
		wantAlarm(t, b, time.Second) // should it crash: slow has not ended
		b.crash(t, in)
		in = b.mustStart(t)
		wantSeen(t, in, "slow@1s once@2s slow@2.5s")
		<-time.After(2 * time.Minute)
		wantSeen(t, in, "slow@1s once@2s slow@2.5s")
		wantAlarm(t, b, 0)
		b.crash(t, in)
		in = b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		<-time.After(2 * time.Minute)
		wantSeen(t, in, "slow@1s once@2s slow@2.5s")
	})
}

// An action that the end of the actor interrupts runs again in the next
// generation; one that ends by itself does not.
func TestScheduleStop(t *testing.T) {
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		_, err := actor.After(c, 0, Slow, 500*time.Millisecond)
		_, err2 := actor.After(c, 0, Slow, time.Minute)
		return "ok", errors.Join(err, err2)
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		do(t, in, "")
		wantSeen(t, in, "slow@0s slow@0s")
		b.stop(t, in, actor.GoingAway)
		if n := b.keys(6); n != 1 {
			t.Errorf("%d entries are left, want 1", n)
		}
		if !b.alarmAt().Equal(epoch) {
			t.Errorf("the alarm is at %v, want the time that has passed", b.alarmAt())
		}
	})
}

func TestEvery(t *testing.T) {
	interval := 10 * time.Second
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		switch how {
		case "shorter":
			return "", actor.Every(c, "tick", 4*time.Second, Note, "tock")
		case "other":
			return "", actor.Every(c, "tick", interval, Note, "tock")
		}
		return "", actor.Every(c, "tick", interval, Slow, 25*time.Second)
	}, func(d *actor.Definition[plan]) {
		d.OnWake(func(c *actor.Context[plan]) error { return actor.Every(c, "tick", interval, Note, "tick") })
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		<-time.After(25 * time.Second)
		wantSeen(t, in, "tick@10s tick@20s")
		wantAlarm(t, b, 30*time.Second)
		b.stop(t, in, actor.Sleeping)
		<-time.After(3 * time.Second)
		in = b.mustStart(t) // OnWake sets it again, which changes nothing
		<-time.After(5 * time.Second)
		wantSeen(t, in, "tick@10s tick@20s tick@30s")
		b.stop(t, in, actor.Sleeping)
		<-time.After(42 * time.Second)
		in = b.mustStart(t) // at 75 s: four were missed
		<-time.After(10 * time.Second)
		wantSeen(t, in, "tick@10s tick@20s tick@30s tick@1m15s tick@1m20s")
		if got := do(t, in, "other"); got != "" && !strings.Contains(got, "output") {
			t.Fatal(got)
		}
		<-time.After(10 * time.Second)
		wantSeen(t, in, "tick@10s tick@20s tick@30s tick@1m15s tick@1m20s tock@1m30s")
		do(t, in, "shorter") // at 95 s
		<-time.After(9 * time.Second)
		wantSeen(t, in, "tick@10s tick@20s tick@30s tick@1m15s tick@1m20s tock@1m30s tock@1m39s tock@1m43s")
		if n := b.keys(6); n != 1 {
			t.Errorf("%d entries are there, want 1", n)
		}
		b.stop(t, in, actor.Sleeping)
	})
}

// A run that takes longer than the interval is not overtaken.
func TestEveryOverlap(t *testing.T) {
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		return "", actor.Every(c, "tick", 10*time.Second, Slow, 25*time.Second)
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		do(t, in, "")
		<-time.After(75 * time.Second)
		wantSeen(t, in, "slow@10s slow@40s slow@1m10s")
		b.stop(t, in, actor.Lost)
	})
}

func TestCron(t *testing.T) {
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		if how == "stop" {
			ok, err := c.Schedule().CancelNamed(c, "morning")
			return fmt.Sprint(ok), err
		}
		return "", errors.Join(
			actor.Cron(c, "morning", "30 6 * * *", Note, "morning", actor.TimeZone("Europe/Berlin")),
			actor.Cron(c, "noon", "0 12 2 1 *", Note, "noon"))
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		do(t, in, "")
		wantAlarm(t, b, 5*time.Hour+30*time.Minute)
		b.stop(t, in, actor.Sleeping)
		<-time.After(40 * time.Hour)
		in = b.mustStart(t) // the second morning was missed as well, and noon
		<-time.After(24 * time.Hour)
		wantSeen(t, in, "morning@40h0m0s noon@40h0m0s morning@53h30m0s")
		if got := do(t, in, "stop"); got != "true" {
			t.Errorf("cancelled: %s", got)
		}
		<-time.After(48 * time.Hour)
		wantSeen(t, in, "morning@40h0m0s noon@40h0m0s morning@53h30m0s")
		if at := b.alarmAt(); !at.Equal(time.Date(2001, 1, 2, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("the alarm is %v", at)
		}
		b.stop(t, in, actor.Sleeping)
	})
}

func TestScheduleList(t *testing.T) {
	var ids []actor.ScheduleID
	var list []string
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		id, err := actor.After(c, time.Minute, Note, "x")
		id2, err2 := actor.After(c, time.Second, Slow, time.Hour)
		ids = []actor.ScheduleID{id, id2}
		err3 := actor.Every(c, "tick", 5*time.Second, Note, "y")
		for p := range c.Schedule().All() {
			list = append(list, fmt.Sprintf("%s%v %s@%v", p.Name, p.Interval, p.Action, p.At.Sub(epoch)))
		}
		return "", errors.Join(err, err2, err3)
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		do(t, in, "")
		s := scheduleOf(in)
		if got := fmt.Sprint(list); got != "[0s slow@1s tick5s note@5s 0s note@1m0s]" {
			t.Errorf("listed %s", got)
		}
		p, ok := s.Get(ids[0])
		var arg string
		if !ok || p.ID != ids[0] || len(p.Args) != 1 || p.Args[0].Decode(&arg) != nil || arg != "x" {
			t.Errorf("Get: %+v, %v", p, ok)
		}
		for _, id := range []actor.ScheduleID{"", "?", "zzzzzzzzzzzzzzzzzzzz", "1"} {
			if _, ok := s.Get(id); ok {
				t.Errorf("Get(%q) found something", id)
			}
			if ok, err := s.Cancel(t.Context(), id); ok || err != nil {
				t.Errorf("Cancel(%q): %v, %v", id, ok, err)
			}
		}
		if ok, err := s.Cancel(t.Context(), ids[0]); !ok || err != nil {
			t.Errorf("Cancel: %v, %v", ok, err)
		}
		if ok, _ := s.Cancel(t.Context(), ids[0]); ok {
			t.Error("it was cancelled twice")
		}
		<-time.After(6 * time.Second)
		synctest.Wait()
		// One that runs does not come back.
		if ok, err := s.Cancel(t.Context(), ids[1]); !ok || err != nil {
			t.Errorf("Cancel of one that runs: %v, %v", ok, err)
		}
		if p, ok := s.Named("tick"); !ok || p.Last.Sub(epoch) != 5*time.Second || p.At.Sub(epoch) != 10*time.Second {
			t.Errorf("Named: %+v, %v", p, ok)
		}
		b.crash(t, in)
		if n := b.keys(6); n != 1 {
			t.Errorf("%d entries are left, want tick", n)
		}
	})
}

func TestScheduleErrors(t *testing.T) {
	got := map[string]error{}
	a := planner(func(c *actor.Context[plan], how string) (string, error) {
		_, got["no action"] = actor.After(c, 0, Missing, rivet.None{})
		_, got["large"] = actor.After(c, 0, Note, strings.Repeat("x", 64<<10))
		_, got["far"] = actor.At(c, epoch.AddDate(9000, 0, 0), Note, "")
		got["short"] = actor.Every(c, "tick", time.Second-1, Note, "")
		got["no name"] = actor.Every(c, "", time.Minute, Note, "")
		got["long name"] = actor.Every(c, strings.Repeat("x", 5000), time.Minute, Note, "")
		got["expression"] = actor.Cron(c, "cron", "x", Note, "")
		got["zone"] = actor.Cron(c, "cron", "* * * * *", Note, "", actor.TimeZone("Nowhere"))
		return "", nil
	})
	eachTime(t, a, func(t *testing.T, b *bench) {
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		do(t, in, "")
		var limit *actor.LimitError
		var cron *actor.CronError
		for name, ok := range map[string]bool{
			"no action": errors.Is(got["no action"], actor.ErrNoAction), "large": errors.As(got["large"], &limit),
			"far": got["far"] != nil, "short": got["short"] != nil, "no name": got["no name"] != nil,
			"long name": errors.As(got["long name"], &limit), "expression": errors.As(got["expression"], &cron), "zone": errors.As(got["zone"], &cron),
		} {
			if !ok {
				t.Errorf("%s: %v", name, got[name])
			}
		}
		if n := b.keys(6); n != 0 || !b.alarmAt().IsZero() {
			t.Errorf("%d entries are there, and the alarm is %v", n, b.alarmAt())
		}
	})
}

// Entries that the program has no action for any more go; damaged ones stay, and
// neither harms others.
func TestScheduleStrays(t *testing.T) {
	plain := func(c *actor.Context[plan], how string) (string, error) {
		_, err := actor.After(c, time.Second, Note, "x")
		return "", err
	}
	old := planner(func(c *actor.Context[plan], how string) (string, error) {
		_, err := actor.After(c, time.Second, Missing, rivet.None{})
		return "", errors.Join(err, actor.Every(c, "tick", time.Second, Missing, rivet.None{}))
	}, func(d *actor.Definition[plan]) {
		actor.Do(d, Missing, func(*actor.Context[plan], rivet.None) error { return nil })
	})
	synctest.Test(t, func(t *testing.T) {
		first, b := newBench(t, old), newBench(t, planner(plain))
		in := first.mustStart(t)
		do(t, in, "")
		first.stop(t, in, actor.Sleeping)
		b.data = first.data
		b.data["\x06damaged"] = []byte("x")
		b.data["\x06\x00\x00\x00\x00\x00\x00\x00\x01"] = []byte("\xa1\x00\x09")
		in = b.mustStart(t)
		do(t, in, "")
		<-time.After(3500 * time.Millisecond)
		wantSeen(t, in, "x@1s")
		b.stop(t, in, actor.Sleeping)
		if n := b.keys(6); n != 3 { // the damaged ones, and tick
			t.Errorf("%d entries are there, want 3", n)
		}
	})
}

// scheduleOf returns the schedule of an actor, for outside of its turns.
func scheduleOf(in *actor.Instance) *actor.Schedule { return actor.ScheduleOf(in) }
