package stream

import "context"

// StartWith returns the stream of the given values and then those of s: a
// state to begin with, before the first change of it. Subscriptions that s
// begins with are made before the first of the values is handed on, so that
// nothing is missed while the consumer works on them, unless s has to be run.
// The slice must not change while the stream is in use.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values but those given. Over a subscription it takes from s as [Merge]
// does, which matters to what is between the two: [FlatMap], [Stream.Catch].
func (s Stream[T]) StartWith(values ...T) Stream[T] {
	if len(values) == 0 {
		return s
	}
	if s.run == nil && s.open == nil {
		return From(values...)
	}
	var u Stream[T]
	if !s.live() {
		u.run = func(ctx context.Context, out observer[T]) {
			for _, v := range values {
				if ctx.Err() != nil || !out.next(v) {
					return
				}
			}
			s.drive(ctx, out)
		}
	}
	if s.open != nil {
		u.open = func(ctx context.Context, out observer[T]) pump {
			return &startPump[T]{pump: s.open(ctx, out), ctx: ctx, left: values, out: out}
		}
	}
	return u
}

// startPump hands out a slice in batches before it goes on as another pump.
type startPump[T any] struct {
	pump
	ctx   context.Context
	left  []T
	out   observer[T]
	begun bool
}

func (p *startPump[T]) step() state {
	if len(p.left) == 0 {
		return p.pump.step()
	}
	if !p.begun {
		p.begun = true
		p.pump.subscribe()
	}
	n := min(len(p.left), batchEvents)
	for _, v := range p.left[:n] {
		if p.ctx.Err() != nil || !p.out.next(v) {
			return ended
		}
	}
	p.left = p.left[n:]
	return got
}
