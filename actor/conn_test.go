package actor_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type roomState struct{ Seen int }

// room is an actor with what tests of connections need.
type room struct {
	notes
	release chan struct{} // lets "block" go on
	allow   func(*actor.Context[roomState]) (bool, error)
}

const said = rivet.Event[any]("said")

func (rm *room) define(opts ...actor.DefinitionOption) actor.Actor {
	rm.release = make(chan struct{})
	return actor.Define("room", func(d *actor.Definition[roomState]) {
		tag := actor.CreateConnState(d, func(_ *actor.ConnectContext, p login) (login, error) { return p, nil })
		d.OnConnect(func(_ *actor.Context[roomState], conn *actor.Conn) error {
			rm.add("in %s", tag.Of(conn).Name)
			return nil
		})
		d.OnDisconnect(func(c *actor.Context[roomState], conn *actor.Conn) {
			name := "?"
			if s := tag.Of(conn); s != nil {
				name = s.Name
			}
			rm.add("out %s of %d", name, len(slices.Collect(c.Conns())))
		})
		d.OnDestroy(func(c *actor.Context[roomState]) {
			rm.add("destroyed with %d", len(slices.Collect(c.Conns())))
			_ = actor.Broadcast(c, said, "farewell")
		})
		actor.CanSubscribe(d, rivet.Event[any]("guarded"), func(c *actor.Context[roomState]) (bool, error) { return rm.allow(c) })
		actor.Handle(d, rivet.Action[rivet.None, string]("name"), func(c *actor.Context[roomState], _ rivet.None) (string, error) {
			return tag.Of(c.Conn()).Name, nil
		})
		actor.Do(d, rivet.Action[string, rivet.None]("rename"), func(c *actor.Context[roomState], name string) error {
			tag.Of(c.Conn()).Name = name
			return nil
		})
		actor.Do(d, rivet.Action[rivet.None, rivet.None]("block"), func(*actor.Context[roomState], rivet.None) error {
			rm.add("block")
			<-rm.release
			return nil
		})
		actor.Handle(d, rivet.Action[any, any]("echo"), func(_ *actor.Context[roomState], v any) (any, error) {
			rm.add("echo %v", v)
			return v, nil
		})
		actor.Do(d, rivet.Action[any, rivet.None]("say"), func(c *actor.Context[roomState], v any) error {
			return actor.Broadcast(c, said, v, actor.Except(nil))
		})
		actor.Do(d, rivet.Action[any, rivet.None]("guardedSay"), func(c *actor.Context[roomState], v any) error {
			return actor.Broadcast(c, rivet.Event[any]("guarded"), v)
		})
		actor.Do(d, rivet.Action[string, rivet.None]("leave"), func(c *actor.Context[roomState], reason string) error {
			c.Conn().Disconnect(reason)
			return nil
		})
	}, opts...)
}

// join opens a connection for a client of that name and takes its Init.
func join(t *testing.T, in *actor.Instance, id, name string) (*socket, actor.Receiver) {
	t.Helper()
	s := newSocket(id, "/connect", "rivet_conn_params.%7B%22name%22%3A%22"+name+"%22%7D")
	r := in.Open(s)
	synctest.Wait()
	equal(t, "Init", s.got(), gotInit)
	return s, r
}

