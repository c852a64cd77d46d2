package stream_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestSwitchInTime(t *testing.T) {
	for name, test := range map[string]struct {
		outer string
		inner map[string]string
		want  string
	}{
		"newest only":         {"x . y . . . |", map[string]string{"x": "a b . c d |", "y": ". . f . g |"}, "a b . . f . g |"},
		"outer ends first":    {"x |", map[string]string{"x": "a . b |"}, "a . b |"},
		"inner ends first":    {"x . . . y . |", map[string]string{"x": "a |", "y": "b |"}, "a . . . b . |"},
		"skipped":             {"xy |", map[string]string{"x": ". . a |", "y": ". b |"}, ". b |"},
		"outer error":         {"x . #", map[string]string{"x": "a . . b |"}, "a . #"},
		"inner error":         {"x . . y |", map[string]string{"x": "a #"}, "a #"},
		"error of the former": {"x . y . |", map[string]string{"x": "a . . #", "y": ". . b |"}, "a . . . b |"},
		"notices":             {"x ! . |", map[string]string{"x": "a . ! |"}, "a ! ! |"},
		"empty":               {". |", nil, ". |"},
	} {
		t.Run(name, func(t *testing.T) {
			runOrAttached(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, stream.Switch(streams(source, test.outer, test.inner)), 20, test.want)
				check(t, stream.Merge(stream.Switch(streams(source, test.outer, test.inner))), 20, test.want)
			})
		})
	}
}

// A stream that has been superseded says nothing more, also when there is more
// in its batch, and is released before the next is opened.
func TestSwitchInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer := newFeed[int](t)
		var log []string
		inner := func(n int) stream.Stream[int] {
			return stream.FromSubscription(func() *stream.Subscription[int] {
				log = append(log, fmt.Sprint("open ", n))
				q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{
					Closed: func() { log = append(log, fmt.Sprint("close ", n)) },
				})
				for i := range 64 {
					q.Push([]int{100*n + i})
				}
				return stream.Direct(q)
			})
		}
		outer.q.Push([]int{1, 2}) // 1 is never opened
		for v, err := range stream.Switch(stream.Map(outer.stream(), inner)).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, fmt.Sprint(v))
			if v == 201 {
				outer.q.Push([]int{3, 4})
			}
			if v == 401 {
				break
			}
		}
		want := "[open 2 200 201 close 2 open 4 400 401 close 4]"
		if got := fmt.Sprint(log); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// Nor does it tell its notices and its error, when it was superseded in the
// very step that brings them.
func TestSwitchInTheLastStep(t *testing.T) {
	for what, former := range map[string]func(q *stream.Queue[int], supersede func()) stream.Stream[int]{
		"notice": func(q *stream.Queue[int], supersede func()) stream.Stream[int] {
			return stream.FromSubscription(func() *stream.Subscription[int] {
				return stream.Decoded(q, func(_, _ *int) error { supersede(); return errSource })
			})
		},
		"error": func(q *stream.Queue[int], supersede func()) stream.Stream[int] {
			s := stream.FromSubscription(func() *stream.Subscription[int] { return stream.Direct(q) })
			return stream.TryMap(s, func(int) (int, error) { supersede(); return 0, errSource })
		},
	} {
		t.Run(what, func(t *testing.T) {
			outer := newFeed[stream.Stream[int]](t)
			q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
			q.Push([]int{1})
			outer.q.Push([]stream.Stream[int]{former(q, func() {
				outer.q.Push([]stream.Stream[int]{stream.From(2)})
				outer.q.CloseWith(nil)
			})})
			for v, err := range stream.Switch(outer.stream()).All(t.Context()) {
				if v != 2 || err != nil {
					t.Errorf("got %v, %v", v, err)
				}
			}
		})
	}
}

// When the outer stream fails, what is left of a batch is not handed on.
func TestSwitchFailsInABatch(t *testing.T) {
	outer := newFeed[stream.Stream[int]](t)
	outer.q.Push([]stream.Stream[int]{stream.From(0, 1, 2, 3)})
	var got []string
	for v, err := range stream.Switch(outer.stream()).All(t.Context()) {
		got = append(got, fmt.Sprint(v, err))
		if v == 1 {
			outer.q.CloseWith(errSource)
		}
	}
	if want := fmt.Sprint([]string{"0 <nil>", "1 <nil>", fmt.Sprint(0, errSource)}); fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
