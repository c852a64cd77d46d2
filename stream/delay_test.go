package stream_test

import (
	"fmt"
	"regexp"
	"strings"
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

// What has come in d is held, but not more than a buffer full.
func TestDelayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 3 * stream.DefaultBuffer
		taken, seen := 0, 0
		start := time.Now()
		source := stream.From(upTo(total)...).Tap(func(int) { taken++ })
		for v, err := range source.Delay(time.Hour).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; v != seen {
				t.Fatalf("got %d, want %d", v, seen)
			}
			if held := taken - seen; held > stream.DefaultBuffer+64 {
				t.Fatalf("%d held", held)
			}
		}
		if d := time.Since(start); seen != total || d != 3*time.Hour {
			t.Errorf("%d values in %v", seen, d)
		}
	})
}

// A consumer that is slower than the source gets what is due as fast as it
// goes.
func TestDelayOfASlowConsumer(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		var got []string
		start := time.Now()
		for v, err := range source("a b c ! d . . . . . e |").Delay(25 * time.Millisecond).All(t.Context()) {
			if err != nil {
				v = "!"
			}
			got = append(got, fmt.Sprintf("%s@%d", v, time.Since(start).Milliseconds()))
			<-time.After(20 * time.Millisecond)
		}
		if got, want := strings.Join(got, " "), "a@25 b@45 c@65 !@85 d@110 e@130"; got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}
