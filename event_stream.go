package rivet

import (
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// Stream returns the events as a stream, for the operators of package stream.
// Each consumption subscribes when it begins and unsubscribes when it ends, in
// whichever way. There is no goroutine: while the consumer is busy events wait
// in the buffer that opts describe.
//
// "The next event such that …" is made of it; ctx may have a deadline:
//
//	CountChanged.Stream(c).Filter(isRound).First(ctx)            // the first that matches
//	CountChanged.Stream(c).Filter(isRound).Await(ctx, increment) // … that is caused by a call
//	stream.Merge(Over.Stream(c), Over.Stream(d)).First(ctx)      // of several connections
//	rivet.AnyOf(Won, Lost).Stream(c).First(ctx)                  // of several events
func (e Event[T]) Stream(c *conn.Conn, opts ...stream.Option) stream.Stream[T] {
	return stream.FromSubscription(func() *stream.Subscription[T] { return e.Subscribe(c, opts...) })
}
