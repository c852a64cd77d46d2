// Package actor hosts Rivet Actors that are written in Go.
//
// An actor is a piece of state with a name and a key, and handlers that work on
// it one after the other. It is made by the first call, sleeps when nobody needs
// it, and is there until it is destroyed. Any Rivet client can use it: package
// rivet, and the official JavaScript client among others.
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"log/slog"
//		"os"
//		"os/signal"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/actor"
//		"github.com/rivet-go/rivet/actor/local"
//	)
//
//	// What a counter offers. Clients use the same constants.
//	const (
//		Increment    = rivet.Action[int, int]("increment")
//		CountChanged = rivet.Event[int]("countChanged")
//	)
//
//	type State struct{ Count int }
//
//	var Counter = actor.Define("counter", func(d *actor.Definition[State]) {
//		actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
//			c.State.Count += by
//			return c.State.Count, actor.Broadcast(c, CountChanged, c.State.Count)
//		})
//	})
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//		defer stop()
//		err := actor.Serve(ctx, actor.Registry{Counter},
//			local.Dir("./data"), actor.WithLogger(slog.Default()))
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
// While it runs, a call by hand is
//
//	curl -d '{"args": [5]}' \
//	  'http://localhost:6420/gateway/counter/action/increment?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=my-counter'
//
// which answers:
//
//	{"output":5}
//
// # Turns
//
// Handlers of one actor have turns, one at a time, in the order of their calls, so
// they need no locks. [Context.State] is the state in a turn; what changes is
// saved by itself, as [SaveInterval] says. [Context.Await] gives the turn away
// while a handler waits, and [Concurrent] lets it run beside others, with
// [Context.Update] and [Context.View] to reach the state.
//
// # Definitions
//
// [Handle] and [Do] define actions, and the methods of [Definition] the hooks of
// an actor's life, its connections, and its raw HTTP and WebSockets. What brings
// types of its own is a function: [CreateState] from an input, [CreateVars],
// [OnBeforeConnect] and [CreateConnState]. [Broadcast] and [Send] send events,
// [Consume] and [Next] receive from queues, [After], [At], [Every] and [Cron]
// schedule actions.
//
// # Hosts
//
// [Serve] runs a host until its context ends, [New] returns one whose handler goes
// into a server that there is. A [Driver] says where actors live: package local is
// the one for a single process. Tests run hosts in memory, by rivettest.Serve.
//
// docs/hosting.md in the repository is the guide, with everything that is lost
// and kept in a crash; docs/hosting-connections.md says which hooks guard which
// route, and docs/from-rivetkit.md what differs from RivetKit, with the snippets
// of its guide in Go.
package actor
