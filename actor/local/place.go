package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// instance is what placement and the front use of an *actor.Instance.
type instance interface {
	Hold() (release func(), ok bool)
	ServeHTTP(w http.ResponseWriter, r *http.Request)
	Open(l actor.Link) actor.Receiver
	Restored(id string) actor.Receiver
	Stop(ctx context.Context, reason actor.StopReason) error
}

// starter is what placement uses of an *actor.Runtime.
type starter interface {
	Start(ctx context.Context, s actor.Start) (instance, error)
}

// places knows the actors, and which generation of which of them runs. Its
// methods are safe for concurrent use.
type places struct {
	*directory
	run starter
	log *slog.Logger
	// ctx is that of starts and stops. It ends when the host's patience does.
	ctx   context.Context
	cut   context.CancelCauseFunc
	owner sync.WaitGroup // the goroutines of places

	// mu is taken behind place.binding, and held for moments only.
	mu       sync.Mutex
	resident map[string]*place // by id: those that run, or have something to do
	alarms   *alarms
	closing  bool
	quit     chan struct{} // closed when closing is set
	unsaved  []error       // why actors could not be stopped in order, at the end
	over     chan struct{} // closed when the shutdown is through
	err      error         // of the shutdown; set before over is closed
}

// place is an actor that runs, or has something to do. One that sleeps and has
// no sockets has none. places.mu guards it.
//
// What is to be done is noted in its members, and kick starts a goroutine for
// it, if none works there already: it compares what is with what is wanted until
// they agree.
type place struct {
	p  *places
	id string

	// What is.
	rec      record // once it was started, here
	in       instance
	lease    *lease
	since    time.Time // when in became ready
	busy     bool      // the goroutine is at work
	stopping bool      // it stops in
	sockets  map[string]socket

	// What is wanted.
	next    *generation // of the one after in: by somebody who waits for it
	insist  bool        // by the driver itself, until one has started
	called  bool        // by a socket
	sleepy  bool        // by in
	failed  error       // of in, which has to end
	doom    *doom       // by somebody who destroys it
	alarmed bool        // it counts in alarms.starting

	failures int         // generations that failed, one after the other
	paused   bool        // after a failure, where nobody but the driver insists
	pause    *time.Timer // ends that

	dueAtStart bool // the alarm was due when in started

	// binding keeps bind and unbind in order.
	binding sync.Mutex
}

// generation is one that somebody waits for. err is set before done is closed.
type generation struct {
	waiting int
	done    chan struct{}
	err     error
}

// doom is the end of an actor. err is set before done is closed.
type doom struct {
	done chan struct{}
	err  error
}

const (
	// readyWait is how long acquire waits, and how long a start may take; both
	// as the engine.
	readyWait = 30 * time.Second
	// maxTries is how often an actor is started for somebody who waits.
	maxTries = 8
	// minTryPause is the first pause between such starts, which then doubles.
	minTryPause = 5 * time.Millisecond
	// Pauses before a generation that follows one that has failed.
	minRestartPause = 50 * time.Millisecond
	maxRestartPause = 30 * time.Second
	// soundAfter is how long a generation lives for the failures before it not
	// to count any more.
	soundAfter = 10 * time.Second
)

var (
	errNotFound  = &codec.Error{Group: "actor", Code: "not_found", Message: "The actor does not exist or was destroyed.", HTTPStatus: 404}
	errDestroyed = &codec.Error{Group: "actor", Code: "destroyed_while_waiting_for_ready", Message: "The actor was destroyed while it was waited for.", HTTPStatus: 400}
	errNotReady  = &codec.Error{Group: "guard", Code: "actor_ready_timeout", Message: "The actor did not become ready in time.", HTTPStatus: 503}
	errShutDown  = &codec.Error{Group: "guard", Code: "service_unavailable", Message: "The host is shutting down.", HTTPStatus: 503}
)

// errWake says that an actor does not start, as the engine says it. That tries
// names that nobody knows as often as others.
func errWake(id string) *codec.Error {
	const reason = "actor_stopped_before_ready"
	e := gatewayError("guard", "actor_wake_retries_exceeded",
		fmt.Sprintf("Actor %s stopped before becoming ready after %d wake retries: %s.", id, maxTries, reason),
		map[string]any{"actor_id": id, "wake_retries": maxTries, "reason": reason})
	e.HTTPStatus = http.StatusServiceUnavailable
	return e
}

// openPlaces reads the store's directory. begin starts what is to be started.
func openPlaces(s *store, run starter, log *slog.Logger) (*places, error) {
	dir, err := openDirectory(s)
	if err != nil {
		return nil, err
	}
	a, err := openAlarms(s)
	if err != nil {
		return nil, err
	}
	p := &places{
		directory: dir, run: run, log: log, alarms: a,
		resident: make(map[string]*place), quit: make(chan struct{}), over: make(chan struct{}),
	}
	p.ctx, p.cut = context.WithCancelCause(context.Background())
	return p, nil
}

