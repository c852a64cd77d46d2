// Package rivettest is a Rivet gateway for tests. It speaks the protocol of
// the real one over HTTP and WebSockets in all three encodings, runs actors
// made of handler functions, records what clients send, and fails on request in
// the ways that networks and servers fail. It needs no engine and no network.
//
// [Serve] is for tests of actors that are written in Go: it hosts them, in memory.
// [NewGateway] is for tests of programs that use actors of others.
//
// A test of one's own actors, complete:
//
//	package counter_test
//
//	import (
//		"context"
//		"testing"
//
//		"github.com/rivet-go/rivet"
//		"github.com/rivet-go/rivet/actor"
//		"github.com/rivet-go/rivet/rivettest"
//	)
//
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
//	func TestIncrement(t *testing.T) {
//		client := rivettest.Serve(t, actor.Registry{Counter}).Client()
//		conn := client.GetOrCreate("counter", rivet.Key{"mine"}).Connect(t.Context())
//		n, err := CountChanged.Await(t.Context(), conn, func(ctx context.Context) error {
//			_, err := Increment.Call(ctx, conn, 5)
//			return err
//		})
//		if n != 5 || err != nil {
//			t.Fatal(n, err)
//		}
//	}
//
// A host of Serve has no sockets, so it runs in a bubble of testing/synctest:
//
//	func TestReminder(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) { // an hour takes no time
//			client := rivettest.Serve(t, actor.Registry{Reminder}).Client()
//			desk := client.GetOrCreate("reminder", rivet.Key{"desk"}).Connect(t.Context())
//			reminders := Reminded.Subscribe(desk)
//			if _, err := RemindIn.Call(t.Context(), desk, "an hour"); err != nil {
//				t.Fatal(err)
//			}
//			if text, err := reminders.Next(t.Context()); text != "an hour" || err != nil {
//				t.Fatal(text, err)
//			}
//		})
//	}
//
// A test of one's own program:
//
//	func TestCounting(t *testing.T) {
//		gw := rivettest.NewGateway(t)
//		rivettest.Handle(gw.Actor("counter"), Increment,
//			func(ctx context.Context, r *rivettest.Request, by int) (int, error) { return by * 2, nil })
//
//		program := NewProgram(gw.Client(t)) // whatever takes a *rivet.Client
//		go program.Run(t.Context())
//
//		gw.Conn(0).WaitSubscribed(t.Context(), "countChanged") // its first connection
//		rivettest.Emit(gw, CountChanged, 5)                    // typed by the same descriptors
//		gw.Restart()                                           // every connection lost
//		gw.Conn(1).WaitSubscribed(t.Context(), "countChanged") // and back
//	}
//
// # Actors
//
// [Gateway.Actor] defines the actors of a name; [Handle], [Do], [Consume] and
// the methods of [Actor] give them actions, queues and hooks. Handlers of one
// definition run one at a time and may share variables; one that waits does so
// in [Request.Await]. Everything else, from keys to status codes, follows
// RivetKit 2.3.19 or, with [Legacy], 2.0.33.
//
// # Faults
//
// [Gateway.Script] decides what happens to the next attempts to open a
// WebSocket, [Gateway.ScriptHTTP] to the next requests, one [Step] each:
//
//	gw.Script(rivettest.Refuse(3), rivettest.Status(503, ""), rivettest.NoInit(), rivettest.HalfOpen())
//	gw.ScriptHTTP("/action/charge", rivettest.Run(rivettest.Reset())) // it ran, but who knows
//
// An open connection is at the mercy of [Conn.Drop], [Conn.Close],
// [Conn.Pause], [Conn.SendRaw] and their siblings, and everything at once of
// [Gateway.Down], [Gateway.Up] and [Gateway.Restart].
//
// # Records
//
// [Gateway.Requests], [Gateway.Attempts], [Gateway.Conns], [Conn.Messages] and
// [Calls] tell what arrived. The methods that begin with Wait wait for it by
// signals, never by polling, so they work with a clock that stands still.
//
// # Time
//
// With [InMemory] the gateway opens no sockets, and a test with timeouts of
// minutes runs in no time inside a testing/synctest bubble:
//
//	synctest.Test(t, func(t *testing.T) {
//		gw := rivettest.NewGateway(t, rivettest.InMemory())
//		…
//	})
package rivettest
