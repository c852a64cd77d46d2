package rx_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

func ExampleObservable() {
	prices := stream.From(100, 101, 99, 104)

	o := rx.Observable(prices).
		Filter(func(v any) bool { return v.(int) > 99 }).
		Map(func(_ context.Context, v any) (any, error) { return v.(int) * 2, nil })

	// The context of the last call reaches the stream; when it ends nothing is
	// left behind.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	<-o.ForEach(
		func(v any) { fmt.Println(v) },
		func(err error) { fmt.Println("failed:", err) },
		func() { fmt.Println("completed") },
		rxgo.WithContext(ctx))
	// Output:
	// 200
	// 202
	// 208
	// completed
}

// Through an operator of RxGo, and back to a loop, which may be left.
func ExampleStream() {
	batches := rx.Stream[[]any](rx.Observable(stream.From(1, 2, 3, 4, 5)).BufferWithCount(2))
	for batch, err := range batches.All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println(batch)
		if batch[0] == 3 {
			break
		}
	}
	// Output:
	// [1 2]
	// [3 4]
}

// An observable that goes on without its observers can be left all the same.
func ExampleHotStream() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // the only end of it
	o := rxgo.Interval(rxgo.WithDuration(time.Millisecond), rxgo.WithContext(ctx))
	n := 0
	for _, err := range rx.HotStream[int](o).All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("failed:", err)
			return
		}
		if n++; n == 3 {
			break
		}
	}
	fmt.Println("left after", n)
	// Output: left after 3
}

// What a slow observer has no room for is dropped, and told.
func ExampleWithBackPressureStrategy() {
	o := rx.Observable(stream.From(1, 2, 3, 4, 5, 6),
		rx.WithBufferedChannel(4),
		rx.WithBackPressureStrategy(rxgo.Drop),
		rx.WithNotices())

	values, lost := 0, uint64(0)
	for it := range o.Observe() {
		if lag, ok := it.E.(*stream.LagError); ok {
			lost += lag.Dropped
		} else {
			values++
		}
	}
	fmt.Println(uint64(values)+lost == 6)
	// Output: true
}
