package stream

import "context"

// Switch returns the stream of the values of the newest stream that streams has
// brought. When the next one comes, the one before is released, with what it
// has not handed on yet, and then the next is opened. Streams that come at the
// same time as a newer one are never opened.
//
// Goroutines are those of [Merge]: none for streams over subscriptions; an
// outer stream that runs on a goroutine of its own is one ahead. The order of
// each stream is kept.
//
// Switch ends when the outer stream and the newest inner one have ended, or
// with the first error of either.
func Switch[T any](streams Stream[Stream[T]]) Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		var (
			outer, inner *member
			next         Stream[T]
			changed      bool // next is to be opened
			inside       bool // inner is in its step, and must not be closed
		)
		// superseded is asked before each step of the inner stream is handed
		// on: it is one of a batch, which may take its time.
		superseded := func() bool {
			if !changed {
				inside = true
				g.catchUp(outer)
				inside = false
			}
			return changed || g.stopped
		}
		change := func() {
			s := next
			next, changed = Stream[T]{}, false
			inner = g.join(opened(ctx, s, MergeAhead, observer[T]{
				next:   func(v T) bool { return !superseded() && in.next(v) },
				notice: func(err error) bool { return !superseded() && in.notice(err) },
				end: func(err error) {
					if !superseded() {
						in.end(err)
					}
				},
			}))
		}
		g.begin = func() {
			outer = g.join(opened(ctx, streams, 1, observer[Stream[T]]{
				next: func(s Stream[T]) bool {
					next, changed = s, true
					if inner != nil && !inside {
						g.leave(inner)
						inner = nil
					}
					g.begin = change
					return true
				},
				notice: in.notice,
				end:    in.end,
			}))
		}
		g.cleanEnd(out.end)
		return g
	}}
}
