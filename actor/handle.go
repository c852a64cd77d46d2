package actor

import (
	"fmt"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// HandlerOption changes how one handler runs.
type HandlerOption interface{ applyHandler(*action) }

type handlerOption func(*action)

func (f handlerOption) applyHandler(a *action) { f(a) }

// Concurrent lets a handler run beside others, without a turn: it begins when
// what came before it has had its turn. Its Context has no State; Update and View
// reach it.
func Concurrent() HandlerOption { return handlerOption(func(a *action) { a.concurrent = true }) }

// SaveFirst saves the state before the reply is sent: what a caller was told is
// on disk. Other handlers run meanwhile.
func SaveFirst() HandlerOption { return handlerOption(func(a *action) { a.saveFirst = true }) }

// Handle defines what an action does. The handler runs in a turn of its actor:
// nothing else of the actor runs before it returns, unless it gives the turn
// away with Context.Await. Its error reaches the caller: one of UserError as it
// is, any other one masked. A panic is such an error and goes to the log.
//
// A dotted name, "deep.ping", is what JavaScript calls as deep.ping(). The
// arguments are decoded as by codec.Decoder, the result is encoded in the
// encoding of the caller. Arguments that are no In are the caller's error,
// actor.invalid_request.
func Handle[S, In, Out any](d *Definition[S], a rivet.Action[In, Out], f func(*Context[S], In) (Out, error), opts ...HandlerOption) {
	decode := codec.DecoderFor[In]()
	name := string(a)
	d.handle(name, f == nil, opts, func(sc *scope, enc codec.Encoding, args []byte) (any, error) {
		var in In
		if err := decode.DecodeArgs(enc, args, &in); err != nil {
			return nil, errArguments(name, err)
		}
		out, err := f(contextOf[S](sc), in)
		if err != nil {
			return nil, err
		}
		return result(out), nil
	})
}

// Do is Handle for an action without result.
func Do[S, In any](d *Definition[S], a rivet.Action[In, rivet.None], f func(*Context[S], In) error, opts ...HandlerOption) {
	var g func(*Context[S], In) (rivet.None, error)
	if f != nil {
		g = func(c *Context[S], in In) (rivet.None, error) { return rivet.None{}, f(c, in) }
	}
	Handle(d, a, g, opts...)
}

func (d *Definition[S]) handle(name string, isNil bool, opts []HandlerOption, run func(*scope, codec.Encoding, []byte) (any, error)) {
	switch _, twice := d.b.actions[name]; {
	case name == "":
		d.b.fault(fmt.Errorf("an action without a name"))
	case isNil:
		d.b.fault(fmt.Errorf("action %q: the handler is nil", name))
	case twice:
		d.b.fault(fmt.Errorf("action %q has two handlers", name))
	}
	a := &action{name: name, run: run}
	for _, o := range opts {
		if o != nil {
			o.applyHandler(a)
		}
	}
	d.b.actions[name] = a
}

// result is what is encoded for out: undefined for None.
func result(out any) any {
	if _, none := out.(rivet.None); none {
		return codec.Undefined{}
	}
	return out
}

// encodeResult encodes the output of an action; empty is undefined.
func encodeResult(enc codec.Encoding, out any) ([]byte, error) {
	if _, undefined := out.(codec.Undefined); undefined {
		return nil, nil
	}
	return codec.Marshal(enc, out)
}
