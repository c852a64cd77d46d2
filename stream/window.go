package stream

import "time"

// Window returns a slice for each stretch of time of the given length, from
// the begin of the consumption on, with the values that have come in it, also
// when that is none: then the slice is nil. Each slice is the receiver's own.
// To know only how many see [Rate]. If every is not positive the stream fails
// with an [*OptionError].
//
// A value belongs to the window in which it is taken from the source. A
// consumer that is still busy with a window when the next should end makes
// that one longer, by whole lengths: windows never wait for it in a row.
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. Window keeps the order of values; notices
// pass at once, before the values of their window. It ends with s, at once: the
// window that is not over is handed on first if there is anything in it. It
// holds the values of one window, which nothing bounds but the source; see
// [Batch] for slices of a size.
func Window[T any](s Stream[T], every time.Duration) Stream[[]T] {
	if every <= 0 {
		return notPositive[[]T]("Window", every)
	}
	return timed(s, func(c *clock, out observer[[]T]) timedStage[T] {
		var held slab[T]
		c.begin(every)
		return timedStage[T]{
			next: func(v T) bool {
				held.add(v)
				return true
			},
			notice: out.notice,
			due: func() bool {
				ok := out.next(held.take())
				c.beat(every)
				return ok
			},
			flush: func() bool { return held.release(out.next) },
		}
	})
}

// Rate returns how many values s has per second, for each stretch of time of
// the given length, as [Window] does. When the consumer has made a window
// longer that is accounted for. At the end of s the rate of the window that is
// not over is handed on if there was a value in it, as if nothing more had come
// in the rest of it. If every is not positive the stream fails with an
// [*OptionError].
//
// It runs on the consumer's goroutine, with one timer. A source that has to be
// run gets a goroutine, which is at most [MergeAhead] values ahead and has
// ended when the consumption has. Notices pass at once. It ends with s, and
// holds no values.
func Rate[T any](s Stream[T], every time.Duration) Stream[float64] {
	if every <= 0 {
		return notPositive[float64]("Rate", every)
	}
	return timed(s, func(c *clock, out observer[float64]) timedStage[T] {
		count, beats := 0, 1
		rate := func() float64 {
			r := float64(count) / (float64(beats) * every.Seconds())
			count = 0
			return r
		}
		c.begin(every)
		return timedStage[T]{
			next: func(T) bool {
				count++
				return true
			},
			notice: out.notice,
			due: func() bool {
				ok := out.next(rate())
				beats = c.beat(every)
				return ok
			},
			flush: func() bool { return count == 0 || out.next(rate()) },
		}
	})
}
