package stream

import "context"

// Zip returns the stream of what f makes of the first values of a and b, of
// their second values, and so on. A notice, an error or an end of one stream
// counts when the other has come as far.
//
// The stream that is ahead is not asked for more until the other has caught
// up, which pushes back on it; of what it has handed on already, at most a
// batch of 64 waits. f runs on the consumer's goroutine. Goroutines are those
// of [Merge].
//
// Zip ends as soon as one stream has ended and its last value is paired, with
// its error if it has one. What the other is ahead is dropped.
func Zip[A, B, R any](a Stream[A], b Stream[B], f func(A, B) R) Stream[R] {
	if f == nil {
		return noFunc[R]("Zip")
	}
	return Stream[R]{open: func(ctx context.Context, out observer[R]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		left := lane[A]{notice: in.notice, end: func(err error) {
			g.stop()
			out.end(err)
		}}
		right := lane[B]{notice: left.notice, end: left.end}
		// pair hands on what there is of both.
		pair := func() bool {
			for {
				if !left.settle() || !right.settle() {
					return false
				}
				if left.ahead() == 0 || right.ahead() == 0 {
					break
				}
				if !in.next(f(left.take(), right.take())) {
					return false
				}
			}
			left.balance(g)
			right.balance(g)
			return true
		}
		g.begin = func() {
			left.member = g.join(opened(ctx, a, MergeAhead, left.observer(pair)))
			right.member = g.join(opened(ctx, b, MergeAhead, right.observer(pair)))
		}
		return g
	}}
}

// lane is one of the streams that are zipped, and what it is ahead of the
// other.
type lane[T any] struct {
	member  *member
	waiting []zipped[T]
	taken   int // of those
	notice  func(err error) bool
	end     func(err error)
}

// zipped is a value, a notice, or an end.
type zipped[T any] struct {
	v      T
	err    error
	noted  bool
	ending bool
}

// observer collects, and calls pair for each step.
func (l *lane[T]) observer(pair func() bool) observer[T] {
	add := func(z zipped[T]) bool {
		l.waiting = append(l.waiting, z)
		return pair()
	}
	return observer[T]{
		next:   func(v T) bool { return add(zipped[T]{v: v}) },
		notice: func(err error) bool { return add(zipped[T]{err: err, noted: true}) },
		end:    func(err error) { add(zipped[T]{err: err, ending: true}) },
	}
}

// settle hands on what stands before the next value, and reports whether it
// goes on.
func (l *lane[T]) settle() bool {
	for l.ahead() > 0 {
		switch z := l.waiting[l.taken]; {
		case z.ending:
			l.end(z.err)
			return false
		case !z.noted:
			return true
		default:
			l.take()
			if !l.notice(z.err) {
				return false
			}
		}
	}
	return true
}

func (l *lane[T]) ahead() int { return len(l.waiting) - l.taken }

func (l *lane[T]) take() T {
	v := l.waiting[l.taken].v
	l.waiting[l.taken] = zipped[T]{}
	if l.taken++; l.ahead() == 0 {
		l.waiting, l.taken = l.waiting[:0], 0
	}
	return v
}

// balance holds the lane while it is ahead.
func (l *lane[T]) balance(g *group) {
	if l.ahead() > 0 {
		g.hold(l.member)
	} else {
		g.resume(l.member)
	}
}
