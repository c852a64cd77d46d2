// Package local hosts actors in one process, with their data in one file or in
// memory. [Dir] and [Memory] are options of actor.Serve and actor.New:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"os"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/actor"
//		"github.com/rivet-go/rivet/actor/local"
//	)
//
//	const Increment = rivet.Action[int, int]("increment")
//
//	type State struct{ Count int }
//
//	var Counter = actor.Define("counter", func(d *actor.Definition[State]) {
//		actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
//			c.State.Count += by
//			return c.State.Count, nil
//		})
//	})
//
//	// count hosts the actors whose data is in dir for as long as one call takes.
//	func count(ctx context.Context, dir string) (int, error) {
//		host, err := actor.New(actor.Registry{Counter}, local.Dir(dir))
//		if err != nil {
//			return 0, err
//		}
//		n, err := Increment.Call(ctx, host.Client().GetOrCreate("counter", rivet.Key{"visits"}), 1)
//		if err != nil {
//			_ = host.Shutdown(ctx)
//			return 0, err
//		}
//		return n, host.Shutdown(ctx)
//	}
//
//	func main() {
//		dir, err := os.MkdirTemp("", "counter")
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer os.RemoveAll(dir)
//		fmt.Println(count(context.Background(), dir))
//		fmt.Println(count(context.Background(), dir)) // another host, the same actor
//	}
//
// It prints:
//
//	1 <nil>
//	2 <nil>
//
// A host answers clients as the Rivet Engine does: its API, its gateway, and the
// sockets that stay open while an actor sleeps. There is one namespace and one
// region, both called "default".
//
// # Life of an actor
//
// An actor starts when somebody wants it: a request, a message on a socket, or
// its schedule, which also survives the host. What comes while it goes to sleep
// waits for its next generation. Asleep it costs its place on disk and nothing
// else, but for open sockets and a schedule.
//
// An actor that does not start is tried 8 times within some 0.6 s for whoever
// waits, who then gets guard.actor_wake_retries_exceeded, as on the engine. One
// whose Run hook fails, or that does not start for its schedule, is started
// again after 50 ms, and then after pauses that double up to 30 s; a generation
// that lives for 10 s makes them short again. Somebody who wants it meanwhile
// need not wait for that.
//
// Destroying takes away all data at once and frees the key. The last 1,000
// destroyed actors can still be looked up by their ids. An actor that is
// destroyed while it sleeps, or goes to sleep, is not woken for its OnDestroy
// hook.
//
// # What is on disk
//
// What has been acknowledged is on disk, through a crash of the process and of
// the machine, as far as the disk keeps what it says. Changes of all actors that
// wait for the disk are written in one transaction. The file grows with the
// data and does not shrink; it uses again what became free. A damaged file is
// an error that wraps ErrDamaged and names it, and only for those actors whose
// data it concerns.
//
// When a process ends without Shutdown, its actors sleep when the next one opens
// the folder, until somebody wants them or their alarms are due.
package local
