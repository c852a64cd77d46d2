// Command reconnect watches a counter and tells what its connection goes
// through: run it, then stop and start the server it is connected to.
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/reconnect
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// What the actor offers, by name and type.
const (
	GetCount     = rivet.Action[rivet.None, int]("getCount")
	CountChanged = rivet.Event[int]("countChanged")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := rivet.NewClient(
		rivet.WithBackoff(backoff.Exponential(100*time.Millisecond, 5*time.Second)),
		rivet.WithPing(5*time.Second, 3*time.Second), // notices a dead network after 8 s
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := run(ctx, client, os.Stdout); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, client *rivet.Client, out io.Writer) error {
	c := client.GetOrCreate("counter", rivet.Key{"my-counter"}).Connect(ctx)
	defer c.Close()
	c.OnClose(func(i conn.CloseInfo) {
		if i.WillRetry {
			fmt.Fprintln(out, "connection lost")
		}
	})
	c.OnOpen(func(i conn.OpenInfo) { fmt.Fprintln(out, "connected, again:", i.Reconnect) })

	// With Gaps the loop is told where events may be missing, so that it can
	// fetch what it may have missed. The server keeps no history of events.
	for count, err := range CountChanged.All(ctx, c, stream.Gaps(true)) {
		var gap *rivet.GapError
		switch {
		case errors.As(err, &gap):
			if count, err = rivet.Do(ctx, c, GetCount, rivet.Idempotent()); err != nil {
				return err
			}
			fmt.Fprintln(out, "after a gap the count is", count)
		case stream.IsNotice(err): // dropped, or not an int
		case err != nil:
			return err
		default:
			fmt.Fprintln(out, "countChanged", count)
		}
	}
	return nil
}
