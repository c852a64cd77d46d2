package stream_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// Rows are written three at a time, and none waits for longer than a second.
func ExampleBatch() {
	rows := stream.From("a", "b", "c", "d", "e")
	for batch, err := range stream.Batch(rows, 3, time.Second).All(context.Background()) {
		if stream.IsNotice(err) {
			continue // something was lost; the stream goes on
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println("write", batch)
	}
	// Output:
	// write [a b c]
	// write [d e]
}

// All of this comes in the first minute.
func ExampleWindow() {
	prices := stream.From(12, 9, 14)
	for window, err := range stream.Window(prices, time.Minute).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		if len(window) > 0 {
			fmt.Println("open", window[0], "close", window[len(window)-1])
		}
	}
	// Output: open 12 close 14
}

func ExampleRate() {
	clicks := stream.From(make([]struct{}, 120)...)
	for rate, err := range stream.Rate(clicks, time.Minute).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(rate, "a second")
	}
	// Output: 2 a second
}

// A search is made when the user has stopped typing.
func ExampleStream_Debounce() {
	typed := stream.From("g", "go", "go ", "go ma", "go map")
	for query, err := range typed.Debounce(300 * time.Millisecond).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Printf("search %q\n", query)
	}
	// Output: search "go map"
}

// A progress bar moves at once, not too often, and to the end.
func ExampleStream_Throttle() {
	percent := stream.From(0, 10, 25, 50, 75, 90, 100)
	for p, err := range percent.Throttle(time.Minute).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Printf("%d %%\n", p)
	}
	// Output:
	// 0 %
	// 100 %
}

// What counts is where things are once a minute, or at the end.
func ExampleStream_Sample() {
	position := stream.From("here", "there", "home")
	for p, err := range position.Sample(time.Minute).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(p)
	}
	// Output: home
}

func ExampleStream_Timeout() {
	_, err := stream.Never[int]().Timeout(10 * time.Millisecond).First(context.Background())
	var late *stream.TimeoutError
	if errors.As(err, &late) {
		fmt.Println(late)
	}
	// Output: stream: no value for 10ms
}

func ExampleStream_Delay() {
	start := time.Now()
	for n, err := range stream.From(1, 2, 3).Delay(10 * time.Millisecond).All(context.Background()) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		fmt.Println(n, time.Since(start) >= 10*time.Millisecond)
	}
	// Output:
	// 1 true
	// 2 true
	// 3 true
}
