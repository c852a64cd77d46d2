package rivettest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// QueueMessage is one message sent to a queue.
type QueueMessage struct {
	// Request tells who sent it; its Action is empty.
	*Request
	// Queue is the queue's name.
	Queue string
	// Body is the message.
	Body codec.Value
	// Wait tells whether the sender waits for the message's completion.
	Wait bool
	// Timeout is how long it waits, zero for as long as an action may take.
	Timeout time.Duration
}

// QueueHandler consumes one message; its result completes the message. It may
// run long, and beside other handlers, for it takes no turn.
type QueueHandler func(ctx context.Context, m *QueueMessage) (any, error)

// Queue consumes the messages of the queue called name. A queue without a
// consumer stores messages that nobody completes. An error of the consumer is
// answered to a sender that waits.
func (a *Actor) Queue(name string, h QueueHandler) *Actor {
	return a.set(func() { a.queues[name] = h })
}

// OnPublish is asked before a message is stored; an error refuses it, such as
// Error("queue", "full", …) or Error("auth", "forbidden", …).
func (a *Actor) OnPublish(f func(ctx context.Context, m *QueueMessage) error) *Actor {
	return a.set(func() { a.onPublish = f })
}

func (x *exchange) serveQueue(name string) {
	if x.r.Method != http.MethodPost {
		x.fail(Error("actor", "method_not_allowed", "Method not allowed.", nil))
		return
	}
	r, err := x.request("")
	if err != nil {
		x.failActor(err)
		return
	}
	q, err := codec.DecodeQueueSend(x.enc, x.body)
	switch {
	case len(x.body) > x.g.cfg.maxIncoming:
		err = Error("message", "incoming_too_long", "Incoming message too long.", nil)
	case err != nil || x.enc == codec.BARE && len(x.body) > 0 && x.body[0] < 3:
		err = Error("core", "internal_error", internalMessage, nil)
	default:
		err = x.actor.admit(r)
	}
	if err != nil {
		x.failActor(err)
		return
	}
	m := &QueueMessage{Request: r, Queue: name, Body: codec.RawValue(x.enc, q.Body), Wait: q.Wait, Timeout: q.Timeout}
	x.actor.mu.Lock()
	consume, allow := x.actor.queues[name], x.actor.onPublish
	x.actor.mu.Unlock()
	if allow != nil {
		if _, err := x.actor.protect(func() (any, error) { return nil, allow(x.g.ctx, m) }); err != nil {
			x.failActor(err)
			return
		}
	}
	result, err := x.complete(m, consume)
	if err != nil {
		x.failActor(err)
		return
	}
	x.write(http.StatusOK, x.enc.ContentType(), x.g.server().AppendQueueResult(nil, x.enc, result))
}

// complete has the message consumed, and waits for it if the sender does.
func (x *exchange) complete(m *QueueMessage, consume QueueHandler) (codec.QueueResult, error) {
	type result struct {
		out any
		err error
	}
	done := make(chan result, 1)
	if consume != nil {
		x.g.spawn(func() {
			out, err := x.actor.protect(func() (any, error) { return consume(x.g.ctx, m) })
			done <- result{out, err}
		})
	}
	if !m.Wait {
		return codec.QueueResult{Status: "completed"}, nil
	}
	limit, late := m.Timeout, codec.QueueResult{Status: "timedOut"}
	var lateErr error
	if limit == 0 {
		limit, late = x.g.cfg.actionTimeout, codec.QueueResult{}
		lateErr = Error("actor", "action_timed_out", "Action timed out.", nil)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case res := <-done:
		if res.err != nil {
			return codec.QueueResult{}, res.err
		}
		data, err := encode(x.enc, res.out)
		return codec.QueueResult{Status: "completed", Response: data}, err
	case <-timer.C:
		return late, lateErr
	case <-x.r.Context().Done():
		return codec.QueueResult{}, context.Cause(x.r.Context())
	case <-x.g.ctx.Done():
		return codec.QueueResult{}, errors.New("gateway closed")
	}
}
