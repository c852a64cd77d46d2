package stream_test

import (
	"testing"

	"github.com/rivet-go/rivet/stream"
)

func TestMergeInTime(t *testing.T) {
	for name, test := range map[string]struct{ a, b, want string }{
		"as they come":     {"a . . b . |", ". c . . d . |", "a c . b d . |"},
		"first error":      {"a . . . b |", ". c # . . .", "a c #"},
		"notices go on":    {"a ! . b |", ". . c . |", "a ! c b |"},
		"one ends early":   {"|", ". c |", ". c |"},
		"both end at once": {"|", "|", "|"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, stream.Merge(source(test.a), source(test.b)), 20, test.want)
			})
		})
	}
}
