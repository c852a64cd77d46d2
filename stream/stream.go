package stream

import (
	"context"
	"iter"
)

// Stream is a source of values that does nothing until it is consumed: by a
// range over [Stream.All], or by one of the other sinks. Each consumption runs
// the source anew, with its own state, so that a Stream can be consumed again,
// also by several goroutines at a time, as far as its source and the functions
// given to its operators allow that.
//
// A step is a value or an error, never both. A notice (see [IsNotice]) is an
// error after which the stream goes on; operators pass notices on, in their
// place among the values. Any other error is the last step. A stream that has
// come to its end without an error just ends.
//
// A consumption is bound to its context. When that ends the stream stops,
// without an error in a loop, and with the context's error from sinks that
// return one. However a consumption ends, by the end of the stream, of the
// context, by a break or a panic, everything upstream is released before the
// sink returns: subscriptions are closed and goroutines have ended.
//
// Operators that keep the type of the values are methods, those that change it
// are functions. They run on the goroutine of the consumer and start none, but
// for those whose point is time or concurrency, which say so. The functions
// given to them are called by one goroutine at a time; a panic in one reaches
// the consumer, at the latest when that has left and before its sink returns.
// They should not block: see [ParallelMap] for those that do.
//
// The zero Stream is empty.
type Stream[T any] struct {
	// run drives the observer on the caller's goroutine until the stream has
	// ended, the observer wants no more, or ctx has ended.
	run func(ctx context.Context, out observer[T])
	// open is run in pieces that do not wait, for consumers that wait for
	// several streams at a time, or for a timer. At least one of the two is
	// set, but in the zero Stream.
	open func(ctx context.Context, out observer[T]) pump
	// late says that both are set, and that run makes subscriptions which open
	// has made already.
	late bool
}

// live reports whether s begins with subscriptions, which may miss what comes
// before they are made, and can make them ahead.
func (s Stream[T]) live() bool { return s.open != nil && (s.run == nil || s.late) }

// observer is what a stream drives, from one goroutine at a time. After next
// or notice has returned false, and after end, nothing is called any more. The
// end of a stream is told before it is released; the end of the context, and
// the observer's own wish, are not told.
type observer[T any] struct {
	next   func(v T) bool
	notice func(err error) bool
	end    func(err error) // nil is a clean end
}

// All returns a loop over the steps of one consumption: each is a value or an
// error. The loop goes on after a notice (see [IsNotice]); any other error is
// the last step. It ends without an error when the stream ends cleanly, and
// when ctx has ended. The loop may be used again, for another consumption.
func (s Stream[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		s.drive(ctx, observer[T]{
			next: func(v T) bool { return yield(v, nil) },
			// A notice may come in one go with a value, in whose step ctx was ended.
			notice: func(err error) bool { return ctx.Err() == nil && yield(zero, err) },
			end: func(err error) {
				if err != nil && ctx.Err() == nil {
					yield(zero, err)
				}
			},
		})
	}
}

// drive consumes s on the caller's goroutine and has released it when it
// returns.
func (s Stream[T]) drive(ctx context.Context, out observer[T]) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case s.run != nil:
		s.run(ctx, out)
	case s.open != nil:
		p := s.open(ctx, out)
		defer p.close()
		work(ctx, p)
	default:
		out.end(nil)
	}
}

// piped returns the stream whose observers get what stage makes of s. The
// stage is made anew for each consumption, and neither waits nor starts
// anything.
func piped[T, U any](s Stream[T], stage func(out observer[U]) observer[T]) Stream[U] {
	if s.run == nil && s.open == nil {
		return Stream[U]{}
	}
	u := Stream[U]{late: s.late}
	if s.run != nil {
		u.run = func(ctx context.Context, out observer[U]) { s.run(ctx, stage(out)) }
	}
	if s.open != nil {
		u.open = func(ctx context.Context, out observer[U]) pump { return s.open(ctx, stage(out)) }
	}
	return u
}
