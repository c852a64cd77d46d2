package stream

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
)

// From returns a stream of values. It starts no goroutine; the slice must not
// change while the stream is in use.
func From[T any](values ...T) Stream[T] {
	return Stream[T]{
		run: func(ctx context.Context, out observer[T]) {
			mortal := ctx.Done() != nil
			for _, v := range values {
				if mortal && ctx.Err() != nil || !out.next(v) {
					return
				}
			}
			if ctx.Err() == nil {
				out.end(nil)
			}
		},
		open: func(ctx context.Context, out observer[T]) pump {
			p := &slicePump[T]{ctx: ctx, left: values, out: out}
			p.ring.init()
			return p
		},
	}
}

// slicePump hands out a slice in batches.
type slicePump[T any] struct {
	ctx  context.Context
	left []T
	out  observer[T]
	ring bell // never rung: there is always a next step
}

func (p *slicePump[T]) bell() *bell { return &p.ring }

func (p *slicePump[T]) subscribe() {}

func (p *slicePump[T]) close() {}

func (p *slicePump[T]) step() state {
	n := min(len(p.left), batchEvents)
	for _, v := range p.left[:n] {
		if p.ctx.Err() != nil || !p.out.next(v) {
			return ended
		}
	}
	p.left = p.left[n:]
	if len(p.left) > 0 {
		return got
	}
	if p.ctx.Err() == nil {
		p.out.end(nil)
	}
	return ended
}

// FromSeq returns a stream of the values of seq, which is run on the
// consumer's goroutine, once for each consumption: a single-use iterator can be
// consumed once. The end of the context stops the stream at the next value; an
// iterator that waits for long has to look at the context itself.
func FromSeq[T any](seq iter.Seq[T]) Stream[T] {
	if seq == nil {
		return noFunc[T]("FromSeq")
	}
	return Stream[T]{run: func(ctx context.Context, out observer[T]) {
		for v := range seq {
			if ctx.Err() != nil || !out.next(v) {
				return
			}
		}
		if ctx.Err() == nil {
			out.end(nil)
		}
	}}
}

// FromSeq2 is [FromSeq] for an iterator over values and errors, such as
// Subscription.All, an Event's All, or a View's. A step with a notice is a
// notice; one with another error ends the stream with it, and its value is
// ignored.
func FromSeq2[T any](seq iter.Seq2[T, error]) Stream[T] {
	if seq == nil {
		return noFunc[T]("FromSeq2")
	}
	return Stream[T]{run: func(ctx context.Context, out observer[T]) {
		for v, err := range seq {
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				if !out.next(v) {
					return
				}
			case IsNotice(err):
				if !out.notice(err) {
					return
				}
			default:
				out.end(err)
				return
			}
		}
		if ctx.Err() == nil {
			out.end(nil)
		}
	}}
}

// FromSubscription returns a stream over subscriptions: each consumption calls
// subscribe for one of its own and closes it at the end. It starts no
// goroutine; what waits while the consumer is busy is bounded by the options of
// the subscription. A subscription that has another consumer ends the stream
// with [ErrInUse].
func FromSubscription[T any](subscribe func() *Subscription[T]) Stream[T] {
	if subscribe == nil {
		return noFunc[T]("FromSubscription")
	}
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		p := &taking[T]{ctx: ctx, sub: subscribe(), out: out}
		p.enter()
		return p
	}}
}

// FromChan returns a stream of what is received from ch, until it is closed.
// It starts no goroutine. Several consumptions share the values; a value that is
// received just as ctx ends is lost to all of them.
func FromChan[T any](ch <-chan T) Stream[T] {
	return Stream[T]{run: func(ctx context.Context, out observer[T]) {
		// A consumption that is over must not take from the others.
		for ctx.Err() == nil {
			select {
			case v, ok := <-ch:
				if ctx.Err() != nil {
					return
				}
				if !ok {
					out.end(nil)
					return
				}
				if !out.next(v) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}}
}

// FromFunc returns a stream of what next returns, called once for each step on
// the consumer's goroutine. [io.EOF] is a clean end, a notice is a notice, and
// any other error ends the stream. next has to return when ctx has ended.
func FromFunc[T any](next func(ctx context.Context) (T, error)) Stream[T] {
	if next == nil {
		return noFunc[T]("FromFunc")
	}
	return Stream[T]{run: func(ctx context.Context, out observer[T]) {
		for ctx.Err() == nil {
			v, err := next(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				if !out.next(v) {
					return
				}
			case IsNotice(err):
				if !out.notice(err) {
					return
				}
			case err == io.EOF:
				out.end(nil)
				return
			default:
				out.end(err)
				return
			}
		}
	}}
}

// FromError returns a stream whose only step is err: its end, or a notice
// followed by a clean end. With nil it is empty.
func FromError[T any](err error) Stream[T] {
	run := func(ctx context.Context, out observer[T]) {
		end := err
		if IsNotice(err) {
			if !out.notice(err) {
				return
			}
			end = nil
		}
		if ctx.Err() == nil {
			out.end(end)
		}
	}
	return Stream[T]{run: run, open: func(ctx context.Context, out observer[T]) pump {
		p := &stepPump{f: func() { run(ctx, out) }}
		p.ring.init()
		return p
	}}
}

// stepPump is all done in one step.
type stepPump struct {
	f    func()
	ring bell // never rung
}

func (p *stepPump) bell() *bell { return &p.ring }
func (p *stepPump) subscribe()  {}
func (p *stepPump) close()      {}
func (p *stepPump) step() state {
	p.f()
	return ended
}

// Empty returns a stream that ends at once, as the zero Stream does.
func Empty[T any]() Stream[T] { return Stream[T]{} }

// Never returns a stream without steps, which ends with its context only.
func Never[T any]() Stream[T] {
	return Stream[T]{run: func(ctx context.Context, _ observer[T]) { <-ctx.Done() }}
}

// Interval returns a stream of 0, 1, 2 …, the first after d and one every d
// from then on, without end. It starts no goroutine. A consumer that takes
// longer than d misses beats, and the numbers do not skip them. If d is not
// positive the stream fails with an [*OptionError].
func Interval(d time.Duration) Stream[int] {
	if d <= 0 {
		return FromError[int](&OptionError{"Interval", fmt.Errorf("%v is not positive", d)})
	}
	return Stream[int]{run: func(ctx context.Context, out observer[int]) {
		beat := time.NewTicker(d)
		defer beat.Stop()
		for n := 0; ; n++ {
			select {
			case <-beat.C:
				if ctx.Err() != nil || !out.next(n) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}}
}
