package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rivet-go/rivet/stream"
)

func ExampleMap() {
	ctx := context.Background()
	names := stream.From("ada", "grace")
	fmt.Println(stream.Map(names, strings.ToUpper).Collect(ctx))
	// Output: [ADA GRACE] <nil>
}

// What cannot be parsed is skipped with a notice, since f says so; any other
// error would be the end.
func ExampleTryMap() {
	ctx := context.Background()
	numbers := stream.TryMap(stream.From("1", "two", "3"), func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if errors.Is(err, strconv.ErrSyntax) {
			err = &stream.DecodeError{Err: err}
		}
		return n, err
	})
	for n, err := range numbers.All(ctx) {
		if stream.IsNotice(err) {
			fmt.Println("notice:", err)
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// notice: stream: event skipped: strconv.Atoi: parsing "two": invalid syntax
	// 3
}

func ExampleScan() {
	ctx := context.Background()
	deposits := stream.From(10, 20, -5)
	balance := stream.Scan(deposits, 100, func(balance, deposit int) int { return balance + deposit })
	fmt.Println(balance.Collect(ctx))
	fmt.Println(balance.StartWith(100).Collect(ctx))
	// Output:
	// [110 130 125] <nil>
	// [100 110 130 125] <nil>
}

// A page of results for each request, one page after the other.
func ExampleFlatMap() {
	ctx := context.Background()
	page := func(n int) stream.Stream[string] {
		return stream.From(fmt.Sprintf("%da", n), fmt.Sprintf("%db", n))
	}
	fmt.Println(stream.FlatMap(stream.From(1, 2, 3), page).Collect(ctx))
	// Output: [1a 1b 2a 2b 3a 3b] <nil>
}

func ExampleDistinctUntilChanged() {
	ctx := context.Background()
	states := stream.From("up", "up", "down", "down", "up")
	fmt.Println(stream.DistinctUntilChanged(states).Collect(ctx))
	// Output: [up down up] <nil>
}

// Only a move of a degree or more is a change.
func ExampleStream_DistinctUntilChangedFunc() {
	ctx := context.Background()
	degrees := stream.From(20.0, 20.4, 20.9, 21.3, 21.1, 19.8)
	near := func(a, b float64) bool { return a-b < 1 && b-a < 1 }
	fmt.Println(degrees.DistinctUntilChangedFunc(near).Collect(ctx))
	// Output: [20 21.3 19.8] <nil>
}

func ExamplePairwise() {
	ctx := context.Background()
	prices := stream.From(100, 103, 101)
	moves := stream.Map(stream.Pairwise(prices), func(p [2]int) int { return p[1] - p[0] })
	fmt.Println(moves.Collect(ctx))
	// Output: [3 -2] <nil>
}

func ExampleStream_Filter() {
	ctx := context.Background()
	even := stream.From(1, 2, 3, 4).Filter(func(n int) bool { return n%2 == 0 })
	fmt.Println(even.Collect(ctx))
	// Output: [2 4] <nil>
}

func ExampleStream_Tap() {
	ctx := context.Background()
	seen := 0
	first, err := stream.From("a", "b", "c").
		Tap(func(string) { seen++ }).
		Filter(func(v string) bool { return v != "a" }).
		First(ctx)
	fmt.Println(first, err, "after", seen)
	// Output: b <nil> after 2
}

func ExampleStream_Take() {
	ctx := context.Background()
	powers := stream.FromSeq(func(yield func(int) bool) {
		for n := 1; yield(n); n *= 2 {
		}
	})
	fmt.Println(powers.Take(5).Collect(ctx))
	// Output: [1 2 4 8 16] <nil>
}

func ExampleStream_TakeWhile() {
	ctx := context.Background()
	running := func(state string) bool { return state != "done" }
	fmt.Println(stream.From("queued", "started", "done", "archived").TakeWhile(running).Collect(ctx))
	// Output: [queued started] <nil>
}

func ExampleStream_Skip() {
	ctx := context.Background()
	lines := stream.From("name,age", "ada,36", "grace,85")
	fmt.Println(lines.Skip(1).Collect(ctx)) // without the header
	// Output: [ada,36 grace,85] <nil>
}

func ExampleStream_SkipWhile() {
	ctx := context.Background()
	warmingUp := func(degrees int) bool { return degrees < 20 }
	fmt.Println(stream.From(15, 18, 21, 19).SkipWhile(warmingUp).Collect(ctx))
	// Output: [21 19] <nil>
}

func ExampleStream_StartWith() {
	ctx := context.Background()
	changes := stream.From("connecting", "connected")
	fmt.Println(changes.StartWith("idle").Collect(ctx))
	// Output: [idle connecting connected] <nil>
}

// A subscription that was too slow for the policy it has.
func ExampleStream_OnNotice() {
	ctx := context.Background()
	numbers := stream.FromSubscription(func() *stream.Subscription[int] {
		return source(10, stream.Buffer(2), stream.Overflow(stream.DropOldest))
	})
	log := func(notice error) { fmt.Println("notice:", notice) }
	fmt.Println(numbers.OnNotice(log).Collect(ctx))
	// Output:
	// notice: stream: consumer too slow, 8 events dropped
	// [9 10] <nil>
}

// A sum of which something is missing is wrong.
func ExampleStream_Strict() {
	ctx := context.Background()
	numbers := stream.FromSubscription(func() *stream.Subscription[int] {
		return source(10, stream.Buffer(2), stream.Overflow(stream.DropOldest))
	})
	_, err := stream.Reduce(ctx, numbers.Strict(), 0, func(sum, n int) int { return sum + n })
	fmt.Println(err)
	var lag *stream.LagError
	fmt.Println(errors.As(err, &lag), lag.Dropped)
	// Output:
	// stream: not complete: stream: consumer too slow, 8 events dropped
	// true 8
}
