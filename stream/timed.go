package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// timed returns the stream that a stage with a clock makes of s. The stage is
// made anew for each consumption and runs on the consumer's goroutine, as does
// what it does when its time has come: the timer does no more than ring the
// bell of the source. So the stream can be attached to, and many of them cost
// a timer each and no goroutine, unless their sources have to be run.
func timed[T, U any](s Stream[T], stage func(c *clock, out observer[U]) timedStage[T]) Stream[U] {
	if s.run == nil && s.open == nil {
		return Stream[U]{}
	}
	return Stream[U]{open: func(ctx context.Context, out observer[U]) pump {
		p := &timedPump{ctx: ctx}
		st := stage(&p.clock, out)
		p.due = st.due
		p.pump = opened(ctx, s, MergeAhead, observer[T]{
			next:   st.next,
			notice: st.notice,
			end: func(err error) {
				if ctx.Err() == nil && (st.flush == nil || st.flush() && ctx.Err() == nil) {
					out.end(err)
				}
			},
		})
		p.clock.bell = p.pump.bell()
		return p
	}}
}

// timedStage is what a stage does with what comes, with its time, and at the
// end. Each returns what downstream has answered.
type timedStage[T any] struct {
	next   func(v T) bool
	notice func(err error) bool
	due    func() bool // the deadline has passed, and there is none any more
	flush  func() bool // hands on what is held before the end, if anything is
}

type timedPump struct {
	pump
	clock clock
	ctx   context.Context
	due   func() bool
}

func (p *timedPump) step() state {
	found := p.pump.step()
	if found == ended {
		return ended
	}
	if p.clock.strikes(found) {
		if p.ctx.Err() != nil || !p.due() {
			return ended
		}
	}
	p.clock.arm()
	return found
}

func (p *timedPump) close() {
	defer p.pump.close()
	p.clock.stop()
}

// clock is the one timer of a stage and its deadline. A deadline may be moved,
// to later, for every value: the timer is left alone then, and set again for
// the rest once it has fired.
type clock struct {
	bell     *bell
	timer    *time.Timer
	armed    bool          // the timer runs, or has fired and was not looked at
	fired    atomic.Bool   // by the timer
	deadline time.Time     // zero if there is none
	last     time.Time     // the deadline before, for what comes at a beat
	restarts time.Duration // the deadline is to be so long after this step
	looks    int           // steps since the deadline was found to have passed
	late     time.Time     // when that was
}

// In what the consumer has left waiting while it was busy there is often what
// a stage should know before it acts. So what has come is taken first, but
// from a source that always has more only so many batches, for so long.
const (
	mostLooks   = 64
	longestLook = time.Millisecond
)

// set makes the deadline d from now.
func (c *clock) set(d time.Duration) { c.deadline, c.restarts = time.Now().Add(d), 0 }

// restart makes the deadline d from the end of this step, which is to look at
// the time once for all values of a batch.
func (c *clock) restart(d time.Duration) { c.restarts = d }

// runs reports whether there is a deadline.
func (c *clock) runs() bool { return c.restarts > 0 || !c.deadline.IsZero() }

// begin starts a beat of d: its first deadline is d from now.
func (c *clock) begin(d time.Duration) {
	c.last = time.Now()
	c.deadline = c.last.Add(d)
}

// beat makes the deadline the next of those that is still to come, and returns
// how many beats that is after the one that has passed.
func (c *clock) beat(d time.Duration) int {
	n := 1 + max(0, time.Since(c.last)/d)
	c.deadline = c.last.Add(n * d)
	return int(n)
}

// pause does not count what f takes.
func (c *clock) pause(f func() bool) bool {
	if c.deadline.IsZero() {
		return f()
	}
	from := time.Now()
	ok := f()
	c.deadline = c.deadline.Add(time.Since(from))
	return ok
}

// strikes is called after each step and reports whether the deadline, which is
// over then, has passed.
func (c *clock) strikes(found state) bool {
	if c.restarts > 0 {
		c.set(c.restarts)
	}
	if !c.fired.Load() {
		return false
	}
	if !c.deadline.IsZero() {
		now := time.Now()
		if !now.Before(c.deadline) {
			if found == got && c.looksOn(now) {
				return false
			}
			c.last = c.deadline
			c.deadline = time.Time{}
			c.rest()
			return true
		}
	}
	c.rest()
	return false
}

// looksOn reports whether what more there is should be taken first.
func (c *clock) looksOn(now time.Time) bool {
	if c.looks == 0 {
		c.late = now
	}
	c.looks++
	return c.looks < mostLooks && now.Sub(c.late) < longestLook
}

// rest notes that the timer has fired and was looked at.
func (c *clock) rest() {
	c.looks = 0
	c.armed = false
	c.fired.Store(false)
}

// arm sets the timer if there is a deadline and it does not run.
func (c *clock) arm() {
	if c.armed || c.deadline.IsZero() {
		return
	}
	c.armed = true
	if d := time.Until(c.deadline); c.timer != nil {
		c.timer.Reset(d)
	} else {
		c.timer = time.AfterFunc(d, c.fire)
	}
}

// fire runs on the timer's goroutine.
func (c *clock) fire() {
	c.fired.Store(true)
	c.bell.ring()
}

func (c *clock) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

// held keeps back one value, the last that came.
type held[T any] struct {
	value T
	full  bool
}

func (n *held[T]) put(v T) { n.value, n.full = v, true }

// release hands the value on, if there is one.
func (n *held[T]) release(next func(T) bool) bool {
	if !n.full {
		return true
	}
	v := n.value
	*n = held[T]{}
	return next(v)
}

func notPositive[T any](operator string, d time.Duration) Stream[T] {
	return FromError[T](&OptionError{operator, fmt.Errorf("%v is not positive", d)})
}
