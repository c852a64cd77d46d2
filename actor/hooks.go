package actor

import (
	"fmt"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// State sets the state that every new actor begins with, a copy of v by way of
// its stored form. Without it and CreateState it is the zero S.
func (d *Definition[S]) State(v S) {
	data, err := (&cell[S]{v}).encode(nil)
	d.b.fault(err)
	create := func(*CreateContext, []byte) (stateful, error) {
		c := new(cell[S])
		return c, c.decode(data)
	}
	set(d.b, "the initial state", &d.b.hooks.createState, d.b.hooks.createState != nil, false, create)
}

// CreateState makes the state of a new actor from the input that its creator
// gave. Without an input, in is the zero In, and CreateContext.HasInput false.
// An error is logged, and the actor does not start: whoever asked for it is
// refused, and the next one tries again, with the input of the first. The key
// stays taken until somebody destroys the actor.
func CreateState[S, In any](d *Definition[S], f func(c *CreateContext, in In) (S, error)) {
	create := func(c *CreateContext, input []byte) (stateful, error) {
		var in In
		if len(input) > 0 {
			if err := codec.Unmarshal(codec.CBOR, input, &in); err != nil {
				return nil, fmt.Errorf("the input is no %T: %w", in, err)
			}
		}
		v, err := f(c, in)
		if err != nil {
			return nil, err
		}
		return &cell[S]{v}, nil
	}
	set(d.b, "the initial state", &d.b.hooks.createState, d.b.hooks.createState != nil, f == nil, create)
}

// Vars is a key to values that belong to an actor and are not saved, made by
// CreateVars. It is safe for concurrent use.
type Vars[V any] struct{ _ [0]func(V) }

// CreateVars makes values that an actor has while it is awake, such as
// connections to elsewhere: f runs at each start, before OnCreate and OnWake. Its
// error is as that of OnWake.
func CreateVars[S, V any](d *Definition[S], f func(*Context[S]) (V, error)) Vars[V] {
	create := func(sc *scope) (any, error) {
		v, err := f(contextOf[S](sc))
		return &v, err
	}
	set(d.b, "CreateVars", &d.b.hooks.createVars, d.b.hooks.createVars != nil, f == nil, create)
	return Vars[V]{}
}

// Of returns the values of the actor that c belongs to, nil when it is one of
// another definition. Like State it is for turns, unless V guards itself.
func (Vars[V]) Of(c Owned) *V {
	v, _ := c.instance().vars.(*V)
	return v
}

// OnCreate runs once in the life of an actor, in its first turn. Its error is as
// that of CreateState.
func (d *Definition[S]) OnCreate(f func(*Context[S]) error) {
	set(d.b, "OnCreate", &d.b.hooks.create, d.b.hooks.create != nil, f == nil, func(sc *scope) error { return f(contextOf[S](sc)) })
}

// OnWake runs at each start of the actor, after OnCreate if that is the first,
// in a turn before all others. An error is logged; the start is tried again with
// pauses that grow, and who waits for the actor is refused after a while.
func (d *Definition[S]) OnWake(f func(*Context[S]) error) {
	set(d.b, "OnWake", &d.b.hooks.wake, d.b.hooks.wake != nil, f == nil, func(sc *scope) error { return f(contextOf[S](sc)) })
}

// OnSleep runs in the last turn before the actor goes to sleep or its host stops,
// before the state is saved. The Context is done after StopGrace.
func (d *Definition[S]) OnSleep(f func(*Context[S])) {
	set(d.b, "OnSleep", &d.b.hooks.sleep, d.b.hooks.sleep != nil, f == nil, func(sc *scope) { f(contextOf[S](sc)) })
}

// OnDestroy runs in the last turn before the actor and its data are gone. The
// Context is done after StopGrace.
func (d *Definition[S]) OnDestroy(f func(*Context[S])) {
	set(d.b, "OnDestroy", &d.b.hooks.destroy, d.b.hooks.destroy != nil, f == nil, func(sc *scope) { f(contextOf[S](sc)) })
}

// OnStateChange runs at the end of each turn that has changed the state, as its
// stored form tells, and may change it further without being called again. It
// costs an encoding of the state for each turn.
func (d *Definition[S]) OnStateChange(f func(*Context[S])) {
	set(d.b, "OnStateChange", &d.b.hooks.onChange, d.b.hooks.onChange != nil, f == nil, func(sc *scope) { f(contextOf[S](sc)) })
}

// Run runs beside the actor while it is awake, on a goroutine of its own, after
// OnWake; there is no turn, so Update and View reach the state. It keeps the
// actor awake, except while it waits for a message of a queue. Its Context is
// done when the actor is about to stop. An error, also a panic, is logged, and
// the actor starts again from its saved state, after a pause that grows.
func (d *Definition[S]) Run(f func(*Context[S]) error) {
	set(d.b, "Run", &d.b.hooks.run, d.b.hooks.run != nil, f == nil, func(sc *scope) error { return f(contextOf[S](sc)) })
}

// OnConnect runs in a turn when a client has connected, before it is told so; an
// error refuses it. See CreateConnState for whom it runs.
func (d *Definition[S]) OnConnect(f func(*Context[S], *Conn) error) {
	set(d.b, "OnConnect", &d.b.hooks.connect, d.b.hooks.connect != nil, f == nil, func(sc *scope, conn *Conn) error { return f(contextOf[S](sc), conn) })
}

// OnDisconnect runs in a turn when a connection that was let in is gone: once, and
// also when it ended while the actor slept or its host was down, at the next
// start then, and when the actor is destroyed, behind OnDestroy. After a crash it
// may run again for what was not saved. The state of a connection that does not
// decode any more is nil.
func (d *Definition[S]) OnDisconnect(f func(*Context[S], *Conn)) {
	set(d.b, "OnDisconnect", &d.b.hooks.disconnect, d.b.hooks.disconnect != nil, f == nil, func(sc *scope, conn *Conn) { f(contextOf[S](sc), conn) })
}

// OnRequest answers raw HTTP requests: all to /request and below, with that
// prefix taken off the URL. It runs beside everything else, without a turn.
// Bodies stream both ways. WriteError answers with an error. A panic is answered
// as an internal error when nothing was sent yet, and else cuts the answer off.
// The request's context is done when the client leaves or the actor has to stop;
// the ResponseWriter cannot be hijacked.
func (d *Definition[S]) OnRequest(f func(*Context[S], http.ResponseWriter, *http.Request)) {
	set(d.b, "OnRequest", &d.b.hooks.request, d.b.hooks.request != nil, f == nil, func(sc *scope, w http.ResponseWriter, r *http.Request) { f(contextOf[S](sc), w, r) })
}

// OnWebSocket serves raw WebSockets: all to /websocket and below. It runs beside
// everything else, without a turn, keeps the actor awake, and the socket is
// closed when it returns: with 1000, or, after an error, with 1011 and its
// code. When the actor is to stop, sleep included, the socket is closed and the
// loop over Messages ends. Without OnWebSocket sockets are closed with 1011
// actor.not_found.
func (d *Definition[S]) OnWebSocket(f func(*Context[S], *WebSocket) error) {
	set(d.b, "OnWebSocket", &d.b.hooks.webSocket, d.b.hooks.webSocket != nil, f == nil, func(sc *scope, ws *WebSocket) error { return f(contextOf[S](sc), ws) })
}

// OnBeforeActionResponse runs after each handler that has not failed, in its
// turn if it has one, and returns what is sent in place of output, which is
// codec.Undefined for an action without result. Its error is as the handler's.
func (d *Definition[S]) OnBeforeActionResponse(f func(c *Context[S], action string, args []codec.Value, output any) (any, error)) {
	set(d.b, "OnBeforeActionResponse", &d.b.hooks.response, d.b.hooks.response != nil, f == nil, func(sc *scope, action string, args []codec.Value, output any) (any, error) {
		return f(contextOf[S](sc), action, args, output)
	})
}

// CanSubscribe asks f, in a turn, before a connection gets an event; Context.Conn
// is who wants it. False closes the connection with auth.forbidden, as RivetKit
// does, and an error likewise with its own code. Events without it are for all.
func CanSubscribe[S, T any](d *Definition[S], e rivet.Event[T], f func(*Context[S]) (bool, error)) {
	guard(d, d.b.events, "CanSubscribe", string(e), f)
}

// CanPublish asks f, in a turn, before a message goes into a queue; Context.Conn
// is who sends it. False answers with auth.forbidden. Queues without it are for
// all.
func CanPublish[S, T, R any](d *Definition[S], q rivet.Queue[T, R], f func(*Context[S]) (bool, error)) {
	guard(d, d.b.queues, "CanPublish", string(q), f)
}

func guard[S any](d *Definition[S], guards map[string]func(*scope) (bool, error), kind, name string, f func(*Context[S]) (bool, error)) {
	switch {
	case f == nil:
		d.b.fault(fmt.Errorf("%s of %q: the function is nil", kind, name))
	case guards[name] != nil:
		d.b.fault(fmt.Errorf("%s of %q is given twice", kind, name))
	default:
		guards[name] = func(sc *scope) (bool, error) { return f(contextOf[S](sc)) }
	}
}
