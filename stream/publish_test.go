package stream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestPublishInTime(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		opts   []stream.ShareOption
		start  int // frame
		cancel int // frame, with half a frame
		close  int // the same
		seats  []seat
	}{
		"those before the start wait": {
			source: "a b c |", start: 2,
			seats: []seat{{0, 9, ". . a b c |"}, {1, 9, ". . a b c |"}, {4, 9, ". . . . c |"}, {7, 9, ". . . . . . . '|"}},
		},
		"replay, also after the end": {
			source: "a b c |", start: 0, opts: []stream.ShareOption{stream.Replay(2)},
			seats: []seat{{0, 9, "a b c |"}, {2, 9, ". . 'abc |"}, {5, 9, ". . . . . 'bc|"}},
		},
		"an error stays": {
			source: "a #", start: 1,
			seats: []seat{{0, 9, ". a #"}, {4, 9, ". . . . '#"}},
		},
		"nobody listens": {
			source: "a b c d |", start: 0,
			seats: []seat{{0, 1, "a"}, {3, 9, ". . . d |"}},
		},
		"closed": {
			source: "a b c |", start: 1, close: 3,
			seats: []seat{{0, 9, ". a b '|"}, {5, 9, ". . . . . '|"}},
		},
		"closed before the start": {
			source: "a b c |", start: 5, close: 3,
			seats: []seat{{0, 9, ". . . '|"}, {5, 9, ". . . . . '|"}},
		},
		"cancelled": {
			source: "a b c |", start: 1, cancel: 3,
			seats: []seat{{0, 9, ". a b '#enough"}, {5, 9, ". . . . . '#enough"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				if test.close+test.cancel > 0 && strings.HasSuffix(t.Name(), "/run") {
					t.Skip("it does not look at its context")
				}
				p := source(test.source).Publish(test.opts...)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var everyone sync.WaitGroup
				everyone.Go(func() { checkSeats(t, p.Stream(), test.seats) })
				synctest.Wait() // for the first seat
				everyone.Go(func() {
					<-time.After(time.Duration(test.start) * frame)
					want := error(nil)
					if 0 < test.close && test.close <= test.start {
						want = stream.ErrClosed
					}
					if err := p.Start(ctx); err != want {
						t.Errorf("Start() = %v, want %v", err, want)
					}
				})
				if test.close > 0 {
					time.AfterFunc(time.Duration(test.close)*frame-frame/2, func() { p.Close() })
				}
				if test.cancel > 0 {
					time.AfterFunc(time.Duration(test.cancel)*frame-frame/2, func() { cancel(errors.New("enough")) })
				}
				everyone.Wait()
				p.Close()
			})
		})
	}
}

func TestPublishStartsOnce(t *testing.T) {
	p := stream.From(1).Publish()
	if err := p.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Start(t.Context()); err != stream.ErrStarted {
		t.Error(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Start(t.Context()); err != stream.ErrClosed {
		t.Error(err)
	}
	if err := stream.From(1).Publish(stream.Buffer(0)).Start(t.Context()); !errors.As(err, new(*stream.OptionError)) {
		t.Error(err)
	}
}

// Close releases a source that waits for the subscriber that calls it.
func TestPublishCloseInLoop(t *testing.T) {
	p := stream.From(make([]int, 1000)...).Publish(stream.Buffer(1), stream.Overflow(stream.Block))
	seen := 0
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, err := range p.Stream().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 2 {
			p.Close()
		}
	}
	if seen > 5 {
		t.Errorf("%d values after Close", seen)
	}
}
