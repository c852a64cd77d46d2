package rivet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// DefaultRefresh is how often a View takes a new snapshot without a reason;
// see Refresh.
const DefaultRefresh = time.Minute

// View keeps a copy of an actor's state that follows its events: a snapshot,
// taken by calling an action, and the events after it folded in. It takes a new
// snapshot on every link, whenever events may have been lost or could not be
// decoded, and once in a while in case a loss left no trace. Meanwhile the old
// copy stays readable.
//
// How exact it is depends on the host. Without Versioned the events that came
// before the snapshot's reply count as part of it and later ones do not, which
// holds for hosts that answer and emit in one order. Those of package actor do,
// for actors that change and emit in one turn. RivetKit does so for changes made
// over connections, but an event caused by an HTTP request may overtake a reply;
// the refresh heals what that leaves behind.
//
// A View runs one goroutine, and a second one while it takes a snapshot. All
// methods are safe for concurrent use. The caller must Close it, or the
// connection it was made on.
type View[S any] struct {
	conn     *conn.Conn
	set      viewSettings[S]
	snapshot func(context.Context, Caller) (S, error)
	sub      *stream.Subscription[step[S]]
	life     context.Context
	stop     context.CancelFunc
	tasks    sync.WaitGroup
	demand   chan struct{} // a snapshot is wanted

	mu      sync.RWMutex
	state   S
	ready   bool
	err     error
	losses  uint64        // notices that cost the state its claim to be current
	covered uint64        // how many of them a snapshot has made good
	asked   time.Time     // when the latest snapshot was asked for
	floor   uint64        // Seq of its reply
	taking  bool          // a snapshot is on its way; log collects meanwhile
	log     []step[S]     // events since it was asked for
	spilled bool          // log was full
	changes change        // steps of state or err
	changed chan struct{} // closed at the next of them, and at the end
	streams map[*stream.Queue[change]]struct{}
	ended   bool
}

// step is one event of a View, decoded: what it does to the state.
type step[S any] struct {
	seq   uint64
	apply func(S) S
	// stale tells, by versions, whether the state has the event already; nil
	// goes by seq.
	stale func(S) bool
}

// viewPace keeps a View whose events are lost all the time from taking
// snapshots all the time.
const viewPace = 100 * time.Millisecond

// maxLog bounds the events that wait for a snapshot's reply; when it is over,
// another snapshot is taken.
const maxLog = 1 << 16

// NewView starts a View of the actor behind c. snapshot takes the state by one
// call on the Caller it is given; it is called again and again, on a goroutine
// of the View. Each Fold says what one event does to the state.
//
// A mistake in the options, such as a state that needs Clone, is reported by
// Err, Ready and All, as a *ConfigError.
func NewView[S any](c *conn.Conn, snapshot func(context.Context, Caller) (S, error), opts ...ViewOption) *View[S] {
	v := &View[S]{
		conn:     c,
		snapshot: snapshot,
		demand:   make(chan struct{}, 1),
		changed:  make(chan struct{}),
	}
	v.life, v.stop = context.WithCancel(context.Background())
	var err error
	v.set, err = newViewSettings[S](opts)
	if snapshot == nil {
		err = errors.Join(err, &ConfigError{Field: "NewView", Rule: "needs a function that takes the snapshot"})
	}
	if err != nil {
		v.end(err)
		return v
	}
	v.sub = conn.SubscribeDecoded(c, v.set.events, func(f *conn.Frame, dst *step[S]) error {
		return v.set.folds[f.Name](f, dst)
	}, stream.Gaps(true))
	v.tasks.Go(v.follow)
	v.tasks.Go(v.renew)
	return v
}

// follow folds events until the subscription ends.
func (v *View[S]) follow() {
	for e, err := range v.sub.All(v.life) {
		switch {
		case err == nil:
			v.fold(e)
		case stream.IsNotice(err):
			v.suspect(err)
		default:
			v.end(err)
			return
		}
	}
	v.end(ErrClosed)
}

// fold applies one event, or keeps it until the snapshot on its way has come.
func (v *View[S]) fold(e step[S]) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.taking {
		if len(v.log) < maxLog {
			v.log = append(v.log, e)
		} else {
			v.spilled = true
		}
	}
	// After a loss the state waits for its snapshot: folding on would show what
	// never was.
	if v.ready && v.losses == v.covered && v.apply(e) {
		v.step()
	}
}

// apply folds e in unless the state has it already. A fold that panics ends
// the View. v.mu is held.
func (v *View[S]) apply(e step[S]) (changed bool) {
	defer func() {
		if r := recover(); r != nil {
			v.finish(fmt.Errorf("rivet: view: a fold panicked: %v", r))
		}
	}()
	if e.stale != nil {
		if e.stale(v.state) {
			return false
		}
	} else if e.seq <= v.floor {
		return false
	}
	v.state = e.apply(v.state)
	return true
}

// step publishes a change. v.mu is held.
func (v *View[S]) step() {
	v.changes++
	for q := range v.streams {
		q.Push([]change{v.changes})
	}
	v.wake()
}

