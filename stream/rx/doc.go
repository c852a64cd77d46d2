// Package rx is the bridge to RxGo v2: a [stream.Stream] as an
// [rxgo.Observable], and back.
//
// It is for programs that have RxGo already, and for the operators of RxGo that
// package stream does not have:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/rivet-go/rivet/stream"
//		"github.com/rivet-go/rivet/stream/rx"
//	)
//
//	func main() {
//		counts := stream.From(1, 2, 3, 4, 5) // or events: CountChanged.Stream(conn)
//		o := rx.Observable(counts).
//			Map(func(_ context.Context, v any) (any, error) { return v.(int) * 10, nil }).
//			BufferWithCount(2)
//
//		for batch, err := range rx.Stream[[]any](o).All(context.Background()) {
//			if stream.IsNotice(err) {
//				continue
//			}
//			if err != nil {
//				log.Fatal(err)
//			}
//			fmt.Println(batch)
//		}
//	}
//
// It prints:
//
//	[10 20]
//	[30 40]
//	[50]
//
// New code is better off with package stream
// alone, which is typed, needs no goroutine for each operator, and releases
// what it holds. RxGo is not maintained: its last release is of April 2021. A
// program that imports this package links testify, a YAML decoder and net/http,
// by way of RxGo, which is some 3 MB; the other packages of this module do not
// use RxGo.
//
// # What holds here
//
// [Observable] is cold: each observer has a consumption of its own, which ends
// with the context that is given where it is observed, and [WithContext]. No
// goroutine of the bridge is left when that has ended. An error is carried as
// the last item. [Stream] ends the context of the observable it consumes, and
// takes what is on its way, before a loop over it returns.
//
// So the form that leaves nothing is to come back to a Stream at the end:
//
//	o := rx.Observable(ticks).BufferWithCount(10).Take(3)
//	for batch, err := range rx.Stream[[]any](o).All(ctx) {
//		…
//	}
//
// The exceptions are operators of RxGo that do not go by the context of their
// observer: see below.
//
// # Traps of RxGo
//
// An operator that stops early, such as Take or First, does not tell its
// source, which waits to send for ever. Neither does an observer that just
// stops receiving. The source ends when the context ends that is given to the
// last call of the chain, which hands it up to the source:
//
//	ctx, cancel := context.WithCancel(ctx)
//	defer cancel()
//	<-rx.Observable(ticks).Take(3).ForEach(next, failed, completed, rxgo.WithContext(ctx))
//
// Two kinds of operators do not go by that context, but by the one they are
// given themselves, so give them the same:
//
//   - those that observe at once, when they are called: Merge, Concat,
//     CombineLatest, Amb, GroupBy, Retry, Sample, StartWith, ZipFromIterable,
//     and all with rxgo.WithObservationStrategy(rxgo.Eager); back from these it
//     takes [HotStream];
//   - those that send from a goroutine of their own: BufferWithTime,
//     WindowWithTime, Debounce, FlatMap, Join.
//
// With observables of this package a context for each operator costs nothing;
// after rxgo.FromChannel the first operator that is given one leaves a goroutine
// until that context ends.
//
// Moreover:
//
//   - Take(n) completes when item n+1 arrives, not with item n. Use
//     [stream.Stream.Take].
//   - In ForEach an error is not the end: completed is called after it, and
//     when the context has ended, too.
//   - Most operators stop at the first error item, so that a notice would end
//     them. See [WithNotices].
//   - BackOffRetry panics (close of closed channel) when the context ends. Use
//     [stream.Stream.Retry], or nothing: connections of this module reconnect.
//   - FromEventSource has no way to leave: one observer that stops receiving
//     stops all. Use [stream.Stream.Share].
//   - Merge, CombineLatest and Amb send without a look at any context: when what
//     comes after them stops, for an error or because it has enough, their
//     goroutines stay. Merge the streams with [stream.Merge] first; [HotStream],
//     right behind them, does not stop.
//   - FromChannel, Create and the first kind above are consumed by several
//     observers in competition.
//   - Those of the second kind above can be observed once; the second time they
//     panic. Make the chain anew for each observer.
//   - First, Last and whatever else returns a Single must not be observed by
//     two goroutines at a time: that is a data race.
//   - A panic in a function given to RxGo is on a goroutine of RxGo, where
//     nobody can recover it; also one in a function given to a stream that was
//     made an Observable.
//   - Values are of type any. Operators that take a function want v.(T), which
//     panics; Stream looks, and ends with a [*TypeError].
package rx
