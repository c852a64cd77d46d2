// Command pipeline watches several counters at once: how often they change in a
// second, in a line at most every five, and none that repeats the one before.
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/pipeline my-counter other-counter
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/stream"
)

// CountChanged is the event of a counter, with its new count.
const CountChanged = rivet.Event[int]("countChanged")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := rivet.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := watch(ctx, client, os.Args[1:], os.Stdout); err != nil {
		log.Print(err)
	}
}

func watch(ctx context.Context, client *rivet.Client, names []string, out io.Writer) error {
	var counters []stream.Stream[int]
	for _, name := range names {
		c := client.GetOrCreate("counter", rivet.Key{name}).Connect(ctx)
		defer c.Close()
		counters = append(counters, CountChanged.Stream(c))
	}
	seconds := stream.Window(stream.Merge(counters...), time.Second)
	rates := stream.Map(seconds, func(changes []int) int { return len(changes) })
	for n, err := range stream.DistinctUntilChanged(rates.Throttle(5 * time.Second)).All(ctx) {
		if stream.IsNotice(err) {
			continue // events were dropped: these seconds were busier than it seems
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, n, "changes a second")
	}
	return nil
}
