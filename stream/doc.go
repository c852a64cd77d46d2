// Package stream carries events from a producer to a consumer: the bounded
// [Queue] between them, the policies for a consumer that is too slow, the
// notices that tell of a loss, and the [Subscription] a program ranges over.
// It knows nothing of Rivet or of networks.
//
// # Ranging over events
//
// A step of a loop is a value or an error, never both. Three errors are
// notices, after which the loop goes on: events were dropped because the loop
// was too slow ([*LagError]), events may have been missed while the source was
// down ([*GapError]), or one event could not be decoded ([*DecodeError]). Any
// other error is the last step. A clean end just ends.
//
//	for tick, err := range ticks.All(ctx) {
//		if stream.IsNotice(err) {
//			continue // something was lost; the stream goes on
//		}
//		if err != nil {
//			return err
//		}
//		use(tick)
//	}
//
// # Slow consumers
//
// Every subscription has a buffer of its own, bounded in events and in bytes
// ([Buffer], [BufferBytes]), and a [Policy] for when it is full ([Overflow]).
// No loss is silent: at every quiet moment, in [Stats],
//
//	Received == Delivered + Dropped + Depth
package stream
