package stream

import (
	"context"
	"errors"
	"iter"
)

// ErrEmpty is returned by [Stream.First] and [Stream.Last] when the stream has
// ended, cleanly, without a value.
var ErrEmpty = errors.New("stream: ended without a value")

// Seq returns a loop over the values alone, for [slices.Collect], [slices.Sorted]
// and whatever else takes an [iter.Seq]. When the loop is over *err is why: nil
// after a clean end, and when the loop was left; ctx.Err() when ctx has ended;
// otherwise the error the stream ended with. err may be nil. The loop may be
// used again, for another consumption, but with an err not by two at a time.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine and holds no values.
func (s Stream[T]) Seq(ctx context.Context, err *error) iter.Seq[T] {
	return func(yield func(T) bool) {
		if err != nil {
			*err = nil
		}
		left := false
		cause := s.consume(ctx, func(v T) bool {
			left = !yield(v)
			return !left
		})
		if err != nil && !left {
			*err = cause
		}
	}
}

// Chan returns a channel of the values, which is closed once the stream or ctx
// has ended, and everything is released. By then *err is why: nil after a clean
// end; ctx.Err() when ctx has ended; otherwise the error the stream ended with.
// err may be nil, and must not be read before the channel is closed.
//
// It starts one goroutine, on which the stream runs, and which ends with the
// stream or with ctx: a receiver that wants no more has to end ctx. A panic in
// a function given to the stream is one of that goroutine, where nobody can
// recover it. The channel has no buffer: the stream is at most one value ahead
// of the receiver, and that one is lost when ctx ends. A stream over a
// subscription, and what operators that only transform make of it, is
// subscribed by the time Chan returns. Of a single subscription
// [Subscription.C] costs less.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict].
func (s Stream[T]) Chan(ctx context.Context, err *error) <-chan T {
	ch := make(chan T)
	v := verdict{ctx: ctx}
	out := observer[T]{
		next: func(v T) bool {
			select {
			case ch <- v:
				return true
			case <-ctx.Done():
				return false
			}
		},
		notice: skipNotice,
		end:    v.end,
	}
	run := func() { s.drive(ctx, out) }
	if s.run == nil && s.open != nil && ctx.Err() == nil {
		p := s.open(ctx, out)
		run = func() {
			defer p.close()
			work(ctx, p)
		}
	}
	go func() {
		defer close(ch)
		run()
		if err != nil {
			*err = v.err()
		}
	}()
	return ch
}

// ForEach calls f with each value, until the stream has ended. It returns nil
// after a clean end; the error of f, as it is, which ends it; ctx.Err() when
// ctx has ended; otherwise the error the stream ended with.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine and holds no values.
func (s Stream[T]) ForEach(ctx context.Context, f func(T) error) error {
	if f == nil {
		return &OptionError{"ForEach", errNoFunc}
	}
	var failed error
	err := s.consume(ctx, func(v T) bool {
		failed = f(v)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// First returns the first value, and ends the consumption with it. Without one
// the error is [ErrEmpty] after a clean end; ctx.Err() when ctx has ended;
// otherwise the error the stream ended with. The first value of a kind is that
// of s.Filter(f).First(ctx).
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine.
func (s Stream[T]) First(ctx context.Context) (T, error) {
	var first T
	found := false
	err := s.consume(ctx, func(v T) bool {
		first, found = v, true
		return false
	})
	switch {
	case found:
		err = nil
	case err == nil:
		err = ErrEmpty
	}
	return first, err
}

// Last returns the last value, once the stream has ended cleanly, or
// [ErrEmpty] if there was none. Otherwise it returns the last value so far
// together with ctx.Err() when ctx has ended, or the error the stream ended
// with.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine and holds one value.
func (s Stream[T]) Last(ctx context.Context) (T, error) {
	var last T
	found := false
	err := s.consume(ctx, func(v T) bool {
		last, found = v, true
		return true
	})
	if err == nil && !found {
		err = ErrEmpty
	}
	return last, err
}

// Collect returns all values, once the stream has ended cleanly. Otherwise it
// returns those so far together with ctx.Err() when ctx has ended, or the error
// the stream ended with.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine. Nothing but the stream bounds its memory: see
// [Stream.Take].
func (s Stream[T]) Collect(ctx context.Context) ([]T, error) {
	var all []T
	err := s.consume(ctx, func(v T) bool {
		all = append(all, v)
		return true
	})
	return all, err
}

// Reduce returns what f has made of all values: it is called with what it
// returned last, which is init at first, and each value. When the stream does
// not end cleanly, that is what there was so far, together with ctx.Err() when
// ctx has ended, or the error the stream ended with. For the results on the way
// see [Scan].
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine and holds one A.
func Reduce[T, A any](ctx context.Context, s Stream[T], init A, f func(A, T) A) (A, error) {
	if f == nil {
		return init, &OptionError{"Reduce", errNoFunc}
	}
	total := init
	err := s.consume(ctx, func(v T) bool {
		total = f(total, v)
		return true
	})
	return total, err
}

// Count returns the number of values, once the stream has ended cleanly.
// Otherwise it returns that of those so far together with ctx.Err() when ctx
// has ended, or the error the stream ended with.
//
// Notices are neither counted nor told: see [Stream.OnNotice] and
// [Stream.Strict]. It runs on the caller's goroutine and holds no values.
func (s Stream[T]) Count(ctx context.Context) (int, error) {
	n := 0
	err := s.consume(ctx, func(T) bool {
		n++
		return true
	})
	return n, err
}

// Drain consumes the stream for what it does on the way, such as [Stream.Tap].
// It returns nil after a clean end; ctx.Err() when ctx has ended; otherwise the
// error the stream ended with.
//
// Notices are skipped: see [Stream.OnNotice] and [Stream.Strict]. It runs on the
// caller's goroutine and holds no values.
func (s Stream[T]) Drain(ctx context.Context) error {
	return s.consume(ctx, func(T) bool { return true })
}

// consume drives s and returns why it ended. When it was next that ended it,
// that is nothing to go by.
func (s Stream[T]) consume(ctx context.Context, next func(T) bool) error {
	v := verdict{ctx: ctx}
	s.drive(ctx, observer[T]{next: next, notice: skipNotice, end: v.end})
	return v.err()
}

func skipNotice(error) bool { return true }

// verdict is why a consumption ended: the end of the context comes first.
type verdict struct {
	ctx   context.Context
	ended bool // the stream, and before the context
	cause error
}

func (v *verdict) end(err error) {
	if v.ctx.Err() == nil {
		v.ended, v.cause = true, err
	}
}

func (v *verdict) err() error {
	if v.ended {
		return v.cause
	}
	return v.ctx.Err()
}
