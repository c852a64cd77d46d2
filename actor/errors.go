package actor

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// UserError returns an error that reaches the client whole: a *rivet.Error of
// group "user" with this code, message and metadata. Every other error of a
// handler or hook is masked as rivetkit.internal_error and logged. Without a
// code it is RivetKit's, user_error; nil is no metadata, and metadata that
// cannot be encoded is left out. It may be wrapped; what wraps it stays here.
func UserError(code, message string, metadata any) error {
	if code == "" {
		code = "user_error"
	}
	return &reply{wireError("user", code, message, metadata)}
}

// reply is an error as the client is to get it. An error of another actor, which
// is a *codec.Error, too, is none and is masked.
type reply struct{ e *codec.Error }

func (r *reply) Error() string { return r.e.Error() }
func (r *reply) Unwrap() error { return r.e }

// fault returns an error of the runtime itself.
func fault(group, code, message string, metadata any) *reply {
	return &reply{wireError(group, code, message, metadata)}
}

func wireError(group, code, message string, metadata any) *codec.Error {
	e := &codec.Error{Group: group, Code: code, Message: message}
	if metadata != nil {
		data, err := codec.Marshal(codec.BARE, metadata)
		if v := codec.RawValue(codec.BARE, data); err == nil && !v.IsNull() && !v.IsUndefined() {
			e.Metadata = v
		}
	}
	return e
}

const internalMessage = "An internal error occurred"

// describe returns err as a client gets it, a copy. masked says that it is not
// for clients, hence for the log.
func describe(err error) (e *codec.Error, masked bool) {
	if r, ok := errors.AsType[*reply](err); ok {
		e := *r.e
		return &e, false
	}
	return &codec.Error{Group: "rivetkit", Code: "internal_error", Message: internalMessage}, true
}

// statusOf is the HTTP status that goes with an error, as RivetKit 2.3.19 has
// them; those that it has no status for are 503 when trying again helps.
func statusOf(e *codec.Error) int {
	if e.HTTPStatus != 0 {
		return e.HTTPStatus
	}
	switch e.Group {
	case "auth":
		return http.StatusForbidden
	case "message", "queue", "core":
		return http.StatusBadRequest
	case "actor":
		switch e.Code {
		case "action_not_found", "not_found":
			return http.StatusNotFound
		case "action_timed_out":
			return http.StatusRequestTimeout
		case "method_not_allowed":
			return http.StatusMethodNotAllowed
		case "invalid_request":
			return http.StatusBadRequest
		case "overloaded", "stopping":
			return http.StatusServiceUnavailable
		}
	}
	return http.StatusInternalServerError
}

// Errors that have no variable part.
var (
	errStopping        = fault("actor", "stopping", "The actor is stopping", nil)
	errNoWebSocket     = fault("actor", "not_found", "The actor takes no WebSockets", nil)
	errForbidden       = fault("auth", "forbidden", "Forbidden", nil)
	errMalformed       = &reply{&codec.Error{Group: "core", Code: "internal_error", Message: internalMessage, HTTPStatus: http.StatusBadRequest}}
	errTimedOut        = fault("actor", "action_timed_out", "Action timed out", nil)
	errIncomingTooLong = fault("message", "incoming_too_long", "Incoming message too long", nil)
	errOutgoingTooLong = fault("message", "outgoing_too_long", "Outgoing message too long", nil)
	errNoMessage       = fault("actor", "invalid_request", "The message cannot be decoded", nil)
	errSubscriptions   = fault("actor", "overloaded", "The connection has too many subscriptions", nil)
)

func errActionNotFound(name string) error {
	return fault("actor", "action_not_found", fmt.Sprintf("Action `%s` was not found.", name), nil)
}

func errOverloaded(capacity int, operation string) error {
	return fault("actor", "overloaded", "The actor has too many calls to answer",
		map[string]any{"channel": "mailbox", "capacity": capacity, "operation": operation})
}

func errArguments(name string, err error) error {
	return fault("actor", "invalid_request", fmt.Sprintf("Arguments of `%s`: %v", name, err), nil)
}

// errConnectTimedOut is for hooks that guard connections. As with RivetKit, only
// the client of a socket is told more than the code.
func errConnectTimedOut(c *Conn, limit time.Duration) error {
	message := internalMessage
	if c.link != nil {
		message = fmt.Sprintf("actor websocket connection setup timed out after %d ms", limit.Milliseconds())
	}
	return fault("actor", callbackTimedOut, message, nil)
}

const callbackTimedOut = "callback_timed_out"

// isTimeout reports whether err is one of errConnectTimedOut.
func isTimeout(err error) bool {
	r, ok := err.(*reply)
	return ok && r.e.Group == "actor" && r.e.Code == callbackTimedOut
}

// A PanicError is a panic of a handler or hook, as the log and Lease.Failed get
// it.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the value, not the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }
