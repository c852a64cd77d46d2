package actor

import (
	"context"
	"fmt"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// DeclareQueue says what a queue's messages are. A message that is no T is then
// refused when it is sent, with queue.message_invalid, and not found out when it
// is received. Queues need not be declared: what is sent to any name is stored,
// for who asks for it. (RivetKit drops what is sent to queues that it does not
// know, and says that it is completed.) Consume declares its queue.
func DeclareQueue[S, T, R any](d *Definition[S], q rivet.Queue[T, R]) {
	d.b.declare(string(q), func(v codec.Value) error {
		_, err := decodeBody[T](v)
		return err
	})
}

func (b *blueprint) declare(name string, check func(codec.Value) error) {
	if b.bodies[name] != nil {
		b.fault(fmt.Errorf("queue %q is declared twice", name))
	}
	b.bodies[name] = check
}

// decodeBody decodes the body of a message. Nobody looks at what a None is.
func decodeBody[T any](v codec.Value) (body T, err error) {
	switch p := any(&body).(type) {
	case *rivet.None:
	case *codec.Value:
		*p = v
	default:
		err = v.Decode(&body)
	}
	return body, err
}

// checkBody refuses a message that the queue's declaration does not fit.
func (in *Instance) checkBody(queue string, v codec.Value) error {
	check := in.b.bodies[queue]
	if check == nil {
		return nil
	}
	if err := in.protect(func() error { return check(v) }); err != nil {
		return fault("queue", "message_invalid", fmt.Sprintf("Message of queue `%s`: %v", queue, err), nil)
	}
	return nil
}

// Enqueue puts a message into a queue of the actor itself, and returns when it is
// on disk. Guards of CanPublish are not asked. The errors queue.full,
// queue.message_too_large and queue.message_invalid are *rivet.Error inside, and
// reach a client that is told of them. When the Context ends first, the error is
// its cause, and the message is stored all the same.
func Enqueue[S, T, R any](c *Context[S], q rivet.Queue[T, R], msg T) (MessageID, error) {
	return enqueue(c.sc, string(q), msg)
}

func enqueue(sc *scope, queue string, msg any) (MessageID, error) {
	data, err := encodeResult(codec.BARE, result(msg))
	if err != nil {
		return 0, fmt.Errorf("actor: encode a message of queue %q: %w", queue, err)
	}
	v := codec.RawValue(codec.BARE, data)
	if err := sc.in.checkBody(queue, v); err != nil {
		return 0, err
	}
	m, stored, err := sc.in.queues.add(queue, v, false)
	if err != nil {
		return 0, err
	}
	if err := stored.wait(sc.ctx); err != nil {
		return 0, fmt.Errorf("actor: store a message of queue %q: %w", queue, err)
	}
	sc.in.queues.spare(m)
	return m.id, nil
}

// queue answers a message that a client sends, once it is on disk, or, if the
// client wants that, once it is completed.
func (x *exchange) queue(name string) {
	in := x.in
	body, err := x.body()
	if err != nil {
		x.fail(err)
		return
	}
	send, err := codec.DecodeQueueSend(x.enc, body)
	if err != nil {
		x.fail(errMalformed)
		return
	}
	what := "queue(" + name + ")"
	x.connect(what, func(c *Conn) {
		if in.b.queues[name] != nil || send.Wait && in.b.consumes(name) { // which take turns
			if err := in.lasting(chainOf(x.r.Header), what); err != nil {
				x.fail(err)
				return
			}
		}
		ctx, cancel := context.WithCancelCause(x.r.Context())
		defer cancel(context.Canceled)
		defer context.AfterFunc(in.ctx, func() { cancel(errStopping) })()
		res, err := in.accept(ctx, c, name, send)
		if err != nil {
			x.fail(err)
			return
		}
		answer := codec.AppendQueueResult(nil, x.enc, res)
		if len(answer) > in.b.set.maxOutgoing {
			x.fail(errOutgoingTooLong)
			return
		}
		x.write(http.StatusOK, x.enc.ContentType(), answer)
	})
}

// accept puts a client's message into a queue. A wait ends with the time of an
// action if it has no other end.
func (in *Instance) accept(ctx context.Context, c *Conn, name string, send codec.QueueSend) (codec.QueueResult, error) {
	if guard := in.b.queues[name]; guard != nil {
		err := error(errForbidden)
		waited := in.inTurn(&scope{ctx: ctx, in: in}, func(t *turn) { err = in.allowed(t, c, guard, "CanPublish") }, false)
		if waited != nil {
			return codec.QueueResult{}, waited
		}
		if err != nil {
			return codec.QueueResult{}, err
		}
	}
	v := codec.RawValue(c.enc, send.Body)
	if err := in.checkBody(name, v); err != nil {
		return codec.QueueResult{}, err
	}
	timeout := send.Timeout
	if timeout <= 0 {
		timeout = in.b.set.actionTimeout
	}
	return in.queues.enqueue(ctx, name, v, send.Wait, timeout)
}
