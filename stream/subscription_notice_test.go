package stream_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func TestNoticesAreInPlace(t *testing.T) {
	q, s := numbers(stream.Config{Buffer: 3, Overflow: stream.DropNewest, Gaps: true})
	at := func(sec int64) time.Time { return time.Unix(sec, 0) }
	q.Notice(&stream.GapError{Down: at(1), Up: at(2), Reason: io.EOF})
	q.Notice(&stream.GapError{Down: at(3), Up: at(4), Reason: io.ErrClosedPipe})
	q.Push([]int{1, 2})
	q.Notice(&stream.DecodeError{Err: errBad})
	q.Push([]int{3, 4})
	q.Notice(nil)
	q.Push([]int{5})
	q.CloseWith(io.ErrUnexpectedEOF)
	q.Notice(&stream.LagError{Dropped: 99})
	q.CloseWith(nil)

	var got []string
	for n, err := range s.All(t.Context()) {
		var gap *stream.GapError
		if errors.As(err, &gap) {
			got = append(got, fmt.Sprint("gap ", gap.Down.Unix(), gap.Up.Unix(), gap.Reason))
			continue
		}
		got = append(got, fmt.Sprint(n, err))
	}
	want := []string{
		"gap 1 4 io: read/write on closed pipe",
		"1 <nil>", "2 <nil>",
		"0 stream: event skipped: bad",
		"3 <nil>",
		"0 stream: consumer too slow, 2 events dropped",
		"0 unexpected EOF",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Gaps != 2 || st.Lags != 1 || st.Undecoded != 1 {
		t.Errorf("notices are miscounted: %+v", st)
	}
}

// A notice that is shared by several queues must stay as it was.
func TestMergingGapsLeavesTheirsAlone(t *testing.T) {
	first, second := &stream.GapError{Up: time.Unix(1, 0)}, &stream.GapError{Up: time.Unix(2, 0)}
	q, s := numbers(stream.Config{Gaps: true})
	defer s.Close()
	q.Notice(first)
	q.Notice(second)
	if first.Up != time.Unix(1, 0) || second.Up != time.Unix(2, 0) {
		t.Error("the producer's notices were changed")
	}
}

func TestGapsAreOffUnlessAskedFor(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push([]int{1})
	q.Notice(&stream.GapError{Reason: io.EOF})
	q.Push([]int{2})
	q.CloseWith(nil)
	if got, err := collect(t, s); !slices.Equal(got, []int{1, 2}) || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got := s.Stats().Gaps; got != 1 {
		t.Errorf("%d gaps counted, want 1", got)
	}
}

// Notices must stay bounded however long nobody listens.
func TestNoticesAreBounded(t *testing.T) {
	q, s := numbers(stream.Config{Buffer: 2, Gaps: true})
	before := heap()
	for i := range 20_000 {
		q.Push([]int{i})
		q.Notice(&stream.GapError{Reason: io.EOF})
		q.Notice(&stream.DecodeError{Err: errBad})
	}
	if grown := heap() - before; grown > 128<<10 {
		t.Errorf("notices hold %d bytes", grown)
	}
	q.CloseWith(nil)
	steps := 0
	for range s.All(t.Context()) {
		steps++
	}
	if steps > 80 {
		t.Errorf("%d steps for two events, want at most 64 notices and a few", steps)
	}
	if st := s.Stats(); st.Received != st.Delivered+st.Dropped || st.Depth != 0 || st.Gaps != 20_000 {
		t.Errorf("stats do not add up: %+v", st)
	}
}
