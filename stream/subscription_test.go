package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

// numbers returns a queue of ints and its subscription.
func numbers(cfg stream.Config) (*stream.Queue[int], *stream.Subscription[int]) {
	q := stream.NewQueue(cfg, stream.Hooks[int]{})
	return q, stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// collect ranges to the end. Notices stand in the list as negative numbers:
// the events lost, or 0 for another kind.
func collect(t *testing.T, s *stream.Subscription[int]) (list []int, end error) {
	t.Helper()
	for n, err := range s.All(t.Context()) {
		var lag *stream.LagError
		switch {
		case errors.As(err, &lag):
			list = append(list, -int(lag.Dropped))
		case stream.IsNotice(err):
			list = append(list, 0)
		case err != nil:
			end = err
		default:
			list = append(list, n)
		}
	}
	return list, end
}

func TestOverflow(t *testing.T) {
	overflow := &stream.OverflowError{Buffer: 4, BufferBytes: stream.DefaultBufferBytes}
	for _, tt := range []struct {
		policy stream.Policy
		taken  int
		want   []int
		end    error
		stats  stream.Stats
	}{
		{stream.DropOldest, 10, []int{-6, 7, 8, 9, 10}, nil, stream.Stats{Received: 10, Delivered: 4, Dropped: 6, HighWater: 4, Lags: 1}},
		{stream.DropNewest, 10, []int{1, 2, 3, 4, -6}, nil, stream.Stats{Received: 10, Delivered: 4, Dropped: 6, HighWater: 4, Lags: 1}},
		{stream.Latest, 10, []int{10}, nil, stream.Stats{Received: 10, Delivered: 1, Dropped: 9, HighWater: 1}},
		{stream.Block, 4, []int{1, 2, 3, 4}, nil, stream.Stats{Received: 4, Delivered: 4, HighWater: 4}},
		{stream.Fail, 4, []int{1, 2, 3, 4}, overflow, stream.Stats{Received: 4, Delivered: 4, HighWater: 4}},
	} {
		t.Run(tt.policy.String(), func(t *testing.T) {
			q, s := numbers(stream.Config{Buffer: 4, Overflow: tt.policy})
			if got := q.Push(upTo(10)); got != tt.taken {
				t.Errorf("took %d, want %d", got, tt.taken)
			}
			q.CloseWith(nil)
			got, end := collect(t, s)
			if !slices.Equal(got, tt.want) || fmt.Sprint(end) != fmt.Sprint(tt.end) {
				t.Errorf("got %v, %v; want %v, %v", got, end, tt.want, tt.end)
			}
			if got := s.Stats(); got != tt.stats {
				t.Errorf("got %+v, want %+v", got, tt.stats)
			}
			if got := q.Push(upTo(1)); got != 0 {
				t.Errorf("took %d after the end", got)
			}
		})
	}
}

func TestLargeEventIsTakenAlone(t *testing.T) {
	for p, want := range map[stream.Policy][]int{
		stream.DropOldest: {-2, 100},
		stream.DropNewest: {1, 2, -1},
		stream.Latest:     {100},
		stream.Fail:       {1, 2},
	} {
		q := stream.NewQueue(stream.Config{BufferBytes: 10, Overflow: p}, stream.Hooks[int]{Size: func(e *int) int { return *e }})
		s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
		q.Push([]int{1, 2, 100})
		q.CloseWith(nil)
		if got, _ := collect(t, s); !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", p, got, want)
		}
		if b := s.Stats().Bytes; b != 0 {
			t.Errorf("%v: %d bytes left", p, b)
		}
	}
}

// A consumer's private batch must not hold much more than the buffer may.
func TestBatchIsBoundedInBytes(t *testing.T) {
	const size = 100 << 10
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{Size: func(*int) int { return size }})
	s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
	defer s.Close()
	q.Push(upTo(50))
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Bytes < 47*size || got.Depth != 49 {
		t.Errorf("the first Next took more than three events of %d bytes out of the buffer: %+v", size, got)
	}
}

