package stream

import "context"

// Concat returns the stream of the values of streams, one stream after the
// other: each begins after the one before it has ended and was released.
//
// It runs on the consumer's goroutine, holds no values, and ends with the last
// stream, or with the first error.
func Concat[T any](streams ...Stream[T]) Stream[T] {
	s := Stream[T]{run: func(ctx context.Context, out observer[T]) {
		for _, s := range streams {
			clean := false
			s.drive(ctx, observer[T]{
				next:   out.next,
				notice: out.notice,
				end: func(err error) {
					if clean = err == nil; !clean {
						out.end(err)
					}
				},
			})
			if !clean || ctx.Err() != nil {
				return
			}
		}
		out.end(nil)
	}}
	for _, one := range streams {
		if one.run != nil && one.open == nil {
			return s // on one goroutine, should it need one, and not one for each
		}
	}
	s.late = len(streams) > 0 && streams[0].live()
	s.open = func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		left := streams
		next := func() {
			s := left[0]
			left = left[1:]
			g.join(opened(ctx, s, MergeAhead, in))
		}
		if len(left) > 0 {
			g.begin = next
		}
		g.drained = func() bool {
			if len(left) == 0 {
				out.end(nil)
				return false
			}
			next()
			return true
		}
		return g
	}
	return s
}
