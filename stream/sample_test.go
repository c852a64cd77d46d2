package stream_test

import (
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestSampleInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"the newest of each beat": {"a b c d e f g . . |", ". . c(+6ms) . . f(+2ms) . g(+8ms) . |"},
		"nothing new, nothing":    {"a . . . . . . . b . . |", ". . a(+6ms) . . . . . . . b(+4ms) |"},
		"several at a time":       {"abc . . . |", ". . c(+6ms) . |"},
		"held at a clean end":     {"a . . b |", ". . a(+6ms) . b|"},
		"held at an error":        {"a . . b #", ". . a(+6ms) . b#"},
		"notices pass at once":    {"a ! . ! |", ". ! a(+6ms) ! |"},
		"empty":                   {". . . |", ". . . |"},
		"error first":             {"#", "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, source(test.in).Sample(26*time.Millisecond), 20, test.want)
			})
		})
	}
}
