// Command counter hosts counters, each of which remembers its count on disk:
//
//	go run ./examples/counter
//
// Any client may call them, and so may curl:
//
//	curl -d '{"args": [5]}' 'http://localhost:6420/gateway/counter/action/increment?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=my-counter'
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// What a counter offers, by name and type.
const (
	Increment    = rivet.Action[int, int]("increment")
	GetCount     = rivet.Action[rivet.None, int]("getCount")
	CountChanged = rivet.Event[int]("countChanged")
)

// State is what a counter remembers.
type State struct{ Count int }

// Counter says what a counter does.
var Counter = actor.Define("counter", func(d *actor.Definition[State]) {
	actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
		c.State.Count += by
		return c.State.Count, actor.Broadcast(c, CountChanged, c.State.Count)
	})
	actor.Handle(d, GetCount, func(c *actor.Context[State], _ rivet.None) (int, error) {
		return c.State.Count, nil
	})
})

func main() {
	data := flag.String("data", "counter-data", "`folder` to keep the counts in")
	addr := flag.String("addr", "localhost:6420", "`host:port` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *data, actor.Addr(*addr), actor.WithLogger(slog.Default())); err != nil {
		log.Fatal(err)
	}
}

// run serves counters until ctx ends.
func run(ctx context.Context, data string, opts ...actor.Option) error {
	return actor.Serve(ctx, actor.Registry{Counter}, append(opts, local.Dir(data))...)
}
