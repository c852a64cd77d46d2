package stream

import "errors"

// Map returns the stream of what f makes of each value of s. For an f that can
// fail see [TryMap], for one that blocks [ParallelMap].
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values.
func Map[T, U any](s Stream[T], f func(T) U) Stream[U] {
	if f == nil {
		return noFunc[U]("Map")
	}
	return piped(s, func(out observer[U]) observer[T] {
		return observer[T]{
			next:   func(v T) bool { return out.next(f(v)) },
			notice: out.notice,
			end:    out.end,
		}
	})
}

// TryMap is [Map] for an f that can fail. Its error ends the stream and is
// handed on as it is, unless it is a notice (see [IsNotice]): then only the
// value is skipped, and the notice stands in its place. So f can choose, with a
// [*DecodeError] for what does not matter that much.
//
// It runs on the consumer's goroutine, keeps the order, and holds no values.
func TryMap[T, U any](s Stream[T], f func(T) (U, error)) Stream[U] {
	if f == nil {
		return noFunc[U]("TryMap")
	}
	return pipedUntil(s, func(out observer[U], quit func(error) bool) observer[T] {
		return observer[T]{
			next: func(v T) bool {
				u, err := f(v)
				switch {
				case err == nil:
					return out.next(u)
				case IsNotice(err):
					return out.notice(err)
				default:
					return quit(err)
				}
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// Scan returns the stream of what f makes of what it returned last, which is
// init at first, and each value of s: a running total. init itself is not a
// value of it; see [Stream.StartWith]. Each consumption begins with init, so f
// must not change what init points to, if it does.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// one A.
func Scan[T, A any](s Stream[T], init A, f func(A, T) A) Stream[A] {
	if f == nil {
		return noFunc[A]("Scan")
	}
	return piped(s, func(out observer[A]) observer[T] {
		total := init
		return observer[T]{
			next: func(v T) bool {
				total = f(total, v)
				return out.next(total)
			},
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
	if keep == nil {
		return noFunc[T]("Filter")
	}
	return piped(s, func(out observer[T]) observer[T] {
		return observer[T]{
			next:   func(v T) bool { return !keep(v) || out.next(v) },
			notice: out.notice,
			end:    out.end,
		}
	})
}

// Tap calls f with each value before that goes on unchanged: to count, to log.
// For notices see [Stream.OnNotice].
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values.
func (s Stream[T]) Tap(f func(T)) Stream[T] {
	if f == nil {
		return noFunc[T]("Tap")
	}
	return piped(s, func(out observer[T]) observer[T] {
		return observer[T]{
			next: func(v T) bool {
				f(v)
				return out.next(v)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// noFunc is what an operator returns that was given no function.
func noFunc[T any](operator string) Stream[T] {
	return FromError[T](&OptionError{operator, errNoFunc})
}

var errNoFunc = errors.New("the function is nil")