func TestErrorThatIsNoNoticeEnds(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push([]int{1})
	q.Notice(io.ErrUnexpectedEOF)
	if got, err := collect(t, s); !slices.Equal(got, []int{1}) || err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFailed(t *testing.T) {
	for _, want := range []error{io.ErrUnexpectedEOF, nil} {
		s := stream.Failed[string](want)
		nextWant := want
		if want == nil {
			nextWant = io.EOF
		}
		for range 2 {
			if _, err := s.Next(t.Context()); err != nextWant {
				t.Errorf("Next: %v, want %v", err, nextWant)
			}
		}
		if _, ok := <-s.C(); ok {
			t.Error("C has an event")
		}
		var steps []error
		for _, err := range s.All(t.Context()) {
			steps = append(steps, err)
		}
		if want != nil && !slices.Equal(steps, []error{want}) || want == nil && steps != nil {
			t.Errorf("All: %v, want %v", steps, want)
		}
		if err := s.Err(); err != want {
			t.Errorf("Err: %v, want %v", err, want)
		}
	}
}

// Each way out of a loop closes the subscription and accounts for what is
// left.
func TestEveryWayOutCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ways := map[string]struct {
		run  func(s *stream.Subscription[int])
		seen uint64
	}{
		"break": {func(s *stream.Subscription[int]) {
			for n := range s.All(t.Context()) {
				if n == 3 {
					break
				}
			}
		}, 3},
		"break out of Batches": {func(s *stream.Subscription[int]) {
			for range s.Batches(t.Context()) {
				break
			}
		}, 64},
		"panic": {func(s *stream.Subscription[int]) {
			defer func() {
				if recover() != "of the body" {
					t.Error("the panic did not come through")
				}
			}()
			for n := range s.All(t.Context()) {
				if n == 70 {
					panic("of the body")
				}
			}
		}, 70},
		"Goexit": {func(s *stream.Subscription[int]) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for n := range s.All(t.Context()) {
					if n == 2 {
						runtime.Goexit()
					}
				}
			}()
			<-done
		}, 2},
		"Close in the body": {func(s *stream.Subscription[int]) {
			for n, err := range s.All(t.Context()) {
				if err != nil || n > 3 {
					t.Errorf("a step after Close: %d, %v", n, err)
				}
				if n == 3 {
					s.Close()
				}
			}
		}, 3},
		"cancel in the body": {func(s *stream.Subscription[int]) {
			for n, err := range s.All(ctx) {
				if err != nil || n > 3 {
					t.Errorf("a step after cancel: %d, %v", n, err)
				}
				if n == 3 {
					cancel()
				}
			}
		}, 3},
		"cancel in the body of Batches": {func(s *stream.Subscription[int]) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for range s.Batches(ctx) {
				cancel()
			}
		}, 64},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			closes, released := 0, 0
			q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{
				Closed:  func() { closes++ },
				Release: func(b []int) { released += len(b) },
			})
			s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
			q.Push(upTo(200))
			way.run(s)
			if closes != 1 || released != 200 {
				t.Errorf("closed %d times, released %d of 200", closes, released)
			}
			want := stream.Stats{Received: 200, Delivered: way.seen, Dropped: 200 - way.seen, HighWater: 200}
			if got := s.Stats(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if _, err := s.Next(t.Context()); err != stream.ErrClosed || s.Err() != stream.ErrClosed {
				t.Errorf("Next: %v, Err: %v; want ErrClosed", err, s.Err())
			}
			for n, err := range s.All(t.Context()) {
				t.Errorf("a step after the loop: %d, %v", n, err)
			}
		})
	}
}

func TestClosedHookIsForTheConsumerOnly(t *testing.T) {
	closes := 0
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{Closed: func() { closes++ }})
	s := stream.Direct(q)
	q.CloseWith(io.ErrUnexpectedEOF)
	s.Close()
	s.Close()
	if closes != 0 {
		t.Errorf("called %d times for a queue its producer had ended", closes)
	}
	if _, err := s.Next(t.Context()); err != io.ErrUnexpectedEOF {
		t.Errorf("Next: %v, want the producer's error, which came first", err)
	}
}

// Hooks may do what they like, such as close again.
func TestHooksMayCallBack(t *testing.T) {
	var s *stream.Subscription[int]
	q := stream.NewQueue(stream.Config{Buffer: 1}, stream.Hooks[int]{
		Closed:  func() { s.Close() },
		Release: func([]int) { s.Stats() },
	})
	s = stream.Decoded(q, func(e, n *int) error { return nil })
	q.Push(upTo(5))
	s.Close()
}

