package stream

import "context"

// Race returns whichever of streams is the first to have a value, an error or
// its end. The others are released before that is handed on. Notices do not
// decide; those that come before the decision are passed on.
//
// Goroutines are those of [Merge]. It holds no values.
//
// Race ends with the stream that was first; without streams it is empty.
func Race[T any](streams ...Stream[T]) Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		members := make([]*member, 0, len(streams))
		decide := func(winner int) {
			for i, m := range members {
				if i != winner {
					g.leave(m)
				}
			}
			members = nil
		}
		g.begin = func() {
			for i, s := range streams {
				members = append(members, g.join(opened(ctx, s, MergeAhead, observer[T]{
					next: func(v T) bool {
						if members != nil {
							decide(i)
						}
						return in.next(v)
					},
					notice: in.notice,
					end: func(err error) {
						if members != nil {
							decide(i)
						}
						in.end(err)
					},
				})))
			}
		}
		g.cleanEnd(out.end)
		return g
	}}
}