// acquire returns the running instance of an actor, which it wakes, and holds
// it until release is called, once. When ctx ends first it returns its cause;
// else its errors are *codec.Error, with the codes of the engine's gateway:
// actor.not_found, actor.destroyed_while_waiting_for_ready,
// guard.actor_ready_timeout, guard.actor_wake_retries_exceeded, and
// guard.service_unavailable when the host shuts down. A damaged file is another
// error.
func (p *places) acquire(ctx context.Context, id string) (in instance, release func(), err error) {
	var late <-chan time.Time
	for {
		p.mu.Lock()
		if pl := p.resident[id]; pl != nil && pl.ready() {
			in = pl.in
		}
		p.mu.Unlock()
		if in != nil {
			if release, ok := in.Hold(); ok {
				return in, release, nil
			}
		}
		g, err := p.await(ctx, id, in)
		if err != nil {
			return nil, nil, err
		}
		if late == nil {
			timer := time.NewTimer(readyWait)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-g.done:
			err = g.err
		case <-late:
			err = errNotReady
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		p.mu.Lock()
		g.waiting--
		p.mu.Unlock()
		if err != nil {
			return nil, nil, err
		}
		in = nil
	}
}

// await returns the generation behind in, which has ended or will soon.
func (p *places) await(ctx context.Context, id string, in instance) (*generation, error) {
	p.mu.Lock()
	pl := p.resident[id]
	p.mu.Unlock()
	if pl == nil {
		switch rec, ok, err := p.byID(ctx, id); {
		case err != nil:
			return nil, err
		case !ok || !rec.DestroyedAt.IsZero():
			return nil, errNotFound
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, errShutDown
	}
	pl = p.place(id)
	if pl.ready() && pl.in != in {
		ready := &generation{waiting: 1, done: make(chan struct{})}
		close(ready.done)
		return ready, nil
	}
	if pl.next == nil {
		pl.next = &generation{done: make(chan struct{})}
	}
	pl.next.waiting++
	pl.kick()
	return pl.next, nil
}

// ready reports whether a generation takes requests. One that is to end, for
// whatever reason, does not: who was told that the actor destroys itself shall
// not find it alive. places.mu is locked.
func (pl *place) ready() bool { return pl.in != nil && !pl.stopping && pl.todo() == rest }

// connectable returns since when the actor takes requests, the zero time when it
// does not.
func (p *places) connectable(id string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pl := p.resident[id]; pl != nil && pl.ready() {
		return pl.since
	}
	return time.Time{}
}

// wake asks for a generation of the actor, as something has come over a socket
// that is not bound, or the client has ended one. It returns at once. When the
// actor does not start, its sockets are shut.
func (p *places) wake(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	if pl := p.place(id); pl.in == nil || pl.stopping {
		pl.called = true
		pl.kick()
	}
}

// destroy returns when the actor is gone, or ctx has ended: it goes all the
// same then. One that is gone already is no error, an unknown one is
// actor.not_found.
func (p *places) destroy(ctx context.Context, id string) error {
	rec, ok, err := p.byID(ctx, id)
	switch {
	case err != nil:
		return err
	case !ok:
		return errNotFound
	case !rec.DestroyedAt.IsZero():
		return nil
	}
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return errShutDown
	}
	pl := p.place(id)
	d := pl.condemn()
	pl.kick()
	p.mu.Unlock()
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// condemn notes that the actor is to be destroyed. places.mu is locked.
func (pl *place) condemn() *doom {
	if pl.doom == nil {
		pl.doom = &doom{done: make(chan struct{})}
	}
	return pl.doom
}

// place returns the place of an actor, which becomes resident. mu is locked.
func (p *places) place(id string) *place {
	pl := p.resident[id]
	if pl == nil {
		pl = &place{p: p, id: id}
		p.resident[id] = pl
	}
	return pl
}

// shutdown stops all actors, and returns when nothing of them runs any more.
// When ctx ends first it stops them without further ado, and returns an error
// that wraps its cause. Further calls wait for the first, or for their ctx.
func (p *places) shutdown(ctx context.Context) error {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		select {
		case <-p.over:
			return p.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.closing = true
	close(p.quit)
	p.alarms.stop()
	for _, pl := range p.resident {
		if pl.pause != nil {
			pl.pause.Stop()
		}
		pl.kick()
	}
	p.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { p.cut(context.Cause(ctx)) })
	p.owner.Wait()
	cut := !stop()
	p.cut(errShutDown)

	p.mu.Lock()
	var sockets []socket
	for _, pl := range p.resident {
		for _, s := range pl.sockets {
			sockets = append(sockets, s)
		}
	}
	clear(p.resident)
	p.err = errors.Join(p.unsaved...)
	if cut {
		p.err = fmt.Errorf("local: the shutdown was cut short: %w", errors.Join(append(p.unsaved, context.Cause(ctx))...))
	}
	p.mu.Unlock()
	for _, s := range sockets {
		s.shut(1001, "ws.going_away")
	}
	close(p.over)
	return p.err
}

func (a *alarms) stop() {
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}
