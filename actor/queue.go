package actor

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// Message is one that was received from a queue. It stays on disk until it is
// completed; one that is not, as the actor stopped or crashed, is delivered
// again, first of all. So a handler may see a message more than once, and
// Attempt says so. While it is neither completed nor released, it keeps the
// actor awake.
//
// Its methods are safe for concurrent use. Completing or releasing a second time
// is ErrSettled.
type Message[T, R any] struct {
	// Body is what was sent.
	Body T

	d  *delivery
	in *Instance
}

// ID names the message among all that the actor ever gets.
func (m *Message[T, R]) ID() MessageID { return m.d.id }

// SentAt is when it was sent, by the clock of the host that took it.
func (m *Message[T, R]) SentAt() time.Time { return m.d.at }

// Attempt counts how often it was delivered, this time included. A crash right
// after a delivery may leave that one out.
func (m *Message[T, R]) Attempt() int { return m.d.attempt }

// Complete takes the message off the queue and returns when that is on disk;
// then it answers a sender that waits, with r. An r that cannot be encoded is an
// error, and the message is as before. When ctx ends first, the error is its
// cause, and the message is completed all the same.
//
// The state is saved by itself: what a handler has changed may be lost in a
// crash after Complete, unless SaveState came before. Consume saves both in one.
func (m *Message[T, R]) Complete(ctx context.Context, r R) error {
	v, err := m.answer(r)
	if err != nil {
		return err
	}
	return m.finish(ctx, v)
}

// Ack is Complete without a value.
func (m *Message[T, R]) Ack(ctx context.Context) error { return m.finish(ctx, codec.Value{}) }

func (m *Message[T, R]) answer(r R) (codec.Value, error) {
	data, err := encodeResult(m.d.enc, result(r))
	if err != nil {
		return codec.Value{}, fmt.Errorf("actor: complete a message of queue %q: %w", m.d.queue, err)
	}
	return codec.RawValue(m.d.enc, data), nil
}

func (m *Message[T, R]) finish(ctx context.Context, v codec.Value) error {
	if err := m.in.queues.complete(ctx, m.d, v); err != nil {
		return fmt.Errorf("actor: complete a message of queue %q: %w", m.d.queue, err)
	}
	return nil
}

// Release puts the message back where it was in the queue, to be delivered again
// after a pause; zero is at once. A pause is forgotten when the actor stops. It
// does not block.
func (m *Message[T, R]) Release(after time.Duration) error {
	return m.in.queues.putBack(m.d, after)
}

// MessageError is a message that is no T. It is set aside: it stays in its queue
// and comes again when the actor has started anew, perhaps with a program that
// knows it, unless Discard takes it away.
type MessageError struct {
	Queue string
	ID    MessageID
	// Value is what was sent.
	Value codec.Value
	Err   error
}

// Error names the message without its content.
func (e *MessageError) Error() string {
	return fmt.Sprintf("actor: message %d of queue %q: %v", e.ID, e.Queue, e.Err)
}

func (e *MessageError) Unwrap() error { return e.Err }

// Discard takes a message off its queue that is not being handled, whatever it
// is, and returns when that is on disk; false when there is no such message. A
// sender that waits is not answered.
func Discard[S any](c *Context[S], id MessageID) (bool, error) {
	return c.in.queues.discard(c, id)
}

// ReceiveOption changes how messages are waited for.
type ReceiveOption interface{ applyReceive(*receiving) }

type receiveOption func(*receiving)

func (f receiveOption) applyReceive(r *receiving) { f(r) }

type receiving struct{ until context.Context }

// Until ends the wait when ctx ends, too, and not with the Context alone; then
// the error is ctx's cause.
func Until(ctx context.Context) ReceiveOption {
	return receiveOption(func(r *receiving) { r.until = ctx })
}

