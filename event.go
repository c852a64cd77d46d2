package rivet

import (
	"context"
	"errors"
	"iter"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// Event names an event with the type of its argument:
//
//	const CountChanged = rivet.Event[int]("countChanged")
//
// T is one argument, None for none, or a struct that embeds Positional for
// several. Events reach a connection only while it is subscribed to them, which
// each method does for as long as it needs them; subscriptions survive
// reconnects. An event that cannot be decoded into T is a notice of that
// subscription, see stream.IsNotice.
type Event[T any] string

// Subscribe subscribes to the event. It returns at once, and calls made on c
// afterwards come after the subscription. Close the subscription when done.
// Several subscriptions to one event on one connection decode it once if T is
// made of scalars, strings and times; see conn.SubscribeTyped.
func (e Event[T]) Subscribe(c *conn.Conn, opts ...stream.Option) *stream.Subscription[T] {
	return conn.SubscribeTyped[T](c, string(e), opts...)
}

// All ranges over events from the moment the loop begins until ctx ends, the
// loop is left, or the connection is closed. Each step has either an event or
// an error. An error for which stream.IsNotice is true tells of events that
// were dropped, missed or not decoded, and the loop goes on; any other error is
// the last step. When ctx ended there is no error.
func (e Event[T]) All(ctx context.Context, c *conn.Conn, opts ...stream.Option) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		sub := e.Subscribe(c, opts...)
		defer sub.Close()
		sub.All(ctx)(yield)
	}
}

// Seq is All without errors: notices are logged and counted, and the loop just
// ends when the connection does; its Err tells why.
func (e Event[T]) Seq(ctx context.Context, c *conn.Conn, opts ...stream.Option) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v, err := range e.All(ctx, c, opts...) {
			switch {
			case stream.IsNotice(err):
				c.LogNotice(err)
			case err == nil && !yield(v):
				return
			}
		}
	}
}

// Chan returns a channel of events, which is closed when ctx ends or the
// connection is closed. Notices are logged and counted. ctx must end at some time
// if the channel is not read to its end.
func (e Event[T]) Chan(ctx context.Context, c *conn.Conn, opts ...stream.Option) <-chan T {
	sub := e.Subscribe(c, opts...)
	context.AfterFunc(ctx, func() { _ = sub.Close() })
	return sub.C()
}

// On calls f for each event, in order, on a goroutine of the connection, until
// cancel is called or the connection is closed. A slow f delays nobody else's
// events; a panic in f is reported and ends nobody else's calls.
func (e Event[T]) On(c *conn.Conn, f func(T), opts ...stream.Option) (cancel func()) {
	return conn.Listen(c, e.Subscribe(c, opts...), f)
}

// OnOnce calls f for the next event only, as On does, and unsubscribes before
// that. cancel unsubscribes sooner.
func (e Event[T]) OnOnce(c *conn.Conn, f func(T)) (cancel func()) {
	sub := e.Subscribe(c, stream.Buffer(1), stream.Overflow(stream.DropNewest))
	done := false // Listen calls from one goroutine
	return conn.Listen(c, sub, func(v T) {
		if done {
			return
		}
		done = true
		_ = sub.Close()
		f(v)
	})
}

// Once waits for the next event, returns it, and unsubscribes. Its errors are
// those of Await.
func (e Event[T]) Once(ctx context.Context, c *conn.Conn) (T, error) {
	return e.Await(ctx, c, nil)
}

// Await subscribes, calls f, and returns the first event that arrives after
// the subscription, be it before or after f returns: the event that f causes,
// unless somebody else causes one. An error of f is returned as it is, ctx.Err()
// when ctx has ended first, a *DecodeError if the event could not be decoded,
// and otherwise why the subscription ended. Events that were dropped or missed
// before it are not told. For the first that matches see Stream.
func (e Event[T]) Await(ctx context.Context, c *conn.Conn, f func(context.Context) error) (T, error) {
	sub := e.Subscribe(c, stream.Buffer(1), stream.Overflow(stream.DropNewest))
	defer sub.Close()
	if f != nil {
		if err := f(ctx); err != nil {
			var zero T
			return zero, err
		}
	}
	for {
		v, err := sub.Next(ctx)
		var undecoded *stream.DecodeError
		if err != nil && stream.IsNotice(err) && !errors.As(err, &undecoded) {
			continue
		}
		return v, err
	}
}

// Decode decodes an event of conn.Conn.Subscribe.
func (e Event[T]) Decode(ev conn.Event) (T, error) {
	var v T
	err := codec.DecoderFor[T]().DecodeArgs(ev.Encoding, ev.Args, &v)
	return v, err
}
