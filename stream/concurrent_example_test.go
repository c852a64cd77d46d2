package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/stream"
)

// show prints what s does.
func show[T any](s stream.Stream[T]) {
	for v, err := range s.All(context.Background()) {
		if stream.IsNotice(err) {
			fmt.Println("notice:", err)
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(v)
	}
}

// The source is far ahead by the time that the loop looks again, and does not
// wait for it.
func ExampleStream_Buffered() {
	var got []int
	produced := make(chan bool)
	source := stream.FromSeq(func(yield func(int) bool) {
		defer close(produced)
		for n := range 100 {
			if !yield(n) {
				return
			}
		}
	})
	for n, err := range source.Buffered(stream.Buffer(1000)).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		<-produced // all 100 of them
		got = append(got, n)
	}
	fmt.Println(len(got))
	// Output: 100
}

func ExampleLatestBy() {
	type price struct {
		share string
		cents int
	}
	produced := make(chan bool)
	source := stream.FromSeq(func(yield func(price) bool) {
		defer close(produced)
		for cents := range 100 {
			if !yield(price{"ACME", cents}) || !yield(price{"RVT", 1000 + cents}) {
				return
			}
		}
	})
	latest := stream.LatestBy(source, func(p price) string { return p.share })
	last := make(map[string]int)
	steps := 0
	for p, err := range latest.All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		<-produced // the loop is busy for that long
		last[p.share] = p.cents
		steps++
	}
	fmt.Println(last, "in at most three steps:", steps <= 3)
	// Output: map[ACME:99 RVT:1099] in at most three steps: true
}

func ExampleParallelMap() {
	lookUp := func(ctx context.Context, name string) (string, error) {
		select {
		case <-time.After(time.Millisecond): // the network
			return strings.ToUpper(name), nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	show(stream.ParallelMap(stream.From("ada", "barbara", "grace"), 2, lookUp))
	// Output:
	// ADA
	// BARBARA
	// GRACE
}

func ExampleUnordered() {
	fast := make(chan bool)
	s := stream.ParallelMap(stream.From("slow", "fast"), 2, func(_ context.Context, v string) (string, error) {
		if v == "slow" {
			<-fast
		}
		return v, nil
	}, stream.Unordered())
	for v, err := range s.All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(v)
		if v == "fast" {
			close(fast)
		}
	}
	// Output:
	// fast
	// slow
}

func ExampleStream_Retry() {
	attempts := 0
	source := stream.FromFunc(func(context.Context) (string, error) {
		if attempts++; attempts < 3 {
			return "", errors.New("no answer")
		}
		return "hello", nil
	})
	show(source.Retry(backoff.Constant(time.Millisecond).New).Take(1))
	// Output:
	// notice: stream: failure 1, trying again in 1ms: no answer
	// notice: stream: failure 2, trying again in 1ms: no answer
	// hello
}

func ExampleStream_Catch() {
	live := stream.FromError[string](errors.New("no connection"))
	cached := stream.From("yesterday's news")
	show(live.Catch(func(err error) stream.Stream[string] {
		fmt.Println("using the cache:", err)
		return cached
	}))
	// Output:
	// using the cache: no connection
	// yesterday's news
}
