package stream

import "context"

// FlatMap returns the stream of the values of the streams that f makes of the
// values of s: all of the first, then all of the second, and so on. An inner
// stream is consumed when its turn comes, and released before f is called
// again; meanwhile s waits, or what comes of it is in its buffer. To have them
// side by side, and not in order, see [MergeMany] over [Map].
//
// It runs on the consumer's goroutine, ends when s and the inner stream of its
// last value have, or with the first error of either, and holds no values.
func FlatMap[T, U any](s Stream[T], f func(T) Stream[U]) Stream[U] {
	if f == nil {
		return noFunc[U]("FlatMap")
	}
	return Stream[U]{run: func(ctx context.Context, out observer[U]) {
		var clean bool // the inner stream has come to its end
		inner := observer[U]{
			next:   out.next,
			notice: out.notice,
			end: func(err error) {
				if err != nil {
					out.end(err)
					return
				}
				clean = true
			},
		}
		s.drive(ctx, observer[T]{
			next: func(v T) bool {
				clean = false
				f(v).drive(ctx, inner)
				return clean
			},
			notice: out.notice,
			end:    out.end,
		})
	}}
}
