package stream_test

import (
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestRaceInTime(t *testing.T) {
	inTime(t, map[string]two{
		"first value":    {". a . b |", ". . x . . |", ". a . b |"},
		"second stream":  {". . a . b |", ". x . . y |", ". x . . y |"},
		"first error":    {". . a |", ". #", ". #"},
		"first end":      {". . a |", ". |", ". |"},
		"notice is none": {"! . a . ! |", ". ! . x . y |", "! ! a . ! |"},
	}, func(a, b stream.Stream[string]) stream.Stream[string] { return stream.Race(a, b) })
	empty(t, stream.Race[string]())
}

// The losers are released before the first value is there.
func TestRaceReleasesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, loser := newFeed[int](t), newFeed[int](t)
		first.q.Push([]int{1})
		loser.q.Push([]int{2})
		for v, err := range stream.Race(first.stream(), loser.stream()).All(t.Context()) {
			if v != 1 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
			if loser.sub.Err() != stream.ErrClosed {
				t.Error("the other is open")
			}
			break
		}
	})
}
