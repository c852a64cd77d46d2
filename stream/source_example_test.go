package stream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/rivet-go/rivet/stream"
)

func ExampleFrom() {
	ctx := context.Background()
	primes := []int{2, 3, 5}
	fmt.Println(stream.From(primes...).Collect(ctx))
	// Output: [2 3 5] <nil>
}

func ExampleFromSeq() {
	ctx := context.Background()
	ages := map[string]int{"ada": 36, "grace": 85}
	fmt.Println(stream.Reduce(ctx, stream.FromSeq(maps.Values(ages)), 0, func(sum, age int) int { return sum + age }))
	// Output: 121 <nil>
}

// Any iterator over values and errors will do, such as one that reads lines.
func ExampleFromSeq2() {
	ctx := context.Background()
	lines := func(yield func(string, error) bool) {
		scanner := bufio.NewScanner(strings.NewReader("one\ntwo\n"))
		for scanner.Scan() {
			if !yield(scanner.Text(), nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield("", err)
		}
	}
	fmt.Println(stream.FromSeq2(lines).Collect(ctx))
	// Output: [one two] <nil>
}

func ExampleFromSubscription() {
	ctx := context.Background()
	numbers := stream.FromSubscription(func() *stream.Subscription[int] { return source(3) })
	fmt.Println(numbers.Collect(ctx))
	fmt.Println(numbers.Last(ctx)) // with a subscription of its own
	// Output:
	// [1 2 3] <nil>
	// 3 <nil>
}

func ExampleFromChan() {
	ctx := context.Background()
	ch := make(chan string)
	go func() {
		defer close(ch)
		for _, name := range []string{"ada", "grace"} {
			ch <- name
		}
	}()
	fmt.Println(stream.FromChan(ch).Collect(ctx))
	// Output: [ada grace] <nil>
}

// Subscription.Next is such a function, and so is what reads from a socket.
func ExampleFromFunc() {
	ctx := context.Background()
	left := 3
	countdown := stream.FromFunc(func(context.Context) (int, error) {
		if left == 0 {
			return 0, io.EOF
		}
		left--
		return left + 1, nil
	})
	fmt.Println(countdown.Collect(ctx))
	// Output: [3 2 1] <nil>
}

func ExampleFromError() {
	ctx := context.Background()
	open := func(name string) stream.Stream[int] {
		if name == "" {
			return stream.FromError[int](errors.New("no name"))
		}
		return stream.From(1, 2, 3)
	}
	fmt.Println(open("numbers").Collect(ctx))
	fmt.Println(open("").Collect(ctx))
	// Output:
	// [1 2 3] <nil>
	// [] no name
}

func ExampleEmpty() {
	ctx := context.Background()
	_, err := stream.Empty[int]().First(ctx)
	fmt.Println(err)
	// Output: stream: ended without a value
}

func ExampleNever() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(stream.Never[int]().Collect(ctx))
	// Output: [] context deadline exceeded
}

func ExampleInterval() {
	ctx := context.Background()
	beats := stream.Interval(time.Millisecond).Take(3)
	fmt.Println(beats.Collect(ctx))
	// Output: [0 1 2] <nil>
}
