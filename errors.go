package rivet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// Errors that other packages of this module define, under the names by which
// users of a client meet them.
type (
	// Error is an error that a Rivet server sent.
	Error = codec.Error
	// ActorRef names the actor in an Error.
	ActorRef = codec.ActorRef
	// CallError is how every failed call ends.
	CallError = conn.CallError
	// DisconnectedError is the outcome of a call whose link was lost.
	DisconnectedError = conn.DisconnectedError
	// CloseError is a connection that the server closed.
	CloseError = conn.CloseError
	// StalledError is the outcome of a call behind a blocked reader.
	StalledError = conn.StalledError
	// TooLargeError refuses a message before it is sent.
	TooLargeError = conn.TooLargeError
	// OutboxFullError refuses a call while too many wait for the connection.
	OutboxFullError = conn.OutboxFullError
	// LagError is a notice: events were dropped, their consumer was too slow.
	LagError = stream.LagError
	// GapError is a notice: events may have been missed around a reconnect.
	GapError = stream.GapError
	// DecodeError is a notice: an event could not be decoded and was skipped.
	DecodeError = stream.DecodeError
)

// ErrClosed is how everything ends that is asked of, or waits on, a client or
// connection that is closed. It matches net.ErrClosed as well.
var ErrClosed = conn.ErrClosed

// ErrQueueTimedOut is matched by *QueueTimeoutError.
var ErrQueueTimedOut = errors.New("rivet: queue message not completed in time")

// Well-known errors of servers, for errors.Is; package codec says which codes
// each stands for.
var (
	ErrActorNotFound     = codec.ErrActorNotFound
	ErrActorExists       = codec.ErrActorExists
	ErrActorDestroyed    = codec.ErrActorDestroyed
	ErrActorUnavailable  = codec.ErrActorUnavailable
	ErrRouteNotFound     = codec.ErrRouteNotFound
	ErrActionNotFound    = codec.ErrActionNotFound
	ErrActionTimedOut    = codec.ErrActionTimedOut
	ErrForbidden         = codec.ErrForbidden
	ErrUnauthorized      = codec.ErrUnauthorized
	ErrNamespaceNotFound = codec.ErrNamespaceNotFound
	ErrRegionNotFound    = codec.ErrRegionNotFound
	ErrPoolNotFound      = codec.ErrPoolNotFound
	ErrInvalidKey        = codec.ErrInvalidKey
	ErrOverloaded        = codec.ErrOverloaded
	ErrRateLimited       = codec.ErrRateLimited
	ErrQueueFull         = codec.ErrQueueFull
	ErrMessageTooLong    = codec.ErrMessageTooLong
	ErrInternal          = codec.ErrInternal
)

// MaybeExecuted reports whether err is of a call that may have run on the
// actor. It is false for nil and for errors that are not of a call.
func MaybeExecuted(err error) bool { return conn.MaybeExecuted(err) }

// IsCode reports whether err is an error of a server with the given code, such
// as "forbidden"; "auth.forbidden" compares the group as well.
func IsCode(err error, code string) bool {
	if codec.IsCode(err, code) {
		return true
	}
	group, code, ok := strings.Cut(code, ".")
	return ok && errors.Is(err, &codec.Error{Group: group, Code: code})
}

// ConfigError is a value that cannot be used: an option, a variable of the
// environment, an actor's name or key. Nothing was sent.
type ConfigError struct {
	// Field names what is wrong: "endpoint", "key", "WithPing" …
	Field string
	// Rule is what it breaks, to be read behind Field. It never quotes secrets.
	Rule string
	// Err is the cause, if there is one.
	Err error
}

// Error returns field, rule and cause.
func (e *ConfigError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("rivet: %s %s: %v", e.Field, e.Rule, e.Err)
	}
	return fmt.Sprintf("rivet: %s %s", e.Field, e.Rule)
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// RedirectError is a redirect that was not followed: the token would travel to
// another place, and an action could run twice.
type RedirectError struct {
	// Status is the HTTP status, Host the target's host and nothing more of it.
	Status int
	Host   string
}

// Error names status and target host.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("server answered with a redirect (%d) to %q, which is not followed; set the endpoint to that host if it is the right one", e.Status, e.Host)
}

// QueueTimeoutError is the outcome of Queue.SendWait when the actor did not
// complete the message in time. The message was stored and may still be
// completed later. It matches ErrQueueTimedOut.
type QueueTimeoutError struct {
	// Queue is the queue's name.
	Queue string
}

// Error names the queue.
func (e *QueueTimeoutError) Error() string {
	return fmt.Sprintf("message in queue %q not completed in time", e.Queue)
}

// Is matches ErrQueueTimedOut.
func (e *QueueTimeoutError) Is(target error) bool { return target == ErrQueueTimedOut }

// ResponseTooLargeError is the failure of a call whose response is over the read
// limit; see WithReadLimit. The actor may have run it.
type ResponseTooLargeError struct {
	Limit int64 // bytes
}

// Error names the limit and the option that raises it.
func (e *ResponseTooLargeError) Error() string {
	return fmt.Sprintf("response exceeds the read limit of %d bytes (WithReadLimit)", e.Limit)
}

// callbackError is the failure of a function that an option brought: nothing
// was sent because of it.
type callbackError struct {
	what string
	err  error
}

func (e *callbackError) Error() string { return e.what + ": " + e.err.Error() }
func (e *callbackError) Unwrap() error { return e.err }

// wrap says what was being done to which actor.
func wrap(doing string, h *Handle, err error) error {
	return fmt.Errorf("rivet: %s %v: %w", doing, h, err)
}