// Next receives the first message of a queue, and waits for one as long as the
// Context lasts; then the error is its cause. Several that wait are served in
// turn. In a turn it gives that away while it waits, as Await does. A message
// that is no T is a *MessageError, and Next may be called again.
func Next[S, T, R any](c *Context[S], q rivet.Queue[T, R], opts ...ReceiveOption) (*Message[T, R], error) {
	ctx, cancel := receive(c.sc, opts)
	defer cancel()
	d, err := c.in.queues.next(ctx, string(q), c.sc.idly)
	if err != nil {
		return nil, err
	}
	return message[T, R](c.in, d)
}

// NextBatch receives up to limit messages: it waits for one as Next does, and
// takes along what else is there. A message that is no T ends the batch; if it is
// the first, the error is a *MessageError.
func NextBatch[S, T, R any](c *Context[S], q rivet.Queue[T, R], limit int, opts ...ReceiveOption) ([]*Message[T, R], error) {
	m, err := Next(c, q, opts...)
	if err != nil {
		return nil, err
	}
	batch := []*Message[T, R]{m}
	for len(batch) < limit {
		m, err := TryNext(c, q)
		if m == nil {
			if err != nil {
				c.in.report("queue", string(q), err)
			}
			break
		}
		batch = append(batch, m)
	}
	return batch, nil
}

// TryNext is Next without waiting: both results are nil when there is no message.
func TryNext[S, T, R any](c *Context[S], q rivet.Queue[T, R]) (*Message[T, R], error) {
	d, err := c.in.queues.tryNext(c, string(q))
	if d == nil || err != nil {
		return nil, err
	}
	return message[T, R](c.in, d)
}

// Messages yields the messages of a queue as they come, until the Context ends.
// The loop body completes or releases each. A *MessageError is a step like
// another; every other error is the last.
func Messages[S, T, R any](c *Context[S], q rivet.Queue[T, R], opts ...ReceiveOption) iter.Seq2[*Message[T, R], error] {
	return func(yield func(*Message[T, R], error) bool) {
		ctx, cancel := receive(c.sc, opts)
		defer cancel()
		for {
			d, err := c.in.queues.next(ctx, string(q), c.sc.idly)
			if err != nil {
				if ctx.Err() == nil {
					yield(nil, err)
				}
				return
			}
			if !yield(message[T, R](c.in, d)) {
				return
			}
		}
	}
}

// receive returns how long to wait.
func receive(sc *scope, opts []ReceiveOption) (context.Context, func()) {
	var r receiving
	for _, o := range opts {
		if o != nil {
			o.applyReceive(&r)
		}
	}
	if r.until == nil {
		return sc.ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(sc.ctx)
	stop := context.AfterFunc(r.until, func() { cancel(context.Cause(r.until)) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}

// message decodes what was delivered.
func message[T, R any](in *Instance, d *delivery) (*Message[T, R], error) {
	v := codec.RawValue(d.enc, d.body)
	var body T
	err := in.protect(func() (err error) {
		body, err = decodeBody[T](v)
		return err
	})
	if err != nil {
		in.queues.setAside(d)
		return nil, &MessageError{Queue: d.queue, ID: d.id, Value: v, Err: err}
	}
	return &Message[T, R]{Body: body, d: d, in: in}, nil
}

// idly calls a function that waits for the outside: without the turn, if there is
// one, and, in Run, without keeping the actor awake.
func (sc *scope) idly(wait func() error) error {
	switch {
	case sc.turn != nil && sc.turn.held.Load():
		return sc.turn.await(wait)
	case sc.run:
		sc.in.runIdle.begin(&sc.in.awake)
		defer sc.in.runIdle.end(&sc.in.awake)
	}
	return wait()
}

// idleness is that of Run while any of its goroutines waits for a message.
type idleness struct {
	mu   sync.Mutex
	n    int
	over bool // it does not count as idle any more
}

func (i *idleness) begin(a *activity) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n++; i.n == 1 && !i.over {
		a.release()
	}
}

func (i *idleness) end(a *activity) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n--; i.n == 0 && !i.over {
		a.more()
	}
}

// stop ends all idleness: a Run that is told to end has things to put away.
func (i *idleness) stop(a *activity) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n > 0 && !i.over {
		a.more()
	}
	i.over = true
}
