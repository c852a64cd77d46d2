package stream

// Map returns the stream of what f makes of each value of s. For an f that can
// fail see [TryMap], for one that blocks [ParallelMap].
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values.
func Map[T, U any](s Stream[T], f func(T) U) Stream[U] {
	return piped(s, func(out observer[U]) observer[T] {
		return observer[T]{
			next:   func(v T) bool { return out.next(f(v)) },
			notice: out.notice,
			end:    out.end,
		}
	})
}

// Filter returns the stream of those values for which keep returns true.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values.
func (s Stream[T]) Filter(keep func(T) bool) Stream[T] {
	return piped(s, func(out observer[T]) observer[T] {
		return observer[T]{
			next:   func(v T) bool { return !keep(v) || out.next(v) },
			notice: out.notice,
			end:    out.end,
		}
	})
}
