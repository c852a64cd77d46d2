// Command quickstart hosts an actor, calls it, connects to it, and ranges over
// its events:
//
//	go run ./examples/quickstart
//
// The host is in this process, and nothing of it is left afterwards. With
// RIVET_ENDPOINT set, the actor is a counter at that host:
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/stream"
)

// What the actor offers, by name and type: host and client share it.
const (
	Increment    = rivet.Action[int, int]("increment")
	CountChanged = rivet.Event[int]("countChanged")
)

// State is what the actor remembers.
type State struct{ Count int }

// Counter says what the actor does.
var Counter = actor.Define("counter", func(d *actor.Definition[State]) {
	actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
		c.State.Count += by
		return c.State.Count, actor.Broadcast(c, CountChanged, c.State.Count)
	})
})

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	if os.Getenv("RIVET_ENDPOINT") != "" {
		client, err := rivet.NewClient()
		if err != nil {
			return err
		}
		defer client.Close()
		return count(ctx, client, out)
	}
	host, err := actor.New(actor.Registry{Counter}, local.Memory())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Shutdown(context.WithoutCancel(ctx))) }()
	return count(ctx, host.Client(), out)
}

func count(ctx context.Context, client *rivet.Client, out io.Writer) error {
	counter := client.GetOrCreate("counter", rivet.Key{"my-counter"}) // nothing is sent yet
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
