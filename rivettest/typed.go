package rivettest

import (
	"context"
	"slices"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// Handle answers a typed action; see [Actor.Handle]. Arguments that do not
// decode into In are answered with an internal error.
func Handle[In, Out any](a *Actor, action rivet.Action[In, Out], f func(ctx context.Context, r *Request, in In) (Out, error)) *Actor {
	return a.Handle(string(action), func(ctx context.Context, r *Request) (any, error) {
		in, err := decodeArgs[In](r.Args)
		if err != nil {
			return nil, err
		}
		return f(ctx, r, in)
	})
}

// Do answers a typed action that takes no argument.
func Do[Out any](a *Actor, action rivet.Action[rivet.None, Out], f func(ctx context.Context, r *Request) (Out, error)) *Actor {
	return Handle(a, action, func(ctx context.Context, r *Request, _ rivet.None) (Out, error) { return f(ctx, r) })
}

// Consume consumes the messages of a typed queue; see [Actor.Queue].
func Consume[T, R any](a *Actor, queue rivet.Queue[T, R], f func(ctx context.Context, m *QueueMessage, body T) (R, error)) *Actor {
	return a.Queue(string(queue), func(ctx context.Context, m *QueueMessage) (any, error) {
		var body T
		if err := m.Body.Decode(&body); err != nil {
			return nil, err
		}
		return f(ctx, m, body)
	})
}

// Emit sends a typed event from to, a gateway, an actor, a connection or a
// request, and returns to how many connections. It does not wait for the
// network.
func Emit[T any](to Emitter, event rivet.Event[T], v T) int {
	return to.Emit(string(event), codec.Args(v)...)
}

// Calls returns the arguments of every call of a typed action that has
// arrived, over HTTP and over connections, in the order of their arrival. It
// fails the test when one does not decode into In.
func Calls[In, Out any](g *Gateway, action rivet.Action[In, Out]) []In {
	g.tb.Helper()
	type call struct {
		at   time.Time
		args codec.Value
	}
	var all []call
	for _, r := range g.Requests(IsCall(string(action))) {
		all = append(all, call{r.At, r.Args})
	}
	for _, c := range g.Conns() {
		for _, m := range c.Messages(IsAction(string(action))) {
			all = append(all, call{m.At, m.Args})
		}
	}
	slices.SortStableFunc(all, func(a, b call) int { return a.at.Compare(b.at) })
	ins := make([]In, 0, len(all))
	for _, c := range all {
		in, err := decodeArgs[In](c.args)
		if err != nil {
			g.tb.Fatalf("rivettest: arguments of %s: %v", string(action), err)
		}
		ins = append(ins, in)
	}
	return ins
}

func decodeArgs[In any](args codec.Value) (in In, err error) {
	err = codec.DecoderFor[In]().DecodeArgs(args.Encoding(), args.Bytes(), &in)
	return in, err
}
