package stream_test

import (
	"context"
	"fmt"

	"github.com/rivet-go/rivet/stream"
)

// Two loops share one consumption of the source: the one that comes later does
// not start it again, and with Replay it knows the present price at once.
func ExampleStream_Share() {
	ctx := context.Background()
	prices := make(chan int, 1)
	shared := stream.FromChan(prices).Share(stream.Replay(1))

	prices <- 100
	for price, err := range shared.All(ctx) {
		if stream.IsNotice(err) {
			continue // values were dropped; the stream goes on
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println("first:", price)
		for price, err := range shared.All(ctx) {
			if stream.IsNotice(err) {
				continue
			}
			if err != nil {
				fmt.Println("ended:", err)
				return
			}
			fmt.Println("second:", price)
			break
		}
		if price == 101 {
			break // the last one to leave releases the source
		}
		prices <- 101
	}
	// Output:
	// first: 100
	// second: 100
	// first: 101
	// second: 101
}

func ExampleReplay() {
	p := stream.From("a", "b", "c", "d").Publish(stream.Replay(2))
	if err := p.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	// The first subscriber may come in time for all of them or not.
	for _, err := range p.Stream().All(context.Background()) {
		if err != nil && !stream.IsNotice(err) {
			fmt.Println("ended:", err)
			return
		}
	}
	for v, err := range p.Stream().All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(v)
	}
	// Output:
	// c
	// d
}

// The source starts when all who want it from the beginning are there.
func ExampleStream_Publish() {
	ctx := context.Background()
	shared := stream.From(1, 2, 3).Publish()
	defer shared.Close()

	sum, product := shared.Subscribe(), shared.Subscribe()
	if err := shared.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}

	s := 0
	for n, err := range sum.All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		s += n
	}
	p := 1
	for n, err := range product.All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		p *= n
	}
	fmt.Println(s, p)
	// Output: 6 6
}
