package stream

import (
	"context"
	"errors"
	"testing"
	"time"
)

func init() {
	contract["Buffered"] = func(s Stream[string]) Stream[any] { return anyOf(s.Buffered()) }
	contract["Buffered, 1"] = func(s Stream[string]) Stream[any] { return anyOf(s.Buffered(Buffer(1))) }
	contract["LatestBy"] = func(s Stream[string]) Stream[any] {
		return anyOf(LatestBy(s, func(string) *byte { return new(byte) }))
	}
	contract["ParallelMap"] = func(s Stream[string]) Stream[any] {
		return anyOf(ParallelMap(s, 3, func(_ context.Context, v string) (string, error) { return v + v, nil }))
	}
	contract["ParallelMap, failing"] = func(s Stream[string]) Stream[any] {
		return anyOf(ParallelMap(s, 3, func(_ context.Context, v string) (string, error) {
			if v == "g" {
				return "", errSource
			}
			return v, nil
		}))
	}
	contract["Retry"] = func(s Stream[string]) Stream[any] {
		return anyOf(s.Retry(func() Delays { return tries(0) }))
	}
	contract["Catch"] = func(s Stream[string]) Stream[any] { return anyOf(s.Catch(FromError[string])) }
	contract["Catch, going on after failing"] = func(s Stream[string]) Stream[any] {
		return anyOf(s.Catch(func(error) Stream[string] { return From("x", "y", "z", "x", "y") }))
	}
	contract["Share"] = func(s Stream[string]) Stream[any] {
		// One of its own for each consumption, or two would share it.
		return anyOf(Stream[string]{open: func(ctx context.Context, out observer[string]) pump {
			return s.Share().open(ctx, out)
		}})
	}
	contract["Publish"] = func(s Stream[string]) Stream[any] {
		return anyOf(Stream[string]{open: func(ctx context.Context, out observer[string]) pump {
			p := s.Publish()
			pump := p.Stream().open(ctx, out)
			if err := p.Start(ctx); err != nil {
				panic(err)
			}
			return &closing{pump, func() { p.Close() }}
		}})
	}
}

// tries is a wait and one nanosecond: zero is no further attempt.
type tries time.Duration

func (n tries) Next() time.Duration { return time.Duration(n) - 1 }
func (n tries) Reset()              {}

// closing calls f when it is closed.
type closing struct {
	pump
	f func()
}

func (p *closing) close() {
	p.pump.close()
	p.f()
}

func TestOperatorsWithoutFunction(t *testing.T) {
	s := From("a")
	for name, failed := range map[string]Stream[string]{
		"LatestBy":    LatestBy[string, int](s, nil),
		"ParallelMap": ParallelMap[string, string](s, 1, nil),
		"Retry":       s.Retry(nil),
		"Catch":       s.Catch(nil),
	} {
		var bad *OptionError
		for _, err := range failed.All(t.Context()) {
			if !errors.As(err, &bad) || bad.Option != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		if bad == nil {
			t.Errorf("%s does not fail", name)
		}
	}
}

// A consumption that is left while it waits leaves no timer.
func TestRetryStopsItsTimer(t *testing.T) {
	out := observer[int]{notice: func(error) bool { return true }}
	s := FromError[int](errSource).Retry(func() Delays { return tries(time.Minute) })
	p := s.open(t.Context(), out).(*resuming[int])
	for p.step() == got {
	}
	p.close()
	if p.timer == nil || p.timer.Stop() {
		t.Error("the timer runs")
	}
}
