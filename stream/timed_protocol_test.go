package stream

import (
	"context"
	"testing"
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
