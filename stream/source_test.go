package stream_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestFromChanInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan string)
		go func() {
			defer close(ch)
			for _, v := range []string{"a", "b", "c"} {
				<-time.After(frame)
				ch <- v
			}
			<-time.After(frame)
		}()
		check(t, stream.FromChan(ch), 20, ". a b c |")
	})
}

// A nil channel is as it is in a select: nothing comes.
func TestFromChanNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check(t, stream.FromChan[int](nil), 3, "")
		check(t, stream.Merge(stream.FromChan[int](nil), stream.From(1)), 3, "1")
	})
}

// A consumption that is over leaves the rest to the others.
func TestFromChanLeavesTheRest(t *testing.T) {
	for range 50 { // as a select would choose
		ch := make(chan int, 4)
		for n := range 4 {
			ch <- n
		}
		ctx, cancel := context.WithCancel(t.Context())
		for n, err := range stream.FromChan(ch).All(ctx) {
			if n != 0 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			cancel()
		}
		cancel()
		if got, err := stream.FromChan(ch).Take(1).Collect(t.Context()); err != nil || !slices.Equal(got, []int{1}) {
			t.Fatalf("the rest begins with %v, %v", got, err)
		}
		if len(ch) != 2 {
			t.Fatalf("%d are left", len(ch))
		}
	}
}

// FromFunc is given the context of the consumption.
func TestFromFuncContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := stream.FromFunc(func(ctx context.Context) (int, error) {
			calls++
			select {
			case <-time.After(2 * frame):
				return calls, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		})
		check(t, s, 6, ". . 1 . 2")
		if calls != 3 {
			t.Errorf("%d calls", calls)
		}
		calls = 0
		if n, err := s.Take(2).Count(t.Context()); n != 2 || err != nil || calls != 2 {
			t.Errorf("%d, %v; %d calls", n, err, calls)
		}
		ctx, cancel := context.WithTimeout(t.Context(), frame)
		defer cancel()
		if n, err := s.Count(ctx); n != 0 || err != context.DeadlineExceeded {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// Only io.EOF itself is a clean end: a wrapped one says that something broke.
func TestFromFuncEOF(t *testing.T) {
	for end, want := range map[error]error{io.EOF: nil, io.ErrUnexpectedEOF: io.ErrUnexpectedEOF, errMarble: errMarble} {
		s := stream.FromFunc(func(context.Context) (int, error) { return 1, end })
		if n, err := s.Count(t.Context()); n != 0 || err != want {
			t.Errorf("%v: %d, %v", end, n, err)
		}
	}
}

func TestFromSeqOnce(t *testing.T) {
	ch := make(chan int, 3)
	for n := range 3 {
		ch <- n
	}
	close(ch)
	s := stream.FromSeq(func(yield func(int) bool) {
		for n := range ch {
			if !yield(n) {
				return
			}
		}
	})
	if n, err := s.Count(t.Context()); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := s.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
}

// What an iterator of a package of ours has, the stream has.
func TestFromSeq2OfSubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		check(t, stream.FromSeq2(source("a ! b #").All(t.Context())), 20, "a ! b #")
	})
}

func TestFromSubscription(t *testing.T) {
	var subs []*stream.Subscription[int]
	s := stream.FromSubscription(func() *stream.Subscription[int] {
		subs = append(subs, source(100))
		return subs[len(subs)-1]
	})
	for range 2 {
		if n, err := s.Count(t.Context()); n != 100 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	for n := range s.Seq(t.Context(), nil) {
		if n == 3 {
			break
		}
	}
	for i, sub := range subs {
		if i < 2 && sub.Err() != nil || sub.Stats().Depth != 0 {
			t.Errorf("subscription %d: %v, %+v", i, sub.Err(), sub.Stats())
		}
	}
	if st := subs[2].Stats(); len(subs) != 3 || st.Received != 100 || st.Dropped+st.Delivered != 100 {
		t.Errorf("%d subscriptions, the last %+v", len(subs), st)
	}
}

func TestFromSubscriptionInUse(t *testing.T) {
	sub := source(3)
	s := stream.FromSubscription(func() *stream.Subscription[int] { return sub })
	n := 0
	for range s.Seq(t.Context(), nil) {
		if got, err := s.Collect(t.Context()); len(got) > 0 || err != stream.ErrInUse {
			t.Errorf("second consumer: %v, %v", got, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("the first had %d values", n)
	}
	// It has been closed by now.
	if got, err := s.Collect(t.Context()); len(got) > 0 || err != nil {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// A subscription that somebody closes ends the stream cleanly.
func TestFromSubscriptionClosed(t *testing.T) {
	sub := source(3)
	s := stream.FromSubscription(func() *stream.Subscription[int] { return sub })
	got, err := s.Tap(func(n int) {
		if n == 2 {
			sub.Close()
		}
	}).Collect(t.Context())
	if err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestIntervalInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stream.Interval(2 * frame)
		check(t, s, 8, ". . 0 . 1 . 2")
		check(t, s.Take(2), 8, ". . 0 . 1|")
		check(t, stream.Merge(s, stream.Interval(3*frame)), 6, ". . 0 0 1")
	})
}

// A slow consumer misses beats, not numbers.
func TestIntervalSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stream.Interval(2 * frame).Tap(func(n int) {
			if n == 1 {
				<-time.After(7 * frame)
			}
		})
		// The beat of 6 waits; those of 8 and 10 are missed.
		check(t, s, 17, ". . 0 . . . . . . . . 12 3 . 4 . 5")
	})
}

func TestNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check(t, stream.Never[int](), 100, "")
		ctx, cancel := context.WithTimeout(t.Context(), frame)
		defer cancel()
		if n, err := stream.Never[int]().Count(ctx); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d, %v", n, err)
		}
	})
}
