package rivettest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// Handler answers one call. Its result is encoded by the rules of package
// codec; [codec.None] is undefined. The context ends with the action's timeout
// and with the gateway, which waits for handlers to notice.
type Handler func(ctx context.Context, r *Request) (any, error)

// Actor is the definition of all actors of one name. Handlers of one
// definition run one at a time, whichever actor they are called on, so that
// they may share variables without locks; see [Request.Await]. Its methods may
// be called at any time.
type Actor struct {
	gw   *Gateway
	name string
	turn turn

	mu          sync.Mutex
	actions     map[string]Handler
	queues      map[string]QueueHandler
	onConnect   func(context.Context, *Request) error
	onSubscribe func(context.Context, *Request) error
	onPublish   func(context.Context, *QueueMessage) error
	onRequest   http.Handler
	onWebSocket func(context.Context, *Conn)
	startErr    error
}

func newActor(g *Gateway, name string) *Actor {
	return &Actor{gw: g, name: name, actions: make(map[string]Handler), queues: make(map[string]QueueHandler)}
}

// set changes the definition.
func (a *Actor) set(change func()) *Actor {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	return a
}

// Handle answers the action called name, dotted when nested. Actions without a
// handler are answered with actor.action_not_found.
func (a *Actor) Handle(name string, h Handler) *Actor {
	return a.set(func() { a.actions[name] = h })
}

// OnConnect is asked before a connection is opened and before each stateless
// action, which makes a short connection of its own; an error refuses. nil
// removes it.
func (a *Actor) OnConnect(f func(ctx context.Context, r *Request) error) *Actor {
	return a.set(func() { a.onConnect = f })
}

// OnSubscribe is asked before each subscription, with the event's name as the
// Action; an error closes the whole connection with 1011 auth.forbidden, as
// RivetKit's canSubscribe does. The connection's later messages wait for it.
func (a *Actor) OnSubscribe(f func(ctx context.Context, r *Request) error) *Actor {
	return a.set(func() { a.onSubscribe = f })
}

// OnRequest serves raw HTTP requests, with the path the actor sees. Without it
// they are answered with 404 and no body.
func (a *Actor) OnRequest(h http.Handler) *Actor {
	return a.set(func() { a.onRequest = h })
}

// OnWebSocket serves raw WebSockets: f reads with [Conn.Receive] and writes
// with [Conn.SendText] and [Conn.SendBinary]; when it returns the connection
// is closed with code 1000. The context ends with the gateway; the end of the
// connection is told by Receive and [Conn.Done]. Without f they open and stay
// silent.
func (a *Actor) OnWebSocket(f func(ctx context.Context, c *Conn)) *Actor {
	return a.set(func() { a.onWebSocket = f })
}

// FailStart makes every request to actors of this name fail with err, such as
// Error("guard", "actor_ready_timeout", …), as when they cannot be started;
// nil lets them start again.
func (a *Actor) FailStart(err error) *Actor {
	return a.set(func() { a.startErr = err })
}

// Emit sends an event to the subscribed connections of all actors of this name
// and returns to how many.
func (a *Actor) Emit(event string, args ...any) int {
	return a.gw.broadcast(func(c *Conn) bool { return c.ActorName == a.name }, event, argsOf(args))
}

func (a *Actor) handler(name string) Handler {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.actions[name]
}

// execute runs the action of r when its turn comes. deliver is called once:
// within the turn, so that replies and events have one order, or when the
// action has timed out.
func (a *Actor) execute(r *Request, deliver func(out any, err error)) {
	h := a.handler(r.Action)
	if h == nil {
		h = func(context.Context, *Request) (any, error) {
			return nil, Error("actor", "action_not_found", fmt.Sprintf("Action `%s` was not found.", r.Action), nil)
		}
	}
	ticket := a.turn.ticket()
	ctx, cancel := context.WithTimeout(a.gw.ctx, a.gw.cfg.actionTimeout)
	late := func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			deliver(nil, Error("actor", "action_timed_out", "Action timed out.", nil))
		} else {
			deliver(nil, errGatewayClosed)
		}
	}
	stop := context.AfterFunc(ctx, late)
	run := func() {
		defer cancel()
		<-ticket
		defer a.hold(r)()
		out, err := a.protect(func() (any, error) { return h(ctx, r) })
		switch {
		case !stop(): // late has run or is about to
		case ctx.Err() != nil: // the handler noticed first
			late()
		default:
			deliver(out, err)
		}
	}
	if !a.gw.spawn(run) {
		cancel()
		<-ticket
		a.turn.release()
	}
}

// hold gives r the turn that has come, for r to lend in Await, until release.
func (a *Actor) hold(r *Request) (release func()) {
	r.turn = &a.turn
	return func() {
		r.turn = nil
		a.turn.release()
	}
}

// protect reports a panic of a test's handler instead of ending the process
// from a goroutine that the test does not know.
func (a *Actor) protect(f func() (any, error)) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.gw.tb.Errorf("rivettest: a handler of %s panicked: %v\n%s", a.name, p, debug.Stack())
			out, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// admit asks OnConnect.
