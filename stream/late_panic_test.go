package stream

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
)

// brokenWhenLeft returns a stream of one value that panics, as nearly all that
// is released can, when its consumer has left: on a goroutine of the operator.
func brokenWhenLeft(open *atomic.Int32) Stream[string] {
	return Stream[string]{run: func(ctx context.Context, out observer[string]) {
		open.Add(1)
		defer open.Add(-1)
		defer func() { panic(errSource) }()
		out.next("a")
		<-ctx.Done()
	}}
}

// onGoroutines are operators that run their source, or what is given to them,
// on goroutines of their own.
var onGoroutines = map[string]func(open *atomic.Int32) Stream[string]{
	"Buffered": func(open *atomic.Int32) Stream[string] { return brokenWhenLeft(open).Buffered() },
	"Merge":    func(open *atomic.Int32) Stream[string] { return Merge(Never[string](), brokenWhenLeft(open)) },
	"LatestBy": func(open *atomic.Int32) Stream[string] {
		return LatestBy(brokenWhenLeft(open), func(v string) string { return v })
	},
	"Share": func(open *atomic.Int32) Stream[string] { return brokenWhenLeft(open).Share() },
	"nested": func(open *atomic.Int32) Stream[string] {
		return Merge(brokenWhenLeft(open).Buffered()).Share().Buffered()
	},
	"ParallelMap": func(open *atomic.Int32) Stream[string] { return lateCalls(open) },
	"ParallelMap, unordered": func(open *atomic.Int32) Stream[string] {
		return lateCalls(open, Unordered())
	},
	"ParallelMap, source": func(open *atomic.Int32) Stream[string] {
		return ParallelMap(brokenWhenLeft(open), 1, func(_ context.Context, v string) (string, error) { return v, nil })
	},
}

// lateCalls returns a stream whose second call panics when the consumer, which
// has the result of the first, has left.
func lateCalls(open *atomic.Int32, opts ...ParallelOption) Stream[string] {
	both := make(chan struct{})
	return ParallelMap(From("a", "b"), 2, func(ctx context.Context, v string) (string, error) {
		if v == "a" {
			<-both
			return v, nil
		}
		open.Add(1)
		defer open.Add(-1)
		close(both)
		<-ctx.Done()
		panic(errSource)
	}, opts...)
}

// A panic on a goroutine of a stream reaches the consumer also when that has
// left before: the loop has not returned by then.
func TestLatePanicReachesTheConsumer(t *testing.T) {
	for name, build := range onGoroutines {
		for how, leave := range map[string]func(s Stream[string]){
			"break": func(s Stream[string]) {
				for range s.All(t.Context()) {
					break
				}
			},
			"cancel": func(s Stream[string]) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for range s.All(ctx) {
					cancel()
				}
			},
			"First": func(s Stream[string]) { _, _ = s.First(t.Context()) },
			"Await": func(s Stream[string]) { _, _ = s.Await(t.Context(), nil) },
			"Race":  func(s Stream[string]) { _, _ = Race(Never[string](), s).First(t.Context()) },
			"inner": func(s Stream[string]) {
				_ = FlatMap(From(1), func(int) Stream[string] { return s.Take(1) }).Drain(t.Context())
			},
			"panic": func(s Stream[string]) { // replaced by the later one, as everywhere in Go
				for range s.All(t.Context()) {
					panic(errLoop)
				}
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				var open atomic.Int32
				defer func() {
					err, _ := recover().(error)
					if !errors.Is(err, errSource) {
						t.Errorf("recovered %v", err)
					}
					released(t, &open)
				}()
				leave(build(&open))
			})
		}
	}
}

// Each subscriber that is there when a shared stream breaks is thrown the panic,
// be it that it comes to it or leaves before that; one that left earlier is not.
func TestLatePanicOfShare(t *testing.T) {
	gate := make(chan struct{})
	s := Stream[string]{run: func(context.Context, observer[string]) {
		<-gate
		panic(errSource)
	}}.Share()
	thrown := func(f func()) (err error) {
		defer func() { err, _ = recover().(error) }()
		f()
		return nil
	}
	early, reads, leaves := s.open(t.Context(), observer[string]{}), s.open(t.Context(), observer[string]{}), s.open(t.Context(), observer[string]{})
	if err := thrown(early.close); err != nil {
		t.Errorf("who left early was thrown %v", err)
	}
	close(gate)
	if err := thrown(func() { work(t.Context(), reads) }); !errors.Is(err, errSource) {
		t.Errorf("who came to it was thrown %v", err)
	}
	if err := thrown(reads.close); err != nil {
		t.Errorf("and then %v", err)
	}
	if err := thrown(leaves.close); !errors.Is(err, errSource) {
		t.Errorf("who left before it was thrown %v", err)
	}
}

// The panic that a consumer was thrown by its step is not thrown again when it
// is released.
func TestPanicIsThrownOnce(t *testing.T) {
	broken := Stream[string]{run: func(context.Context, observer[string]) { panic(errSource) }}
	for name, s := range map[string]Stream[string]{
		"Buffered": broken.Buffered(),
		"Share":    broken.Share(),
		"ParallelMap": ParallelMap(From("a"), 1, func(context.Context, string) (string, error) {
			panic(errSource)
		}),
	} {
		p := s.open(t.Context(), observer[string]{end: func(err error) { t.Errorf("%s: ended with %v", name, err) }})
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, errSource) {
					t.Errorf("%s: recovered %v", name, err)
				}
			}()
			work(t.Context(), p)
		}()
		p.close() // would panic
	}
}

// A consumer that ends its goroutine is no reason for another to be told.
func TestGoexitIsNoPanic(t *testing.T) {
	s := Stream[string]{run: func(ctx context.Context, out observer[string]) {
		out.next("a")
		<-ctx.Done()
		runtime.Goexit()
	}}.Buffered()
	if v, err := s.First(t.Context()); v != "a" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}
