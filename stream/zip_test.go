package stream_test

import (
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestZipInTime(t *testing.T) {
	inTime(t, map[string]two{
		"pairs":              {"a b c . . |", ". x . y z . |", ". ax . by cz |"},
		"ends with the left": {"a b |", "x y z . |", "ax by |"},
		"and the right":      {"ab . . |", "x . y |", "ax . by |"},
		"once paired":        {"abc |", "x . y . z . |", "ax . by . cz|"},
		"error":              {"a # ", "x . |", "ax #"},
		"error ahead":        {"ab#", "x . y . . |", "ax . by#"},
		"error behind":       {"ab", "x . #", "ax . #"},
		"notices in place":   {"a!b . . |", ". x . !y . |", ". ax! . !by|"},
		"empty":              {"|", ". x |", "|"},
		"other empty":        {"a . . |", ". |", ". |"},
	}, func(a, b stream.Stream[string]) stream.Stream[string] { return stream.Zip(a, b, join) })
	fails(t, stream.Zip[int, int, int](stream.From(1), stream.From(2), nil), "Zip")
}

// The stream that is ahead waits in its own buffer, whichever it is.
func TestZipPushesBack(t *testing.T) {
	for _, ahead := range []string{"left", "right"} {
		t.Run(ahead, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fast, slow := newFeed[int](t), newFeed[int](t)
				fast.q.Push(make([]int, 1000))
				slow.q.Push([]int{0})
				pairs := stream.Zip(fast.stream(), slow.stream(), func(_, b int) int { return b })
				if ahead == "right" {
					pairs = stream.Zip(slow.stream(), fast.stream(), func(a, _ int) int { return a })
				}
				n := 0
				for pair, err := range pairs.All(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if pair != n {
						t.Fatalf("pair %d has %d", n, pair)
					}
					n++
					if got := fast.sub.Stats().Delivered; int(got) > n+64 {
						t.Fatalf("%d values taken for %d pairs", got, n)
					}
					if n == 500 {
						break
					}
					slow.q.Push([]int{n})
				}
			})
		})
	}
}
