package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// An error that is told although ctx has ended is not retried, caught or told,
// and nothing that is held is handed on for it.
func TestLateEndIsIgnored(t *testing.T) {
	for name, operator := range map[string]func(Stream[int]) Stream[int]{
		"Retry": func(s Stream[int]) Stream[int] { return s.Retry(func() Delays { return tries(1) }) },
		"Catch": func(s Stream[int]) Stream[int] {
			return s.Catch(func(err error) Stream[int] {
				t.Errorf("caught %v", err)
				return s
			})
		},
		"Debounce": func(s Stream[int]) Stream[int] { return s.Debounce(time.Hour) },
		"Sample":   func(s Stream[int]) Stream[int] { return s.Sample(time.Hour) },
		"Window": func(s Stream[int]) Stream[int] {
			return Map(Window(s, time.Hour), func(v []int) int { return len(v) })
		},
	} {
		for _, attached := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			run := func(_ context.Context, out observer[int]) {
				if name != "Retry" && name != "Catch" && !out.next(1) {
					return
				}
				cancel()
				out.end(errSource)
			}
			s := Stream[int]{run: run}
			if attached {
				s = Stream[int]{open: func(ctx context.Context, out observer[int]) pump {
					p := &stepPump{f: func() { run(ctx, out) }}
					p.ring.init()
					return p
				}}
			}
			s = operator(s)
			if attached {
				s.run = nil
			}
			if got := play(t, ctx, anyOf(s), 0, nil); len(got) > 0 {
				t.Errorf("%s, attached %t: %v", name, attached, got)
			}
			cancel()
		}
	}
}

// A result that comes with the end of ctx is not handed on, in order or not.
func TestLateResultIsIgnored(t *testing.T) {
	for name, opt := range map[string]ParallelOption{"in order": nil, "as ready": Unordered()} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := ParallelMap(From(1), 1, func(ctx context.Context, n int) (int, error) {
				<-ctx.Done()
				return n, nil
			}, opt)
			w := &witness{t: t}
			p := anyOf(s).open(ctx, w.observer())
			defer p.close()
			synctest.Wait()
			if found := p.step(); found != empty {
				t.Errorf("%s: %v before the result", name, found)
			}
			cancel()
			synctest.Wait()
			if found := p.step(); found != ended || len(w.steps) > 0 {
				t.Errorf("%s: %v with %v after the end of the context", name, found, w.steps)
			}
		})
	}
}
