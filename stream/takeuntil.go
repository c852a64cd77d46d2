package stream

import "context"

// TakeUntil returns the stream of the values of s until the stream until has a
// value, which is a clean end. A value of until that has come before one of s
// is taken is heeded first. When until ends without a value, s goes on.
//
// Goroutines are those of [Merge], and the order is kept. It holds no values.
//
// TakeUntil ends with s, with the first value of until, or with the first error
// of either.
func TakeUntil[T, U any](s Stream[T], until Stream[U]) Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		end := func(err error) {
			g.stop()
			out.end(err)
		}
		g.begin = func() {
			stop := g.join(opened(ctx, until, 1, observer[U]{
				next: func(U) bool {
					end(nil)
					return false
				},
				notice: in.notice,
				end:    in.end,
			}))
			g.join(opened(ctx, s, MergeAhead, observer[T]{
				next: func(v T) bool {
					// This is one of a batch, which may take its time.
					g.catchUp(stop)
					return !g.stopped && in.next(v)
				},
				notice: in.notice,
				end:    end,
			}))
		}
		return g
	}}
}