// TestFrames sends what may come in one frame.
func TestFrames(t *testing.T) {
	const (
		bad = "close 1011 actor.invalid_request"
		ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"}`
	)
	action := func(val string) string { return `{"body":{"tag":"ActionRequest","val":` + val + `}}` }
	sub := func(val string) string { return `{"body":{"tag":"SubscriptionRequest","val":` + val + `}}` }
	reply := func(output string) string {
		return `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","1"],"output":` + output + `}}}`
	}
	tests := []struct{ enc, frame, want string }{
		{"json", "garbage", bad},
		{"json", "", bad},
		{"json", "{}", bad},
		{"json", `{"body":{"tag":"Nope","val":{}}}`, bad},
		{"json", action(`{"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":1,"args":[]}`), bad},
		{"json", action(`{"id":1,"name":"echo"}`), bad},
		{"json", action(`{"id":"1","name":"echo","args":[]}`), bad},
		{"json", action(`{"id":-1,"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":1.5,"name":"echo","args":[]}`), bad},
		{"json", action(`{"id":null,"name":"echo","args":[]}`), bad},
		{"json", sub(`{"subscribe":true}`), bad},
		{"json", sub(`{"eventName":"x","subscribe":1}`), bad},
		{"json", action(`{"id":1,"name":"echo","args":7}`), reply("7")},
		{"json", action(`{"id":["$BigInt","1"],"name":"echo","args":[7]}`), reply("7")},
		{"json", action(`{"id":1,"name":"name","args":null}`), reply(`"ann"`)},
		{"json", action(`{"id":["$BigInt","18446744073709551615"],"name":"name","args":[]}`), `{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","18446744073709551615"],"output":"ann"}}}`},
		{"json", action(`{"id":1,"name":"say","args":[1]}`), reply(`["$Undefined",0]`)},
		{"json", action(`{"id":1,"name":"nope","args":[]}`), `{"body":{"tag":"Error","val":{"actionId":["$BigInt","1"],` + ref + `,"code":"action_not_found","group":"actor","message":"Action ` + "`nope`" + ` was not found."}}}`},
		{"json", action(`{"id":0,"name":"","args":[]}`), `{"body":{"tag":"Error","val":{"actionId":["$BigInt","0"],` + ref + `,"code":"action_not_found","group":"actor","message":"Action ` + "``" + ` was not found."}}}`},
		{"bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03", "040002010103"},
		{"bare", "\x01\x00\x00\x01\x04echo\x02\x81\x03", "040002010103"},
		{"bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03trailing", "040002010103"},
		{"bare", "\x00\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x05\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x04\x00\x02\x01\x04echo\x02\x81\x03", bad},
		{"bare", "\x04\x00\x00\x01\x04ech", bad},
		{"bare", "\x04\x00\x00\x01\x04ec\xff\xfe\x02\x81\x03", bad},
		{"bare", "\x04\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", bad},
		{"text bare", "\x04\x00\x00\x01\x04echo\x02\x81\x03", bad},
		{"cbor", "garbage", bad},
		{"cbor", "", bad},
		{"text cbor", string(codec.AppendActionRequest(nil, codec.CBOR, 1, "echo", []byte{0x81, 3})), bad},
		{"binary json", action(`{"id":1,"name":"echo","args":[7]}`), reply("7")},
	}
	for _, tt := range tests {
		t.Run(tt.enc+" "+tt.frame, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				defer b.stop(t, in, actor.Destroying)
				frame, enc, _ := strings.Cut(tt.enc, " ")
				if enc == "" {
					frame, enc = "", tt.enc
				}
				s := newSocket("s", "/connect", "rivet_encoding."+enc, "rivet_conn_params.%7B%22name%22%3A%22ann%22%7D")
				r := in.Open(s)
				synctest.Wait()
				s.got()
				text := frame == "text" || frame == "" && enc == "json"
				if !r.Message(1, text, []byte(tt.frame)) {
					t.Fatal("the message was not taken")
				}
				synctest.Wait()
				equal(t, "the answer", s.got(), sorted(tt.want))
				r.Message(2, enc == "json", []byte(tt.frame)) // also behind a close
				synctest.Wait()
			})
		})
	}
}

// TestEncodingsOffered: which encoding a handshake chooses.
func TestEncodingsOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		for offer, want := range map[string]string{
			"": gotInit, "rivet_encoding.json": gotInit, "rivet_encoding.json, rivet_encoding.bare": gotInit, "x,rivet_encoding.json": gotInit,
			"rivet_encoding.xml": "close 1003 actor.unsupported_websocket_encoding", "rivet_encoding.": "close 1003 actor.unsupported_websocket_encoding",
			"rivet_encoding.JSON": "close 1003 actor.unsupported_websocket_encoding",
		} {
			s := newSocket("s", "/connect", offer)
			in.Open(s)
			synctest.Wait()
			equal(t, offer, s.got(), want)
		}
		for _, path := range []string{"/", "/foo", "/connect/x", "/action/echo"} {
			s := newSocket("s", path)
			in.Open(s)
			equal(t, path, s.got(), "close 1011 actor.not_found")
		}
	})
}

