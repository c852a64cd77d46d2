// Package backoff decides how long a connection waits before its next attempt.
//
// A [Policy] goes into rivet.WithBackoff, for a client or one connection; its
// New also fits Retry of a stream:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"time"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/backoff"
//	)
//
//	func main() {
//		client, err := rivet.NewClient(
//			rivet.WithBackoff(backoff.Exponential(100*time.Millisecond, 5*time.Second)),
//			rivet.WithObserver(rivet.Observer{
//				Attempt: func(i rivet.AttemptInfo) {
//					if i.Err != nil {
//						log.Print(i.Err) // and again after a wait
//					}
//				},
//			}))
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer client.Close()
//
//		ctx := context.Background()
//		c := client.GetOrCreate("counter", rivet.Key{"my-counter"}).Connect(ctx)
//		defer c.Close()
//		if err := c.Ready(ctx); err != nil { // start the server meanwhile
//			log.Fatal(err)
//		}
//		fmt.Println(c.Status())
//	}
//
// Without a server it goes on trying, with waits that grow to 5 s. Once there is
// one it prints:
//
//	connected
//
// A policy is shared and makes a [Sequence] for each connection. The library
// asks the sequence before every attempt but the first, and resets it when a
// connection has been up for a while: not as soon as it opens, or a server that
// accepts and then drops would be hammered.
package backoff
