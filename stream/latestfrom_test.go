package stream_test

import (
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestWithLatestFromInTime(t *testing.T) {
	inTime(t, map[string]two{
		"values of the first only": {". a . b c |", "x . y . . . |", ". ax . by cy |"},
		"none before":              {"a . b . |", ". x . . |", ". . bx . |"},
		"other ends":               {". . a . b |", "x |", ". . ax . bx |"},
		"other is empty":           {". . a |", "|", ". . . |"},
		"ends with the first":      {". a |", "x . . . y |", ". ax |"},
		"error":                    {". a #", "x . . |", ". ax #"},
		"error of other":           {". a . . b |", "x . . #", ". ax . #"},
		"notices":                  {". a ! . |", "x . . ! |", ". ax ! ! |"},
		"empty":                    {"|", ". x |", "|"},
	}, func(a, b stream.Stream[string]) stream.Stream[string] {
		return stream.WithLatestFrom(a, b, join)
	})
	fails(t, stream.WithLatestFrom[int, int, int](stream.From(1), stream.From(2), nil), "WithLatestFrom")
}

// What other has brought by the time a value is taken counts, also in the
// middle of a batch.
func TestWithLatestFromIsCurrentInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		numbers, others := newFeed[int](t), newFeed[int](t)
		others.q.Push([]int{0})
		numbers.q.Push(make([]int, 64))
		n := 0
		for latest, err := range stream.WithLatestFrom(numbers.stream(), others.stream(), func(_, b int) int { return b }).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if latest != n {
				t.Fatalf("value %d is combined with %d", n, latest)
			}
			if n++; n == 64 {
				break
			}
			others.q.Push([]int{n})
		}
	})
}

// newFeed returns a queue to push to, and its stream, to be consumed once.
func newFeed[T any](t *testing.T) *queueFeed[T] {
	t.Helper()
	q := stream.NewQueue(stream.Config{}, stream.Hooks[T]{})
	return &queueFeed[T]{q, stream.Direct(q)}
}

type queueFeed[T any] struct {
	q   *stream.Queue[T]
	sub *stream.Subscription[T]
}

func (f *queueFeed[T]) stream() stream.Stream[T] {
	return stream.FromSubscription(func() *stream.Subscription[T] { return f.sub })
}
