package stream

import "fmt"

// OnNotice calls f with each notice (see [IsNotice]) before that goes on
// unchanged. It is for chains that end in a sink which has no place for
// notices: [Stream.Seq], [Stream.Collect] and most others skip them.
//
// It runs on the consumer's goroutine, keeps the order, ends with s, and holds
// no values.
func (s Stream[T]) OnNotice(f func(error)) Stream[T] {
	if f == nil {
		return noFunc[T]("OnNotice")
	}
	return piped(s, func(out observer[T]) observer[T] {
		return observer[T]{
			next: out.next,
			notice: func(err error) bool {
				f(err)
				return out.notice(err)
			},
			end: out.end,
		}
	})
}

// Strict makes every loss fatal: the first notice (see [IsNotice]) ends the
// stream with a [*LossError] in its place. With it, a sink that returns no
// error has seen everything.
//
// It runs on the consumer's goroutine, keeps the order, and holds no values.
func (s Stream[T]) Strict() Stream[T] {
	return pipedUntil(s, func(out observer[T], quit func(error) bool) observer[T] {
		return observer[T]{
			next:   out.next,
			notice: func(err error) bool { return quit(&LossError{Notice: err}) },
			end:    out.end,
		}
	})
}

// LossError ends a stream under [Stream.Strict]. It is no notice itself, but
// wraps one.
type LossError struct {
	Notice error // such as a *LagError
}

// Error gives the notice.
func (e *LossError) Error() string { return fmt.Sprintf("stream: not complete: %v", e.Notice) }

// Unwrap returns the notice.
func (e *LossError) Unwrap() error { return e.Notice }
