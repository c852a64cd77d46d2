package actor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// A call is one action on its way to its answer.
type call struct {
	in     *Instance
	conn   *Conn // nil for a scheduled one
	action *action
	enc    codec.Encoding
	args   []byte
	chain  chain
	// answer is called once, with the encoded output or an error. It must not
	// block.
	answer func(output []byte, err error)
	// begun is called when the call need not be brought again to another
	// generation: when it has its turn, or was answered without one.
	begun func()

	// settle returns, at the end of a scheduled action, what is to be stored
	// together with the state. ended is called when that is on disk, or when
	// the action does not come to run. Both are nil for others.
	settle func(error) Batch
	ended  func()

	at     atomic.Int32
	timer  *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Where a call is. It is answered by whoever gets it there.
const (
	callWaits int32 = iota
	callRuns
	callAnswered
)

// call starts an action. The caller holds the actor awake until it returns. begun
// is the call's.
func (in *Instance) call(c *call, name string, begun func()) {
	c.in, c.begun = in, begun
	c.action = in.b.actions[name]
	if c.action == nil {
		begun()
		c.answer(nil, errActionNotFound(name))
		return
	}
	if n := in.b.set.mailbox; in.calls.Add(1) > int64(n) {
		in.calls.Add(-1)
		begun()
		c.answer(nil, errOverloaded(n, name))
		return
	}
	in.launch(c, begun)
}

// launch is call for one that may run and is counted in calls.
func (in *Instance) launch(c *call, begun func()) {
	c.in, c.begun = in, begun
	in.awake.more()
	c.ctx, c.cancel = context.WithCancelCause(in.ctx)
	c.timer = time.AfterFunc(in.b.set.actionTimeout, c.expire)
	if in.cycle(c.chain, c.action.name) != nil {
		time.AfterFunc(cyclePatience, c.suspect)
	}
	if err := in.turns.push(item{call: c, urgent: true}); err != nil {
		c.refused(err)
	}
}

// expire answers a call that takes too long.
func (c *call) expire() {
	if c.at.CompareAndSwap(callWaits, callAnswered) {
		c.begun()
		c.answer(nil, errOverloaded(c.in.b.set.mailbox, c.action.name))
		return
	}
	c.cancel(errTimedOut)
	if c.at.CompareAndSwap(callRuns, callAnswered) {
		c.answer(nil, errTimedOut)
	}
}

// refused answers a call that does not run any more. One over a connection is
// not answered: its message has not been acknowledged, and comes again to the
// next generation.
func (c *call) refused(err error) {
	if c.at.CompareAndSwap(callWaits, callAnswered) && (c.conn == nil || c.conn.link == nil) {
		c.answer(nil, err)
	}
	c.done()
}

// begin runs the handler in its turn, or beside it.
func (c *call) begin(t *turn) {
	if c.in.ctx.Err() != nil {
		c.refused(errStopping)
		return
	}
	if !c.at.CompareAndSwap(callWaits, callRuns) {
		c.done()
		return
	}
	c.begun()
	c.in.rt.count.calls.Add(1)
	if c.action.concurrent {
		c.in.tasks.more()
		go func() {
			defer c.in.tasks.release()
			c.run(nil)
		}()
		return
	}
	c.run(t)
}

// run calls the handler, and sees to it that there is an answer, whatever the
// handler does.
func (c *call) run(t *turn) {
	in := c.in
	var output []byte
	var saved *commit
	err := errEnded
	told := t == nil // of the end of the turn
	defer func() {
		if !told {
			in.endTurn(t)
		}
		if err != nil {
			err = c.judge(err)
		}
		if c.settle != nil {
			saved = in.saveWith(t, c.settle(err))
		}
		if saved == nil {
			c.finish(output, err)
			return
		}
		in.tasks.more()
		go func() { // the turn is not held while the disk works
			defer in.tasks.release()
			err := saved.wait(in.journal.ctx)
			if err != nil {
				err = c.judge(fmt.Errorf("save the state: %w", err))
			}
			c.finish(output, err)
		}()
	}()
	sc := in.scopeOf(c.ctx, t, c.conn, c.chain, c.action.name)
	err = in.protect(func() error {
		out, err := c.action.run(sc, c.enc, c.args)
		if err == nil && in.b.hooks.response != nil {
			out, err = c.beforeResponse(sc, out)
		}
		if err == nil {
			output, err = encodeResult(c.enc, out)
		}
		if err == nil && c.action.saveFirst {
			if t != nil {
				told = true
				in.endTurn(t) // OnStateChange may change it, too
				saved, err = in.saver.save()
			} else {
				err = in.saveNow(c.ctx, sc)
			}
		}
		return err
	})
}

// judge returns what the caller is told of err, and logs what it is not told.
func (c *call) judge(err error) error {
	if _, masked := describe(err); !masked {
		return err
	}
	if cause := context.Cause(c.ctx); cause == errStopping && errors.Is(err, c.ctx.Err()) {
		return errStopping
	}
	c.in.report("action", c.action.name, err)
	return err
}

func (c *call) beforeResponse(sc *scope, out any) (any, error) {
	args, err := codec.SplitArgs(c.enc, c.args)
	if err != nil {
		return nil, errArguments(c.action.name, err)
	}
	return c.in.b.hooks.response(sc, c.action.name, args, out)
}

// finish answers, unless the time was over.
func (c *call) finish(output []byte, err error) {
	if c.at.CompareAndSwap(callRuns, callAnswered) {
		if err != nil {
			output = nil
		}
		c.answer(output, err)
	}
	c.done()
}

// done lets go of what a call held.
func (c *call) done() {
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel(context.Canceled)
	c.in.calls.Add(-1)
	if c.ended != nil {
		c.ended()
	}
	c.in.awake.release()
}
