package conn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
)

// requestRoom is what a call takes beside its name and arguments, in JSON.
const requestRoom = 100

// resendBudget bounds how long a call without a deadline of its own is sent
// again after answers that prove that it did not reach the actor.
const resendBudget = 10 * time.Second

// Action calls an action by name with positional arguments; see Invoke.
func (c *Conn) Action(ctx context.Context, name string, args ...any) (codec.Value, error) {
	return c.Invoke(ctx, &Call{Name: name, Args: args})
}

// Invoke calls an action over the connection and waits for its reply. While
// the connection is down the call waits in the outbox. It is written once; it
// is written again only after an answer that proves that it did not reach the
// actor, or, when idempotent, after its link was lost.
//
// Every failure is a *CallError, with ErrClosed, ctx's error, *codec.Error,
// *DisconnectedError, *StalledError, *TooLargeError or *OutboxFullError in its
// tree. A call that was reported as failed is never written later; one that
// had been written may still run, which MaybeExecuted tells. Without a
// deadline of ctx the call timeout (65 s) applies.
func (c *Conn) Invoke(ctx context.Context, call *Call) (codec.Value, error) {
	v, _, err := c.InvokeAt(ctx, call)
	return v, err
}

// InvokeAt is Invoke, and tells where the reply stood among the messages of
// the server: an event with a lower Frame.Seq was read before it, one with a
// higher after it.
func (c *Conn) InvokeAt(ctx context.Context, call *Call) (v codec.Value, seq uint64, err error) {
	started := time.Now()
	p := &pending{idempotent: call.Options.Idempotent, done: make(chan outcome, 1)}
	o := c.invoke(ctx, call, p)
	if o.err != nil {
		err = &CallError{Actor: c.cfg.Actor, Action: call.Name, MaybeExecuted: o.maybe, Err: o.err}
	}
	if c.cfg.Observer.Call != nil {
		c.observe(CallInfo{Actor: c.cfg.Actor, Action: call.Name, Duration: time.Since(started), Err: err, Sends: p.sends})
	}
	return o.value, o.seq, err
}

// observe tells the observer of calls.
func (c *Conn) observe(info CallInfo) {
	c.callbacks.guard(func() { c.cfg.Observer.Call(info) })
}

// scratch holds buffers in which arguments are encoded.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// maxScratch is the largest buffer that goes back to scratch.
const maxScratch = 64 << 10

func (c *Conn) invoke(ctx context.Context, call *Call, p *pending) outcome {
	if ctx.Err() != nil {
		return outcome{err: contextError(ctx)}
	}
	if err := c.begin(); err != nil {
		return outcome{err: err}
	}
	defer c.finish()
	resendUntil, limited := ctx.Deadline()
	if !limited {
		resendUntil = time.Now().Add(resendBudget)
		if c.cfg.CallTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, c.cfg.CallTimeout, c.noReply)
			defer cancel()
		}
	}
	buf := scratch.Get().(*[]byte)
	args, err := codec.AppendArgs((*buf)[:0], c.cfg.Encoding, call.Args)
	if err != nil {
		return outcome{err: fmt.Errorf("encoding the arguments: %w", err)}
	}
	defer func() {
		if cap(args) <= maxScratch {
			*buf = args
			scratch.Put(buf)
		}
	}()
	var pause backoff.Sequence
	for {
		p.id = c.nextID.Add(1) - 1
		frame := make([]byte, 0, len(args)+len(call.Name)+requestRoom)
		frame = codec.AppendActionRequest(frame, c.cfg.Encoding, p.id, call.Name, args)
		if err := c.checkSize(frame); err != nil {
			return outcome{err: err}
		}
		if err := c.enqueue(ctx, p, frame); err != nil {
			return outcome{err: err}
		}
		o := c.await(ctx, p)
		if o.err == nil || !Classify(o.err, c.cfg.Addressing).Resend {
			return o
		}
		if pause == nil {
			pause = backoff.Exponential(50*time.Millisecond, time.Second).New()
		}
		wait := pause.Next()
		if time.Now().Add(wait).After(resendUntil) {
			return o
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return outcome{err: errors.Join(contextError(ctx), o.err), maybe: o.maybe}
		case <-c.quit.Done():
			timer.Stop()
			return outcome{err: c.Err(), maybe: o.maybe}
		}
	}
}

// begin and finish frame each call, for Shutdown.
func (c *Conn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.draining {
		return ErrClosed
	}
	c.active++
	return nil
}

func (c *Conn) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.active == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

func (c *Conn) checkSize(frame []byte) error {
	if limit := c.cfg.WriteLimit; limit > 0 && len(frame) > limit {
		return &TooLargeError{Size: len(frame), Limit: limit}
	}
	return nil
}

// enqueue puts p into the outbox. When that is full it waits for room while
// the connection is up, and refuses at once while it is not.
func (c *Conn) enqueue(ctx context.Context, p *pending, frame []byte) error {
	for {
		c.mu.Lock()
		if err := c.err; err != nil {
			c.mu.Unlock()
			return err
		}
		if c.out.calls < c.cfg.Outbox {
			p.state, p.maybe = callQueued, false
			if p.idempotent {
				p.frame = frame
			}
			c.calls[p.id] = p
			c.out.push(item{frame: frame, call: p})
			c.mu.Unlock()
			c.poke()
			return nil
		}
		if c.link == nil {
			c.mu.Unlock()
			return &OutboxFullError{Limit: c.cfg.Outbox}
		}
		room := c.out.waitRoom()
		c.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return contextError(ctx)
		case <-c.quit.Done():
			return c.Err()
		}
	}
}

// await waits for the outcome of p, or takes it over when ctx ends.
func (c *Conn) await(ctx context.Context, p *pending) outcome {
	select {
	case o := <-p.done:
		return o
	case <-ctx.Done():
	}
	c.mu.Lock()
	if p.state == callDone {
		c.mu.Unlock()
		return <-p.done // somebody else was first, and has sent it or is about to
	}
	maybe := p.maybe
	if p.state == callQueued {
		c.out.withdraw(p)
	}
	c.settle(p)
	down := c.link == nil
	c.mu.Unlock()
	err := contextError(ctx)
	if cause := c.State().Cause; down && cause != nil {
		err = fmt.Errorf("%w (not connected, last failure: %v)", err, cause)
	}
	return outcome{err: err, maybe: maybe}
}

// settle takes p out of the table; Conn.mu is held.
func (c *Conn) settle(p *pending) {
	p.state = callDone
	delete(c.calls, p.id)
}

// takeCalls takes the calls that match out of the table and the outbox;
// Conn.mu is held. The caller gives each its outcome.
func (c *Conn) takeCalls(match func(*pending) bool) []*pending {
	var taken []*pending
	for _, p := range c.calls {
		if !match(p) {
			continue
		}
		if p.state == callQueued {
			c.out.withdraw(p)
		}
		c.settle(p)
		taken = append(taken, p)
	}
	return taken
}

// poke wakes the writer.
func (c *Conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
