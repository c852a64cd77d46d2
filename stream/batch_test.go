package stream_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestBatchInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"by size":                  {"a b c d e f |", ". . [abc] . . [def] |"},
		"by time from the first":   {". a b . . . c . . . |", ". . . [ab](+5ms) . . . . [c](+5ms) . |"},
		"each of its own time":     {"a b c . d . . . |", ". . [abc] . . . [d](+5ms) . |"},
		"size within one step":     {"abcd . . . |", "[abc] . [d](+5ms) . |"},
		"held at a clean end":      {"a . . b |", ". . [a](+5ms) . [b]|"},
		"held at an error":         {"a . . b #", ". . [a](+5ms) . [b]#"},
		"nothing spans a notice":   {"a b! c d e |", ". [ab]! . . [cde] |"},
		"time begins after notice": {"a ! b . . . |", ". [a]! . . [b](+5ms) . |"},
		"notices of nothing":       {"! . ! |", "! . ! |"},
		"empty":                    {". . . |", ". . . |"},
		"error first":              {"#", "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, noBlanks(stream.Batch(source(test.in), 3, 25*time.Millisecond)), 20, test.want)
			})
		})
	}
}

func TestBatchBySize(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		size int
		want string
	}{
		"full":                   {"a b c . . . . d e f |", 3, ". . [abc] . . . . . . [def] |"},
		"ones":                   {"ab . c |", 1, "[a][b] . [c] |"},
		"held at a clean end":    {"a b c d |", 3, ". . [abc] . [d]|"},
		"held at an error":       {"a b c d #", 3, ". . [abc] . [d]#"},
		"nothing spans a notice": {"a b! c d |", 3, ". [ab]! . . [cd]|"},
		"huge":                   {"a b |", math.MaxInt, ". . [ab]|"},
		"empty":                  {"|", 3, "|"},
		"error first":            {"#", 3, "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, noBlanks(stream.Batch(source(test.in), test.size, 0)), 20, test.want)
			})
		})
	}
}

// Each slice is the receiver's own, and not larger than it has to be.
func TestBatchIsTheReceivers(t *testing.T) {
	for name, wait := range map[string]time.Duration{"by size": 0, "by time too": time.Hour} {
		t.Run(name, func(t *testing.T) {
			var all [][]int
			for b, err := range stream.Batch(stream.From(upTo(1000)...), 10, wait).All(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				if len(b) != 10 || cap(b) > 16 {
					t.Fatalf("batch of %d, capacity %d", len(b), cap(b))
				}
				all = append(all, b)
				_ = append(b, -1)
			}
			n := 0
			for _, b := range all {
				for _, v := range b {
					if n++; v != n {
						t.Fatalf("got %d, want %d", v, n)
					}
				}
			}
			if n != 1000 {
				t.Fatalf("%d values", n)
			}
		})
	}
}

// A batch is handed on before a notice, in one go: when the consumer ends the
// context in that step there is no other.
func TestBatchIsCancelledBeforeANotice(t *testing.T) {
	source := stream.Concat(stream.From(1), stream.FromError[int](&stream.LagError{Dropped: 1}))
	for _, wait := range []time.Duration{0, time.Hour} {
		ctx, cancel := context.WithCancel(context.Background())
		steps := 0
		for range stream.Batch(source, 2, wait).All(ctx) {
			steps++
			cancel()
		}
		cancel()
		if steps != 1 {
			t.Errorf("wait %v: %d steps, the context ended in the first", wait, steps)
		}
	}
}
