package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// ErrUnknownName is what Runtime.Start returns for a name that the registry
// does not have.
var ErrUnknownName = errors.New("actor: the registry has no actor of that name")

// Instance is one generation of an actor, from Runtime.Start to Stop. Its
// methods are for the driver, and are safe for concurrent use.
type Instance struct {
	rt    *Runtime
	b     *blueprint
	start Start
	log   *slog.Logger
	ref   *codec.ActorRef // how errors name it

	// ctx is the handlers', until the actor has to stop them; running is that
	// of Run, which ends as soon as the actor is to stop.
	ctx, running      context.Context
	cancel, cancelRun context.CancelCauseFunc
	awake             activity // what keeps it from sleeping
	tasks             activity // goroutines, but for those of the mailbox
	turns             mailbox
	lets              func(*turn)  // endTurn
	calls             atomic.Int64 // that wait, are given away, or run beside
	state             stateful     // for turns
	vars              any          // for turns
	conns             table
	journal           journal
	saver             saver
	kv                *KV
	queues            *queues
	schedule          *Schedule
	runIdle           idleness // of Run, while it waits for messages
	restored          map[string]Receiver
	stopping          atomic.Bool
	up                bool          // it counts as awake; set before Start returns
	stopped           chan struct{} // closed after stopErr is set
	stopErr           error
	raw               rawSockets
}

func newInstance(rt *Runtime, b *blueprint, s Start) *Instance {
	in := &Instance{
		rt: rt, b: b, start: s,
		log:      rt.log.With("actor", s.Name, "key", gateway.SerializeKey(s.Key), "id", s.ID),
		ref:      &codec.ActorRef{ID: s.ID, Generation: s.Generation, Key: gateway.SerializeKey(s.Key), HasKey: true},
		state:    b.newState(),
		restored: make(map[string]Receiver),
		stopped:  make(chan struct{}),
	}
	in.ctx, in.cancel = context.WithCancelCause(context.Background())
	in.running, in.cancelRun = context.WithCancelCause(in.ctx)
	in.saver.in = in
	in.lets = in.endTurn
	in.awake.after, in.awake.idle = b.set.sleepAfter, s.Lease.Sleep
	// What was changed must be stored also when the handlers are told to end.
	in.journal = journal{store: s.Lease, log: in.log}
	in.journal.ctx, in.journal.cancel = context.WithCancelCause(context.Background())
	in.kv = &KV{store: s.Lease, journal: &in.journal}
	in.queues = newQueues(s.Lease, &in.journal, in.log, in.keepAwake, b.set.queueSize, b.set.maxQueueMessage)
	in.schedule = newSchedule(&in.journal, in.log)
	in.schedule.setAlarm, in.schedule.run = s.Lease.SetAlarm, in.runScheduled
	in.schedule.knows = func(name string) bool { return b.actions[name] != nil }
	return in
}

// keepAwake keeps the actor from sleeping until release is called, for somebody
// who keeps it awake already.
func (in *Instance) keepAwake() (release func()) {
	in.awake.more()
	return in.awake.once()
}

// Hold keeps the generation from going to sleep until release is called; more
// calls do nothing. A driver holds it while it brings a request. False means
// that it is stopping already: bring the request to the next generation.
func (in *Instance) Hold() (release func(), ok bool) {
	if !in.awake.hold() {
		return nil, false
	}
	return in.awake.once(), true
}

// Restored returns the receiver of a link that Start gave to this generation;
// nil when the actor does not know it: then the driver closes it with 1000 and
// ws.meta_not_found_during_restore.
func (in *Instance) Restored(id string) Receiver { return in.restored[id] }

// spawn runs f on a goroutine that Stop waits for, and holds the actor awake
// meanwhile. A panic of f is logged.
func (in *Instance) spawn(what string, f func()) {
	in.awake.more()
	in.tasks.more()
	go func() {
		defer in.tasks.release()
		defer in.awake.release()
		if err := in.protect(func() error { f(); return nil }); err != nil {
			in.log.Error(what+" failed", "error", err)
		}
	}()
}

// protect calls f and turns its panic into a *PanicError.
func (in *Instance) protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return f()
}

