package stream

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is what Next and Err return once the consumer has closed its
// subscription before the source ended it. Loops over All just end then.
var ErrClosed = errors.New("stream: subscription closed")

// ErrInUse is returned to a second consumer of a subscription that a loop or
// the channel of C already consumes. It changes nothing for the first.
var ErrInUse = errors.New("stream: subscription is already being consumed")

// LagError is a notice: events were lost at this place of the stream because
// the consumer was slower than its buffer allows.
type LagError struct {
	Dropped uint64 // events lost since the last event that was delivered
}

// Error says how many events were lost.
func (e *LagError) Error() string {
	return fmt.Sprintf("stream: consumer too slow, %d events dropped", e.Dropped)
}

// Notice reports true: the stream goes on.
func (e *LagError) Notice() bool { return true }

// GapError is a notice: the source was down between Down and Up, and events of
// that time may have been missed. How many, if any, is not known. Down is when it
// was noticed: what was sent shortly before may be missing, too. Gaps with no event
// between them are told as one.
type GapError struct {
	Down, Up time.Time
	Reason   error // why the source was down; of the last one, if several were merged
}

// Error says how long the source was down, and why.
func (e *GapError) Error() string {
	msg := fmt.Sprintf("stream: events may be missing, source was down for %v", e.Up.Sub(e.Down))
	if e.Reason != nil {
		msg += ": " + e.Reason.Error()
	}
	return msg
}

// Unwrap returns the reason.
func (e *GapError) Unwrap() error { return e.Reason }

// Notice reports true: the stream goes on.
func (e *GapError) Notice() bool { return true }

// DecodeError is a notice: one event could not be decoded and was skipped. A
// decoder that panics is told this way too.
type DecodeError struct{ Err error }

// Error gives the decoder's error.
func (e *DecodeError) Error() string { return fmt.Sprintf("stream: event skipped: %v", e.Err) }

// Unwrap returns the decoder's error.
func (e *DecodeError) Unwrap() error { return e.Err }

// Notice reports true: the stream goes on.
func (e *DecodeError) Notice() bool { return true }

// OverflowError ends a subscription with the policy [Fail] whose buffer was
// full. It comes after everything that was in the buffer.
type OverflowError struct {
	Buffer      int // the limit in events
	BufferBytes int // the limit in bytes
}

// Error names both limits and the options that raise them.
func (e *OverflowError) Error() string {
	return fmt.Sprintf("stream: consumer too slow, buffer of %d events and %d bytes is full (see stream.Buffer, stream.BufferBytes)",
		e.Buffer, e.BufferBytes)
}

// IsNotice reports whether err tells of a loss after which the stream goes on,
// that is, whether err itself is a [*LagError], [*GapError] or [*DecodeError],
// or of another type with a method Notice() bool that returns true.
//
// It looks at err alone and not at what err wraps. Whoever wraps or joins a
// notice makes another error of it: the reason a source gave up may well have
// a decoding error at its root, and to take that for a notice would be to
// swallow the end of the stream.
func IsNotice(err error) bool {
	n, ok := err.(interface{ Notice() bool })
	return ok && n.Notice()
}
