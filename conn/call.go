package conn

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rivet-go/rivet/codec"
)

// Call is one action call.
type Call struct {
	// Name is the action, dotted when nested.
	Name string
	// Args are the positional arguments.
	Args []any
	// Options as the CallOptions set them.
	Options CallOptions
}

// CallOptions is what a call's options add up to.
type CallOptions struct {
	// Idempotent allows the call to be sent again although it may have run.
	Idempotent bool
	// SkipReadyWait asks the gateway not to wait for the actor; HTTP only.
	SkipReadyWait bool
}

// CallOption sets one field of CallOptions.
type CallOption interface{ ApplyCall(*CallOptions) }

// CallError is how every failed call ends. It names actor and action, never
// arguments, parameters or tokens.
type CallError struct {
	Actor  string
	Action string
	// MaybeExecuted is false only when the actor provably did not run the
	// action.
	MaybeExecuted bool
	// Err is the cause: *codec.Error, *DisconnectedError, a context's error …
	Err error
}

func (e *CallError) Error() string {
	return fmt.Sprintf("rivet: %s.%s: %v", e.Actor, printable(e.Action), e.Err)
}

// printable makes one short line of a name that anybody may have chosen.
func printable(name string) string {
	const limit = 128
	if len(name) > limit {
		name = strings.ToValidUTF8(name[:limit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, name)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// MaybeExecuted reports whether err is of a call that may have run on the
// actor. It is false for nil and for errors that are not of a call.
func MaybeExecuted(err error) bool {
	var ce *CallError
	return errors.As(err, &ce) && ce.MaybeExecuted
}

// Event is one event with its arguments not decoded yet; see Subscribe.
type Event struct {
	Name string
	// Args is the argument array in Encoding.
	Args     []byte
	Encoding codec.Encoding
}
