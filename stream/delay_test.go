package stream_test

import (
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestDelayInTime(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"every step":              {"a b . c |", ". . a b . c |"},
		"several at a time":       {"abc . |", ". . abc . |"},
		"longer than the source":  {"a |", ". . a |"},
		"notices in their place":  {"a!b ! |", ". . a!b ! |"},
		"the error in its place":  {"a b #", ". . a b #"},
		"held at an error":        {"ab#", ". . ab#"},
		"nothing but the end":     {"|", ". . |"},
		"nothing but an error":    {"#", ". . #"},
		"a pause":                 {"a . . . . b |", ". . a . . . . b |"},
		"notices before anything": {"! a |", ". . ! a |"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				// Whatever comes in a frame is as late as the others.
				want := regexp.MustCompile(`[a-z!#|]`).ReplaceAllString(test.want, "$0(+5ms)")
				check(t, source(test.in).Delay(25*time.Millisecond), 20, want)
			})
		})
	}
	t.Run("zero Stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			check(t, stream.Stream[int]{}.Delay(25*time.Millisecond), 20, ". . |(+5ms)")
		})
	})
}
