package rivet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// echo answers each message with itself until the socket ends.
func echo(ctx context.Context, c *rivettest.Conn) {
	for {
		m, err := c.Receive(ctx)
		if err != nil {
			return
		}
		if m.Kind == rivettest.TextMessage {
			c.SendText(string(m.Data))
		} else {
			c.SendBinary(m.Data)
		}
	}
}

func TestWebSocket(t *testing.T) {
	gw := newGateway(t)
	gw.Actor("counter").OnWebSocket(echo)
	ctx := t.Context()
	c := gw.Client(t)
	for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
		ws, err := c.GetOrCreate("counter", key, rivet.WithParams("p")).WebSocket(ctx, "stream/x?y=1")
		if err != nil {
			t.Fatal(err)
		}
		if ws.Subprotocol() != "rivet" {
			t.Errorf("subprotocol %q", ws.Subprotocol())
		}
		sent := []rivet.Message{rivet.Text("hello"), rivet.Binary([]byte{0, 255}), rivet.Text(""), rivet.Text(strings.Repeat("ü", 50_000))}
		for _, m := range sent {
			if err := ws.Send(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		i := 0
		for m, err := range ws.Messages(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Text != sent[i].Text || string(m.Data) != string(sent[i].Data) {
				t.Errorf("message %d is %v %q", i, m.Text, m.Data)
			}
			if i++; i == len(sent) {
				break
			}
		}
		if err := ws.Send(ctx, rivet.Text("\xff")); err == nil {
			t.Error("text that is not UTF-8 was sent")
		}
		// Leaving the loop and its context leave the socket alone.
		short, cancel := context.WithCancel(ctx)
		cancel()
		for range ws.Messages(short) {
			t.Error("a message")
		}
		if err := ws.Send(short, rivet.Text("x")); !errors.Is(err, context.Canceled) {
			t.Errorf("send: %v", err)
		}
		if err := ws.Send(ctx, rivet.Text("y")); err != nil {
			t.Error(err)
		}
		if err := ws.Err(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := ws.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := ws.Err(); !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := ws.Send(ctx, rivet.Text("x")); !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("send: %v", err)
		}
		for _, err := range ws.Messages(ctx) {
			if !errors.Is(err, rivet.ErrClosed) {
				t.Errorf("messages: %v", err)
			}
		}
	}
	for _, a := range gw.Attempts() {
		if !strings.HasSuffix(a.URL.Path, "/websocket/stream/x") || !strings.Contains(a.URL.RawQuery, "y=1") {
			t.Errorf("opened %s", a.URL)
		}
	}
}

func TestWebSocketClosedByTheActor(t *testing.T) {
	tests := []struct {
		code   int
		reason string
		clean  bool
	}{
		{1000, "", true},
		{1000, "done", true},
		{1001, "ws.going_away", true},
		{4001, "custom", false},
		{1011, "actor.not_found#ray7", false},
	}
	for _, tt := range tests {
		gw := newGateway(t)
		gw.Actor("counter").OnWebSocket(func(_ context.Context, c *rivettest.Conn) {
			c.SendText("last")
			c.Close(tt.code, tt.reason)
		})
		ws, err := gw.Client(t).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var final error
		for m, err := range ws.Messages(t.Context()) {
			if final = err; err == nil {
				got = append(got, string(m.Data))
			}
		}
		if len(got) != 1 || (final == nil) != tt.clean {
			t.Errorf("%d %q: got %q, then %v", tt.code, tt.reason, got, final)
		}
		var ce *rivet.CloseError
		if err := ws.Err(); !errors.As(err, &ce) || ce.Code != tt.code || ce.Reason != tt.reason {
			t.Errorf("%d %q: %v", tt.code, tt.reason, err)
		}
		if tt.code == 1011 && (!errors.Is(final, rivet.ErrActorNotFound) || ce.RayID != "ray7") {
			t.Errorf("%v is not typed", final)
		}
		ws.Close()
	}
}

func TestWebSocketEndsWithTheClient(t *testing.T) {
	gw := newGateway(t)
	gw.Actor("counter").OnWebSocket(echo)
	c := gw.Client(t)
	ws, err := c.GetOrCreate("counter", nil).WebSocket(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := ws.Err(); !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestWebSocketRefused(t *testing.T) {
	gw := newGateway(t)
	gw.Script(rivettest.Status(403, `{"group":"api","code":"forbidden","message":"no"}`))
	_, err := gw.Client(t).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
	if !errors.Is(err, rivet.ErrForbidden) {
		t.Errorf("%v", err)
	}
	if n := len(gw.Attempts()); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

func TestWebSocketDropped(t *testing.T) {
	gw := newGateway(t)
	gw.Actor("counter").OnWebSocket(func(_ context.Context, c *rivettest.Conn) { c.Drop() })
	ws, err := gw.Client(t).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	var final error
	for _, err := range ws.Messages(t.Context()) {
		final = err
	}
	if final == nil {
		t.Error("a socket that was cut ends in good order")
	}
}

// A server that falls silent is noticed; one whose messages nobody takes is
// not mistaken for one.
func TestWebSocketLiveness(t *testing.T) {
	noEnv(t)
	t.Run("silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory())
			gw.Actor("counter").OnWebSocket(echo)
			gw.Script(rivettest.NoPongs())
			ws, err := gw.Client(t, rivet.WithPing(20*time.Second, 10*time.Second)).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			start := time.Now()
			var final error
			for _, err := range ws.Messages(t.Context()) {
				final = err
			}
			if took := time.Since(start); final == nil || took != 30*time.Second {
				t.Errorf("%v after %v", final, took)
			}
		})
	})
	// Whoever takes a message at the last moment leaves no time to hear more.
	t.Run("taken late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory())
			gw.Actor("counter").OnWebSocket(func(ctx context.Context, c *rivettest.Conn) { greet(ctx, c); echo(ctx, c) })
			gw.Script(rivettest.NoPongs())
			ws, err := gw.Client(t, rivet.WithPing(20*time.Second, 10*time.Second)).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			start := time.Now()
			<-time.After(30*time.Second - 1)
			var final error
			for _, err := range ws.Messages(t.Context()) {
				final = err
			}
			if took := time.Since(start); final == nil || took != 50*time.Second {
				t.Errorf("%v after %v", final, took)
			}
		})
	})
	t.Run("untaken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory())
			gw.Actor("counter").OnWebSocket(func(ctx context.Context, c *rivettest.Conn) {
				for i := range 3 {
					c.SendText(string(rune('a' + i)))
				}
				echo(ctx, c)
			})
			ws, err := gw.Client(t).GetOrCreate("counter", nil).WebSocket(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			<-time.After(10 * time.Minute)
			got := ""
			for m, err := range ws.Messages(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if got += string(m.Data); len(got) == 3 {
					break
				}
			}
			if got != "abc" {
				t.Errorf("got %q", got)
			}
		})
	})
}
