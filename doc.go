// Package rivet is the Go client for Rivet Actors: long-lived, addressable,
// stateful objects that clients call (actions) and listen to (events).
//
// What an actor offers is named by constants with types. A [Client] gives out
// handles, which address actors by name and [Key] or by id. On a [Handle] a
// call is one HTTP request; on a connection it is a message of a supervised
// WebSocket, which events arrive on as well:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/stream"
//	)
//
//	const (
//		Increment    = rivet.Action[int, int]("increment")
//		CountChanged = rivet.Event[int]("countChanged")
//	)
//
//	func main() {
//		ctx := context.Background()
//		client, err := rivet.NewClient() // RIVET_ENDPOINT, or http://localhost:6420
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer client.Close()
//		counter := client.GetOrCreate("counter", rivet.Key{"my-counter"}) // no request yet
//
//		n, err := Increment.Call(ctx, counter, 5) // one HTTP request
//		fmt.Println(n, err)
//
//		conn := counter.Connect(ctx) // stays up until it is closed
//		defer conn.Close()
//		changes := CountChanged.Subscribe(conn)
//		n, err = Increment.Call(ctx, conn, 1) // one message
//		fmt.Println(n, err)
//		for count, err := range changes.All(ctx) {
//			if stream.IsNotice(err) { // events were dropped or missed: go on
//				continue
//			}
//			if err != nil {
//				log.Fatal(err)
//			}
//			fmt.Println("event", count)
//			break // and the subscription is closed
//		}
//	}
//
// On an actor as package actor has it, in its first example, it prints:
//
//	5 <nil>
//	6 <nil>
//	event 6
//
// # Events
//
// [Event.All] ranges over events; [Event.Subscribe] subscribes ahead of a call
// whose events must not be missed; Seq, Chan, On, Once and Await are other
// forms of the same. [Event.Stream] is for the operators of package stream,
// whose page tells which form to use when. [AnyOf] and [OneOf] make one loop of
// several events, [MergeEvents] one of several connections.
//
// The protocol does not number events: what was sent while a connection was
// down is lost, and the loop is told so on request (stream.Gaps). A [View] keeps
// a copy of an actor's state right across such losses.
//
// # Calls
//
// A call is sent once. It is sent again only when it provably did not reach
// the actor, or when it is marked [Idempotent]. Every call that fails returns
// a [*CallError]; [MaybeExecuted] tells whether the actor may have run it. What
// a server said is an [*Error], for errors.As, and matches the errors of this
// package, such as [ErrActorNotFound], for errors.Is.
//
// # Configuration
//
// Options win over the environment: RIVET_ENGINE and RIVET_ENDPOINT for the
// endpoint, RIVET_NAMESPACE, RIVET_TOKEN, and RIVET_POOL or RIVET_RUNNER for
// the pool. The endpoint is asked once for its version and for where it refers
// clients to. The token that was configured never follows such a referral to
// another host, or from https to http; the endpoint sends a token along, or
// none is used. Nor do the headers Authorization and Cookie.
//
// Tokens travel in headers, and in the handshake's subprotocols, not in URLs,
// but for a token that is no HTTP token, which a handshake can carry in the URL
// only. They are never in logs, errors or printed values, and neither are
// parameters, inputs and arguments.
package rivet
