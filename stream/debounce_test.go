package stream_test

import (
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestDebounceInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"the last of a burst":         {"a b c . . . d . . . |", ". . . . c(+5ms) . . . d(+5ms) . |"},
		"several at a time":           {"abc . . . |", ". . c(+5ms) . |"},
		"no silence, nothing":         {"a . b . c . d . e . . . |", ". . . . . . . . . . e(+5ms) . |"},
		"silence begins with a value": {". . . . a . . . |", ". . . . . . a(+5ms) . |"},
		"held at a clean end":         {"a . . . b |", ". . a(+5ms) . . b|"},
		"held at an error":            {"a . . . b #", ". . a(+5ms) . . b#"},
		"notices break no silence":    {"a ! ! ! |", ". ! !a(+5ms) ! |"},
		"empty":                       {". . . |", ". . . |"},
		"error first":                 {"#", "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, source(test.in).Debounce(25*time.Millisecond), 20, test.want)
			})
		})
	}
}