// wake lets those look again who wait for a change. v.mu is held.
func (v *View[S]) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// suspect asks for a snapshot because of a notice, unless the one that is
// there, or on its way, was asked for after the loss.
func (v *View[S]) suspect(notice error) {
	var gap *stream.GapError
	if errors.As(notice, &gap) {
		v.mu.RLock()
		covered := v.asked.After(gap.Up)
		v.mu.RUnlock()
		if covered {
			return
		}
	}
	v.mu.Lock()
	v.losses++
	v.mu.Unlock()
	select {
	case v.demand <- struct{}{}:
	default:
	}
}

// renew takes snapshots: the first, those that are wanted, and one after each
// refresh interval. A failure is tried again with backoff.
func (v *View[S]) renew() {
	waits := backoff.Exponential(conn.DefaultBackoffMin, conn.DefaultBackoffMax).New()
	for {
		err := v.take()
		if v.life.Err() != nil {
			return
		}
		if err != nil {
			if !v.rest(waits.Next(), nil) {
				return
			}
			continue
		}
		waits.Reset()
		taken := time.Now()
		if !v.rest(v.set.refresh, v.demand) {
			return
		}
		// Losses without end must not make snapshots without end.
		if hurry := viewPace - time.Since(taken); hurry > 0 && !v.rest(hurry, nil) {
			return
		}
	}
}

// rest waits for d (for ever if it is zero) or a signal; false means that the
// View has ended.
func (v *View[S]) rest(d time.Duration, signal <-chan struct{}) bool {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-signal:
	case <-v.life.Done():
	}
	return v.life.Err() == nil
}

// take takes one snapshot, in two steps: the reply to the first call proves
// that the actor is awake, so that the subscriptions sent after it are in force
// before the second, which counts.
func (v *View[S]) take() error {
	select {
	case <-v.demand: // answered by this one
	default:
	}
	v.mu.Lock()
	v.taking, v.spilled, v.log = true, false, nil
	v.asked = time.Now()
	losses := v.losses
	v.mu.Unlock()

	caller := &viewCaller{conn: v.conn}
	state, err := v.call(caller)
	if err == nil {
		v.conn.Renew(v.set.events...)
		state, err = v.call(caller)
	}

	v.mu.Lock()
	defer v.mu.Unlock()
	v.taking = false
	log, spilled := v.log, v.spilled
	v.log = nil
	if v.ended {
		return err
	}
	if err == nil && spilled {
		err = fmt.Errorf("rivet: view: more than %d events came before the snapshot did", maxLog)
	}
	v.err = err
	if err != nil {
		v.step()
		return err
	}
	v.state, v.floor, v.ready, v.covered = state, caller.seq, true, losses
	for _, e := range log {
		v.apply(e)
	}
	if !v.ended { // by a fold that panicked
		v.step()
	}
	return nil
}

// call runs the user's snapshot function; a panic in it is an error.
func (v *View[S]) call(c *viewCaller) (state S, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rivet: view: the snapshot function panicked: %v", r)
		}
	}()
	return v.snapshot(v.life, c)
}

// viewCaller notes where the latest reply stood among the events.
type viewCaller struct {
	conn *conn.Conn
	seq  uint64
}

// Invoke implements Caller.
func (c *viewCaller) Invoke(ctx context.Context, call *conn.Call) (Value, error) {
	value, seq, err := c.conn.InvokeAt(ctx, call)
	c.seq = max(c.seq, seq)
	return value, err
}

// end ends the View for good; the first cause counts.
func (v *View[S]) end(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.finish(err)
}

// finish is end with v.mu held.
func (v *View[S]) finish(err error) {
	if v.ended {
		return
	}
	v.ended, v.err = true, err
	v.stop()
	for q := range v.streams {
		q.CloseWith(err)
	}
	v.streams = nil
	v.wake()
}

// Read calls f with the current state, or does not and returns false while
// there is none yet. f must neither keep nor change what it is given, nor call
// methods of v: it runs under a lock that the events wait for.
func (v *View[S]) Read(f func(S)) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.ready {
		f(v.state)
	}
	return v.ready
}

// Value returns a copy of the current state, false while there is none yet.
func (v *View[S]) Value() (S, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.copy(), v.ready
}

// copy returns what may leave the lock.
func (v *View[S]) copy() S {
	if v.ready && v.set.clone != nil {
		return v.set.clone(v.state)
	}
	return v.state
}

// Ready waits for the first state. It fails with ctx's error, or with Err once
// the View has ended; a snapshot that fails is tried again meanwhile.
func (v *View[S]) Ready(ctx context.Context) error {
	for {
		v.mu.RLock()
		ready, err, ended, changed := v.ready, v.err, v.ended, v.changed
		v.mu.RUnlock()
		switch {
		case ended:
			return err
		case ready:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Err returns nil while the View is in order: otherwise why the latest
// snapshot failed, or why the View has ended.
func (v *View[S]) Err() error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.err
}

// Close ends the View and waits for its goroutines; the snapshot function must
// return when its context ends. It must not be called from that function or from
// Read, is idempotent, and always returns nil.
func (v *View[S]) Close() error {
	v.end(ErrClosed)
	v.tasks.Wait()
	return nil
}
