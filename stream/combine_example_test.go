package stream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func ExampleMerge() {
	fmt.Println(stream.Merge(stream.From(1, 2), stream.From(10, 20)).Collect(context.Background()))
	// Output: [1 2 10 20] <nil>
}

func ExampleMergeMany() {
	pages := stream.Map(stream.From(1, 2, 3), func(page int) stream.Stream[int] {
		return stream.From(10*page, 10*page+1)
	})
	fmt.Println(stream.MergeMany(pages, 1).Collect(context.Background()))
	// Output: [10 11 20 21 30 31] <nil>
}

func ExampleConcat() {
	fmt.Println(stream.Concat(stream.From(1, 2), stream.From(3)).Collect(context.Background()))
	// Output: [1 2 3] <nil>
}

func ExampleCombineLatest() {
	price, amount := stream.From(3), stream.From(1, 2)
	total := stream.CombineLatest(price, amount, func(p, n int) int { return p * n })
	fmt.Println(total.Collect(context.Background()))
	// Output: [3 6] <nil>
}

func ExampleCombineAll() {
	rooms := stream.CombineAll(stream.From(4), stream.From(0), stream.From(7, 8))
	for guests, err := range rooms.All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(guests)
	}
	// Output:
	// [4 0 7]
	// [4 0 8]
}

func ExampleWithLatestFrom() {
	orders, rate := stream.From(10, 20), stream.From(1.5)
	fmt.Println(stream.WithLatestFrom(orders, rate, func(n int, r float64) float64 { return r * float64(n) }).
		Collect(context.Background()))
	// Output: [15 30] <nil>
}

func ExampleSwitch() {
	// Of what comes at one time only the newest counts.
	rooms := stream.From(stream.From("in the hall"), stream.From("in the kitchen", "at the stove"))
	fmt.Println(stream.Switch(rooms).Collect(context.Background()))
	// Output: [in the kitchen at the stove] <nil>
}

func ExampleTakeUntil() {
	bell := stream.Interval(time.Millisecond)
	fmt.Println(stream.TakeUntil(stream.Never[int](), bell).Count(context.Background()))
	// Output: 0 <nil>
}

func ExampleZip() {
	names, ages := stream.From("Ann", "Bob", "Cid"), stream.From(30, 40)
	fmt.Println(stream.Zip(names, ages, func(name string, age int) string { return fmt.Sprint(name, " ", age) }).
		Collect(context.Background()))
	// Output: [Ann 30 Bob 40] <nil>
}

func ExampleRace() {
	fmt.Println(stream.Race(stream.Never[string](), stream.From("first")).Collect(context.Background()))
	// Output: [first] <nil>
}

func ExampleFanIn() {
	all := stream.NewFanIn[int]()
	defer all.Close()
	all.Add(source(2), nil)
	sum := 0
	for n, err := range all.All(context.Background()) {
		if stream.IsNotice(err) {
			fmt.Println("a source is gone:", err)
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(n)
		if sum += n; sum == 3 {
			all.Add(source(1), nil) // while the loop runs
		}
		if sum == 4 {
			break
		}
	}
	// Output:
	// 1
	// 2
	// 1
}
