package stream_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestLatestByInTime(t *testing.T) {
	const slow = 25 * time.Millisecond
	for name, test := range map[string]struct {
		source string
		wait   time.Duration
		want   string
	}{
		"a consumer that keeps up": {"a b A ! c B |", 0, "a b A ! c B |"},
		"replaced in place":        {"a b c B C |", slow, ". . a(+5ms) . . b . C(+5ms) . . B|"},
		"taken is not replaced":    {"a b A B |", slow, ". . a(+5ms) . . b . A(+5ms) . . B|"},
		"many of one":              {"a bBb BbB bBb |", slow, ". . a(+5ms) . . B . b(+5ms)|(+5ms)"},
		"then the error":           {"a b c B #", slow, ". . a(+5ms) . . b . c(+5ms) . . B#"},
		"notices keep their place": {"a bc!d DCB |", slow, ". . a(+5ms) . . B . C(+5ms)!(+5ms) . . D|"},
		"empty":                    {"|", slow, "|"},
		"error first":              {"#", slow, "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				s := stream.LatestBy(source(test.source), strings.ToLower)
				if test.wait > 0 {
					s = slowly(s, test.wait)
				}
				check(t, s, 20, test.want)
				check(t, s, 20, test.want)
			})
		})
	}
}

// The source never waits, and what waits is one value for each key.
func TestLatestByKeepsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, rounds = stream.DefaultBuffer + 100, 20
		vals := make([][2]int, 0, keys*rounds)
		for round := range rounds {
			for k := range keys {
				vals = append(vals, [2]int{k, round})
			}
		}
		last := make(map[int]int)
		steps := 0
		s := stream.LatestBy(stream.From(vals...), func(v [2]int) int { return v[0] })
		for v, err := range s.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until all has come that may come
			if r, seen := last[v[0]]; seen && r >= v[1] {
				t.Fatalf("round %d of key %d after %d", v[1], v[0], r)
			}
			last[v[0]] = v[1]
			steps++
		}
		if steps < keys || steps > keys+1 {
			t.Errorf("%d values for %d keys", steps, keys)
		}
		for k := range keys {
			if last[k] != rounds-1 {
				t.Errorf("the last value of key %d is of round %d", k, last[k])
			}
		}
	})
}

// NaN is not equal to itself: nothing replaces it.
func TestLatestByNaN(t *testing.T) {
	nan := math.NaN()
	got, err := all(t.Context(), stream.LatestBy(stream.From(nan, nan, nan), func(v float64) float64 { return v }))
	if len(got) != 3 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
