package stream

import "time"

// Throttle returns a stream with at most one value every d: the first at once,
// and then, d after the one before, the newest that has come since, or when
// there was none, the next one at once. The last value of a burst, and of the
// stream, is always among them. If d is not positive the stream fails with an
// [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. A consumer that takes longer than d gets the
// next value as soon as it is ready, the newest of those that wait in the
// buffer of the source. Throttle keeps the order of values; notices pass at
// once, before a value that is held back. It ends with s, at once: the value
// that it holds, one at most, is handed on first, sooner than d after the one
// before.
func (s Stream[T]) Throttle(d time.Duration) Stream[T] {
	if d <= 0 {
		return notPositive[T]("Throttle", d)
	}
	return timed(s, func(c *clock, out observer[T]) timedStage[T] {
		var last held[T]
		flush := func() bool { return last.release(out.next) }
		return timedStage[T]{
			next: func(v T) bool {
				if c.runs() {
					last.put(v)
					return true
				}
				c.set(d)
				return out.next(v)
			},
			notice: out.notice,
			due: func() bool {
				if last.full {
					c.set(d)
				}
				return flush()
			},
			flush: flush,
		}
	})
}
