package actor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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
	if in.stopping.CompareAndSwap(false, true) {
		in.stopErr = in.stop(ctx, reason)
		if in.up {
			in.rt.count.awake.Add(-1)
		}
		close(in.stopped)
		return in.stopErr
	}
	select {
	case <-in.stopped:
		return in.stopErr
	case <-ctx.Done():
		return fmt.Errorf("actor: stop %s: %w", in.name(), context.Cause(ctx))
	}
}

func (in *Instance) stop(ctx context.Context, reason StopReason) error {
	in.awake.close()
	in.runIdle.stop(&in.awake)
	in.cancelRun(errStopping)
	if reason == Lost { // first of all: no hook runs of what ends now
		in.turns.close(errStopping)
		in.saver.drop()
	}
	in.raw.closeAll(reason)
	in.schedule.pause()
	if reason == Lost {
		return in.end(ctx, errStopping, in.b.set.stopGrace)
	}
	if reason == Destroying {
		in.cancel(errStopping)
	}
	if !in.quiet(ctx, in.b.set.stopGrace) {
		in.log.Warn("still busy; its handlers are told to end", "reason", reason.String(), "grace", in.b.set.stopGrace)
		in.cancel(errStopping)
		in.quiet(ctx, in.told())
	}
	err := in.lastTurn(ctx, reason)
	if reason != Destroying {
		err = errors.Join(err, in.park(ctx))
	}
	if reason == Destroying {
		in.conns.closeAll(1000, "")
		in.saver.drop()
	}
	return errors.Join(err, in.end(ctx, errStopping, in.told()))
}

// told is how long is waited for handlers that have not ended in the grace time,
// after they were told to: not as long again.
func (in *Instance) told() time.Duration { return in.b.set.stopGrace / 4 }

// quiet waits until nothing is held; false when that takes longer than the time
// or ctx.
func (in *Instance) quiet(ctx context.Context, time time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, time)
	defer cancel()
	return in.awake.wait(ctx) == nil
}

// lastTurn runs the hook of the end, and stores what there is to store.
func (in *Instance) lastTurn(ctx context.Context, reason StopReason) error {
	name, f := "OnSleep", in.b.hooks.sleep
	if reason == Destroying {
		name, f = "OnDestroy", in.b.hooks.destroy
	}
	ctx, cancel := context.WithTimeoutCause(ctx, in.b.set.stopGrace, errStopping)
	defer cancel()
	var late atomic.Bool // to begin with, or to be given up
	done := make(chan struct{})
	var err error
	var last *commit
	in.turns.last(errStopping, func(t *turn) {
		if !late.CompareAndSwap(false, true) {
			return
		}
		defer close(done)
		if f != nil {
			in.finalHook(ctx, t, name, f)
		}
		if reason == Destroying {
			in.dismiss(ctx, t)
		} else {
			in.saver.settled()
			last, err = in.saver.save()
		}
	})
	select {
	case <-done:
	case <-ctx.Done():
		what := "a handler keeps its turn"
		if !late.CompareAndSwap(false, true) {
			what = name + " does not end"
		}
		return fmt.Errorf("actor: stop %s: %s: %w", in.name(), what, context.Cause(ctx))
	}
	if err == nil && last != nil {
		err = last.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("actor: stop %s: save: %w", in.name(), err)
	}
	return nil
}

// finalHook calls OnSleep or OnDestroy, whatever these do.
func (in *Instance) finalHook(ctx context.Context, t *turn, name string, f func(*scope)) {
	err := errEnded
	defer func() {
		if err != nil {
			in.report("hook", name, err)
		}
		in.endTurn(t)
	}()
	err = in.protect(func() error { f(in.scopeOf(ctx, t, nil, "", name)); return nil })
}

// end tells everything to end and waits for it, at the most for the time given
// or until ctx has ended.
func (in *Instance) end(ctx context.Context, cause error, grace time.Duration) error {
	in.awake.close()
	in.saver.end()
	in.schedule.pause()
	in.queues.close(cause)
	in.cancel(cause)
	defer in.conns.end()
	ended := make(chan struct{})
	var err error
	go func() { // ends with what it waits for
		defer close(ended)
		_ = in.tasks.wait(context.Background())
		in.turns.wait()
		err = in.leftover()
		in.journal.cancel(cause)
		in.journal.owner.Wait()
		in.queues.wait()
		in.schedule.wait()
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
		return err
	case <-timer.C:
	case <-ctx.Done():
		select {
		case <-ended:
			return err
		default:
		}
	}
	// Whatever is left has no Lease soon; what it wanted to write is lost.
	in.journal.cancel(cause)
	return fmt.Errorf("actor: stop %s: something still runs", in.name())
}

// leftover stores what a handler has changed that came back after the last turn,
// when nothing runs any more, and what is on its way with nobody to wait for it.
func (in *Instance) leftover() error {
	touched, dropped := in.saver.settled()
	if dropped {
		return nil
	}
	c, err := in.journal.add(nil), error(nil)
	if touched {
		c, err = in.saver.save()
	}
	if err == nil {
		err = c.wait(in.journal.ctx)
	}
	if err != nil {
		return fmt.Errorf("actor: stop %s: save: %w", in.name(), err)
	}
	return nil
}
