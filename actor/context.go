package actor

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/rivet-go/rivet"
)

// Self is the actor that a context belongs to. Its methods are safe for
// concurrent use.
type Self struct{ in *Instance }

// Owned is what belongs to an actor: a Context of any state, CreateContext,
// ConnectContext, and Self.
type Owned interface{ instance() *Instance }

func (s Self) instance() *Instance { return s.in }

// Name is the name of the actor's definition.
func (s Self) Name() string { return s.in.start.Name }

// ID is the actor's id, unique among all actors there ever were.
func (s Self) ID() string { return s.in.start.ID }

// Key is the actor's key. It is a copy.
func (s Self) Key() rivet.Key { return append(rivet.Key(nil), s.in.start.Key...) }

// Region is where the actor runs.
func (s Self) Region() string { return s.in.start.Region }

// Generation counts the starts of the actor, from 1.
func (s Self) Generation() uint64 { return s.in.start.Generation }

// CreatedAt is when the actor was created.
func (s Self) CreatedAt() time.Time { return s.in.start.CreatedAt }

// Log is a logger that says which actor it is.
func (s Self) Log() *slog.Logger { return s.in.log }

// Client reaches other actors of the host, without the network where they are in
// this process; the host closes it. A call that waits for the turn it is made in
// fails after half a second with actor.call_cycle, if it is made with the Context.
func (s Self) Client() *rivet.Client { return s.in.rt.client.Load() }

// Conns are the actor's connections at the moment of the call. There is one
// *Conn per connection, so pointers can be compared.
func (s Self) Conns() iter.Seq[*Conn] { return s.in.conns.all() }

// Sleep asks the actor to sleep as soon as nothing of it runs. It returns at
// once.
func (s Self) Sleep() { s.in.start.Lease.Sleep() }

// Destroy asks for the end of the actor and of its data. It returns at once; the
// reply of the running action still goes out.
func (s Self) Destroy() { s.in.start.Lease.Destroy() }

// KeepAwake keeps the actor from going to sleep until release is called, or the
// host stops. Calling release again does nothing.
func (s Self) KeepAwake() (release func()) {
	return s.in.keepAwake()
}

// KV is the actor's own store of values under keys.
func (s Self) KV() *KV { return s.in.kv }

// Schedule is what the actor has to do later.
func (s Self) Schedule() *Schedule { return s.in.schedule }

// CreateContext is what CreateState is given.
type CreateContext struct {
	context.Context
	Self
}

// HasInput reports whether the creator gave an input.
func (c *CreateContext) HasInput() bool { return len(c.in.start.Input) > 0 }

// ConnectContext is what OnBeforeConnect and CreateConnState are given. It is
// done when the hook's time is over.
type ConnectContext struct {
	context.Context
	Self
	conn *Conn
}

// Request is the HTTP request that opens the connection, or that carries the
// call. Its body must not be read.
func (c *ConnectContext) Request() *http.Request { return c.conn.req }

// ConnID names the connection that is to be.
func (c *ConnectContext) ConnID() string { return c.conn.id }

// Context is what a handler or hook is given: the actor it runs in, and, as a
// context.Context, how long it may go on. It is done when the actor stops and
// when the action's time is over.
//
// Where there is a turn, State, Await, Update, View and SaveState are for the
// goroutine of the handler alone, as long as it has the turn. Everything else is
// safe for concurrent use.
type Context[S any] struct {
	context.Context
	Self
	// State is the actor's state, to read and to change. It is valid in a turn
	// only and nil without one: in raw HTTP and WebSocket handlers, in Run and
	// in Concurrent handlers, which use Update and View.
	State *S

	sc *scope
}

// scope is a Context without its type parameter.
type scope struct {
	ctx context.Context
	// patient is how long Update and View wait for a turn, when not for ctx:
	// Run may put away what it has after it was told to end.
	patient context.Context

	in   *Instance
	turn *turn // nil where there is none
	conn *Conn // nil where there is none

	base  context.Context // that of ctx, when that is chained
	chain chain           // of turns that wait for this one
	what  string          // for people
	run   bool            // it is Run's
}

// contextOf gives sc its type.
func contextOf[S any](sc *scope) *Context[S] {
	c := &Context[S]{Context: sc.ctx, Self: Self{sc.in}, sc: sc}
	if sc.turn != nil {
		c.State = &sc.in.state.(*cell[S]).value
	}
	return c
}

// Conn is the connection that called, nil in scheduled actions, in Run and in
// hooks of the actor. For a call over HTTP it is one of its own, which ends with
// the call.
func (c *Context[S]) Conn() *Conn { return c.sc.conn }

// Await gives the turn away while f runs, as JavaScript's await does, so that
// other handlers of the actor run meanwhile, and returns the error of f when the
// turn is back. State may have changed then. f must not touch it.
//
// Without a turn it just calls f.
func (c *Context[S]) Await(f func() error) error {
	if c.sc.turn == nil || !c.sc.turn.held.Load() {
		return f()
	}
	return c.sc.turn.await(f)
}

// Update calls f with the state, in the turn there is or in one of its own, and
// returns when f has. It waits for the turns before it, at the most until the
// Context is done; then the error wraps its cause, and f is not called. In Run it
// works for the time of StopGrace longer, to put away what there is. A panic of f
// is thrown at the caller.
//
// As with a lock, f must not call Update, View or SaveState itself unless it was
// called in the turn of a handler. Goroutines that a handler starts must call
// them while it is in Await only, or after it has returned.
func (c *Context[S]) Update(f func(*S)) error {
	return c.in.inTurn(c.sc, func(*turn) { f(&c.in.state.(*cell[S]).value) }, true)
}

// View is Update for an f that changes nothing.
func (c *Context[S]) View(f func(*S)) error {
	return c.in.inTurn(c.sc, func(*turn) { f(&c.in.state.(*cell[S]).value) }, false)
}

// SaveState saves the state and returns when it is on disk. It is otherwise
// saved in the interval of SaveInterval, and when the actor sleeps or stops.
// When ctx ends first, it is saved all the same.
func (c *Context[S]) SaveState(ctx context.Context) error { return c.in.saveNow(ctx, c.sc) }