// TestMessagesBeforeInit: what comes while the hooks run is done behind Init, in
// order, also when the client has left meanwhile.
func TestMessagesBeforeInit(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var rm room
			b := newBench(t, rm.define())
			in := b.mustStart(t)
			defer b.stop(t, in, actor.Destroying)
			blocker, br := join(t, in, "b", "bob")
			br.Message(1, true, call(0, "block", "[]"))
			synctest.Wait()
			rm.take()
			s := newSocket("s", "/connect", "rivet_conn_params.%7B%22name%22%3A%22ann%22%7D")
			r := in.Open(s)
			r.Message(1, true, subscribe("said"))
			r.Message(2, true, call(0, "say", "[1]"))
			r.Message(3, true, call(1, "name", "[]"))
			synctest.Wait()
			equal(t, "before the hooks are done", s.got())
			if got := s.acked(); got != nil {
				t.Errorf("acknowledged %v", got)
			}
			if leaves {
				r.Closed(1006, "")
			}
			close(rm.release)
			synctest.Wait()
			equal(t, "ann gets", s.got(), gotInit, gotEvent("said", "[1]"), gotReply(0, `["$Undefined",0]`), gotReply(1, `"ann"`))
			equal(t, "bob gets", blocker.got(), gotReply(0, `["$Undefined",0]`))
			if got := s.acked(); !slices.Equal(got, []uint64{1, 2, 3}) {
				t.Errorf("acknowledged %v", got)
			}
			if leaves {
				equal(t, "hooks", rm.take(), "in ann", "out ann of 1")
			} else {
				equal(t, "hooks", rm.take(), "in ann")
			}
		})
	}
}

// TestAcknowledgements: in order, each when its message has begun or is answered.
// What has not begun comes to the next generation.
func TestAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		s, r := join(t, in, "s", "ann")
		<-time.After(2 * time.Second) // it is stored
		rm.take()
		r.Message(5, true, call(0, "block", "[]"))
		r.Message(6, true, call(1, "echo", "[1]"))
		r.Message(7, true, call(2, "nope", "[]"))
		r.Message(8, true, call(3, "echo", "[2]"))
		synctest.Wait()
		if got := s.got(); len(got) != 1 || !strings.Contains(got[0], "action_not_found") {
			t.Errorf("answers: %q", got)
		}
		if got := s.acked(); !slices.Equal(got, []uint64{5}) {
			t.Errorf("while the first runs, %v are acknowledged", got)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- in.Stop(t.Context(), actor.Lost) }()
		synctest.Wait()
		if r.Message(9, true, call(4, "echo", "[3]")) {
			t.Error("a lost generation took a message")
		}
		close(rm.release)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if got := s.acked(); got != nil {
			t.Errorf("a lost generation acknowledged %v", got)
		}
		equal(t, "ran", rm.take(), "block")
		s.got()

		in = b.mustStart(t, s)
		r = in.Restored("s")
		for i, m := range [][]byte{call(1, "echo", "[1]"), call(2, "nope", "[]"), call(3, "echo", "[2]")} {
			r.Message(uint64(6+i), true, m)
		}
		synctest.Wait()
		equal(t, "ran again", rm.take(), "echo 1", "echo 2")
		if got := s.acked(); len(got) == 0 || got[len(got)-1] != 8 || !slices.IsSorted(got) {
			t.Errorf("acknowledged %v", got)
		}
		b.stop(t, in, actor.Sleeping)
	})
}

// TestGuardedSubscription: what a client sends behind a subscription waits for
// the guard's decision, also when that gives its turn away.
func TestGuardedSubscription(t *testing.T) {
	tests := []struct {
		name string
		ok   bool
		err  error
		want []string
	}{
		{"yes", true, nil, []string{gotEvent("guarded", "[1]"), gotReply(0, `["$Undefined",0]`)}},
		{"no", false, nil, []string{"close 1011 auth.forbidden"}},
		{"user", false, actor.UserError("not_today", "", nil), []string{"close 1011 user.not_today"}},
		{"plain", false, errors.New("secret"), []string{"close 1011 rivetkit.internal_error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				rm.allow = func(c *actor.Context[roomState]) (bool, error) {
					rm.add("asked")
					if err := c.Await(func() error { <-time.After(time.Second); return nil }); err != nil {
						return false, err
					}
					return tt.ok, tt.err
				}
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				s, r := join(t, in, "s", "ann")
				rm.take()
				r.Message(1, true, unsubscribe("guarded"))
				r.Message(2, true, subscribe("guarded"))
				r.Message(3, true, call(0, "guardedSay", "[1]"))
				synctest.Wait()
				equal(t, "before the decision", s.got())
				<-time.After(time.Second)
				synctest.Wait()
				equal(t, "ann gets", s.got(), tt.want...)
				if tt.ok {
					equal(t, "hooks", rm.take(), "asked")
				} else {
					equal(t, "hooks", rm.take(), "asked", "out ann of 0")
					r.Closed(1011, "")
					synctest.Wait()
					equal(t, "hooks", rm.take())
				}
				b.stop(t, in, actor.Sleeping)
			})
		})
	}
}

