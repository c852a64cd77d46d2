package rx

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/reactivex/rxgo/v2"

	"github.com/rivet-go/rivet/stream"
)

// Stream returns a stream of the items of o, whose values have to be of type T.
// Each consumption observes o, with opts and a context of its own, which o and
// the operators before it get by way of [rxgo.WithContext]: one that was given
// to an operator that RxGo runs lazily is replaced by it.
//
// It runs one goroutine, which receives from o and waits when it is
// [stream.MergeAhead] items ahead of the consumer. When the consumer leaves, the
// goroutine ends the context and receives what is still on its way, until o
// closes its channel; a loop returns when that is done. The operators of RxGo
// further up have been told then and may need a moment longer. An observable
// that does not end with its context keeps the loop from returning: see
// [HotStream].
//
// The order is kept. The stream ends when o completes. The first error item
// ends it with that error, unless it is a notice (see [stream.IsNotice]), which
// is passed on; a value that is not a T ends it with a [*TypeError].
//
// It can be consumed again, and by several goroutines, as far as o can be
// observed so: the sources of this package and rxgo.Defer, Just and Range can,
// and the operators that are of neither kind named in the package documentation.
func Stream[T any](o rxgo.Observable, opts ...rxgo.Option) stream.Stream[T] {
	return observed[T]("Stream", o, true, opts)
}

// HotStream is [Stream] for an observable that does not end with the context of
// its observer: those of rxgo.FromChannel, FromEventSource, Create, Interval,
// and of the operators that observe at once, such as Merge and GroupBy. A loop
// returns at once when it is left; the goroutine goes on receiving, so that
// nobody who sends has to wait for it, until o closes its channel. It is for the
// program to see to it that this comes, by the context it has given to o: there
// is one such goroutine for each loop that was left.
//
// A channel is better read with [stream.FromChan].
func HotStream[T any](o rxgo.Observable, opts ...rxgo.Option) stream.Stream[T] {
	return observed[T]("HotStream", o, false, opts)
}

// observed returns a stream over o. With ends, o ends with its context.
func observed[T any](name string, o rxgo.Observable, ends bool, opts []rxgo.Option) stream.Stream[T] {
	if o == nil {
		return stream.FromError[T](&stream.OptionError{Option: name, Err: errors.New("no observable")})
	}
	return stream.FromSubscription(func() *stream.Subscription[T] {
		// The consumer's own context ends the loop, which then closes the queue.
		ctx, cancel := context.WithCancel(context.Background())
		received := make(chan struct{})
		q := stream.NewQueue(stream.Config{Buffer: stream.MergeAhead, Overflow: stream.Block, Gaps: true}, stream.Hooks[T]{
			Closed: func() {
				cancel()
				if ends {
					<-received
				}
			},
		})
		observing := false
		defer func() {
			if !observing { // Observe has panicked
				cancel()
			}
		}()
		items := o.Observe(append(opts[:len(opts):len(opts)], rxgo.WithContext(ctx))...)
		observing = true
		go func() {
			defer close(received)
			defer cancel()
			var end error
			for left := false; ; {
				item, more := <-items
				if !more {
					break
				}
				if left {
					continue
				}
				var stay bool
				if stay, end = push(ctx, q, item); !stay {
					left = true
					cancel()
					if !ends {
						q.CloseWith(end)
					}
				}
			}
			q.CloseWith(end)
		}()
		return stream.Direct(q)
	})
}

// push hands item on. If it is the last that is wanted stay is false, and the
// stream ends with end.
func push[T any](ctx context.Context, q *stream.Queue[T], item rxgo.Item) (stay bool, end error) {
	switch v, ok := item.V.(T); {
	case stream.IsNotice(item.E):
		q.Notice(item.E)
		return ctx.Err() == nil, nil
	case item.E != nil:
		return false, item.E
	case ok, item.V == nil && reflect.TypeFor[T]().Kind() == reflect.Interface:
		return q.PushWait(ctx.Done(), []T{v}) == 1, nil
	default:
		return false, &TypeError{Value: item.V, Want: reflect.TypeFor[T]()}
	}
}

// TypeError ends a stream whose observable has emitted a value of another type.
type TypeError struct {
	Value any
	Want  reflect.Type
}

// Error names both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("rx: the observable has emitted a %T, not a %v", e.Value, e.Want)
}
