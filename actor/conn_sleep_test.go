package actor_test

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// TestStoredConnection: state and subscriptions of a connection go on in the next
// generation, whether the last one slept or crashed after the save interval.
func TestStoredConnection(t *testing.T) {
	for _, reason := range []actor.StopReason{actor.Sleeping, actor.GoingAway, actor.Lost} {
		t.Run(reason.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				s, r := join(t, in, "s", "ann")
				<-time.After(3 * time.Second)
				r.Message(1, true, subscribe("said"))
				r.Message(2, true, subscribe("other"))
				r.Message(3, true, unsubscribe("other"))
				r.Message(4, true, call(0, "rename", `["eve"]`))
				synctest.Wait()
				s.got()
				if reason == actor.Lost {
					<-time.After(1100 * time.Millisecond)
				}
				b.stop(t, in, reason)
				in = b.mustStart(t, s)
				r = in.Restored("s")
				if r == nil {
					t.Fatal("the connection is not known")
				}
				if in.Restored("other") != nil {
					t.Error("another connection is")
				}
				callHTTP(in, "say", `{"args":[1]}`)
				r.Message(5, true, call(1, "name", "[]"))
				synctest.Wait()
				equal(t, "it gets", s.got(), gotEvent("said", "[1]"), gotReply(1, `"eve"`))
				b.stop(t, in, actor.Destroying)
			})
		})
	}
}

// TestPlainConnectionStays: a connection outlives a sleep also when it has no
// state and no subscription.
func TestPlainConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, counter())
		in := b.mustStart(t)
		s := newSocket("s", "/connect")
		in.Open(s)
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t, s)
		r := in.Restored("s")
		if r == nil {
			t.Fatal("the connection is not known")
		}
		r.Message(1, true, call(0, "increment", "[2]"))
		synctest.Wait()
		equal(t, "it gets", s.got(), gotInit, gotReply(0, "2"))
		b.stop(t, in, actor.Destroying)
	})
}

// TestConnectionOfAProgramWithoutState: a connection that has no state, as the
// program made none then, connects again, so that handlers find one.
func TestConnectionOfAProgramWithoutState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := newBench(t, counter())
		in := before.mustStart(t)
		s := newSocket("s", "/connect")
		in.Open(s)
		synctest.Wait()
		before.stop(t, in, actor.Sleeping)
		var rm room
		b := newBench(t, rm.define())
		b.data = before.data
		in = b.mustStart(t, s)
		if in.Restored("s") != nil {
			t.Error("it was restored without a state")
		}
		b.stop(t, in, actor.Destroying)
	})
}

// TestDamagedConnections: what does not decode costs that connection, not the
// actor, and its end is told.
func TestDamagedConnections(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"record": func([]byte) []byte { return []byte{0xff, 0x00} },
		"empty":  func([]byte) []byte { return []byte{} },
		"state":  func(data []byte) []byte { return bytes.Replace(data, []byte("dname"), []byte("\xffname"), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				s, _ := join(t, in, "s", "ann")
				s2, _ := join(t, in, "s2", "bob")
				b.stop(t, in, actor.Sleeping)
				rm.take()
				for k, v := range b.data {
					if k[0] == 2 && bytes.Contains(v, []byte("ann")) {
						d := damage(v)
						if bytes.Equal(d, v) {
							t.Fatal("not damaged")
						}
						b.data[k] = d
					}
				}
				in = b.mustStart(t, s, s2)
				synctest.Wait()
				if in.Restored("s") != nil || in.Restored("s2") == nil {
					t.Error("the wrong one was restored")
				}
				equal(t, "hooks", rm.take(), "out ? of 1")
				b.stop(t, in, actor.Sleeping)
				in = b.mustStart(t, s2)
				synctest.Wait()
				equal(t, "hooks of the next generation", rm.take())
				b.stop(t, in, actor.Destroying)
			})
		})
	}
}

