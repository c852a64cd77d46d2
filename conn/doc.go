// Package conn keeps one connection to one Rivet actor alive: it dials,
// subscribes, calls, reconnects with backoff, and hands events to queues. A
// program gets its connections from Connect of a handle of package rivet:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/conn"
//	)
//
//	func main() {
//		ctx := context.Background()
//		client, err := rivet.NewClient() // RIVET_ENDPOINT, or http://localhost:6420
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer client.Close()
//
//		c := client.GetOrCreate("counter", rivet.Key{"my-counter"}).Connect(ctx)
//		defer c.Close()
//		if err := c.Ready(ctx); err != nil {
//			log.Fatal(err) // closed for good: a token that is refused, say
//		}
//		for state := range c.Statuses(ctx) { // the current one, then each step
//			fmt.Println(state.Status)
//			if state.Status != conn.Connected {
//				continue
//			}
//			if c.Stats().Links == 2 {
//				break
//			}
//			c.Reconnect() // as if the network had failed
//		}
//	}
//
// It prints:
//
//	connected
//	disconnected
//	connecting
//	connected
//
// [Conn.Debug] shows all of that and the counters, for people to read.
//
// # How it works
//
// A Conn is owned by one supervisor goroutine. Each socket that it opens is a
// link: a reader and a writer in an errgroup that live and die together. The
// supervisor classifies why a link ended, waits, and opens the next one, until
// Close, the end of the context, or a cause that no attempt can mend.
//
// The package knows neither clients nor Go types of events: it moves frames.
// Package rivet gives them types.
package conn
