package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// socketActor serves raw WebSockets with f.
func socketActor(f func(*actor.Context[roomState], *actor.WebSocket) error, more ...func(*actor.Definition[roomState])) actor.Actor {
	return actor.Define("raw", func(d *actor.Definition[roomState]) {
		d.OnWebSocket(f)
		for _, m := range more {
			m(d)
		}
	})
}

// TestWebSocketMessages echoes: both kinds, in order, acknowledged as they are
// taken.
func TestWebSocketMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := make(chan struct{})
		b := newBench(t, socketActor(func(c *actor.Context[roomState], ws *actor.WebSocket) error {
			for m, err := range ws.Messages(c) {
				if err != nil {
					return err
				}
				if err := ws.Send(c, m); err != nil {
					return err
				}
				clear(m.Data) // which is the handler's
				<-step
			}
			return nil
		}))
		in := b.mustStart(t)
		s := newSocket("s", "/websocket/echo")
		r := in.Open(s)
		for i := range uint64(3) {
			r.Message(i+1, i != 1, []byte{'a' + byte(i)})
		}
		synctest.Wait()
		equal(t, "at first", s.got(), "a")
		if got := s.acked(); !slices.Equal(got, []uint64{1}) {
			t.Errorf("acknowledged %v", got)
		}
		step <- struct{}{}
		step <- struct{}{}
		synctest.Wait()
		equal(t, "then", s.got(), "62", "c")
		if got := s.acked(); !slices.Equal(got, []uint64{2, 3}) {
			t.Errorf("acknowledged %v", got)
		}
		close(step)
		r.Closed(1000, "")
		synctest.Wait()
		equal(t, "at the end", s.got(), "close 1000")
		b.stop(t, in, actor.Sleeping)
	})
}

// TestWebSocketEnds: how a socket ends for the handler and for the client.
func TestWebSocketEnds(t *testing.T) {
	errDone := errors.New("secret")
	all := func(c *actor.Context[roomState], ws *actor.WebSocket) error {
		for _, err := range ws.Messages(c) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	tests := []struct {
		name   string
		serve  func(*actor.Context[roomState], *actor.WebSocket) error
		client func(actor.Receiver)
		want   string // that the client gets
		logs   string // what an error in the log has
	}{
		{"returns", func(*actor.Context[roomState], *actor.WebSocket) error { return nil }, nil, "close 1000", ""},
		{"user error", func(*actor.Context[roomState], *actor.WebSocket) error {
			return fmt.Errorf("x: %w", actor.UserError("enough", "", nil))
		}, nil, "close 1011 user.enough", ""},
		{"error", func(*actor.Context[roomState], *actor.WebSocket) error { return errDone }, nil, "close 1011 rivetkit.internal_error", "secret"},
		{"panic", func(*actor.Context[roomState], *actor.WebSocket) error { panic("oops") }, nil, "close 1011 rivetkit.internal_error", "websocket_test.go"},
		{"closes", func(c *actor.Context[roomState], ws *actor.WebSocket) error {
			if err := ws.Close(4001, "custom"); err != nil {
				return err
			}
			if err := ws.Send(c, rivet.Message{Data: []byte("x")}); !errors.Is(err, rivet.ErrClosed) {
				t.Errorf("Send behind Close: %v", err)
			}
			_ = ws.Close(1000, "again")
			return all(c, ws)
		}, nil, "close 4001 custom", ""},
		{"closes from many goroutines", func(c *actor.Context[roomState], ws *actor.WebSocket) error {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { _ = ws.Close(4001, "custom") })
			}
			wg.Wait()
			return all(c, ws)
		}, nil, "close 4001 custom", ""},
		{"closes with what is no code", func(_ *actor.Context[roomState], ws *actor.WebSocket) error {
			for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 2000, 5000, -1} {
				if ws.Close(code, "") == nil {
					t.Errorf("Close(%d) is no error", code)
				}
			}
			return nil
		}, nil, "close 1000", ""},
		{"client closes", all, func(r actor.Receiver) { r.Closed(1001, "") }, "close 1000", ""},
		{"client closes without code", all, func(r actor.Receiver) { r.Closed(1005, "") }, "close 1000", ""},
		{"client is cut off", all, func(r actor.Receiver) { r.Closed(1006, "") }, "close 1011 rivetkit.internal_error", ""},
		{"client closes with a code", func(c *actor.Context[roomState], ws *actor.WebSocket) error {
			err := all(c, ws)
			if e, ok := errors.AsType[*rivet.CloseError](err); !ok || e.Code != 4002 || e.Reason != "bye" {
				t.Errorf("the end is %v", err)
			}
			return nil
		}, func(r actor.Receiver) { r.Closed(4002, "bye") }, "close 1000", ""},
		{"text that is no UTF-8", all, func(r actor.Receiver) { r.Message(1, true, []byte{0xff}) }, "close 1007 message.invalid_utf8", ""},
		{"sends text that is no UTF-8", func(c *actor.Context[roomState], ws *actor.WebSocket) error {
			if ws.Send(c, rivet.Message{Text: true, Data: []byte{0xff}}) == nil {
				t.Error("it was sent")
			}
			ctx, cancel := context.WithCancel(c)
			cancel()
			if err := ws.Send(ctx, rivet.Message{Data: []byte("x")}); !errors.Is(err, context.Canceled) {
				t.Errorf("Send with a context that is done: %v", err)
			}
			for _, err := range ws.Messages(ctx) {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Messages with a context that is done: %v", err)
				}
			}
			return nil
		}, nil, "close 1000", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n notes
				log, option := logged()
				b := newBench(t, socketActor(tt.serve, func(d *actor.Definition[roomState]) {
					d.OnDisconnect(func(*actor.Context[roomState], *actor.Conn) { n.add("out") })
				}), option)
				in := b.mustStart(t)
				s := newSocket("s", "/websocket")
				r := in.Open(s)
				if tt.client != nil {
					tt.client(r)
				}
				synctest.Wait()
				equal(t, "the client gets", s.got(), tt.want)
				r.Message(9, true, []byte("late"))
				r.Closed(1000, "")
				synctest.Wait()
				equal(t, "hooks", n.take(), "out")
				b.stop(t, in, actor.Sleeping)
				errs := strings.Count(log.String(), "level=ERROR")
				if tt.logs == "" && errs != 0 || tt.logs != "" && (errs != 1 || !strings.Contains(log.String(), tt.logs)) {
					t.Errorf("the log has:\n%s", log)
				}
			})
		})
	}
}

