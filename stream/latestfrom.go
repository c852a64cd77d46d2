package stream

import "context"

// WithLatestFrom returns the stream of what f makes of each value of s and the
// newest value that other has by then. Values of s that come before other has
// one are skipped.
//
// f runs on the consumer's goroutine. Goroutines are those of [Merge], and the
// order of s is kept. It holds one value of other.
//
// WithLatestFrom ends with s, or with the first error of either. When other has
// ended its last value stays.
func WithLatestFrom[A, B, R any](s Stream[A], other Stream[B], f func(A, B) R) Stream[R] {
	if f == nil {
		return noFunc[R]("WithLatestFrom")
	}
	return Stream[R]{open: func(ctx context.Context, out observer[R]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		var latest current[B]
		g.begin = func() {
			others := g.join(opened(ctx, other, MergeAhead, observer[B]{
				next: func(v B) bool {
					latest.set(v)
					return true
				},
				notice: in.notice,
				end:    in.end,
			}))
			g.join(opened(ctx, s, MergeAhead, observer[A]{
				next: func(v A) bool {
					// This is one of a batch, which may take its time.
					g.catchUp(others)
					if g.stopped {
						return false
					}
					return !latest.known || in.next(f(v, latest.v))
				},
				notice: in.notice,
				end: func(err error) {
					g.stop()
					out.end(err)
				},
			}))
		}
		return g
	}}
}
