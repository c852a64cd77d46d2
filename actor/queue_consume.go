package actor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// ConsumeOption changes how Consume handles messages.
type ConsumeOption interface{ applyConsume(*consumer) error }

type consumeOption func(*consumer) error

func (f consumeOption) applyConsume(c *consumer) error { return f(c) }

// Workers is how many messages of a queue are handled at a time, one by default.
// Their handlers have turns, so that more help only where handlers give theirs
// away with Await.
func Workers(n int) ConsumeOption {
	return consumeOption(func(c *consumer) error {
		if n < 1 {
			return fmt.Errorf("workers: %d is not above zero", n)
		}
		c.workers = n
		return nil
	})
}

// MaxAttempts is how often a message is handled without success before it is
// discarded, which is logged; 20 by default, zero for no limit.
func MaxAttempts(n int) ConsumeOption {
	return consumeOption(func(c *consumer) error {
		if n < 0 {
			return fmt.Errorf("MaxAttempts: %d is below zero", n)
		}
		c.attempts = n
		return nil
	})
}

// consumer is a Consume without its types.
type consumer struct {
	queue             string
	workers, attempts int
	// handle runs the handler in a turn and returns how to answer the sender.
	handle func(sc *scope, d *delivery) (codec.Value, error)
}

const defaultAttempts = 20

// Pauses of a message whose handler has failed.
const (
	minAttemptPause = time.Second
	maxAttemptPause = time.Minute
)

// Consume handles the messages of a queue while the actor is awake, in the order
// in which they were sent, each in a turn. When f succeeds, the message is
// completed with what it returns, and that is saved together with the state: a
// crash undoes both or none, so that what f does to the state happens once. When
// f fails or panics, which is logged, the message comes again after a pause that
// grows from a second to a minute; others go on meanwhile.
//
// The Context is done when the actor is told to end its handlers; there is no
// other time limit. Messages that are left when the actor sleeps or its host
// stops wake it up again. The queue is declared as by DeclareQueue; a message
// that is no T all the same is logged and set aside as a *MessageError is.
func Consume[S, T, R any](d *Definition[S], q rivet.Queue[T, R], f func(*Context[S], T) (R, error), opts ...ConsumeOption) {
	if f == nil {
		d.b.fault(fmt.Errorf("Consume of %q: the function is nil", string(q)))
		return
	}
	DeclareQueue(d, q)
	c := &consumer{queue: string(q), workers: 1, attempts: defaultAttempts}
	for _, o := range opts {
		if o != nil {
			if err := o.applyConsume(c); err != nil {
				d.b.fault(fmt.Errorf("Consume of %q: %w", string(q), err))
			}
		}
	}
	c.handle = func(sc *scope, dv *delivery) (codec.Value, error) {
		m, err := message[T, R](sc.in, dv)
		if err != nil {
			return codec.Value{}, err
		}
		r, err := f(contextOf[S](sc), m.Body)
		if err != nil {
			return codec.Value{}, err
		}
		return m.answer(r)
	}
	d.b.consumers = append(d.b.consumers, c)
}

// consumes reports whether Consume handles a queue.
func (b *blueprint) consumes(queue string) bool {
	return slices.ContainsFunc(b.consumers, func(c *consumer) bool { return c.queue == queue })
}

// consume starts the workers of a consumer. They end when the actor is to stop,
// and keep it awake while they have a message.
func (in *Instance) consume(c *consumer) {
	for range c.workers {
		in.tasks.more()
		go func() {
			defer in.tasks.release()
			for {
				d, err := in.queues.next(in.running, c.queue, func(wait func() error) error { return wait() })
				switch {
				case in.running.Err() != nil:
					if d != nil {
						in.queues.untried(d)
					}
					return
				case err != nil: // of the store
					in.report("queue", c.queue, err)
					pause(in.running, minAttemptPause)
				default:
					in.handleMessage(c, d)
				}
			}
		}()
	}
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// handleMessage handles one message in a turn, and returns when it is settled.
func (in *Instance) handleMessage(c *consumer, d *delivery) {
	var v codec.Value
	var gone *commit
	tried := false
	err := errEnded
	waited := in.inTurn(&scope{ctx: in.ctx, in: in}, func(t *turn) {
		tried = true
		defer func() { // also when the handler ends its goroutine
			in.endTurn(t)
			if err == nil {
				var off Batch
				if off, err = in.queues.remove(d); err == nil {
					gone = in.saveWith(t, off)
				}
			}
		}()
		err = in.protect(func() (err error) {
			v, err = c.handle(in.scopeOf(in.ctx, t, nil, "", "queue("+c.queue+")"), d)
			return err
		})
	}, false)
	switch {
	case gone != nil: // the turn is not held while the disk works
		err = in.queues.removed(in.journal.ctx, d, gone, func() {
			if d.answer != nil {
				d.answer <- v
			}
		})
		if err != nil {
			in.log.Error("a message could not be completed, and will come again", "queue", c.queue, "id", d.id, "error", err)
		}
	case !tried: // it stops, and there was no turn
		in.queues.untried(d)
	case waited != nil, in.ctx.Err() != nil: // it stops; the message is the next generation's
		_ = in.queues.putBack(d, 0)
	default:
		in.failedMessage(c, d, err)
	}
}

// failedMessage sees to it that a message comes again, or not.
func (in *Instance) failedMessage(c *consumer, d *delivery, err error) {
	in.report("message of queue", c.queue, err)
	if c.attempts == 0 || d.attempt < c.attempts {
		after := maxAttemptPause
		if n := d.attempt - 1; n < 6 {
			after = min(minAttemptPause<<n, maxAttemptPause)
		}
		_ = in.queues.putBack(d, after) // it is set aside if it is no T
		return
	}
	if off, err := in.queues.remove(d); err == nil {
		in.log.Error("a message is discarded: its handler has failed too often", "queue", c.queue, "id", d.id, "attempts", d.attempt)
		_ = in.queues.removed(in.journal.ctx, d, in.journal.add(off), func() {})
	}
}

// saveWith stores a batch, and the state together with it where there is a turn;
// nil for an empty batch.
func (in *Instance) saveWith(t *turn, b Batch) *commit {
	if len(b) == 0 {
		return nil
	}
	if t != nil && t.held.Load() {
		saved, err := in.saver.save(b...)
		if err == nil {
			return saved
		}
		in.log.Error("cannot save", "error", err)
	}
	return in.journal.add(b)
}

// park has the driver wake the actor up for what is scheduled, and for messages
// that Consume has not handled.
func (in *Instance) park(ctx context.Context) error {
	var first time.Time
	for _, c := range in.b.consumers {
		if t := in.queues.backlog(c.queue); !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if err := in.schedule.park(ctx, first); err != nil {
		return fmt.Errorf("actor: stop %s: %w", in.name(), err)
	}
	return nil
}
