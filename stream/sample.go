package stream

import "time"

// Sample returns the stream of what is newest at each beat: every d, counted
// from the begin of the consumption, the last value that has come since the
// beat before, if any has. If d is not positive the stream fails with an
// [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. A consumer that is still busy at a beat
// misses it. Sample keeps the order of values; notices pass at once, before a
// value that is held back. It ends with s, at once: the value that it holds,
// one at most, is handed on first.
func (s Stream[T]) Sample(d time.Duration) Stream[T] {
	if d <= 0 {
		return notPositive[T]("Sample", d)
	}
	return timed(s, func(c *clock, out observer[T]) timedStage[T] {
		var last held[T]
		flush := func() bool { return last.release(out.next) }
		c.begin(d)
		return timedStage[T]{
			next: func(v T) bool {
				last.put(v)
				return true
			},
			notice: out.notice,
			due: func() bool {
				ok := flush()
				c.beat(d)
				return ok
			},
			flush: flush,
		}
	})
}
