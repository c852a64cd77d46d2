package actor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Stop ends the generation and returns when nothing of it runs any more, hooks
// included, and everything is stored. For Sleeping it first waits, up to the
// actor's grace time, until nothing is held; for Destroying and GoingAway too,
// but handlers are told to end by their contexts at once in the one case, after
// that time in the other. Links that do not outlive the generation are closed.
//
// It is an error when something could not be stored, or has not ended when ctx
// has: that goes on by itself, without a Lease. Further calls wait for the first
// or for ctx.
func (in *Instance) Stop(ctx context.Context, reason StopReason) error {
	in.stopping.Do(func() {
		in.stopErr = in.stop(ctx, reason)
		if in.up {
			in.rt.count.awake.Add(-1)
		}
		in.rt.count.connections.Add(-int64(in.conns.len()))
		close(in.stopped)
	})
	select {
	case <-in.stopped:
		return in.stopErr
	case <-ctx.Done():
		return fmt.Errorf("actor: stop %s: %w", in.who(""), context.Cause(ctx))
	}
}

func (in *Instance) stop(ctx context.Context, reason StopReason) error {
	in.awake.close()
	in.cancelRun(errStopping)
	if reason == Lost {
		in.turns.close(errStopping)
		return in.end(ctx, errStopping)
	}
	if reason == Destroying {
		in.cancel(errStopping)
	}
	in.links.closeAll(reason)
	if !in.quiet(ctx) {
		in.log.Warn("still busy; its handlers are told to end", "reason", reason.String(), "grace", in.b.set.stopGrace)
		in.cancel(errStopping)
		in.quiet(ctx)
	}
	err := in.lastTurn(ctx, reason)
	if reason == Destroying {
		in.conns.closeAll(1000, "")
	}
	return errors.Join(err, in.end(ctx, errStopping))
}

// quiet waits until nothing is held; false when that takes longer than the grace
// time or ctx.
func (in *Instance) quiet(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, in.b.set.stopGrace)
	defer cancel()
	return in.awake.wait(ctx) == nil
}

// lastTurn runs the hook of the end, and stores what there is to store.
func (in *Instance) lastTurn(ctx context.Context, reason StopReason) error {
	done := make(chan struct{})
	var err error
	var last *commit
	ctx, cancel := context.WithTimeoutCause(ctx, in.b.set.stopGrace, errStopping)
	defer cancel()
	in.turns.last(errStopping, func(t *turn) {
		defer close(done)
		name, f := "OnSleep", in.b.hooks.sleep
		if reason == Destroying {
			name, f = "OnDestroy", in.b.hooks.destroy
		}
		if f != nil {
			if failed := in.protect(func() error { f(in.scopeOf(ctx, t, nil, "", name)); return nil }); failed != nil {
				in.report("hook", name, failed)
			}
			in.endTurn(t)
		}
		if reason != Destroying {
			last, err = in.saver.save()
		}
	})
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("actor: stop %s: a handler keeps its turn: %w", in.who(""), context.Cause(ctx))
	}
	if err == nil && last != nil {
		err = last.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("actor: stop %s: save: %w", in.who(""), err)
	}
	return nil
}

// end tells everything to end and waits for it.
func (in *Instance) end(ctx context.Context, cause error) error {
	in.awake.close()
	in.saver.end()
	in.cancel(cause)
	ended := make(chan struct{})
	go func() { // ends with what it waits for
		_ = in.tasks.wait(context.Background())
		in.turns.wait()
		in.journal.cancel(cause)
		in.journal.owner.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	default:
	}
	grace := time.NewTimer(in.b.set.stopGrace)
	defer grace.Stop()
	select {
	case <-ended:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	// Whatever is left has no Lease soon; what it wanted to write is lost.
	in.journal.cancel(cause)
	return fmt.Errorf("actor: stop %s: something still runs", in.who(""))
}
