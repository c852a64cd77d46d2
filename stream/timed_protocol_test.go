package stream

import (
	"context"
	"slices"
	"sync/atomic"
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

// A consumer that ends the context in what is handed on before the end is not
// told of an end.
func TestBatchBySizeEndAfterTheContext(t *testing.T) {
	for _, script := range []string{"ab", "ab#"} {
		for kind, source := range sources {
			var open atomic.Int32
			ctx, cancel := context.WithCancel(t.Context())
			s := anyOf(Batch(source(script, &open), 9, 0))
			if got := play(t, ctx, s, 0, func(int) { cancel() }); len(got) != 1 {
				t.Errorf("%s, %q: %v", kind, script, got)
			}
		}
	}
}

// However many steps are due, one piece of Delay's work is a batch at most, so
// that others with the same consumer have their turn.
func TestDelayHandsOnInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handed := 0
		out := observer[int]{
			next: func(int) bool { handed++; return true },
			end:  func(error) {},
		}
		p := From(make([]int, 5*batchEvents)...).Delay(time.Second).open(t.Context(), out)
		defer p.close()
		for range 4 {
			p.step()
		}
		<-time.After(2 * time.Second)
		for pieces := 1; handed < 4*batchEvents && pieces < 10; pieces++ {
			p.step()
			if handed > pieces*batchEvents {
				t.Errorf("%d handed on in %d pieces", handed, pieces)
			}
		}
		if handed < 4*batchEvents {
			t.Errorf("%d handed on", handed)
		}
	})
}
