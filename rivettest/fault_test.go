package rivettest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

// attempt dials counter[k]; it does not read Init.
func attempt(t *testing.T, gw *rivettest.Gateway) (*rawClient, error) {
	t.Helper()
	c, err := dialRaw(t, gw, gw.ConnectURL("counter", "k"), "rivet", "rivet_encoding.bare")
	return c, err
}

func TestScriptRunsInOrderThenPasses(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		counter(gw)
		gw.Script(rivettest.Refuse(2), rivettest.Status(503, `{"group":"guard"}`).Times(2), rivettest.Reset())
		for range 2 {
			if _, err := attempt(t, gw); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("got %v, want connection refused", err)
			}
		}
		for range 2 {
			_, err := attempt(t, gw)
			var refused *ws.RefusedError
			if !errors.As(err, &refused) || refused.Status != 503 || string(refused.Body) != `{"group":"guard"}` ||
				refused.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %v, want 503", err)
			}
		}
		if _, err := attempt(t, gw); err == nil {
			t.Error("reset: no error")
		}
		c, err := attempt(t, gw)
		if err != nil {
			t.Fatal(err)
		}
		c.init()
		var steps []string
		for _, a := range gw.Attempts() {
			steps = append(steps, a.Step)
		}
		if want := []string{"refuse", "refuse", "status 503", "status 503", "reset", ""}; !slices.Equal(steps, want) {
			t.Errorf("attempts %q", steps)
		}
		if a := gw.Attempts()[5]; a.Conn != gw.Conn(0) || a.Header.Get("Upgrade") == "" {
			t.Errorf("attempt %+v", a)
		}
	})
}

func TestRefuseWithoutDialResets(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Script(rivettest.Refuse(1))
	u := gw.ConnectURL("counter")
	var d net.Dialer
	if _, err := ws.Dial(timeout(t), ws.DialConfig{URL: u, Protocols: []string{"rivet"}, NetDial: d.DialContext}); err == nil {
		t.Error("not refused")
	}
}

