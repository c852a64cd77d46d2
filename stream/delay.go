package stream

import (
	"context"
	"time"
)

// Delay returns s with each step d later: values, notices, and the end, be it
// an error or not. If d is not positive the stream fails with an
// [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. Delay keeps the order. It holds what has come
// in d, but takes nothing more from s while that is [DefaultBuffer] values or
// more: the source then waits or drops, as it does for a slow consumer. As many
// as that are about the most that can pass in d.
func (s Stream[T]) Delay(d time.Duration) Stream[T] {
	if d <= 0 {
		return notPositive[T]("Delay", d)
	}
	if s.run == nil && s.open == nil {
		s = From[T]() // its end is late too
	}
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		p := &delayPump[T]{ctx: ctx, out: out, by: d, start: time.Now()}
		p.pump = opened(ctx, s, MergeAhead, observer[T]{
			next: func(v T) bool {
				p.add(delayed[T]{value: v})
				return true
			},
			notice: func(err error) bool {
				p.add(delayed[T]{err: err})
				return true
			},
			end: func(err error) { p.add(delayed[T]{err: err, last: true}) },
		})
		p.clock.bell = p.bell()
		return p
	}}
}

type delayPump[T any] struct {
	pump
	clock clock
	ctx   context.Context
	out   observer[T]
	by    time.Duration
	start time.Time
	line  []delayed[T] // what waits is line[head:]
	head  int
	added int  // in this step
	over  bool // the source has ended
}

// delayed is a step that waits.
type delayed[T any] struct {
	value T
	err   error         // a notice, or the end
	at    time.Duration // when it is due, from the start
	last  bool          // it is the end
}

func (p *delayPump[T]) step() state {
	found := empty
	p.added = 0
	if !p.over && len(p.line)-p.head < DefaultBuffer {
		if found = p.pump.step(); found == ended {
			if !p.over {
				return ended
			}
			found = empty
		}
	}
	if p.clock.fired.Load() {
		p.clock.rest()
	}
	// One look at the time does for all that came in a step.
	now := time.Since(p.start)
	for i := len(p.line) - p.added; i < len(p.line); i++ {
		p.line[i].at = now + p.by
	}
	for n := 0; p.head < len(p.line) && p.line[p.head].at <= now; n++ {
		if n == batchEvents {
			return got
		}
		if p.ctx.Err() != nil || !p.hand(p.take()) {
			return ended
		}
		found = got
	}
	if p.head < len(p.line) {
		p.clock.deadline = p.start.Add(p.line[p.head].at)
		p.clock.arm()
	}
	return found
}

// hand hands on what its time has come for, and reports whether to go on.
func (p *delayPump[T]) hand(s delayed[T]) bool {
	switch {
	case s.last:
		p.out.end(s.err)
		return false
	case s.err != nil:
		return p.out.notice(s.err)
	default:
		return p.out.next(s.value)
	}
}

func (p *delayPump[T]) add(s delayed[T]) {
	p.added++
	p.over = s.last
	if len(p.line) == cap(p.line) && p.head > len(p.line)/2 {
		n := copy(p.line, p.line[p.head:])
		clear(p.line[n:])
		p.line, p.head = p.line[:n], 0
	}
	p.line = append(p.line, s)
}

func (p *delayPump[T]) take() delayed[T] {
	s := p.line[p.head]
	p.line[p.head] = delayed[T]{}
	p.head++
	if p.head == len(p.line) {
		p.line, p.head = p.line[:0], 0
		if cap(p.line) > keepRing {
			p.line = nil
		}
	}
	return s
}

func (p *delayPump[T]) close() {
	defer p.pump.close()
	p.clock.stop()
}
