package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// Marbles are streams in time, written down: a field for each frame of 10 ms,
// with what comes at its beginning. A letter is a value, "." is nothing, "!" a
// notice, "#" an error, "|" a clean end:
//
//	"a . bc ! . |"
//
// Where marbles are written by check, a value stands as fmt.Sprint prints it,
// without blanks.
const frame = 10 * time.Millisecond

var errMarble = errors.New("marble")

// cold returns a stream that plays marbles from the beginning for each consumer
// and waits for it: a source that has to be run.
func cold(marbles string) stream.Stream[string] {
	return stream.FromSeq2(func(yield func(string, error) bool) {
		start := time.Now()
		for i, field := range strings.Fields(marbles) {
			<-time.After(time.Until(start.Add(time.Duration(i) * frame)))
			for _, r := range field {
				switch r {
				case '.':
				case '!':
					if !yield("", &stream.LagError{Dropped: 1}) {
						return
					}
				case '#':
					yield("", errMarble)
					return
				case '|':
					return
				default:
					if !yield(string(r), nil) {
						return
					}
				}
			}
		}
		select {} // a test that comes here leaves its bubble deadlocked
	})
}

// hot is cold for a source that does not wait, such as a connection: each
// consumer has a subscription, which a goroutine feeds.
func hot(marbles string, opts ...stream.Option) stream.Stream[string] {
	return stream.FromSubscription(func() *stream.Subscription[string] {
		cfg, err := stream.NewConfig(opts...)
		if err != nil {
			return stream.Failed[string](err)
		}
		gone := make(chan struct{})
		q := stream.NewQueue(cfg, stream.Hooks[string]{Closed: func() { close(gone) }})
		start := time.Now()
		go func() {
			for i, field := range strings.Fields(marbles) {
				select {
				case <-time.After(time.Until(start.Add(time.Duration(i) * frame))):
				case <-gone:
					return
				}
				for _, r := range field {
					switch r {
					case '.':
					case '!':
						q.Notice(&stream.LagError{Dropped: 1})
					case '#':
						q.CloseWith(errMarble)
						return
					case '|':
						q.CloseWith(nil)
						return
					default:
						q.PushWait(nil, []string{string(r)})
					}
				}
			}
		}()
		return stream.Direct(q)
	})
}

// check consumes s, and stops after the given number of frames with its
// context. What it has seen must be want, up to the last frame with something
// in it.
func check[T any](t *testing.T, s stream.Stream[T], frames int, want string) {
	t.Helper()
	if got := played(s, frames); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// played writes down what s does in the given number of frames.
func played[T any](s stream.Stream[T], frames int) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(frames)*frame-frame/2)
	defer cancel()
	var out []string
	start := time.Now()
	note := func(what string) {
		at := int(time.Since(start) / frame)
		if off := time.Since(start) % frame; off != 0 {
			what = fmt.Sprintf("%s(+%v)", what, off)
		}
		for len(out) <= at {
			out = append(out, ".")
		}
		out[at] = strings.TrimPrefix(out[at], ".") + what
	}
	for v, err := range s.All(ctx) {
		switch {
		case err == nil:
			note(strings.ReplaceAll(fmt.Sprint(v), " ", ""))
		case stream.IsNotice(err):
			note("!")
		case errors.Is(err, errMarble):
			note("#")
		default:
			note("#" + err.Error())
		}
	}
	if ctx.Err() == nil && (len(out) == 0 || !strings.Contains(out[len(out)-1], "#")) {
		note("|")
	}
	return strings.Join(out, " ")
}

// inBubble runs f for a source that is run and for one that is attached to.
func inBubble(t *testing.T, f func(t *testing.T, source func(string) stream.Stream[string])) {
	t.Helper()
	for name, source := range map[string]func(string) stream.Stream[string]{
		"run":      cold,
		"attached": func(m string) stream.Stream[string] { return hot(m) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, source) })
		})
	}
}
