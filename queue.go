package rivet

import (
	"context"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Send stores a message in a queue of the actor and returns once it is stored.
// Queues need RivetKit 2.3. Failures are *CallError; the errors of a queue are
// ErrQueueFull, ErrOverloaded and *TooLargeError among others. Sends are not
// ordered with calls on a connection.
func (h *Handle) Send(ctx context.Context, queue string, body any, opts ...CallOption) error {
	_, _, err := h.send(ctx, queue, body, false, opts)
	return err
}

// SendWait stores a message in a queue and waits until the actor completes it,
// for as long as ctx lasts; without a deadline the actor's own limit of 60 s
// holds. It returns what the actor completed it with, undefined if nothing.
// A message that was not completed in time is a *QueueTimeoutError inside the
// *CallError. It was taken off the queue if the actor had received it.
func (h *Handle) SendWait(ctx context.Context, queue string, body any, opts ...CallOption) (codec.Value, error) {
	value, timedOut, err := h.send(ctx, queue, body, true, opts)
	if err == nil && timedOut {
		err = &CallError{Actor: h.String(), Action: queueLabel(queue), MaybeExecuted: true, Err: &QueueTimeoutError{Queue: queue}}
	}
	return value, err
}

func queueLabel(queue string) string { return "queue(" + printable(queue) + ")" }

func (h *Handle) send(ctx context.Context, queue string, body any, wait bool, opts []CallOption) (_ codec.Value, timedOut bool, err error) {
	a := attempt{handle: h, action: queueLabel(queue)}
	for _, o := range opts {
		if o != nil {
			o.ApplyCall(&a.options)
		}
	}
	begin := h.begin
	if wait {
		begin = h.beginUnbounded
	}
	enc := h.client.cfg.link.Encoding
	out, err := a.run(ctx, begin, func() (string, []byte, error) {
		segment, ok := gateway.Segment(queue)
		if !ok {
			return "", nil, &ConfigError{Field: "queue", Rule: "cannot have this name"}
		}
		data, err := codec.Marshal(enc, body)
		if err != nil {
			return "", nil, &callbackError{"encode the message", err}
		}
		msg := codec.QueueSend{Name: queue, Body: data, Wait: wait}
		if deadline, ok := ctx.Deadline(); ok && wait {
			msg.Timeout = waitFor(time.Until(deadline))
		}
		return "/queue/" + segment, codec.AppendQueueSend(nil, enc, msg), nil
	})
	if err != nil {
		return codec.Value{}, false, err
	}
	result, err := codec.DecodeQueueResult(enc, out)
	if err == nil && result.Status != "completed" && result.Status != "timedOut" {
		err = &answerError{fmt.Sprintf("has the unknown queue status %q", printable(result.Status))}
	}
	if err != nil {
		return codec.Value{}, false, &CallError{Actor: h.String(), Action: a.action, MaybeExecuted: true, Err: err}
	}
	return codec.RawValue(enc, result.Response), result.Status == "timedOut", nil
}

// waitFor returns the timeout to ask the server for, so that its answer is
// back before the caller's own time is up.
func waitFor(left time.Duration) time.Duration {
	slack := min(max(left/20, 10*time.Millisecond), time.Second)
	return max(left-slack, time.Millisecond).Truncate(time.Millisecond)
}

// Queue names a queue of an actor whose messages are T and whose completions
// are R: None if the actor completes messages without a value.
//
//	const Jobs = rivet.Queue[Job, Result]("jobs")
type Queue[T, R any] string

// Send stores a message; see Handle.Send.
func (q Queue[T, R]) Send(ctx context.Context, h *Handle, msg T, opts ...CallOption) error {
	return h.Send(ctx, string(q), msg, opts...)
}

// SendWait stores a message and waits for its completion; see Handle.SendWait.
func (q Queue[T, R]) SendWait(ctx context.Context, h *Handle, msg T, opts ...CallOption) (R, error) {
	var r R
	value, err := h.SendWait(ctx, string(q), msg, opts...)
	if err != nil {
		return r, err
	}
	if err := decodeResult(value, &r); err != nil {
		return r, &CallError{Actor: h.String(), Action: queueLabel(string(q)), MaybeExecuted: true, Err: err}
	}
	return r, nil
}
