// Command pipeline watches several markets at once: how many trades there are
// in a second, when that has changed, in at most one line every five.
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/pipeline ACME INIT
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

// Trade is what a market tells.
type Trade struct{ Price float64 }

// Traded is the event of the market for one symbol.
const Traded = rivet.Event[Trade]("traded")

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

func watch(ctx context.Context, client *rivet.Client, symbols []string, out io.Writer) error {
	var markets []stream.Stream[Trade]
	for _, symbol := range symbols {
		c := client.GetOrCreate("market", rivet.Key{symbol}).Connect(ctx)
		defer c.Close()
		markets = append(markets, Traded.Stream(c))
	}
	seconds := stream.Window(stream.Merge(markets...), time.Second)
	counts := stream.Map(seconds, func(trades []Trade) int { return len(trades) })
	for n, err := range stream.DistinctUntilChanged(counts).Throttle(5 * time.Second).All(ctx) {
		if stream.IsNotice(err) {
			continue // trades were dropped: these seconds were busier than it seems
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, n, "trades a second")
	}
	return nil
}
