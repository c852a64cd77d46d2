// Command chat is chat rooms, and a way into them from a terminal. In one:
//
//	go run ./examples/chat serve
//
// In others:
//
//	go run ./examples/chat join alice
//	go run ./examples/chat join -room random bob
//
// It shows a host and a client that share their types; connection parameters and
// what a room makes of them; presence, by the connections there are; a history
// on disk; and a client that misses nothing of it when the host restarts.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

const usage = `usage:
  chat serve [-addr host:port] [-data folder] [-password password]
  chat join [-room name] [-password password] name
`

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	flags := flag.NewFlagSet("chat "+os.Args[1], flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	password := flags.String("password", "", "")
	var err error
	switch os.Args[1] {
	case "serve":
		addr := flags.String("addr", "localhost:6420", "")
		data := flags.String("data", "chat-data", "")
		_ = flags.Parse(os.Args[2:]) // exits on errors
		err = actor.Serve(ctx, actor.Registry{Rooms(*password)}, actor.Addr(*addr), local.Dir(*data),
			actor.OnListen(func(a net.Addr) { fmt.Printf("rooms are at http://%s, their history in %s\n", a, *data) }))
	case "join":
		room := flags.String("room", "general", "")
		_ = flags.Parse(os.Args[2:])
		if flags.NArg() != 1 {
			flags.Usage()
			os.Exit(2)
		}
		err = joinFrom(ctx, *room, Params{Name: flags.Arg(0), Password: *password})
	default:
		flags.Usage()
		os.Exit(2)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// joinFrom joins a room from this terminal.
func joinFrom(ctx context.Context, room string, p Params) error {
	client, err := rivet.NewClient() // RIVET_ENDPOINT, or http://localhost:6420
	if err != nil {
		return err
	}
	defer client.Close()
	return join(ctx, client, room, p, os.Stdin, os.Stdout)
}
