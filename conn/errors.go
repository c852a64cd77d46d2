package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// ErrClosed is how everything ends that was waiting on, or is asked of, a
// connection or client that is closed. It matches net.ErrClosed as well.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "rivet: closed" }
func (closedError) Is(target error) bool { return target == net.ErrClosed }

// DisconnectedError is the outcome of a call whose link was lost after the
// call was written and before it was answered.
type DisconnectedError struct {
	// Err is why the link was lost.
	Err error
}

func (e *DisconnectedError) Error() string {
	return fmt.Sprintf("connection lost before the reply: %v", e.Err)
}

// Unwrap returns why the link was lost.
func (e *DisconnectedError) Unwrap() error { return e.Err }

// StalledError is the outcome of a call whose reply could not be read because
// a subscription with the policy Block held the reader for too long. Use a
// second connection for calls beside Block.
type StalledError struct {
	// After is how long the reader had been held.
	After time.Duration
}

func (e *StalledError) Error() string {
	return fmt.Sprintf("reader held for %v by a subscription with policy Block; use a second connection for calls", e.After)
}

// TooLargeError refuses a message before it is sent: the server would close
// the whole connection for it.
type TooLargeError struct {
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("message of %d bytes is over the write limit of %d (WithWriteLimit)", e.Size, e.Limit)
}

// OutboxFullError refuses a call because as many calls as WithOutbox allows
// are already waiting for the connection.
type OutboxFullError struct{ Limit int }

func (e *OutboxFullError) Error() string {
	return fmt.Sprintf("not connected, and %d calls are waiting already", e.Limit)
}

// ProtocolError is a link that ended because the server broke the WebSocket
// protocol, or sent a message over the read limit (code 1009).
type ProtocolError = ws.ProtocolError

// CloseError is a link that the server closed with a close frame.
type CloseError struct {
	// Code is the WebSocket close code.
	Code int
	// Reason is the close reason as sent; RayID is split off it.
	Reason string
	RayID  string
	// Err is the structured reason, nil for free text.
	Err *codec.Error
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("server closed the connection (%d)", e.Code)
	}
	return fmt.Sprintf("server closed the connection (%d %q)", e.Code, e.Reason)
}

// Unwrap returns the structured reason, if any.
func (e *CloseError) Unwrap() error {
	if e.Err == nil {
		return nil
	}
	return e.Err
}

// contextError returns why ctx ended: its cause, with its own error beside it
// where the cause does not tell, so that errors.Is finds both.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
