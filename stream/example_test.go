package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/rivet-go/rivet/stream"
)

// source stands in for whatever gives a program its subscription: it has
// produced the numbers 1 to n by now, and ended.
func source(n int, opts ...stream.Option) *stream.Subscription[int] {
	cfg, err := stream.NewConfig(opts...)
	if err != nil {
		return stream.Failed[int](err)
	}
	q := stream.NewQueue(cfg, stream.Hooks[string]{})
	for i := range n {
		q.Push([]string{strconv.Itoa(i + 1)})
	}
	q.CloseWith(nil)
	return stream.Decoded(q, func(text *string, n *int) (err error) {
		*n, err = strconv.Atoi(*text)
		return err
	})
}

func ExampleSubscription_All() {
	sub := source(3)
	for n, err := range sub.All(context.Background()) {
		if stream.IsNotice(err) {
			continue // events were lost; the stream goes on
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

func ExampleSubscription_Batches() {
	sub := source(100)
	sum := 0
	for batch, err := range sub.Batches(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		for _, n := range batch {
			sum += n
		}
	}
	fmt.Println(sum)
	// Output: 5050
}

func ExampleSubscription_Next() {
	sub := source(2)
	defer sub.Close()
	for {
		n, err := sub.Next(context.Background())
		if stream.IsNotice(err) {
			continue
		}
		if errors.Is(err, io.EOF) {
			fmt.Println("clean end")
			return
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
	// clean end
}

func ExampleSubscription_C() {
	sub := source(2)
	defer sub.Close()
	for n := range sub.C() {
		fmt.Println(n)
	}
	if err := sub.Err(); err != nil {
		fmt.Println("ended:", err)
	}
	fmt.Println("lost:", sub.Stats().Dropped)
	// Output:
	// 1
	// 2
	// lost: 0
}

// A consumer that is too slow loses the oldest events, and is told so.
func ExampleOverflow() {
	sub := source(10, stream.Buffer(2), stream.Overflow(stream.DropOldest))
	for n, err := range sub.All(context.Background()) {
		var lag *stream.LagError
		switch {
		case errors.As(err, &lag):
			fmt.Println("lost", lag.Dropped)
		case stream.IsNotice(err):
		case err != nil:
			fmt.Println("ended:", err)
			return
		default:
			fmt.Println(n)
		}
	}
	// Output:
	// lost 8
	// 9
	// 10
}

func ExampleQueue() {
	cfg, err := stream.NewConfig(stream.Buffer(64), stream.Overflow(stream.Block))
	if err != nil {
		fmt.Println(err)
		return
	}
	q := stream.NewQueue(cfg, stream.Hooks[int]{
		Closed: func() { fmt.Println("the consumer has left") },
	})
	sub := stream.Direct(q)

	gone := make(chan int)
	go func() { gone <- q.PushWait(nil, make([]int, 1000)) }()
	seen := 0
	for _, err := range sub.All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		if seen++; seen == 500 {
			break
		}
	}
	fmt.Println("the producer is released:", <-gone < 1000)
	// Output:
	// the consumer has left
	// the producer is released: true
}