// report logs what went wrong in a hook or handler and is masked for clients.
func (in *Instance) report(what, name string, err error) {
	if p, ok := errors.AsType[*PanicError](err); ok {
		in.log.Error(what+" panicked", "name", name, "panic", fmt.Sprint(p.Value), "stack", string(p.Stack))
		return
	}
	in.log.Error(what+" failed", "name", name, "error", err)
}

// scopeOf returns what a handler or hook in turn t runs with. t may be nil.
func (in *Instance) scopeOf(ctx context.Context, t *turn, conn *Conn, c chain, what string) *scope {
	sc := &scope{in: in, turn: t, conn: conn, base: ctx, chain: c, what: what}
	sc.ctx = (*chained)(sc)
	if t != nil {
		t.lets = in.lets
	}
	return sc
}

// chained is the context of a scope, which tells the calls made with it what
// they are made in. It is the scope, to save the memory.
type chained scope

func (c *chained) Deadline() (time.Time, bool) { return c.base.Deadline() }
func (c *chained) Done() <-chan struct{}       { return c.base.Done() }
func (c *chained) Err() error                  { return c.base.Err() }

func (c *chained) Value(key any) any {
	switch {
	case key != chainKey{}:
		return c.base.Value(key)
	case c.turn == nil:
		return c.chain
	}
	return c.chain.with(c.in.start.ID, c.in.start.Generation, c.turn.id, c.in.who(c.what))
}

// inTurn calls f in the turn of sc, or in one of its own, and sees to the end of
// that when it changes something. The error is that no turn came, or that f ended
// its goroutine; a panic of f is thrown at the caller.
func (in *Instance) inTurn(sc *scope, f func(*turn), changes bool) error {
	if sc.turn != nil && sc.turn.held.Load() {
		f(sc.turn)
		return nil
	}
	const (
		waiting int32 = iota
		begun
		given
	)
	ctx := sc.ctx
	if sc.patient != nil {
		ctx = sc.patient
	}
	noTurn := func(err error) error { return fmt.Errorf("actor: wait for a turn: %w", err) }
	if ctx.Err() != nil {
		return noTurn(context.Cause(ctx))
	}
	var at atomic.Int32
	var panicked any
	failed := errEnded
	done := make(chan struct{})
	err := in.turns.push(item{
		urgent: true,
		run: func(t *turn) {
			if !at.CompareAndSwap(waiting, begun) {
				return
			}
			defer close(done)
			if ctx.Err() != nil {
				failed = noTurn(context.Cause(ctx))
				return
			}
			defer func() {
				panicked = recover()
				if changes {
					in.endTurn(t)
				}
			}()
			f(t)
			failed = nil
		},
		refuse: func(err error) {
			if at.CompareAndSwap(waiting, begun) {
				failed = noTurn(err)
				close(done)
			}
		},
	})
	if err != nil {
		return noTurn(err)
	}
	select {
	case <-done:
	case <-ctx.Done():
		if at.CompareAndSwap(waiting, given) {
			return noTurn(context.Cause(ctx))
		}
		<-done
	}
	if panicked != nil {
		panic(panicked)
	}
	return failed
}

// errEnded is what a function is told to have returned that has ended its
// goroutine instead.
var errEnded = errors.New("the function ended its goroutine")

// hook runs f in a turn of its own and returns its error, which may be that no
// turn came before ctx ended, or its panic.
func (in *Instance) hook(ctx context.Context, name string, conn *Conn, f func(*scope) error) error {
	err := errEnded
	waited := in.inTurn(&scope{ctx: ctx, in: in}, func(t *turn) {
		err = in.protect(func() error { return f(in.scopeOf(ctx, t, conn, "", name)) })
	}, true)
	if waited != nil {
		return waited
	}
	return err
}

// endTurn is called at the end of each turn that may have changed the state,
// also where it is given away.
func (in *Instance) endTurn(t *turn) {
	in.saver.touch()
	f := in.b.hooks.onChange
	if f == nil || !in.saver.differs() || t.telling {
		return // differs also notes what OnStateChange itself changes
	}
	t.telling = true
	err := errEnded
	defer func() {
		t.telling = false
		in.saver.differs()
		if err != nil {
			in.report("hook", "OnStateChange", err)
		}
	}()
	err = in.protect(func() error { f(in.scopeOf(in.ctx, t, nil, "", "OnStateChange")); return nil })
}
