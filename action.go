package rivet

import (
	"context"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

type (
	// None is the argument, result or event payload of which there is none.
	None = codec.None
	// Positional, embedded in a struct, spreads the struct's fields over
	// positional arguments.
	Positional = codec.Positional
	// Value is a JavaScript value that is not decoded yet.
	Value = codec.Value
)

// Action names an action with the types of its argument and result:
//
//	const Increment = rivet.Action[int, int]("increment")
//
// In is one argument, None for none, or a struct that embeds Positional for
// several. Out is None for an action without a result. The same constant types
// the actors of package rivettest.
type Action[In, Out any] string

// Call calls the action on a handle, by HTTP, or on a connection, and waits for
// its result. Every failure is a *CallError. See Handle.Invoke and
// conn.Conn.Invoke for when it is sent again, and for timeouts.
func (a Action[In, Out]) Call(ctx context.Context, c Caller, in In, opts ...CallOption) (Out, error) {
	return invoke[Out](ctx, c, string(a), codec.Args(in), opts)
}

// Do calls an action that takes no argument.
func Do[Out any](ctx context.Context, c Caller, a Action[None, Out], opts ...CallOption) (Out, error) {
	return invoke[Out](ctx, c, string(a), nil, opts)
}

// Call calls an action by name with positional arguments, and decodes its
// result into Out.
func Call[Out any](ctx context.Context, c Caller, name string, args ...any) (Out, error) {
	return invoke[Out](ctx, c, name, args, nil)
}

// CallArgs is Call with options.
func CallArgs[Out any](ctx context.Context, c Caller, name string, args []any, opts ...CallOption) (Out, error) {
	return invoke[Out](ctx, c, name, args, opts)
}

func invoke[Out any](ctx context.Context, c Caller, name string, args []any, opts []CallOption) (Out, error) {
	var out Out
	call := conn.Call{Name: name, Args: args}
	for _, o := range opts {
		if o != nil {
			o.ApplyCall(&call.Options)
		}
	}
	value, err := c.Invoke(ctx, &call)
	if err != nil {
		return out, err
	}
	if err := decodeResult(value, &out); err != nil {
		return out, &CallError{Actor: callerLabel(c), Action: name, MaybeExecuted: true, Err: err}
	}
	return out, nil
}

// decodeResult stores a result in dst. Nobody looks at what a None is.
func decodeResult(value codec.Value, dst any) error {
	switch dst := dst.(type) {
	case *codec.None:
		return nil
	case *codec.Value:
		*dst = value
		return nil
	}
	return value.Decode(dst)
}

// callerLabel names the actor that c calls.
func callerLabel(c Caller) string {
	switch c := c.(type) {
	case *viewCaller:
		return callerLabel(c.conn)
	case *Handle:
		return c.String()
	case *conn.Conn:
		info := c.Info()
		if info.Key == nil {
			return label(info.Name, nil, info.ActorID)
		}
		return label(info.Name, info.Key, "")
	}
	return "actor"
}
