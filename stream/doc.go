// Package stream carries events from a producer to a consumer and composes them
// on the way: a [Stream] to range over, operators, the bounded [Queue] between
// producer and consumer, policies for a consumer that is too slow, and notices
// of losses. It knows nothing of Rivet or of networks; Stream of an event in
// package rivet makes one of what an actor sends.
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"time"
//
//		"github.com/rivet-go/rivet/stream"
//	)
//
//	func main() {
//		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
//		defer cancel()
//		ticks := stream.Interval(10 * time.Millisecond) // or events: CountChanged.Stream(conn)
//		even := ticks.Filter(func(n int) bool { return n%2 == 0 })
//		texts := stream.Map(even, func(n int) string { return fmt.Sprint("tick ", n) })
//		pairs := stream.Batch(texts, 2, time.Second) // two, or what there is after a second
//
//		for pair, err := range pairs.Take(3).All(ctx) { // begins here
//			if stream.IsNotice(err) {
//				continue // something was lost; the stream goes on
//			}
//			if err != nil {
//				log.Fatal(err)
//			}
//			fmt.Printf("%q\n", pair)
//		}
//	}
//
// It prints:
//
//	["tick 0" "tick 2"]
//	["tick 4" "tick 6"]
//	["tick 8" "tick 10"]
//
// # Which form to use
//
// The last column is about how long it takes to hand over one event of a
// subscription, where a buffered channel takes 1.
//
//	form                              for                                     costs
//	for v, err := range s.All(ctx)    nearly everything; begin here             0.4
//	for v := range s.Seq(ctx, &err)   code that takes an iter.Seq, such as      0.4
//	                                  package slices
//	for b, err := range sub.Batches   very many events, a slice each step      0.25
//	sub.Next(ctx)                     one event at a time, around other work;   0.7
//	                                  workers that share the events
//	sub.C()                           a select with other channels, at the      1.5
//	                                  price of a goroutine
//	s.Chan(ctx, &err)                 the same behind operators, and nothing      5
//	                                  is taken ahead of the receiver
//	s.ForEach(ctx, f)                 a callback on the caller's goroutine      0.4
//	On of an event, in package rivet  a callback on a goroutine of its own      0.4
//	s.First, s.Await, s.Collect …     one result
//	package stream/rx                 observables, where RxGo is used already     5
//
// Loops and sinks end with their context, and have released the source when
// they return. A channel of one's own with a select at both ends, to look at a
// context, takes 2.4. A chain of five operators between a subscription and its
// loop takes 1.3 times as long as the same work written out in the loop, decoding
// included, and allocates nothing for an event; over a slice, where the loop does
// nothing else, it takes nearly 3 times as long. The figures are those of the
// benchmarks HandOff, Sink and Chain of this package, and of the module in
// bench, which compares with RxGo and samber/ro.
//
// A [Subscription] is one consumption that has begun: what comes is kept for
// it from the moment it is made, so that it suits "subscribe, then act". A
// [Stream] is the plan of one: it begins with the loop, again for each loop, and
// is what operators work on. [FromSubscription] makes a Stream of whatever gives
// subscriptions; [Stream.Await] acts once a Stream has begun.
//
// What is asked for most, with the option at the subscription and the operator
// behind it; a time limit is that of ctx:
//
//	s.Filter(f).First(ctx)                    the first that matches
//	s.Filter(f).Await(ctx, act)               the first that matches, caused by act
//	Merge(s, t).First(ctx)                    the first of several streams
//	Overflow(Latest)                          only the newest
//	LatestBy(s, key)                          only the newest of each key
//	Overflow(Block), Gaps(true), s.Strict()   all of them, or an error
//	CombineAll(states...).Throttle(d)         one state of many, for a dashboard
//
// # Ranging over events
//
// A step of a loop is a value or an error, never both. Some errors are notices,
// after which the loop goes on: events were dropped because the loop was too
// slow ([*LagError]), events may have been missed while the source was down
// ([*GapError]), one event could not be decoded ([*DecodeError]), and whatever
// else [IsNotice] says. Any other error is the last step. A clean end just
// ends, and so does the end of the context.
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
// Operators pass notices on. Sinks that have no place for them skip them:
// [Stream.OnNotice] looks at them on the way, and [Stream.Strict] makes the first
// one the end.
//
// # Operators
//
// They run on the consumer's goroutine, one value at a time, unless said
// otherwise below. Those that keep the type of the values are methods, so that
// they chain; those that change it are functions.
//
//   - Sources: [From], [FromSeq], [FromSeq2], [FromChan], [FromFunc],
//     [FromSubscription], [FromError], [Interval], [Empty], [Never].
//   - One value after the other: [Map], [TryMap], [Scan], [Pairwise],
//     [Stream.Tap], [Stream.StartWith], and [FlatMap] for streams of streams.
//   - Fewer of them: [Stream.Filter], [Stream.Take], [Stream.TakeWhile],
//     [TakeUntil], [Stream.Skip], [Stream.SkipWhile], [DistinctUntilChanged],
//     [Stream.DistinctUntilChangedFunc].
//   - Several streams: [Merge] and [MergeMany] (as values come), [Concat] (one
//     after the other), [Race] (the first to have something), [Switch] (the
//     newest), [CombineLatest], [CombineAll] and [WithLatestFrom] (the newest of
//     each), [Zip] (in pairs), and [FanIn] for subscriptions that come and go.
//   - Time, a timer each: [Batch] (by size and time), [Window], [Rate],
//     [Stream.Debounce], [Stream.Throttle], [Stream.Sample], [Stream.Delay],
//     [Stream.Timeout].
//   - Concurrency, with goroutines that have ended when the sink returns:
//     [ParallelMap] (calls that block), [Stream.Buffered] (run ahead of the
//     consumer), [LatestBy] (the newest of each key waits for it).
//   - One source for many consumers: [Stream.Share] (as long as there are any),
//     [Stream.Publish] (from a start to an end).
//   - Errors and notices: [Stream.Retry], [Stream.Catch], [Stream.Strict],
//     [Stream.OnNotice].
//   - Sinks: [Stream.All], [Stream.Seq], [Stream.Chan], [Stream.ForEach],
//     [Stream.First], [Stream.Await], [Stream.Last], [Stream.Collect], [Reduce],
//     [Stream.Count], [Stream.Drain].
//
// Streams over subscriptions, Share and slices stay attachable through all
// operators that start no goroutine: a [Merge] of a thousand of them takes from
// the thousand buffers in turn, on the goroutine of its consumer, and needs a
// tenth of the time of a goroutine for each. A stream that has to be run,
// such as one over a channel or a function, gets a goroutine there.
//
// # Slow consumers
//
// Every subscription has a buffer of its own, bounded in events and in bytes
// ([Buffer], [BufferBytes]), and a [Policy] for when it is full ([Overflow]):
//
//   - [DropOldest], the default, for live data: the loop gets a LagError, then
//     what is newest.
//   - [DropNewest] for what begins a story: the first events are kept.
//   - [Latest] for states: only the newest counts, and to skip the others is no
//     loss.
//   - [Block] for what must be complete: the producer waits.
//   - [Fail] for what must be complete and must not wait: an error is the end.
//
// No loss is silent: at every quiet moment, in [Stats],
//
//	Received == Delivered + Dropped + Depth
//
// Operators hold one value at most, but for those whose doc says otherwise, and
// take the next one when the consumer asks for it. So a slow consumer is felt
// in the buffer at the source, and nowhere else. [Stream.Buffered] puts another
// one anywhere in a chain, with a policy of its own.
package stream
