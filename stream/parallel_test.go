package stream_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// work takes as many frames as the letter has places in the alphabet, is
// cancelled by its context, and fails for some letters.
func work(ctx context.Context, v string) (string, error) {
	select {
	case <-time.After(time.Duration(strings.ToLower(v)[0]-'a') * frame):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	switch v {
	case "C":
		return "", errMarble
	case "D":
		return "", &stream.DecodeError{Err: errMarble}
	}
	return v, nil
}

func TestParallelMapInTime(t *testing.T) {
	unordered := []stream.ParallelOption{nil, stream.Unordered()}
	for name, test := range map[string]struct {
		source string
		n      int
		opts   []stream.ParallelOption
		want   string
	}{
		"in order":                        {"d b c |", 3, nil, ". . . db c|"},
		"one at a time":                   {"ccc |", 1, nil, ". . c . c . c|"},
		"two at a time":                   {"ccc |", 2, nil, ". . cc . c|"},
		"a notice in its place":           {"d ! b |", 2, nil, ". . . d!b|"},
		"a notice instead of a result":    {"e D b |", 3, nil, ". . . . e!b|"},
		"an error of f":                   {"e C b |", 3, nil, ". . . . e#"},
		"a notice does not stop it":       {"D . . . b |", 3, nil, ". . . ! . b|"},
		"an error of the source":          {"e b #", 3, nil, ". . . . eb#"},
		"an error first":                  {"#", 3, nil, "#"},
		"empty":                           {"|", 3, nil, "|"},
		"as ready":                        {"e b b |", 3, unordered, ". . b b e|"},
		"as ready, one at a time":         {"ccc |", 1, unordered, ". . c . c . c|"},
		"as ready, a notice at once":      {"d ! c |", 2, unordered, ". ! . d c|"},
		"as ready, a notice for a result": {"f D b |", 3, unordered, ". . . b ! f|"},
		"as ready, an error of f":         {"g C a |", 3, unordered, ". . a #"},
		"as ready, error of the source":   {"e b #", 3, unordered, ". . b . e#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				s := stream.ParallelMap(source(test.source), test.n, work, test.opts...)
				check(t, s, 20, test.want)
				check(t, stream.Merge(s), 20, test.want)
			})
		})
	}
}

func TestParallelMapBadN(t *testing.T) {
	var bad *stream.OptionError
	if _, err := all(t.Context(), stream.ParallelMap(stream.From("a"), 0, work)); !errors.As(err, &bad) || bad.Option != "ParallelMap" {
		t.Errorf("failed with %v", err)
	}
}

func eachOrder(t *testing.T, f func(t *testing.T, opts ...stream.ParallelOption)) {
	t.Run("in order", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t) }) })
	t.Run("as ready", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, stream.Unordered()) }) })
}

// No more than n calls at a time, and a source that waits for a slow consumer.
func TestParallelMapBounds(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		const n = 4
		var taken, running, most atomic.Int32
		source := stream.FromFunc(func(context.Context) (int32, error) { return taken.Add(1), nil })
		s := stream.ParallelMap(source, n, func(ctx context.Context, v int32) (int32, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-time.After(time.Duration(v%7+1) * time.Millisecond)
			return v, nil
		}, opts...)
		var got int32
		for v, err := range s.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if got++; len(opts) == 0 && v != got {
				t.Fatalf("%d instead of %d", v, got)
			}
			if got%10 == 0 {
				<-time.After(time.Second)
				// What waits, what is done or runs, and what is on its way.
				if ahead := taken.Load() - got; ahead > 3*n+1 {
					t.Fatalf("the source is %d ahead", ahead)
				}
			}
			if got == 200 {
				break
			}
		}
		if running.Load() != 0 {
			t.Errorf("%d calls are running", running.Load())
		}
		if most.Load() != n {
			t.Errorf("%d calls at a time", most.Load())
		}
	})
}

// All calls have been cancelled and have ended when the consumer is out,
// however it leaves.
func TestParallelMapLeave(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		var running, cancelled atomic.Int32
		s := stream.ParallelMap(stream.From(1, 2, 3, 4, 5, 6, 7), 3, func(ctx context.Context, v int) (int, error) {
			running.Add(1)
			defer running.Add(-1)
			if v == 1 {
				return v, nil
			}
			<-ctx.Done()
			cancelled.Add(1)
			<-time.After(frame) // it takes a while to clean up
			return v, ctx.Err()
		}, opts...)
		leave := func(how string, f func(ctx context.Context, cancel func())) {
			before := cancelled.Load()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f(ctx, cancel)
			if n := running.Load(); n != 0 {
				t.Errorf("%s: %d calls are running", how, n)
			}
			if cancelled.Load() == before {
				t.Errorf("%s: no call has run", how)
			}
		}
		leave("break", func(ctx context.Context, _ func()) {
			for range s.All(ctx) {
				synctest.Wait()
				break
			}
		})
		leave("cancel", func(ctx context.Context, cancel func()) {
			for _, err := range s.All(ctx) {
				if err != nil {
					t.Errorf("cancelled is no error: %v", err)
				}
				synctest.Wait()
				cancel()
			}
		})
		leave("panic", func(ctx context.Context, _ func()) {
			defer func() {
				if r := recover(); r != "mine" {
					t.Errorf("recovered %v", r)
				}
			}()
			for range s.All(ctx) {
				synctest.Wait()
				panic("mine")
			}
		})
	})
}

