package stream

import "context"

// FlatMap returns the stream of the values of the streams that f makes of the
// values of s: all of the first, then all of the second, and so on. An inner
// stream is opened when its turn comes, and released before f is called again;
// meanwhile s waits, or what comes of it is in its buffer. To have them side by
// side, and not in order, see [MergeMany] over [Map].
//
// It runs on the consumer's goroutine and holds no values. Where it is combined
// with others and s is over a subscription, it holds the batch that s has handed
// on, of at most 64 values, and an inner stream runs on a goroutine while it has
// its turn, unless that is over a subscription or a slice as well. It ends when
// s and the inner stream of its last value have, or with the first error of
// either.
func FlatMap[T, U any](s Stream[T], f func(T) Stream[U]) Stream[U] {
	if f == nil {
		return noFunc[U]("FlatMap")
	}
	u := Stream[U]{run: func(ctx context.Context, out observer[U]) {
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
	if s.open != nil {
		u.late = s.live()
		u.open = func(ctx context.Context, out observer[U]) pump { return openFlat(ctx, s, f, out) }
	}
	return u
}

// openFlat is FlatMap in pieces: the outer stream is held while an inner one
// has its turn, and what it has handed on by then waits.
func openFlat[T, U any](ctx context.Context, s Stream[T], f func(T) Stream[U], out observer[U]) pump {
	type item struct {
		v   T
		err error // a notice or the end, instead
	}
	g := newGroup(ctx)
	in := into(g, out)
	var (
		outer, inner *member
		held         []item
		at           int // of the first that waits
	)
	advance := func() bool {
		for inner == nil && at < len(held) && !g.stopped && ctx.Err() == nil {
			one := held[at]
			held[at] = item{}
			if at++; at == len(held) {
				held, at = held[:0], 0
			}
			switch {
			case one.err == nil:
				inner = g.join(opened(ctx, f(one.v), MergeAhead, in))
			case IsNotice(one.err):
				in.notice(one.err)
			default:
				in.end(one.err)
			}
		}
		if inner != nil {
			g.hold(outer)
		} else {
			g.resume(outer)
		}
		return !g.stopped
	}
	wait := func(one item) bool {
		held = append(held, one)
		return advance()
	}
	g.begin = func() {
		// Not stepped before it has its name.
		outer = g.join(s.open(ctx, observer[T]{
			next:   func(v T) bool { return wait(item{v: v}) },
			notice: func(err error) bool { return wait(item{err: err}) },
			end: func(err error) {
				if err != nil {
					wait(item{err: err})
				}
			},
		}))
	}
	g.left = func(m *member) {
		if m == inner {
			inner = nil
			advance()
		}
	}
	g.cleanEnd(out.end)
	return g
}
