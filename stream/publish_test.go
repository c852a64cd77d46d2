package stream_test

import (
	"context"
	"errors"
	"io"
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
		blind  []seat // of a source that does not look at its context, if that is something else
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
			blind: []seat{{0, 9, ". a b |"}, {5, 9, ". . . . . '|"}},
		},
		"closed before the start": {
			source: "a b c |", start: 5, close: 3,
			seats: []seat{{0, 9, ". . . '|"}, {5, 9, ". . . . . '|"}},
		},
		"cancelled": {
			source: "a b c |", start: 1, cancel: 3,
			seats: []seat{{0, 9, ". a b '#enough"}, {5, 9, ". . . . . '#enough"}},
			blind: []seat{{0, 9, ". a b #enough"}, {5, 9, ". . . . . '#enough"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				seats := test.seats
				if test.blind != nil && strings.HasSuffix(t.Name(), "/run") {
					seats = test.blind
				}
				p := source(test.source).Publish(test.opts...)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var everyone sync.WaitGroup
				everyone.Go(func() { checkSeats(t, p.Stream(), seats) })
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

// A subscriber that came before the start misses nothing, and its counters add
// up with what is replayed to it.
func TestPublishSubscribe(t *testing.T) {
	p := stream.From(1, 2, 3, 4, 5).Publish(stream.Replay(3), stream.Buffer(2), stream.Overflow(stream.Block))
	first := p.Subscribe()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := all(t.Context(), stream.FromSeq2(first.All(t.Context()))); len(got) != 5 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	p.Close()
	for read := range 5 {
		late := p.Subscribe()
		for i := range read {
			switch n, err := late.Next(t.Context()); {
			case i < 3 && (n != i+3 || err != nil):
				t.Errorf("%d, %v instead of %d", n, err, i+3)
			case i == 3 && err != io.EOF:
				t.Errorf("%d, %v instead of the end", n, err)
			}
		}
		n := min(read, 3)
		if s := late.Stats(); s.Received != 3 || s.Delivered != uint64(n) || s.Depth != 3-n {
			t.Errorf("after %d: %+v", read, s)
		}
		late.Close()
		late.Close()
		if s := late.Stats(); s.Received != 3 || s.Delivered != uint64(n) || s.Dropped != uint64(3-n) || s.Depth != 0 {
			t.Errorf("after %d, closed: %+v", read, s)
		}
	}
	late := p.Subscribe()
	defer late.Close()
	want := 3
	for n := range late.C() {
		if n != want {
			t.Errorf("%d instead of %d", n, want)
		}
		want++
	}
	if bad := stream.From(1).Publish(stream.Replay(-1)).Subscribe(); bad == nil {
		t.Error("no subscription")
	} else if _, err := bad.Next(t.Context()); !errors.As(err, new(*stream.OptionError)) {
		t.Error(err)
	}
}

// Subscribers may come, read and close while values flow, and close from
// elsewhere.
func TestPublishSubscribeStress(t *testing.T) {
	p := stream.FromFunc(func(context.Context) (int, error) { return 1, nil }).Publish(stream.Replay(100), stream.Buffer(10))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var everyone sync.WaitGroup
	for range 4 {
		everyone.Go(func() {
			for round := range 50 {
				sub := p.Subscribe()
				everyone.Go(func() { sub.Close() })
				seen := 0
				for range sub.All(t.Context()) {
					if seen++; seen == round {
						break
					}
				}
				if s := sub.Stats(); s.Received != s.Delivered+s.Dropped+uint64(s.Depth) {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	everyone.Wait()
	p.Close()
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
