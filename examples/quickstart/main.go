// Command quickstart gets an actor, calls it over HTTP, connects to it, and
// ranges over its events:
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/stream"
)

// What the actor offers, by name and type.
const (
	Increment    = rivet.Action[int, int]("increment")
	CountChanged = rivet.Event[int]("countChanged")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := rivet.NewClient() // RIVET_ENDPOINT, or http://localhost:6420
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := run(ctx, client, os.Stdout); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, client *rivet.Client, out io.Writer) error {
	counter := client.GetOrCreate("counter", rivet.Key{"my-counter"}) // no network yet
	n, err := Increment.Call(ctx, counter, 5)                         // one HTTP request
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "increment(5) =", n)

	conn := counter.Connect(ctx) // one WebSocket, kept alive
	defer conn.Close()
	changes := CountChanged.Subscribe(conn) // ahead of the calls that follow
	for range 3 {
		if n, err = Increment.Call(ctx, conn, 1); err != nil {
			return err
		}
	}
	for count, err := range changes.All(ctx) {
		if stream.IsNotice(err) {
			continue // events were dropped or missed; the loop goes on
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "countChanged", count)
		if count >= n {
			break // and the subscription is closed
		}
	}
	return nil
}