func (a *Actor) admit(r *Request) error {
	a.mu.Lock()
	hook := a.onConnect
	a.mu.Unlock()
	if hook == nil {
		return nil
	}
	<-a.turn.ticket()
	defer a.hold(r)()
	_, err := a.protect(func() (any, error) { return nil, hook(a.gw.ctx, r) })
	return err
}

// instanceKey is what is unique among the actors that live.
type instanceKey struct{ namespace, name, key string }

// Instance is one actor.
type Instance struct {
	gw         *Gateway
	namespace  string
	name       string
	key        []string
	id         string
	generation uint64
	created    time.Time
	// As the request that created it said.
	region, pool, crashPolicy string
	input                     codec.Value

	destroyed time.Time // guarded by the gateway's mutex
}

// ID returns the actor's id.
func (i *Instance) ID() string { return i.id }

// Key returns the actor's key.
func (i *Instance) Key() []string { return i.key }

// Name returns the name of the actor's definition.
func (i *Instance) Name() string { return i.name }

// Region returns the region that the actor was asked to be created in, empty
// for none.
func (i *Instance) Region() string { return i.region }

// Pool returns the pool that the actor was created in.
func (i *Instance) Pool() string { return i.pool }

// CrashPolicy returns the crash policy that the actor was created with.
func (i *Instance) CrashPolicy() string { return i.crashPolicy }

// Input returns the input that the actor was created with; it is undefined
// when there was none.
func (i *Instance) Input() codec.Value { return i.input }

// Conns returns the open connections to the actor, in the order of their
// opening.
func (i *Instance) Conns() []*Conn {
	return filter(*i.gw.live.Load(), func(c *Conn) bool { return c.inst == i })
}

// Emit sends an event to the subscribed connections of the actor and returns
// to how many.
func (i *Instance) Emit(event string, args ...any) int {
	return i.gw.broadcast(func(c *Conn) bool { return c.inst == i }, event, argsOf(args))
}

// Sleep puts the actor to sleep. On RivetKit 2.3 its connections notice
// nothing; with [Legacy] they are closed with code 1000.
func (i *Instance) Sleep() {
	if i.gw.cfg.legacy {
		for _, c := range i.Conns() {
			c.Close(1000, "")
		}
	}
}

// Destroy ends the actor: its connections are closed with code 1000 and its
// id answers actor.not_found from now on, while its key is free again.
func (i *Instance) Destroy() {
	i.gw.mu.Lock()
	if i.destroyed.IsZero() {
		i.destroyed = time.Now()
		delete(i.gw.byKey, instanceKey{i.namespace, i.name, serializeKey(i.key)})
	}
	i.gw.mu.Unlock()
	for _, c := range i.Conns() {
		c.Close(1000, "")
	}
}

// Instance returns the actor with a name and key in the namespace "default",
// creating it when it is missing.
func (g *Gateway) Instance(name string, key ...string) *Instance {
	inst, _ := g.getOrCreate(Instance{namespace: "default", name: name, key: key, pool: "default", crashPolicy: "sleep"})
	return inst
}

// Instances returns every actor that was created, in that order, destroyed
// ones included.
func (g *Gateway) Instances() []*Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*Instance(nil), g.instances...)
}

// getOrCreate returns the living actor with the key of want, which becomes it
// when there is none.
func (g *Gateway) getOrCreate(want Instance) (inst *Instance, created bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := instanceKey{want.namespace, want.name, serializeKey(want.key)}
	if inst := g.byKey[k]; inst != nil {
		return inst, false
	}
	want.gw, want.generation, want.created = g, 1, time.Now()
	want.id = g.actorID(len(g.instances) + 1)
	g.instances = append(g.instances, &want)
	g.byID[want.id] = &want
	g.byKey[k] = &want
	return &want, true
}

// actorID makes an id of the right form: 30 characters that end in the
// datacenter's, or 16 hex digits on RivetKit 2.0.
func (g *Gateway) actorID(serial int) string {
	if g.cfg.legacy {
		return fmt.Sprintf("%016x", serial)
	}
	return fmt.Sprintf("a%026dl00", serial)
}

// find returns the living actor with an id.
func (g *Gateway) find(id string) *Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	if inst := g.byID[id]; inst != nil && inst.destroyed.IsZero() {
		return inst
	}
	return nil
}

// findKey returns the living actor with a key.
func (g *Gateway) findKey(namespace, name string, key []string) *Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byKey[instanceKey{namespace, name, serializeKey(key)}]
}

// start returns the definition of inst, or why it does not start.
func (g *Gateway) start(inst *Instance) (*Actor, error) {
	g.mu.Lock()
	a := g.actors[inst.name]
	g.mu.Unlock()
	if a == nil {
		return nil, Error("guard", "actor_wake_retries_exceeded", "Actor stopped while starting too often.", nil)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a, a.startErr
}