// TestEventsOfConnectionsThatAreGone: a broadcast in OnWake does not find those
// whose sockets have ended while the actor slept.
func TestEventsOfConnectionsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		b := newBench(t, actor.Define("room", func(d *actor.Definition[roomState]) {
			d.OnWake(func(c *actor.Context[roomState]) error {
				n.add("wake with %d", len(slices.Collect(c.Conns())))
				return actor.Broadcast(c, said, "morning")
			})
			d.OnDisconnect(func(c *actor.Context[roomState], conn *actor.Conn) {
				conn.Disconnect("")
				n.add("out %v", actor.Send(conn, said, "bye"))
			})
		}))
		in := b.mustStart(t)
		var all []*socket
		for _, id := range []string{"s1", "s2"} {
			s := newSocket(id, "/connect")
			in.Open(s).Message(1, true, subscribe("said"))
			synctest.Wait()
			s.got()
			all = append(all, s)
		}
		b.stop(t, in, actor.Sleeping)
		n.take()
		in = b.mustStart(t, all[1])
		synctest.Wait()
		equal(t, "hooks", n.take(), "wake with 1", "out <nil>")
		equal(t, "s1 gets", all[0].got())
		equal(t, "s2 gets", all[1].got(), gotEvent("said", `["morning"]`))
		b.stop(t, in, actor.Destroying)
	})
}

// TestThousandsOfConnections: the store's limits hold, and everything is there
// after a sleep.
func TestThousandsOfConnections(t *testing.T) {
	const many = 1000
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		var links []actor.Link
		for i := range many {
			s := newSocket(fmt.Sprint("s", i), "/connect", "rivet_conn_params.%7B%22name%22%3A%22"+strings.Repeat("n", 500)+"%22%7D")
			in.Open(s).Message(1, true, subscribe("said"))
			links = append(links, s)
		}
		synctest.Wait()
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t, links...)
		callHTTP(in, "say", `{"args":[1]}`)
		synctest.Wait()
		for _, l := range links {
			if got := l.(*socket).got(); len(got) != 2 || got[1] != gotEvent("said", "[1]") {
				t.Fatalf("%s got %q", l.ID(), got)
			}
		}
		frames := make(map[*actor.Frame]bool)
		for _, l := range links {
			frames[l.(*socket).frames[1]] = true
		}
		if len(frames) != 1 {
			t.Errorf("the event was encoded %d times", len(frames))
		}
		b.stop(t, in, actor.Destroying)
	})
}

// TestOldGeneration: what is left of a generation that has stopped does not reach
// the links that the next one has.
func TestOldGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		var conns iter.Seq[*actor.Conn]
		b := newBench(t, actor.Define("stubborn", func(d *actor.Definition[roomState]) {
			actor.Do(d, rivet.Action[rivet.None, rivet.None]("linger"), func(c *actor.Context[roomState], _ rivet.None) error {
				conn := c.Conn()
				conns = c.Conns()
				<-time.After(time.Hour)
				if err := actor.Broadcast(c, said, "late"); err != nil {
					t.Error(err)
				}
				_ = actor.Send(conn, said, "late")
				conn.Disconnect("late")
				close(done)
				return nil
			}, actor.Concurrent())
		}, actor.StopGrace(time.Second)))
		in := b.mustStart(t)
		s := newSocket("s", "/connect")
		r := in.Open(s)
		r.Message(1, true, subscribe("said"))
		r.Message(2, true, call(0, "linger", "[]"))
		synctest.Wait()
		if err := in.Stop(t.Context(), actor.Sleeping); err == nil {
			t.Error("a handler that goes on is no error of Stop")
		}
		in = b.mustStart(t, s)
		s.got()
		<-done
		synctest.Wait()
		for _, line := range s.got() {
			if strings.Contains(line, "late") {
				t.Errorf("the old generation sent %s", line)
			}
		}
		if n := len(slices.Collect(conns)); n != 0 {
			t.Errorf("the old generation has %d connections", n)
		}
		b.stop(t, in, actor.Destroying)
	})
}
