package stream_test

import (
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestTakeUntilInTime(t *testing.T) {
	inTime(t, map[string]two{
		"ends with the value": {"a . b . c . |", ". . . x |", "a . b |"},
		"at once":             {". a |", "x |", "|"},
		"ends before":         {"a b |", ". . . x |", "a b |"},
		"until ends":          {"a . b . |", ". |", "a . b . |"},
		"error":               {"a #", ". . x |", "a #"},
		"error of until":      {"a . . b |", ". #", "a #"},
		"notices":             {"a . ! . b |", ". ! . x |", "a ! ! |"},
		"empty":               {"|", ". x |", "|"},
	}, func(a, b stream.Stream[string]) stream.Stream[string] { return stream.TakeUntil(a, b) })
}

// What ends it is heeded in the middle of a batch.
func TestTakeUntilInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		numbers, until := newFeed[int](t), newFeed[string](t)
		numbers.q.Push(make([]int, 64))
		n := 0
		for _, err := range stream.TakeUntil(numbers.stream(), until.stream()).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10 {
				until.q.Push([]string{"now"})
			}
		}
		if n != 10 {
			t.Errorf("%d values came", n)
		}
	})
}
