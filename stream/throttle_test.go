package stream_test

import (
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestThrottleInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"first, newest, last":       {"a b c d e f g . . . |", "a . c(+6ms) . . f(+2ms) . g(+8ms) . . |"},
		"quiet streams pass":        {"a . . b . . c . . |", "a . . b . . c . . |"},
		"several at a time":         {"abc . . . |", "a . c(+6ms) . |"},
		"a late one waits its turn": {"a b . . c . . |", "a . b(+6ms) . . c(+2ms) . |"},
		"held at a clean end":       {"a b |", "a . b|"},
		"held at an error":          {"a b #", "a . b#"},
		"notices pass at once":      {"a b! ! . |", "a ! !b(+6ms) . |"},
		"empty":                     {". |", ". |"},
		"error first":               {"#", "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, source(test.in).Throttle(26*time.Millisecond), 20, test.want)
			})
		})
	}
}
