package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rivet-go/rivet/stream"
)

func ExampleStream_All() {
	ctx := context.Background()
	for n, err := range stream.From(1, 2, 3).All(ctx) {
		if stream.IsNotice(err) {
			continue // something was lost; the stream goes on
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
	// 3
}

// With Seq a stream goes wherever an iterator does.
func ExampleStream_Seq() {
	ctx := context.Background()
	var err error
	sorted := slices.Sorted(stream.From(3, 1, 2).Seq(ctx, &err))
	fmt.Println(sorted, err)
	// Output: [1 2 3] <nil>
}

func ExampleStream_Chan() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the goroutine wherever the loop is left

	var err error
	names := stream.From("ada", "grace").Chan(ctx, &err)
	quit := make(chan struct{})
	for {
		select {
		case name, ok := <-names:
			if !ok {
				fmt.Println("ended:", err)
				return
			}
			fmt.Println(name)
		case <-quit:
			return
		}
	}
	// Output:
	// ada
	// grace
	// ended: <nil>
}

func ExampleStream_ForEach() {
	ctx := context.Background()
	full := errors.New("the disk is full")
	err := stream.From("a", "b", "c").ForEach(ctx, func(v string) error {
		if v == "b" {
			return full
		}
		fmt.Println("wrote", v)
		return nil
	})
	fmt.Println(err)
	// Output:
	// wrote a
	// the disk is full
}

func ExampleStream_First() {
	ctx := context.Background()
	numbers := stream.From(3, 8, 12)
	over := func(limit int) func(int) bool { return func(n int) bool { return n > limit } }

	fmt.Println(numbers.Filter(over(5)).First(ctx))
	_, err := numbers.Filter(over(100)).First(ctx)
	fmt.Println(errors.Is(err, stream.ErrEmpty))
	// Output:
	// 8 <nil>
	// true
}

func ExampleStream_Last() {
	ctx := context.Background()
	fmt.Println(stream.From(3, 8, 12).Last(ctx))
	// Output: 12 <nil>
}

// What there was before the error is returned with it.
func ExampleStream_Collect() {
	ctx := context.Background()
	lines := stream.TryMap(stream.From("a", "b", ""), func(line string) (string, error) {
		if line == "" {
			return "", errors.New("empty line")
		}
		return line, nil
	})
	fmt.Println(lines.Collect(ctx))
	// Output: [a b] empty line
}

func ExampleStream_Count() {
	ctx := context.Background()
	fmt.Println(stream.From("a", "b", "c").Count(ctx))
	// Output: 3 <nil>
}

func ExampleStream_Drain() {
	ctx := context.Background()
	err := stream.From("a", "b").Tap(func(v string) { fmt.Println(v) }).Drain(ctx)
	fmt.Println(err)
	// Output:
	// a
	// b
	// <nil>
}

func ExampleReduce() {
	ctx := context.Background()
	longest, err := stream.Reduce(ctx, stream.From("ada", "grace", "mary"), "", func(longest, name string) string {
		if len(name) > len(longest) {
			return name
		}
		return longest
	})
	fmt.Println(longest, err)
	// Output: grace <nil>
}