// TestDisconnect: OnDisconnect runs once for each connection, whatever ends it.
func TestDisconnect(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, b *bench, in *actor.Instance, s *socket, r actor.Receiver)
		want []string // that ann gets
	}{
		{"client leaves", func(_ *testing.T, _ *bench, _ *actor.Instance, _ *socket, r actor.Receiver) {
			r.Closed(1000, "")
			r.Closed(1000, "")
		}, nil},
		{"client leaves when it is stored", func(_ *testing.T, _ *bench, _ *actor.Instance, _ *socket, r actor.Receiver) {
			<-time.After(2 * time.Second)
			r.Closed(1000, "")
		}, nil},
		{"actor disconnects", func(_ *testing.T, _ *bench, _ *actor.Instance, s *socket, r actor.Receiver) {
			r.Message(1, true, call(0, "leave", `["that is all"]`))
			synctest.Wait()
			r.Closed(1000, "that is all")
		}, []string{"close 1000 that is all"}},
		{"malformed message", func(_ *testing.T, _ *bench, _ *actor.Instance, _ *socket, r actor.Receiver) {
			r.Message(1, true, []byte("{"))
			r.Message(2, true, call(0, "echo", "[1]"))
			r.Closed(1011, "")
		}, []string{"close 1011 actor.invalid_request"}},
		{"message over the limit", func(_ *testing.T, _ *bench, _ *actor.Instance, _ *socket, r actor.Receiver) {
			r.Message(1, true, call(0, "name", "["+strings.Repeat(" ", 64<<10)+"]"))
			r.Closed(1011, "")
		}, []string{"close 1011 message.incoming_too_long"}},
		{"too many subscriptions", func(_ *testing.T, _ *bench, _ *actor.Instance, _ *socket, r actor.Receiver) {
			for i := range uint64(10) {
				r.Message(i+1, true, subscribe(fmt.Sprint(i)+strings.Repeat("x", 8000)))
			}
			synctest.Wait()
			r.Closed(1011, "")
		}, []string{"close 1011 actor.overloaded"}},
		{"leaves while it sleeps", func(t *testing.T, b *bench, in *actor.Instance, _ *socket, _ actor.Receiver) {
			b.stop(t, in, actor.Sleeping)
			in = b.mustStart(t)
			synctest.Wait()
			b.stop(t, in, actor.Sleeping)
		}, nil},
		{"leaves as it falls asleep", func(t *testing.T, b *bench, in *actor.Instance, _ *socket, r actor.Receiver) {
			b.stop(t, in, actor.Sleeping)
			r.Closed(1006, "")
			in = b.mustStart(t)
			b.stop(t, in, actor.Sleeping)
		}, nil},
		{"leaves when the host is gone", func(t *testing.T, b *bench, in *actor.Instance, _ *socket, _ actor.Receiver) {
			<-time.After(1100 * time.Millisecond)
			b.stop(t, in, actor.Lost)
			in = b.mustStart(t)
			b.stop(t, in, actor.GoingAway)
		}, nil},
		{"stays over a sleep", func(t *testing.T, b *bench, in *actor.Instance, s *socket, _ actor.Receiver) {
			b.stop(t, in, actor.Sleeping)
			in = b.mustStart(t, s)
			in.Restored(s.id).Closed(1000, "")
			b.stop(t, in, actor.Sleeping)
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rm room
				b := newBench(t, rm.define())
				in := b.mustStart(t)
				s, r := join(t, in, "s", "ann")
				tt.end(t, b, in, s, r)
				synctest.Wait()
				equal(t, "ann gets", s.got(), tt.want...)
				equal(t, "hooks", rm.take(), "in ann", "out ann of 0")
				if err := in.Stop(t.Context(), actor.Sleeping); err != nil {
					t.Error(err)
				}
				// It is not told again, and nothing is left behind.
				in = b.mustStart(t)
				synctest.Wait()
				equal(t, "hooks of the next generation", rm.take())
				b.stop(t, in, actor.Sleeping)
				for k := range b.data {
					if k[0] == 2 {
						t.Errorf("the store still has %q", k)
					}
				}
			})
		})
	}
	t.Run("destroyed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var rm room
			b := newBench(t, rm.define())
			in := b.mustStart(t)
			s, r := join(t, in, "s", "ann")
			r.Message(1, true, subscribe("said"))
			synctest.Wait()
			b.stop(t, in, actor.Destroying)
			r.Closed(1000, "")
			equal(t, "ann gets", s.got(), gotEvent("said", `["farewell"]`), "close 1000")
			equal(t, "hooks", rm.take(), "in ann", "destroyed with 1", "out ann of 0")
		})
	})
}

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

