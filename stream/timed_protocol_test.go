package stream

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// An end is not told when the context was first, also if it is what is handed
// on before the end that has ended it.
func TestTimedEndAfterTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen []string
	From("a", "b").Sample(time.Hour).drive(ctx, observer[string]{
		next: func(v string) bool {
			seen = append(seen, v)
			cancel()
			return true
		},
		notice: func(error) bool { return true },
		end:    func(error) { seen = append(seen, "end") },
	})
	if len(seen) != 1 || seen[0] != "b" {
		t.Errorf("seen %q", seen)
	}
}

// A consumption that is over leaves no timer.
func TestTimedStopsItsTimer(t *testing.T) {
	out := observer[string]{next: func(string) bool { return true }}
	for name, s := range map[string]Stream[string]{
		"timedPump": Merge(From("a", "b"), Never[string]()).Sample(time.Hour),
		"delayPump": From("a", "b").Delay(time.Hour),
	} {
		p := s.open(t.Context(), out)
		p.step()
		var timer *time.Timer
		switch p := p.(type) {
		case *timedPump:
			timer = p.clock.timer
		case *delayPump[string]:
			timer = p.clock.timer
		}
		p.close()
		if timer == nil || timer.Stop() {
			t.Errorf("%s: the timer runs", name)
		}
	}
}

// A timer that has fired while the consumer was busy with another stream is
// not served before what waits is known, also when that is more than a batch.
func TestTimedBusyElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 1000
		here, there := NewQueue(Config{}, Hooks[int]{}), NewQueue(Config{}, Hooks[int]{})
		of := func(q *Queue[int]) Stream[int] {
			return FromSubscription(func() *Subscription[int] { return Direct(q) })
		}
		here.Push([]int{1})
		time.AfterFunc(5*time.Millisecond, func() { there.Push([]int{-1}) })
		var got []int
		for v, err := range Merge(of(here).Throttle(10*time.Millisecond), of(there)).Take(3).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, v); v < 0 {
				for i := range total {
					here.Push([]int{i + 1})
				}
				<-time.After(20 * time.Millisecond)
			}
		}
		if want := []int{1, -1, total}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
