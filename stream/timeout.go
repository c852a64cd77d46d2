package stream

import (
	"fmt"
	"time"
)

// Timeout returns s, but ends with a [*TimeoutError] when no value has come for
// d, counted from the begin of the consumption and from each value. What the
// consumer takes for a value or a notice does not count, nor does a value come
// too late that was there when the consumer came back. A notice is not a value:
// that something was lost is no proof that anything still comes. If d is not
// positive the stream fails with an [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has; so it must look at its context when it
// waits. Timeout keeps the order, ends with s, and holds no values.
func (s Stream[T]) Timeout(d time.Duration) Stream[T] {
	if d <= 0 {
		return notPositive[T]("Timeout", d)
	}
	return timed(s, func(c *clock, out observer[T]) timedStage[T] {
		c.restart(d)
		return timedStage[T]{
			next: func(v T) bool {
				c.restart(d)
				return out.next(v)
			},
			notice: func(err error) bool {
				return c.pause(func() bool { return out.notice(err) })
			},
			due: func() bool {
				out.end(&TimeoutError{After: d})
				return false
			},
		}
	})
}

// TimeoutError ends a stream under [Stream.Timeout].
type TimeoutError struct {
	After time.Duration // how long no value has come
}

// Error says how long no value has come.
func (e *TimeoutError) Error() string { return fmt.Sprintf("stream: no value for %v", e.After) }

// Timeout reports true.
func (e *TimeoutError) Timeout() bool { return true }
