package stream

// DistinctUntilChanged returns the stream of those values that differ from the
// one before: runs of equal values become one. Of the values that a notice
// tells of as lost it knows nothing, and compares with the last that came.
// Where == is not what is meant see [Stream.DistinctUntilChangedFunc].
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// one value.
func DistinctUntilChanged[T comparable](s Stream[T]) Stream[T] {
	return s.DistinctUntilChangedFunc(func(a, b T) bool { return a == b })
}

// DistinctUntilChangedFunc is [DistinctUntilChanged] with a comparison of the
// caller's: equal is given the value that was handed on last and the new one.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// one value.
func (s Stream[T]) DistinctUntilChangedFunc(equal func(a, b T) bool) Stream[T] {
	if equal == nil {
		return noFunc[T]("DistinctUntilChangedFunc")
	}
	return piped(s, func(out observer[T]) observer[T] {
		var (
			last  T
			begun bool
		)
		return observer[T]{
			next: func(v T) bool {
				if begun && equal(last, v) {
					return true
				}
				last, begun = v, true
				return out.next(v)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}

// Pairwise returns the stream of each value together with the one before it:
// of a, b, c that is [a b], [b c]. A stream of less than two values makes an
// empty one.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// one value.
func Pairwise[T any](s Stream[T]) Stream[[2]T] {
	return piped(s, func(out observer[[2]T]) observer[T] {
		var (
			last  T
			begun bool
		)
		return observer[T]{
			next: func(v T) bool {
				pair := [2]T{last, v}
				last = v
				if !begun {
					begun = true
					return true
				}
				return out.next(pair)
			},
			notice: out.notice,
			end:    out.end,
		}
	})
}
