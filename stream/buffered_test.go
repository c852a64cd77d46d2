package stream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// slowly is a consumer that needs d for each value.
func slowly[T any](s stream.Stream[T], d time.Duration) stream.Stream[T] {
	return s.Filter(func(T) bool {
		<-time.After(d)
		return true
	})
}

func TestBufferedInTime(t *testing.T) {
	const even, odd = 2 * frame, 2*frame + frame/2
	oldest, newest := stream.Overflow(stream.DropOldest), stream.Overflow(stream.DropNewest)
	two := stream.Buffer(2)
	for name, test := range map[string]struct {
		source string
		slow   time.Duration
		opts   []stream.Option
		want   string
	}{
		"all, in order":       {"a b c ! d |", even, nil, ". . a . b . c! . d|"},
		"then the error":      {"a b ! #", even, nil, ". . a . b!#"},
		"error first":         {"#", even, nil, "#"},
		"empty":               {"|", even, nil, "|"},
		"the newest":          {"a b c d e |", odd, []stream.Option{stream.Overflow(stream.Latest)}, ". . a(+5ms) . . c . e(+5ms)|(+5ms)"},
		"the oldest dropped":  {"a bcd . . |", even, []stream.Option{oldest, two}, ". . a! . c . d|"},
		"the newest dropped":  {"a bcd . . |", even, []stream.Option{newest, two}, ". . a . b . c!|"},
		"full":                {"a bcd . . |", even, []stream.Option{stream.Overflow(stream.Fail), two}, ". . a . b . c#" + overflow},
		"the source waits":    {"a bcd |", even, []stream.Option{stream.Buffer(1)}, ". . a . b . c . d|"},
		"one is always kept":  {"a bcd . . |", even, []stream.Option{oldest, stream.BufferBytes(1)}, ". . a! . d|"},
		"limited by the size": {"a bcd . . |", even, []stream.Option{oldest, stream.BufferBytes(40)}, ". . a! . c . d|"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				s := slowly(source(test.source).Buffered(test.opts...), test.slow)
				check(t, s, 20, test.want)
				check(t, s, 20, test.want)
			})
		})
	}
}

// overflow is an error without its blanks.
const overflow = "stream: consumer too slow, buffer of 2 events and 8388608 bytes is full (see stream.Buffer, stream.BufferBytes)"

func TestBufferedBadOption(t *testing.T) {
	var bad *stream.OptionError
	if _, err := all(t.Context(), stream.From(1).Buffered(stream.Buffer(0))); !errors.As(err, &bad) || bad.Option != "Buffer" {
		t.Errorf("failed with %v", err)
	}
}

// A source that waits for room is released when its consumer leaves.
func TestBufferedLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := 0
		s := stream.FromSeq(func(yield func(int) bool) {
			defer func() { released++ }()
			for n := 0; yield(n); n++ {
			}
		}).Buffered(stream.Buffer(3))
		for range s.All(t.Context()) {
			synctest.Wait()
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), frame)
		defer cancel()
		for range s.All(ctx) {
			<-ctx.Done()
		}
		func() {
			defer func() { recover() }()
			for range s.All(t.Context()) {
				panic("mine")
			}
		}()
		if released != 3 {
			t.Errorf("released %d of 3", released)
		}
	})
}

// A gap is told as such by what puts a buffer between the source and its
// consumer.
func TestBuffersKeepGaps(t *testing.T) {
	gap := &stream.GapError{Reason: errMarble}
	s := stream.FromSeq2(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, gap) && yield(2, nil) })
	same := func(_ context.Context, n int) (int, error) { return n, nil }
	for name, s := range map[string]stream.Stream[int]{
		"Buffered":               s.Buffered(),
		"LatestBy":               stream.LatestBy(s, func(n int) int { return n }),
		"ParallelMap":            stream.ParallelMap(s, 2, same),
		"ParallelMap, Unordered": stream.ParallelMap(s, 2, same, stream.Unordered()),
		"Share":                  s.Share(),
		"Merge":                  stream.Merge(s),
		"Timeout":                s.Timeout(time.Hour),
	} {
		gaps := 0
		for _, err := range s.All(t.Context()) {
			if err != nil && !errors.As(err, new(*stream.GapError)) {
				t.Errorf("%s: %v", name, err)
			} else if err != nil {
				gaps++
			}
		}
		if gaps != 1 {
			t.Errorf("%s: %d gaps", name, gaps)
		}
	}
}
