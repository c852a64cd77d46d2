package actor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
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
