package stream

import "context"

// CombineLatest returns the stream of what f makes of the newest values of a
// and b: whenever one of them has a value, once both have had one. For any
// number of streams of one type see [CombineAll]; for a value only when a has
// one [WithLatestFrom].
//
// f runs on the consumer's goroutine. Goroutines, and the order between a and
// b, are those of [Merge]. It holds one value of each.
//
// CombineLatest ends when both streams have ended, as soon as one ends without
// ever having had a value, or with the first error.
func CombineLatest[A, B, R any](a Stream[A], b Stream[B], f func(A, B) R) Stream[R] {
	if f == nil {
		return noFunc[R]("CombineLatest")
	}
	return Stream[R]{open: func(ctx context.Context, out observer[R]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		var left current[A]
		var right current[B]
		g.begin = func() {
			g.join(opened(ctx, a, MergeAhead, observer[A]{
				next: func(v A) bool {
					left.set(v)
					return !right.known || in.next(f(v, right.v))
				},
				notice: in.notice,
				end:    left.end(g, out.end),
			}))
			g.join(opened(ctx, b, MergeAhead, observer[B]{
				next: func(v B) bool {
					right.set(v)
					return !left.known || in.next(f(left.v, v))
				},
				notice: in.notice,
				end:    right.end(g, out.end),
			}))
		}
		g.cleanEnd(out.end)
		return g
	}}
}

// CombineAll returns the stream of the newest values of all streams, in their
// order: whenever one of them has a value, once each has had one. The slice is
// the receiver's own; filling it costs as much as there are streams, for each
// value of any.
//
// Goroutines, and the order between the streams, are those of [Merge]. It
// holds one value of each.
//
// CombineAll ends when all streams have ended, as soon as one ends without ever
// having had a value, or with the first error.
func CombineAll[T any](streams ...Stream[T]) Stream[[]T] {
	return Stream[[]T]{open: func(ctx context.Context, out observer[[]T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		latest := make([]current[T], len(streams))
		missing := len(streams)
		g.begin = func() {
			for i, s := range streams {
				g.join(opened(ctx, s, MergeAhead, observer[T]{
					next: func(v T) bool {
						if !latest[i].known {
							missing--
						}
						latest[i].set(v)
						if missing > 0 {
							return true
						}
						all := make([]T, len(latest))
						for i := range latest {
							all[i] = latest[i].v
						}
						return in.next(all)
					},
					notice: in.notice,
					end:    latest[i].end(g, out.end),
				}))
			}
		}
		g.cleanEnd(out.end)
		return g
	}}
}

// current is what one stream has brought so far.
type current[T any] struct {
	v     T
	known bool
}

func (n *current[T]) set(v T) { n.v, n.known = v, true }

// end returns what an observer of the stream does at its end: out is told when
// that is an error, or when there will never be anything to combine.
func (n *current[T]) end(g *group, out func(error)) func(error) {
	return func(err error) {
		if err != nil || !n.known {
			g.stop()
			out(err)
		}
	}
}
