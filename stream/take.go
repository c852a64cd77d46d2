package stream

import (
	"context"
	"fmt"
)

// Take returns the stream of the first n values of s. It ends with the last of
// them, and does not wait for s to go on; with 0 it is empty and s is not
// consumed at all. If n is negative the stream fails with an [*OptionError].
//
// It runs on the consumer's goroutine, keeps the order, hands on the notices
// that come before the last value, and holds no values.
func (s Stream[T]) Take(n int) Stream[T] {
	switch {
	case n < 0:
		return negative[T]("Take", n)
	case n == 0:
		return Stream[T]{}
	}
	return pipedUntil(s, func(out observer[T], quit func(error) bool) observer[T] {
		left := n
		return observer[T]{
			next: func(v T) bool {
				left--
				if left > 0 {
					return out.next(v)
				}
				return out.next(v) && quit(nil)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// TakeWhile returns the stream of the values before the first for which more
// returns false, and ends there.
//
// It runs on the consumer's goroutine, keeps the order, and holds no values.
func (s Stream[T]) TakeWhile(more func(T) bool) Stream[T] {
	if more == nil {
		return noFunc[T]("TakeWhile")
	}
	return pipedUntil(s, func(out observer[T], quit func(error) bool) observer[T] {
		return observer[T]{
			next: func(v T) bool {
				if !more(v) {
					return quit(nil)
				}
				return out.next(v)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// Skip returns the stream of the values after the first n. If n is negative it
// fails with an [*OptionError].
//
// It runs on the consumer's goroutine, keeps the order, hands on all notices,
// also those between the values it skips, ends with s, and holds no values.
func (s Stream[T]) Skip(n int) Stream[T] {
	switch {
	case n < 0:
		return negative[T]("Skip", n)
	case n == 0:
		return s
	}
	return piped(s, func(out observer[T]) observer[T] {
		left := n
		return observer[T]{
			next: func(v T) bool {
				if left > 0 {
					left--
					return true
				}
				return out.next(v)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// SkipWhile returns the stream of the values from the first on for which skip
// returns false; skip is not called any more then.
//
// It runs on the consumer's goroutine, keeps the order, hands on all notices,
// also those between the values it skips, ends with s, and holds no values.
func (s Stream[T]) SkipWhile(skip func(T) bool) Stream[T] {
	if skip == nil {
		return noFunc[T]("SkipWhile")
	}
	return piped(s, func(out observer[T]) observer[T] {
		begun := false
		return observer[T]{
			next: func(v T) bool {
				if !begun {
					if skip(v) {
						return true
					}
					begun = true
				}
				return out.next(v)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// pipedUntil is [piped] for a stage that may end the stream by itself: it
// returns what quit returns. Like the end of a source, that end is not told
// when the context was first.
func pipedUntil[T, U any](s Stream[T], stage func(out observer[U], quit func(error) bool) observer[T]) Stream[U] {
	if s.run == nil && s.open == nil {
		return Stream[U]{}
	}
	bound := func(ctx context.Context, out observer[U]) observer[T] {
		return stage(out, func(err error) bool {
			if ctx.Err() == nil {
				out.end(err)
			}
			return false
		})
	}
	u := Stream[U]{late: s.late}
	if s.run != nil {
		u.run = func(ctx context.Context, out observer[U]) { s.run(ctx, bound(ctx, out)) }
	}
	if s.open != nil {
		u.open = func(ctx context.Context, out observer[U]) pump { return s.open(ctx, bound(ctx, out)) }
	}
	return u
}

func negative[T any](operator string, n int) Stream[T] {
	return FromError[T](&OptionError{operator, fmt.Errorf("%d is negative", n)})
}
