// Command patterns shows how programs are made of actors: one for each entity,
// coordinators that know which there are, shards for what is too much for one,
// and work that is spread out and brought together:
//
//	go run ./examples/patterns
//	go run ./examples/patterns shard
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
)

// Registry is the actors of all patterns.
var Registry = actor.Registry{User, Document, ChatRoomList, ChatRoom, Analytics, RateLimiter, Coordinator, Worker}

// patterns are the functions that show one each.
var patterns = []struct {
	name string
	run  func(context.Context, *rivet.Client, io.Writer) error
}{
	{"entity", entities},
	{"coordinator", coordinators},
	{"shard", shards},
	{"fan", fanOutAndIn},
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// run shows the pattern that args name, or all.
func run(ctx context.Context, args []string) (err error) {
	host, err := actor.New(Registry, local.Memory())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Shutdown(context.WithoutCancel(ctx))) }()
	shown := false
	for _, p := range patterns {
		if len(args) > 0 && args[0] != p.name {
			continue
		}
		shown = true
		fmt.Printf("# %s\n", p.name)
		if err := p.run(ctx, host.Client(), os.Stdout); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !shown {
		return errors.New("usage: patterns [entity | coordinator | shard | fan]")
	}
	return nil
}
