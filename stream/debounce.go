package stream

import "time"

// Debounce returns the stream of those values after which there was none for
// d: of a burst the last, d after it came. A stream that is never silent for d
// yields nothing before its end; for one value every d at the least see
// [Stream.Throttle]. If d is not positive the stream fails with an
// [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. Debounce keeps the order of values; notices
// pass at once, before a value that is held back, and do not break a silence.
// It ends with s, at once: the value that it holds, one at most, is handed on
// first.
func (s Stream[T]) Debounce(d time.Duration) Stream[T] {
	if d <= 0 {
		return notPositive[T]("Debounce", d)
	}
	return timed(s, func(c *clock, out observer[T]) timedStage[T] {
		var last held[T]
		flush := func() bool { return last.release(out.next) }
		return timedStage[T]{
			next: func(v T) bool {
				last.put(v)
				c.restart(d)
				return true
			},
			notice: out.notice,
			due:    flush,
			flush:  flush,
		}
	})
}
