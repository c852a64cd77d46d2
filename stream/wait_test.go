package stream_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// A single event on an idle queue must reach a waiting consumer at once.
func TestSingleEventWakesAtOnce(t *testing.T) {
	for name, consume := range map[string]func(ctx context.Context, s *stream.Subscription[int], got func(int)){
		"All": func(ctx context.Context, s *stream.Subscription[int], got func(int)) {
			for n, err := range s.All(ctx) {
				if !stream.IsNotice(err) {
					got(n)
				}
			}
		},
		"Batches": func(ctx context.Context, s *stream.Subscription[int], got func(int)) {
			for batch, err := range s.Batches(ctx) {
				if err == nil {
					got(batch[0])
				}
			}
		},
		"Next": func(ctx context.Context, s *stream.Subscription[int], got func(int)) {
			for {
				n, err := s.Next(ctx)
				switch {
				case err == nil:
					got(n)
				case !stream.IsNotice(err):
					return
				}
			}
		},
		"C": func(_ context.Context, s *stream.Subscription[int], got func(int)) {
			for n := range s.C() {
				got(n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, s := numbers(stream.Config{Gaps: true})
				var last atomic.Int64
				done := make(chan struct{})
				go func() {
					defer close(done)
					consume(t.Context(), s, func(n int) { last.Store(int64(n)) })
				}()
				for i := range 5 {
					synctest.Wait()
					q.Push([]int{i + 1})
					synctest.Wait() // no time passes here
					if got := last.Load(); got != int64(i+1) {
						t.Fatalf("consumer is at %d, want %d", got, i+1)
					}
					if st := s.Stats(); st.Depth != 0 || st.Delivered != uint64(i+1) {
						t.Fatalf("want all delivered: %+v", st)
					}
					q.Notice(&stream.GapError{Reason: io.EOF})
				}
				q.CloseWith(nil)
				<-done
			})
		})
	}
}

func TestNextObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		defer s.Close()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := s.Next(ctx); err != context.DeadlineExceeded || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		q.Push([]int{1, 2})
		if _, err := s.Next(ctx); err != context.DeadlineExceeded {
			t.Errorf("with events: %v", err)
		}
		for want := 1; want <= 2; want++ { // it bounded that call only
			if n, err := s.Next(t.Context()); n != want || err != nil {
				t.Errorf("got %d, %v; want %d", n, err, want)
			}
		}
		q.CloseWith(io.ErrUnexpectedEOF)
		if _, err := s.Next(ctx); err != context.DeadlineExceeded {
			t.Errorf("at the end: %v", err)
		}
		if _, err := s.Next(t.Context()); err != io.ErrUnexpectedEOF {
			t.Errorf("at the end: %v", err)
		}
	})
}

// A loop whose own context has ended reports no error, even if that context
// ended the source as well.
func TestLoopEndsQuietlyWithItsContext(t *testing.T) {
	for name, end := range map[string]func(q *stream.Queue[int]){
		"source goes on":  func(*stream.Queue[int]) {},
		"source fails":    func(q *stream.Queue[int]) { q.CloseWith(io.ErrUnexpectedEOF) },
		"source delivers": func(q *stream.Queue[int]) { q.Push([]int{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, s := numbers(stream.Config{})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					for n, err := range s.All(ctx) {
						t.Errorf("a step: %d, %v", n, err)
					}
				}()
				synctest.Wait()
				cancel()
				end(q)
				<-done
				if got := q.Push([]int{2}); got != 0 {
					t.Error("the queue is still open")
				}
			})
		})
	}
}

func TestCloseUnblocksEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := numbers(stream.Config{})
		var waiters sync.WaitGroup
		for range 10 {
			waiters.Go(func() {
				if _, err := s.Next(t.Context()); err != stream.ErrClosed {
					t.Errorf("Next: %v, want ErrClosed", err)
				}
			})
		}
		synctest.Wait()
		s.Close()
		waiters.Wait()

		_, s = numbers(stream.Config{})
		waiters.Go(func() {
			for n, err := range s.All(t.Context()) {
				t.Errorf("a step: %d, %v", n, err)
			}
		})
		synctest.Wait()
		s.Close()
		waiters.Wait()
	})
}