func TestParallelMapPanic(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		s := stream.ParallelMap(stream.From("b", "c", "x", "a"), 2, func(ctx context.Context, v string) (string, error) {
			if v == "x" {
				panic("bad x")
			}
			return work(ctx, v)
		}, opts...)
		var got []string
		defer func() {
			if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "bad x") {
				t.Errorf("recovered %v", r)
			}
			if want := []string{"b", "c"}; len(opts) == 0 && !slices.Equal(got, want) {
				t.Errorf("got %v before, want %v", got, want)
			}
		}()
		for v, err := range s.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		t.Error("no panic")
	})
}

// A call that ends its goroutine ends the stream with an error.
func TestParallelMapGoexit(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		s := stream.ParallelMap(stream.From("a"), 2, func(context.Context, string) (string, error) {
			runtime.Goexit()
			return "", nil
		}, opts...)
		if got, err := all(t.Context(), s); err == nil || len(got) > 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// Results that were ready before another call failed are delivered first, also
// when they wait for the consumer.
func TestParallelMapReadyBeforeError(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		s := stream.ParallelMap(stream.From("a", "a", "a", "b", "b", "C"), 6, work, opts...)
		var got []string
		var last error
		for v, err := range s.All(t.Context()) {
			if last = err; err == nil {
				got = append(got, v)
				<-time.After(10 * frame)
			}
		}
		if len(got) != 5 || !errors.Is(last, errMarble) {
			t.Errorf("got %v, %v", got, last)
		}
	})
}

// Once f has failed, no further values are taken.
func TestParallelMapStopsTaking(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		var taken atomic.Int32
		source := stream.FromFunc(func(ctx context.Context) (string, error) {
			switch taken.Add(1) {
			case 1:
				return "z", nil
			case 2:
				return "C", nil
			}
			<-time.After(frame)
			return "a", nil
		})
		_, err := all(t.Context(), stream.ParallelMap(source, 100, work, opts...))
		if !errors.Is(err, errMarble) || taken.Load() > 5 {
			t.Errorf("%d values taken; %v", taken.Load(), err)
		}
	})
}

// Nor are they while the consumer is busy and does not know of it yet; results
// that were ready by then are delivered, be there room for them or not.
func TestParallelMapFailsWhileTheConsumerIsBusy(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		var taken, atFailure, ready atomic.Int32
		source := stream.FromFunc(func(context.Context) (string, error) {
			if taken.Add(1) == 5 {
				return "C", nil
			}
			return "a", nil
		})
		f := func(ctx context.Context, v string) (string, error) {
			v, err := work(ctx, v)
			if err == nil && atFailure.Load() == 0 {
				ready.Add(1)
			} else if err == errMarble {
				atFailure.Store(taken.Load())
			}
			return v, err
		}
		got := 0
		var last error
		for _, err := range stream.ParallelMap(source, 2, f, opts...).All(t.Context()) {
			if last = err; err == nil {
				if got++; got > 20 {
					break // it does not stop at all
				}
				<-time.After(10 * frame)
			}
		}
		want := ready.Load()
		late := int32(1) // one that the source had on its way
		if len(opts) == 0 {
			want = 4
		} else {
			late = 0
		}
		if got != int(want) || !errors.Is(last, errMarble) || taken.Load() > atFailure.Load()+late {
			t.Errorf("got %d of %d, %v; taken %d, %d of them before the failure", got, want, last, taken.Load(), atFailure.Load())
		}
	})
}

// When n calls run and n more results wait, the source waits.
func TestParallelMapAhead(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		const n = 2
		var taken atomic.Int32
		source := stream.FromFunc(func(context.Context) (int32, error) { return taken.Add(1), nil })
		s := stream.ParallelMap(source, n, func(_ context.Context, v int32) (int32, error) { return v, nil }, opts...)
		most := int32(1 + 2*n + 1) // the consumer's, what waits, and one that cannot be begun
		for range s.All(t.Context()) {
			synctest.Wait()
			if got := taken.Load(); got > most {
				t.Errorf("%d values taken, want at most %d", got, most)
			}
			break
		}
	})
}

// A panic of the source comes after the results that are on their way, and
// leaves no call behind.
func TestParallelMapSourcePanics(t *testing.T) {
	eachOrder(t, func(t *testing.T, opts ...stream.ParallelOption) {
		source := stream.FromSeq(func(yield func(string) bool) {
			yield("c")
			panic("bad source")
		})
		var got []string
		defer func() {
			if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "bad source") || len(got) != 1 {
				t.Errorf("got %v, recovered %v", got, r)
			}
		}()
		for v, err := range stream.ParallelMap(source, 2, work, opts...).All(t.Context()) {
			if err != nil {
				t.Errorf("ended with %v", err)
			}
			got = append(got, v)
		}
	})
}
