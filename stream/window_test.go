package stream_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestWindowInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"what has come":            {"a b c d e f g . . |", ". . [abc](+6ms) . . [def](+2ms) . [g](+8ms) . |"},
		"empty ones too":           {"a . . . . . . b |", ". . [a](+6ms) . . [](+2ms) . [b](+8ms) |"},
		"held at a clean end":      {"a . . b |", ". . [a](+6ms) . [b]|"},
		"held at an error":         {"a . . b #", ". . [a](+6ms) . [b]#"},
		"notices pass at once":     {"a ! b ! |", ". ! [ab](+6ms) ! |"},
		"nothing at a clean end":   {". |", ". |"},
		"nothing at an error":      {". #", ". #"},
		"empty ones before an end": {". . . . |", ". . [](+6ms) . |"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, noBlanks(stream.Window(source(test.in), 26*time.Millisecond)), 20, test.want)
			})
		})
	}
}

func TestRateInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"of each window":         {"a bb c . . ! dd . |", ". . . 125(+2ms) . ! 62.5(+4ms) . |"},
		"none is 0":              {"a . . . . . . |", ". . . 31.25(+2ms) . . 0(+4ms) |"},
		"what is left, an end":   {"a . . . bb |", ". . . 31.25(+2ms) . 62.5|"},
		"what is left, an error": {"a . . . bb #", ". . . 31.25(+2ms) . 62.5#"},
		"nothing is left":        {". #", ". #"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, stream.Rate(source(test.in), 32*time.Millisecond), 20, test.want)
			})
		})
	}
}

// A window that the consumer has made longer is counted as that long.
func TestRateOfASlowConsumer(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		var got []float64
		// One value in 10 ms, that is 100 a second, but for the edges.
		for r, err := range stream.Rate(source("a b c d e f g h i j k l m n o p q r s t u |"), 50*time.Millisecond-time.Microsecond).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, math.Round(r))
			if len(got) == 1 {
				<-time.After(95 * time.Millisecond)
			}
		}
		if want := []float64{100, 100, 100, 20}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
