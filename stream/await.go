package stream

import "context"

// mostOpening is how many steps [Stream.Await] gives a stream to subscribe to
// all that it consists of.
const mostOpening = 1 << 16

// Await consumes s, calls f once that has begun, and returns the first value of
// s: what f causes, unless something else comes before. It fails with the error
// of f as it is, with the error that s ends with, with [ErrEmpty] if s ends
// without a value, and with ctx.Err() when ctx ends. f is not called when s has
// ended before it could be, and a nil f is not called either. Notices are
// skipped; see [Stream.OnNotice] and [Stream.Strict].
//
// Nothing is missed: streams over subscriptions, and what operators without a
// goroutine and [Merge] and its kind make of them, have subscribed when f is
// called, and what comes while f runs waits in their buffers. A stream that
// runs on a goroutine of its own begins beside f.
func (s Stream[T]) Await(ctx context.Context, f func(context.Context) error) (T, error) {
	var first, zero T
	var err error
	found := false
	if ctx.Err() != nil {
		return zero, ctx.Err()
	}
	p := opened(ctx, s, 1, observer[T]{
		next: func(v T) bool {
			first, found = v, true
			return false
		},
		notice: func(error) bool { return true },
		end: func(cause error) {
			if err = cause; err == nil {
				err = ErrEmpty
			}
		},
	})
	defer p.close()
	// What joins others opens them step by step, and has when there is nothing
	// left to do. A source that always has more must not put f off for ever.
	state := got
	for n := 0; state == got && n < mostOpening; n++ {
		state = p.step()
	}
	if ctx.Err() == nil && err == nil && f != nil {
		if err := f(ctx); err != nil {
			return zero, err
		}
	}
	if state != ended {
		work(ctx, p)
	}
	switch {
	case found:
		return first, nil
	case ctx.Err() != nil:
		return zero, ctx.Err()
	}
	return zero, err
}