// TestLinkThatFails: one that cannot be sent to harms nobody else.
func TestLinkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rm room
		b := newBench(t, rm.define())
		in := b.mustStart(t)
		s1, r1 := join(t, in, "s1", "ann")
		s2, r2 := join(t, in, "s2", "bob")
		r1.Message(1, true, subscribe("said"))
		r2.Message(1, true, subscribe("said"))
		synctest.Wait()
		s1.broken = true
		r1.Message(2, true, call(0, "say", "[1]"))
		synctest.Wait()
		equal(t, "ann gets", s1.got())
		equal(t, "bob gets", s2.got(), gotEvent("said", "[1]"))
		r1.Closed(1006, "")
		synctest.Wait()
		equal(t, "hooks", rm.take(), "in ann", "in bob", "out ann of 1")
		s1.broken = false
		r2.Message(2, true, call(0, "say", "[2]"))
		synctest.Wait()
		equal(t, "ann, who has left, gets", s1.got())
		equal(t, "bob gets", s2.got(), gotEvent("said", "[2]"), gotReply(0, `["$Undefined",0]`))
		b.stop(t, in, actor.Destroying)
	})
}

// TestAnswersOverTheLimit: what is too large for a client is an error of that
// call alone.
func TestAnswersOverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := rivet.Action[int, string]("big")
		fails := rivet.Action[int, rivet.None]("fails")
		b := newBench(t, actor.Define("big", func(d *actor.Definition[roomState]) {
			actor.Handle(d, big, func(_ *actor.Context[roomState], n int) (string, error) { return strings.Repeat("x", n), nil })
			actor.Do(d, fails, func(_ *actor.Context[roomState], n int) error {
				return actor.UserError("big", "", strings.Repeat("x", n))
			})
		}, actor.MaxMessage(100, 1000)))
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Destroying)
		const tooLong = `{"body":{"tag":"Error","val":{"actionId":["$BigInt","1"],"code":"outgoing_too_long","group":"message","message":"Outgoing message too long"}}}`
		s := newSocket("s", "/connect")
		r := in.Open(s)
		envelope := len(gotReply(0, `""`))
		r.Message(1, true, call(0, "big", fmt.Sprintf("[%d]", 1000-envelope)))
		r.Message(2, true, call(1, "big", fmt.Sprintf("[%d]", 1001-envelope)))
		r.Message(3, true, call(1, "fails", "[1000]"))
		synctest.Wait()
		equal(t, "over a connection", s.got(), gotInit, gotReply(0, `"`+strings.Repeat("x", 1000-envelope)+`"`), tooLong, tooLong)
		if w := serve(in, "POST", "/action/big", `{"args":[987]}`); w.Code != 200 || w.Body.Len() != 1000 {
			t.Errorf("within the limit: %s", answer(w))
		}
		want := `400 {"actor":{"actorId":"<id>","generation":1,"key":"k"},"code":"outgoing_too_long","group":"message","message":"Outgoing message too long"}`
		if got := answer(serve(in, "POST", "/action/big", `{"args":[988]}`)); got != want {
			t.Errorf("over the limit: %s", got)
		}
		if got := answer(serve(in, "POST", "/action/big", strings.Repeat(" ", 100-len(`{"args":[1]}`))+`{"args":[1]}`)); got != `200 {"output":"x"}` {
			t.Errorf("a body as large as it may be: %s", got)
		}
		want = strings.NewReplacer("outgoing", "incoming", "Outgoing", "Incoming").Replace(want)
		if got := answer(serve(in, "POST", "/action/big", strings.Repeat(" ", 101-len(`{"args":[1]}`))+`{"args":[1]}`)); got != want {
			t.Errorf("a larger one: %s", got)
		}
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
