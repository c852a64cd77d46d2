package stream_test

import (
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
