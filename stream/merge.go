package stream

import "context"

// Merge returns the stream of the values of all streams as they come. A batch
// of each that has something is taken in turn, so that a busy stream does not
// keep a quiet one waiting; the order within each stream is kept, that between
// them is about that of arrival.
//
// Streams over subscriptions, and what operators without a goroutine make of
// them, are consumed where they are: each keeps its own buffer and policy, and
// a thousand of them cost no goroutine. Any other stream runs on a goroutine,
// and waits for the consumer when it is [MergeAhead] values ahead of it.
//
// Merge ends when all streams have ended, or with the first error.
func Merge[T any](streams ...Stream[T]) Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := observer[T]{
			next: func(v T) bool {
				if !out.next(v) {
					g.stop()
					return false
				}
				return true
			},
			notice: func(err error) bool {
				if !out.notice(err) {
					g.stop()
					return false
				}
				return true
			},
			end: func(err error) {
				if err != nil {
					g.stop()
					out.end(err)
				}
			},
		}
		g.drained = func() bool {
			out.end(nil)
			return false
		}
		g.begin = func() {
			for _, s := range streams {
				g.join(opened(ctx, s, MergeAhead, in))
			}
		}
		return g
	}}
}

// MergeAhead is how many values a stream that runs on a goroutine of its own
// may be ahead of the consumer of [Merge] and the other operators that combine
// streams.
const MergeAhead = 64