// TestWebSocketsOfStoppingActor: raw sockets do not survive, and their handlers
// are told in time, also those of a socket that comes late.
func TestWebSocketsOfStoppingActor(t *testing.T) {
	for reason, want := range map[actor.StopReason]string{
		actor.Sleeping: "close 1000 actor.stopped", actor.GoingAway: "close 1000 actor.stopped",
		actor.Destroying: "close 1000", actor.Lost: "close 1000 actor.stopped",
	} {
		t.Run(reason.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n notes
				b := newBench(t, socketActor(func(c *actor.Context[roomState], ws *actor.WebSocket) error {
					for range ws.Messages(context.WithoutCancel(c)) {
						n.add("message")
					}
					n.add("end")
					return nil
				}, func(d *actor.Definition[roomState]) {
					d.OnDisconnect(func(*actor.Context[roomState], *actor.Conn) { n.add("out") })
				}))
				in := b.mustStart(t)
				s := newSocket("s", "/websocket")
				in.Open(s)
				synctest.Wait()
				release, _ := in.Hold()
				begin := time.Now()
				stopped := make(chan struct{})
				go func() { defer close(stopped); b.stop(t, in, reason) }()
				synctest.Wait()
				late := newSocket("late", "/websocket")
				if reason != actor.Lost {
					in.Open(late)
				}
				release()
				<-stopped
				if d := time.Since(begin); d != 0 {
					t.Errorf("the stop took %v", d)
				}
				equal(t, "the client gets", s.got(), want)
				if reason == actor.Lost {
					equal(t, "hooks", n.take(), "end")
					return
				}
				equal(t, "the late client gets", late.got(), want)
				equal(t, "hooks", n.take(), "end", "out", "end", "out")
			})
		})
	}
}

// TestNoWebSocketHandler: nobody waits for an answer that does not come, and who
// may not connect does not learn that there is none.
func TestNoWebSocketHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		b := newBench(t, actor.Define("deaf", func(d *actor.Definition[roomState]) {
			actor.OnBeforeConnect(d, func(_ *actor.ConnectContext, p login) error {
				if p.Name == "" {
					return actor.UserError("nameless", "no", nil)
				}
				return nil
			})
			d.OnConnect(func(*actor.Context[roomState], *actor.Conn) error { n.add("in"); return nil })
			d.OnDisconnect(func(*actor.Context[roomState], *actor.Conn) { n.add("out") })
		}))
		in := b.mustStart(t)
		stranger := newSocket("a", "/websocket/x")
		in.Open(stranger)
		synctest.Wait()
		equal(t, "a stranger gets", stranger.got(), "close 1011 user.nameless")
		equal(t, "hooks", n.take())
		friend := newSocket("b", "/websocket/x", "rivet_conn_params.%7B%22name%22%3A%22b%22%7D")
		in.Open(friend).Message(1, true, []byte("x"))
		synctest.Wait()
		equal(t, "a friend gets", friend.got(), "close 1011 actor.not_found")
		equal(t, "hooks", n.take(), "in", "out")
		b.stop(t, in, actor.Sleeping)
	})
}
