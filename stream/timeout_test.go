package stream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestTimeoutInTime(t *testing.T) {
	const late = "#stream: no value for 25ms"
	for name, test := range map[string]struct{ in, want string }{
		"in time":              {"a . b . c . |", "a . b . c . |"},
		"nothing at all":       {". . . a |", ". . " + late + "(+5ms)"},
		"nothing after":        {"a . b . . . c |", "a . b . " + late + "(+5ms)"},
		"notices do not count": {"a ! ! ! |", "a ! !" + late + "(+5ms)"},
		"the end is in time":   {"a . |", "a . |"},
		"the error is in time": {"a . #", "a . #"},
		"error first":          {"#", "#"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				check(t, source(test.in).Timeout(25*time.Millisecond), 20, test.want)
			})
		})
	}
}

// What the consumer takes is not the source's silence.
func TestTimeoutOfABusyConsumer(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		start := time.Now()
		var seen string
		for v, err := range source("a . ! b . . . . . . . . . c . . . . . . . . . . . . . . . . . |").Timeout(25 * time.Millisecond).All(t.Context()) {
			var late *stream.TimeoutError
			switch {
			case stream.IsNotice(err):
				seen += "!"
				<-time.After(60 * time.Millisecond)
			case errors.As(err, &late):
				if late.After != 25*time.Millisecond || !late.Timeout() {
					t.Errorf("%#v", late)
				}
				// a until 60, ! until 120, b until 180, c until 240
				if at := time.Since(start); at != 265*time.Millisecond {
					t.Errorf("ended at %v", at)
				}
				seen += "#"
			case err != nil:
				t.Fatal(err)
			default:
				seen += v
				<-time.After(60 * time.Millisecond)
			}
		}
		if seen != "a!bc#" {
			t.Errorf("seen %q", seen)
		}
	})
}

// A source that hangs is cancelled.
func TestTimeoutReleasesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := stream.Never[int]().Timeout(time.Second).First(context.Background())
		var late *stream.TimeoutError
		if !errors.As(err, &late) {
			t.Errorf("error %v", err)
		}
	})
}

// Nor is what it takes for a notice, with nothing behind it.
func TestTimeoutOfABusyConsumerOfNotices(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		start := time.Now()
		var end error
		for _, err := range source(". ! . . . . . . . . . . . |").Timeout(25 * time.Millisecond).All(t.Context()) {
			if stream.IsNotice(err) {
				<-time.After(60 * time.Millisecond)
				continue
			}
			end = err
			if at := time.Since(start); at != 85*time.Millisecond {
				t.Errorf("ended at %v", at)
			}
		}
		var late *stream.TimeoutError
		if !errors.As(end, &late) {
			t.Errorf("error %v", end)
		}
	})
}
