package stream_test

import (
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/rivet-go/rivet/stream"
)

func TestChannel(t *testing.T) {
	for _, end := range []error{nil, io.ErrUnexpectedEOF} {
		q, s := numbers(stream.Config{})
		q.Push(upTo(300))
		q.CloseWith(end)
		c := s.C()
		if s.C() != c {
			t.Error("a second call returns another channel")
		}
		var got []int
		for n := range c {
			got = append(got, n)
		}
		if !slices.Equal(got, upTo(300)) || s.Err() != end {
			t.Errorf("got %d events, Err %v; want 300, %v", len(got), s.Err(), end)
		}
		if _, err := s.Next(t.Context()); end != nil && err != end || end == nil && err != io.EOF {
			t.Errorf("Next after the end: %v", err)
		}
		s.Close() // must not be needed, nor hurt
		if st := s.Stats(); st.Delivered != 300 || st.Dropped != 0 {
			t.Errorf("want 300 delivered: %+v", st)
		}
	}
}

// What is in the channel counts as waiting, and is dropped by Close.
func TestChannelAddsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		q.Push(upTo(300))
		c := s.C()
		for i := range 10 {
			if n := <-c; n != i+1 {
				t.Fatalf("got %d, want %d", n, i+1)
			}
		}
		synctest.Wait()
		if st := s.Stats(); st.Delivered != 10 || st.Depth != 290 || st.Dropped != 0 {
			t.Errorf("want 10 delivered, 290 waiting: %+v", st)
		}
		if err := s.Err(); err != nil {
			t.Errorf("Err while events come: %v", err)
		}
		s.Close()
		if n, ok := <-c; ok {
			t.Errorf("got %d after Close", n)
		}
		if st := s.Stats(); st.Delivered != 10 || st.Depth != 0 || st.Dropped != 290 {
			t.Errorf("want 10 delivered, 290 dropped: %+v", st)
		}
		if err := s.Err(); err != stream.ErrClosed {
			t.Errorf("Err: %v", err)
		}
	})
}

// After a clean end the rest stays in the channel until Close drops it.
func TestChannelReadInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		q.Push(upTo(30))
		q.CloseWith(nil)
		<-s.C()
		synctest.Wait()
		if st := s.Stats(); st.Delivered != 1 || st.Depth != 29 {
			t.Errorf("want 1 delivered, 29 waiting: %+v", st)
		}
		s.Close()
		if st := s.Stats(); st.Delivered != 1 || st.Dropped != 29 || st.Depth != 0 {
			t.Errorf("want 1 delivered, 29 dropped: %+v", st)
		}
		if s.Err() != nil {
			t.Errorf("Err after a clean end: %v", s.Err())
		}
	})
}

func TestChannelNeverReadIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		s.C()
		q.Push(upTo(1000))
		synctest.Wait()
		s.Close() // the bubble fails if the goroutine stays
		if c := s.C(); c == nil {
			t.Error("no channel after Close")
		} else if _, ok := <-c; ok {
			t.Error("an event after Close")
		}
	})
}

func TestChannelAfterClose(t *testing.T) {
	_, s := numbers(stream.Config{})
	s.Close()
	if _, ok := <-s.C(); ok {
		t.Error("an event after Close")
	}
	if s.Err() != stream.ErrClosed {
		t.Errorf("Err: %v", s.Err())
	}
}

// Notices do not fit into a channel: they are counted, and the hook is told.
func TestChannelTellsNoticesToHook(t *testing.T) {
	var heard []error
	q := stream.NewQueue(stream.Config{Buffer: 2, Gaps: true}, stream.Hooks[int]{
		Unheard: func(notice error) { heard = append(heard, notice) },
	})
	s := stream.Decoded(q, func(e, n *int) error {
		*n = *e
		if *e == 4 {
			return errBad
		}
		return nil
	})
	q.Push(upTo(5))
	q.Notice(&stream.GapError{Reason: io.EOF})
	q.CloseWith(nil)
	for n := range s.C() {
		if n != 5 {
			t.Errorf("got %d, want 5 alone", n)
		}
	}
	if len(heard) != 3 || !stream.IsNotice(heard[0]) || !stream.IsNotice(heard[1]) || !stream.IsNotice(heard[2]) {
		t.Errorf("heard %v, want lag, undecodable event, gap", heard)
	}
	if st := s.Stats(); st.Lags != 1 || st.Undecoded != 1 || st.Gaps != 1 || st.Delivered != 2 {
		t.Errorf("notices are miscounted: %+v", st)
	}
}

// Under Latest a reader of the channel gets what is new when it asks.
func TestChannelOfLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{Overflow: stream.Latest, Gaps: true})
		c := s.C()
		for n := range 100 {
			q.Push([]int{n + 1})
			synctest.Wait()
			q.Notice(&stream.GapError{Reason: io.EOF}) // does not displace an event
			synctest.Wait()
		}
		if n := <-c; n != 100 {
			t.Errorf("got %d, want the newest, 100", n)
		}
		synctest.Wait()
		if st := s.Stats(); st.Received != 100 || st.Delivered != 1 || st.Dropped != 99 || st.Depth != 0 || st.Gaps != 100 {
			t.Errorf("want 1 delivered, 99 dropped: %+v", st)
		}
		q.Push([]int{101})
		synctest.Wait()
		q.CloseWith(nil)
		synctest.Wait()
		if n := <-c; n != 101 {
			t.Errorf("got %d, want the last before the end", n)
		}
		if _, ok := <-c; ok {
			t.Error("an event after the end")
		}
	})
}

// Close may be called by what the channel's goroutine calls.
func TestCloseInsideChannelsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *stream.Subscription[int]
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		var ready atomic.Bool
		s = stream.Decoded(q, func(e, n *int) error {
			if ready.Load() {
				s.Close()
			}
			return nil
		})
		c := s.C()
		q.Push(upTo(5))
		synctest.Wait()
		ready.Store(true)
		q.Push(upTo(10))
		synctest.Wait()
		if n, ok := <-c; ok {
			t.Errorf("got %d after Close", n)
		}
		if st := s.Stats(); st.Delivered != 0 || st.Dropped != 15 || st.Depth != 0 {
			t.Errorf("want 15 dropped: %+v", st)
		}
	})
}