func TestFaultsOfConnections(t *testing.T) {
	for _, tc := range []struct {
		step rivettest.Step
		want func(*testing.T, *rivettest.Gateway, *rawClient)
	}{
		{rivettest.NoInit(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			_ = c.hs.Conn.SetReadDeadline(time.Now().Add(time.Hour))
			if _, err := c.in.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want silence", err)
			}
		}},
		{rivettest.LateInit(3 * time.Second), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			start := time.Now()
			c.init()
			if d := time.Since(start); d != 3*time.Second {
				t.Errorf("after %v", d)
			}
			c.call("increment")
			c.read()
		}},
		{rivettest.DuplicateInit(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			c.init()
		}},
		{rivettest.DropBeforeInit(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			if _, err := c.in.Next(); err != io.EOF {
				t.Errorf("got %v, want the end", err)
			}
		}},
		{rivettest.DropAfterInit(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if _, err := c.in.Next(); err != io.EOF {
				t.Errorf("got %v, want the end", err)
			}
		}},
		{rivettest.DropMidFrame(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if _, err := c.in.Next(); err != io.ErrUnexpectedEOF {
				t.Errorf("got %v, want an end in a frame", err)
			}
		}},
		{rivettest.HalfOpen(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if err := gw.Conn(0).Flush(timeout(t)); err != nil {
				t.Error(err)
			}
			c.send(ws.OpPing, []byte("there?"))
			c.call("increment")
			_ = c.hs.Conn.SetReadDeadline(time.Now().Add(time.Hour))
			if _, err := c.in.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want silence", err)
			}
			if n := len(gw.Conn(0).Messages(nil)); n != 0 {
				t.Errorf("%d messages read", n)
			}
			gw.Conn(0).Resume()
			if _, err := gw.Conn(0).WaitMessage(timeout(t), rivettest.IsAction("increment")); err != nil {
				t.Errorf("after Resume: %v", err)
			}
		}},
		{rivettest.CloseBeforeInit(1011, "guard.actor_ready_timeout#r"), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			if code, reason := c.readClose(); code != 1011 || reason != "guard.actor_ready_timeout#r" {
				t.Errorf("%d %q", code, reason)
			}
		}},
		{rivettest.CloseAfterInit(1000, ""), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if code, reason := c.readClose(); code != 1000 || reason != "" {
				t.Errorf("%d %q", code, reason)
			}
		}},
		{rivettest.Fail(rivettest.UserError("no", "No.", nil)), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			if m := c.read(); m.Kind != codec.KindError || m.HasID || m.Err.Code != "no" {
				t.Errorf("got %+v", m)
			}
			if code, reason := c.readClose(); code != 1011 || reason != "user.no" {
				t.Errorf("%d %q", code, reason)
			}
		}},
		{rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "", nil)), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			if code, reason := c.readClose(); code != 1011 || !strings.HasPrefix(reason, "guard.actor_ready_timeout#") {
				t.Errorf("%d %q", code, reason)
			}
		}},
		{rivettest.Garbage([]byte{0xff, 0xff, 9}), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if m, err := c.in.Next(); err != nil || string(m.Payload) != "\xff\xff\x09" {
				t.Errorf("% x %v", m.Payload, err)
			}
		}},
		{rivettest.Oversize(1 << 40), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			var big *ws.TooLargeError
			if _, err := c.in.Next(); !errors.As(err, &big) || big.Size != 1<<40 {
				t.Errorf("got %v", err)
			}
		}},
		{rivettest.Fragments(3), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			early := make([]byte, 5)
			if _, err := io.ReadFull(io.MultiReader(strings.NewReader(string(c.hs.Early)), c.hs.Conn), early); err != nil {
				t.Fatal(err)
			}
			if early[0] != 0x02 || early[1] != 3 { // binary, not final, three bytes
				t.Errorf("frame begins with % x", early[:2])
			}
		}},
		{rivettest.Latency(time.Second), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			start := time.Now()
			c.init()
			c.call("reset")
			c.call("increment")
			a, b := c.read(), c.read()
			if a.ID != 0 || b.ID != 1 || time.Since(start) != 2*time.Second {
				t.Errorf("replies %d, %d after %v", a.ID, b.ID, time.Since(start))
			}
		}},
		{rivettest.SlowReads(time.Minute / 4), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			start := time.Now()
			c.call("increment")
			c.read()
			if d := time.Since(start); d < 10*time.Second {
				t.Errorf("answered after %v", d)
			}
		}},
		{rivettest.Reorder(3), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			for range 3 {
				c.call("increment")
			}
			if a, b, d := c.read(), c.read(), c.read(); a.ID != 2 || b.ID != 1 || d.ID != 0 {
				t.Errorf("replies %d, %d, %d", a.ID, b.ID, d.ID)
			}
		}},
		{rivettest.DuplicateReplies(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			c.call("increment")
			if a, b := c.read(), c.read(); a.ID != 0 || b.ID != 0 || a.Kind != b.Kind {
				t.Errorf("got %+v, %+v", a, b)
			}
		}},
		{rivettest.UnknownReplies(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			c.call("increment")
			if a, b := c.read(), c.read(); a.ID == 0 || b.ID != 0 {
				t.Errorf("replies %d, %d", a.ID, b.ID)
			}
		}},
		{rivettest.Unanswered(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			id := c.call("increment")
			if _, err := gw.Conn(0).WaitMessage(timeout(t), rivettest.IsAction("increment")); err != nil {
				t.Fatal(err)
			}
			gw.Conn(0).Reply(id, 42)
			if m := c.read(); decode[int](t, codec.BARE, m.Value) != 42 {
				t.Errorf("got %+v", m)
			}
		}},
		{rivettest.NoPongs(), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			c.send(ws.OpPing, nil)
			c.call("increment")
			if m, err := c.in.Next(); err != nil || m.Op != ws.OpBinary {
				t.Errorf("%v %v", m.Op, err)
			}
		}},
		{rivettest.Delay(time.Second), func(t *testing.T, gw *rivettest.Gateway, c *rawClient) {
			c.init()
			if d := gw.Conn(0).Messages(nil); d != nil {
				t.Errorf("messages %v", d)
			}
		}},
	} {
		t.Run(tc.step.String(), func(t *testing.T) {
			inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
				counter(gw)
				gw.Script(tc.step)
				c := connectRaw(t, gw, codec.BARE)
				tc.want(t, gw, c)
				if n := gw.Attempts()[0].Step; n != tc.step.String() {
					t.Errorf("recorded as %q", n)
				}
			})
		})
	}
}

