package stream_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// gaveUp is a terminal error that has a notice at its root.
type gaveUp struct{ last error }

func (e *gaveUp) Error() string { return "gave up: " + e.last.Error() }
func (e *gaveUp) Unwrap() error { return e.last }

// maybe is a type of another package that says for itself.
type maybe bool

func (m maybe) Error() string { return "maybe" }
func (m maybe) Notice() bool  { return bool(m) }

func TestIsNotice(t *testing.T) {
	lag, gap, dec := &stream.LagError{Dropped: 1}, &stream.GapError{Reason: io.EOF}, &stream.DecodeError{Err: io.EOF}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{lag, true},
		{gap, true}, // for all that its reason is no notice
		{dec, true},
		{maybe(true), true},
		{maybe(false), false},
		{io.EOF, false},
		{stream.ErrClosed, false},
		{stream.ErrInUse, false},
		{&stream.OverflowError{}, false},
		{&gaveUp{dec}, false},
		{errors.Join(lag, io.ErrUnexpectedEOF), false},
		{errors.Join(io.ErrUnexpectedEOF, gap), false},
		{fmt.Errorf("source ended: %w", gap), false},
	} {
		if got := stream.IsNotice(tt.err); got != tt.want {
			t.Errorf("IsNotice(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestNoticesSayWhat(t *testing.T) {
	down := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		err   error
		words []string
		root  error
	}{
		{&stream.LagError{Dropped: 17}, []string{"17"}, nil},
		{&stream.GapError{Down: down, Up: down.Add(3 * time.Second), Reason: io.ErrClosedPipe}, []string{"3s", "closed pipe"}, io.ErrClosedPipe},
		{&stream.GapError{Down: down, Up: down.Add(time.Minute)}, []string{"1m0s"}, nil},
		{&stream.DecodeError{Err: io.ErrUnexpectedEOF}, []string{"unexpected EOF"}, io.ErrUnexpectedEOF},
		{&stream.OverflowError{Buffer: 5, BufferBytes: 77}, []string{"5 events", "77 bytes", "stream.Buffer", "stream.BufferBytes"}, nil},
	} {
		for _, word := range tt.words {
			if !strings.Contains(tt.err.Error(), word) {
				t.Errorf("%q does not say %q", tt.err, word)
			}
		}
		if tt.root != nil && !errors.Is(tt.err, tt.root) {
			t.Errorf("%q does not wrap %v", tt.err, tt.root)
		}
	}
}
