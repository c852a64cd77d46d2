package stream_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// two are the marbles of two streams, and of what becomes of them.
type two struct{ a, b, want string }

// inTime checks what combine makes of two streams, which are run or attached.
// Those that are run heed their context, unlike cold.
func inTime[T any](t *testing.T, tests map[string]two, combine func(a, b stream.Stream[string]) stream.Stream[T]) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			runOrAttached(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, combine(source(test.a), source(test.b)), 20, test.want)
			})
		})
	}
}

// runOrAttached is inBubble with a source that heeds its context, and can be
// consumed once, in place of cold.
func runOrAttached(t *testing.T, f func(t *testing.T, source func(string) stream.Stream[string])) {
	t.Helper()
	for name, source := range map[string]func(string) stream.Stream[string]{
		"run":      watchful,
		"attached": func(m string) stream.Stream[string] { return hot(m) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, source) })
		})
	}
}

// watchful returns a stream that plays marbles once and has to be run.
func watchful(marbles string) stream.Stream[string] {
	fields := strings.Fields(marbles)
	frames, left := 0, ""
	var start time.Time
	return stream.FromFunc(func(ctx context.Context) (string, error) {
		if frames == 0 {
			start = time.Now()
		}
		for left == "" {
			if frames == len(fields) {
				<-ctx.Done()
				return "", ctx.Err()
			}
			select {
			case <-time.After(time.Until(start.Add(time.Duration(frames) * frame))):
			case <-ctx.Done():
				return "", ctx.Err()
			}
			left = strings.TrimPrefix(fields[frames], ".")
			frames++
		}
		now := left[:1]
		left = left[1:]
		switch now {
		case "!":
			return "", &stream.LagError{Dropped: 1}
		case "#":
			return "", errMarble
		case "|":
			return "", io.EOF
		}
		return now, nil
	})
}

// empty checks that s ends at once, and cleanly.
func empty[T any](t *testing.T, s stream.Stream[T]) {
	t.Helper()
	for v, err := range s.All(t.Context()) {
		t.Errorf("a step: %v, %v", v, err)
	}
}

// streams returns a stream of streams: letters of outer stand for the marbles
// of inner, others for a stream that never has anything.
func streams(source func(string) stream.Stream[string], outer string, inner map[string]string) stream.Stream[stream.Stream[string]] {
	return stream.Map(source(outer), func(v string) stream.Stream[string] {
		if m, ok := inner[v]; ok {
			return source(m)
		}
		return stream.Never[string]()
	})
}

// fails checks that s ends with an OptionError that names the operator.
func fails[T any](t *testing.T, s stream.Stream[T], operator string) {
	t.Helper()
	n := 0
	for _, err := range s.All(t.Context()) {
		n++
		var e *stream.OptionError
		if !errors.As(err, &e) || e.Option != operator {
			t.Errorf("%s: %v", operator, err)
		}
	}
	if n != 1 {
		t.Errorf("%s: %d steps", operator, n)
	}
}

func TestMergeInTime(t *testing.T) {
	inTime(t, map[string]two{
		"as they come":     {"a . . b . |", ". c . . d . |", "a c . b d . |"},
		"first error":      {"a . . . b |", ". c # . . .", "a c #"},
		"error first":      {"#", ". c |", "#"},
		"notices go on":    {"a ! . b |", ". . c . |", "a ! c b |"},
		"one ends early":   {"|", ". c |", ". c |"},
		"both end at once": {"|", "|", "|"},
		"cut off":          {"a . . . . . . . . . . . . . . . . . . . . b |", ". c |", "a c"},
	}, func(a, b stream.Stream[string]) stream.Stream[string] { return stream.Merge(a, b) })
	empty(t, stream.Merge[string]())
}

func TestMergeManyInTime(t *testing.T) {
	for name, test := range map[string]struct {
		outer  string
		atOnce int
		inner  map[string]string
		want   string
	}{
		"side by side":     {"x . y . |", 0, map[string]string{"x": "a . . b |", "y": ". . c . d . |"}, "a . . b c . d . |"},
		"one by one":       {"x . y . |", 1, map[string]string{"x": "a . . b |", "y": ". c . d . |"}, "a . . b . c . d . |"},
		"two at a time":    {"xyz . |", 2, map[string]string{"x": ". a . . |", "y": ". . b |", "z": ". c |"}, ". a b . c |"},
		"outer error":      {"x . #", 0, map[string]string{"x": "a . . b |"}, "a . #"},
		"inner error":      {"xy |", 0, map[string]string{"x": "a . . b |", "y": ". #"}, "a #"},
		"inner error held": {"xy |", 1, map[string]string{"x": "a . . b |", "y": ". #"}, "a . . b . #"},
		"notices":          {"x ! |", 0, map[string]string{"x": "a . ! b |"}, "a ! ! b |"},
		"empty":            {"|", 1, nil, "|"},
		"empty inner":      {"xxx . |", 1, map[string]string{"x": "|"}, ". . |"},
		"no end of one":    {"xn |", 0, map[string]string{"x": "a |"}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			runOrAttached(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, stream.MergeMany(streams(source, test.outer, test.inner), test.atOnce), 20, test.want)
			})
		})
	}
	fails(t, stream.MergeMany(stream.Empty[stream.Stream[int]](), -1), "MergeMany")
}

// While the limit is reached, what the outer stream brings stays with it.
func TestMergeManyPushesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := stream.NewQueue(stream.Config{Buffer: 1 << 10, Overflow: stream.Block}, stream.Hooks[int]{})
		const total = 300
		q.Push(make([]int, total))
		outer := stream.Direct(q)
		opened, open, most := 0, 0, 0
		inner := stream.FromSeq(func(yield func(int) bool) {
			defer func() { open-- }()
			opened++
			open++
			most = max(most, open)
			yield(opened)
		})
		s := stream.Map(stream.FromSubscription(func() *stream.Subscription[int] { return outer }),
			func(int) stream.Stream[int] { return inner })
		for n, err := range stream.MergeMany(s, 1).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if got := outer.Stats().Delivered; int(got) > n+64 {
				t.Fatalf("after %d inner streams the outer one has handed on %d", n, got)
			}
			if n == total {
				break
			}
		}
		if most != 1 || opened != total {
			t.Errorf("%d inner streams, up to %d at a time", opened, most)
		}
	})
}