func TestUndecodableEventIsSkipped(t *testing.T) {
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
	s := stream.Decoded(q, func(e, n *int) error {
		*n = *e
		switch *e {
		case 2:
			return errBad
		case 3:
			panic("no such thing")
		case 5:
			panic(io.ErrUnexpectedEOF)
		case 6:
			return &stream.DecodeError{Err: errBad}
		}
		return nil
	})
	q.Push(upTo(7))
	q.CloseWith(nil)
	var got []string
	for n, err := range s.All(t.Context()) {
		var dec *stream.DecodeError
		if err != nil && (!errors.As(err, &dec) || !stream.IsNotice(err)) {
			t.Errorf("%v is no DecodeError", err)
		}
		got = append(got, fmt.Sprint(n, err))
	}
	want := []string{
		"1 <nil>", "0 stream: event skipped: bad", "0 stream: event skipped: decoder panicked: no such thing", "4 <nil>",
		"0 stream: event skipped: decoder panicked: unexpected EOF", "0 stream: event skipped: bad", "7 <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Undecoded != 4 || st.Delivered != 7 {
		t.Errorf("want 4 undecoded of 7 delivered: %+v", st)
	}
}

func TestBatches(t *testing.T) {
	q := stream.NewQueue(stream.Config{}, stream.Hooks[item]{})
	s := stream.Decoded(q, decodeItem)
	q.Push([]item{{id: 1}, {id: 2}, {id: 3, bad: true}, {id: 4, bad: true}, {id: 5}})
	q.CloseWith(io.ErrUnexpectedEOF)
	var got []string
	for batch, err := range s.Batches(t.Context()) {
		if (len(batch) > 0) == (err != nil) {
			t.Errorf("%v with %v", batch, err)
		}
		got = append(got, fmt.Sprint(batch, err))
	}
	want := []string{
		"[1 2] <nil>", "[] stream: event skipped: bad", "[] stream: event skipped: bad", "[5] <nil>", "[] unexpected EOF",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Delivered != 5 {
		t.Errorf("want 5 delivered: %+v", st)
	}
}

func TestOneConsumerAtATime(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push(upTo(10))
	if n, err := s.Next(t.Context()); n != 1 || err != nil { // a loop goes on where Next stopped
		t.Fatal(n, err)
	}
	seen := 1
	for n, err := range s.All(t.Context()) {
		if seen++; n != seen || err != nil {
			t.Fatalf("got %d, %v; want %d", n, err, seen)
		}
		if _, err := s.Next(t.Context()); err != stream.ErrInUse {
			t.Errorf("Next in a loop: %v", err)
		}
		if _, ok := <-s.C(); ok || s.Err() != stream.ErrInUse {
			t.Errorf("C in a loop: %v, %v", ok, s.Err())
		}
		steps := 0
		for _, err := range s.All(t.Context()) {
			steps++
			if err != stream.ErrInUse {
				t.Errorf("All in a loop: %v", err)
			}
		}
		for _, err := range s.Batches(t.Context()) {
			steps++
			if err != stream.ErrInUse {
				t.Errorf("Batches in a loop: %v", err)
			}
		}
		if steps != 2 {
			t.Errorf("%d steps, want 2", steps)
		}
		if n == 10 {
			q.CloseWith(nil)
		}
	}
	if seen != 10 || s.Err() != nil {
		t.Errorf("saw %d, Err %v", seen, s.Err())
	}
}

func TestLoopIsRefusedWhileNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		got := make(chan int)
		go func() {
			n, _ := s.Next(t.Context())
			got <- n
		}()
		synctest.Wait()
		for _, err := range s.All(t.Context()) {
			if err != stream.ErrInUse {
				t.Errorf("All beside a waiting Next: %v", err)
			}
		}
		if _, ok := <-s.C(); ok || s.Err() != stream.ErrInUse {
			t.Errorf("C beside a waiting Next: %v, %v", ok, s.Err())
		}
		q.Push([]int{7})
		if n := <-got; n != 7 {
			t.Errorf("Next got %d", n)
		}
		c := s.C() // free again
		q.Push([]int{8})
		if n := <-c; n != 8 || s.Err() != nil {
			t.Errorf("C got %d, Err %v", n, s.Err())
		}
		s.Close()
	})
}