// Events that are being decoded when Close comes count as dropped.
func TestCloseWhileNextDecodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		decoding, goOn := make(chan struct{}, 10), make(chan struct{})
		s := stream.Decoded(q, func(e, n *int) error {
			decoding <- struct{}{}
			<-goOn
			return nil
		})
		q.Push(upTo(10))
		result := make(chan error)
		go func() {
			_, err := s.Next(t.Context())
			result <- err
		}()
		<-decoding
		s.Close()
		close(goOn)
		if err := <-result; err != stream.ErrClosed {
			t.Errorf("Next: %v, want ErrClosed", err)
		}
		if st := s.Stats(); st.Delivered != 0 || st.Dropped != 10 || st.Depth != 0 {
			t.Errorf("want 10 dropped: %+v", st)
		}
	})
}

// Several goroutines on Next share the events; none sleeps while there are any.
func TestNextIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		got := make(chan int, 100)
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					n, err := s.Next(t.Context())
					if err != nil {
						return
					}
					got <- n
					<-time.After(time.Second) // works on it
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		q.Push(upTo(8))
		var all []int
		for range 8 {
			all = append(all, <-got)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("eight seconds of work took four workers %v, want them at the second event after 1s", d)
		}
		slices.Sort(all)
		if !slices.Equal(all, upTo(8)) {
			t.Errorf("got %v", all)
		}
		q.CloseWith(nil)
		workers.Wait()
	})
}

func TestBlockWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{Buffer: 4, Overflow: stream.Block})
		var taken atomic.Int64
		go func() {
			taken.Store(int64(q.PushWait(nil, upTo(20))))
			q.CloseWith(nil)
		}()
		synctest.Wait()
		if st := s.Stats(); st.Received != 4 || taken.Load() != 0 {
			t.Errorf("want a producer that waits at 4: %+v, returned %d", st, taken.Load())
		}
		got, err := collect(t, s)
		if !slices.Equal(got, upTo(20)) || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if st := s.Stats(); st.Dropped != 0 || st.HighWater != 4 || taken.Load() != 20 {
			t.Errorf("took %d: %+v", taken.Load(), st)
		}
	})
}

func TestPushWaitIsReleased(t *testing.T) {
	for name, release := range map[string]func(q *stream.Queue[int], s *stream.Subscription[int]){
		"Close":     func(_ *stream.Queue[int], s *stream.Subscription[int]) { s.Close() },
		"CloseWith": func(q *stream.Queue[int], _ *stream.Subscription[int]) { q.CloseWith(nil) },
		"leaving the loop": func(_ *stream.Queue[int], s *stream.Subscription[int]) {
			for range s.All(context.Background()) {
				break
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, s := numbers(stream.Config{Buffer: 4, Overflow: stream.Block})
				got := make(chan int)
				go func() { got <- q.PushWait(make(chan struct{}), upTo(1000)) }()
				synctest.Wait()
				release(q, s)
				if n := <-got; n < 4 || n > 12 {
					t.Errorf("took %d", n)
				}
				s.Close()
			})
		})
	}
	t.Run("done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, s := numbers(stream.Config{Buffer: 4, Overflow: stream.Block})
			defer s.Close()
			done, got := make(chan struct{}), make(chan int)
			go func() { got <- q.PushWait(done, upTo(10)) }()
			synctest.Wait()
			close(done)
			if n := <-got; n != 4 {
				t.Errorf("took %d, want 4", n)
			}
		})
	})
}

// Only Block waits.
func TestPushWaitNeverWaitsOtherwise(t *testing.T) {
	for _, p := range []stream.Policy{stream.DropOldest, stream.DropNewest, stream.Latest} {
		q, s := numbers(stream.Config{Buffer: 4, Overflow: p})
		if n := q.PushWait(nil, upTo(10)); n != 10 {
			t.Errorf("%v: took %d", p, n)
		}
		s.Close()
	}
	q, s := numbers(stream.Config{Buffer: 4, Overflow: stream.Fail})
	if n := q.PushWait(nil, upTo(10)); n != 4 {
		t.Errorf("Fail: took %d", n)
	}
	s.Close()
}