func TestHandshakeCanBeSpoiled(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Handshake(func(h http.Header) { h.Set("Sec-WebSocket-Accept", "wrong") }))
		if _, err := attempt(t, gw); err == nil {
			t.Error("a wrong accept key passed")
		}
	})
}

func TestHangHoldsTheHandshake(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := ws.Dial(ctx, ws.DialConfig{URL: gw.ConnectURL("counter"), NetDial: gw.Dial, Protocols: []string{"rivet"}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestHangDial(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.HangDial())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := gw.Dial(ctx, "tcp", "anywhere:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		conn, err := gw.Dial(t.Context(), "tcp", "anywhere:80")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
}

func TestDownAndUp(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		counter(gw)
		endpoint := gw.Endpoint()
		c, err := attempt(t, gw)
		if err != nil {
			t.Fatal(err)
		}
		c.enc = codec.BARE
		c.init()
		gw.Down()
		if _, err := c.in.Next(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want reset", err)
		}
		if err := gw.WaitOpenConns(timeout(t), 0); err != nil {
			t.Error(err)
		}
		if _, err := attempt(t, gw); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want refused", err)
		}
		if _, _, _, err := post(t, gw, codec.BARE, "increment"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want refused", err)
		}
		gw.Up()
		if gw.Endpoint() != endpoint {
			t.Errorf("moved to %s", gw.Endpoint())
		}
		c, err = attempt(t, gw)
		if err != nil {
			t.Fatal(err)
		}
		c.init()
		gw.Restart()
		if _, _, _, err := post(t, gw, codec.BARE, "increment"); err != nil {
			t.Error(err)
		}
	})
}

func TestImperativeFaults(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		conn := gw.Conn(0)
		conn.PauseWrites()
		c.call("increment")
		_ = c.hs.Conn.SetReadDeadline(time.Now().Add(time.Second))
		one := make([]byte, 1)
		if _, err := c.hs.Conn.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("paused, but read %v", err)
		}
		_ = c.hs.Conn.SetReadDeadline(time.Time{})
		conn.Resume()
		c.read()
		conn.SendError(rivettest.Error("actor", "stopping", "", nil))
		if m := c.read(); m.Kind != codec.KindError || m.HasID {
			t.Errorf("got %+v", m)
		}
		conn.EmitRaw("x", []byte{0x81, 5})
		if m := c.read(); m.Kind != codec.KindEvent || decode[[]int](t, codec.BARE, m.Value)[0] != 5 {
			t.Errorf("got %+v", m)
		}
		conn.Drop()
		if _, err := c.in.Next(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v", err)
		}
		if conn.SendInit() {
			t.Error("sent after the drop")
		}

		c = connectRaw(t, gw, codec.BARE)
		c.init()
		gw.Instance("counter", "k").Destroy()
		if code, reason := c.readClose(); code != 1000 || reason != "" {
			t.Errorf("destroyed: %d %q", code, reason)
		}
	})
}

func TestCloseWithoutAnswerEndsAnyway(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		start := time.Now()
		gw.Conn(0).Close(1001, "ws.going_away")
		if err := gw.Conn(0).WaitClosed(timeout(t)); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("after %v", d)
		}
	})
}
