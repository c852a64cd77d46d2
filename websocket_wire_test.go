package rivet_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// wire is a network connection whose writes a test has in its hands.
type wire struct {
	net.Conn
	mu       sync.Mutex
	write    func(p []byte) (int, error) // nil for the connection's own
	frames   []byte                      // the first byte of each write
	deadline time.Time
	set      chan struct{} // closed when deadline changes
	gone     chan struct{}
	once     sync.Once
}

func (w *wire) hook(f func(p []byte) (int, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write = f
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	f := w.write
	w.frames = append(w.frames, p[0])
	w.mu.Unlock()
	if f == nil {
		f = w.Conn.Write
	}
	return f(p)
}

func (w *wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	w.deadline = t
	close(w.set)
	w.set = make(chan struct{})
	w.mu.Unlock()
	return w.Conn.SetWriteDeadline(t)
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.gone) })
	return w.Conn.Close()
}

// stuck is a write to a peer that does not read.
func (w *wire) stuck([]byte) (int, error) {
	for {
		w.mu.Lock()
		deadline, set := w.deadline, w.set
		w.mu.Unlock()
		var due <-chan time.Time
		if !deadline.IsZero() {
			due = time.After(time.Until(deadline))
		}
		select {
		case <-due:
			return 0, os.ErrDeadlineExceeded
		case <-w.gone:
			return 0, net.ErrClosed
		case <-set:
		}
	}
}

// wrote reports whether a frame of that opcode was written.
func (w *wire) wrote(op rivettest.Opcode) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.frames {
		if b == 0x80|byte(op) {
			return true
		}
	}
	return false
}

// onWire opens a socket to serve in a bubble and hands it over with its wire.
// Pings come every 20 s and want an answer within 10 s.
func onWire(t *testing.T, serve func(context.Context, *rivettest.Conn), f func(*rivet.WebSocket, *wire)) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		gw.Actor("counter").OnWebSocket(serve)
		var out *wire
		c, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithoutMetadataLookup(), rivet.WithPing(20*time.Second, 10*time.Second),
			rivet.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := gw.Dial(ctx, network, addr)
				out = &wire{Conn: nc, set: make(chan struct{}), gone: make(chan struct{})}
				return out, err
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ws, err := c.GetOrCreate("counter", nil).WebSocket(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		out.mu.Lock()
		out.frames = nil // of the handshake
		out.mu.Unlock()
		f(ws, out)
	})
}

// A cancel that comes too late for its message does no harm to the next one.
func TestWebSocketSendCancelledLate(t *testing.T) {
	onWire(t, echo, func(ws *rivet.WebSocket, out *wire) {
		ctx, cancel := context.WithCancel(context.Background())
		out.hook(func(p []byte) (int, error) {
			defer cancel()
			return out.Conn.Write(p)
		})
		if err := ws.Send(ctx, rivet.Text("a")); err != nil {
			t.Errorf("a message that was out: %v", err)
		}
		out.hook(nil)
		synctest.Wait() // what the cancel does is done
		if err := ws.Send(context.Background(), rivet.Text("b")); err != nil {
			t.Errorf("the next message: %v", err)
		}
		got := ""
		for m, err := range ws.Messages(context.Background()) {
			if got += string(m.Data); err != nil || len(got) == 2 {
				break
			}
		}
		if got != "ab" {
			t.Errorf("the actor got %q", got)
		}
	})
}

// A message that was cut in the middle ends the socket: nothing may follow it.
func TestWebSocketSendCut(t *testing.T) {
	onWire(t, echo, func(ws *rivet.WebSocket, out *wire) {
		ctx, cancel := context.WithCancel(context.Background())
		out.hook(func(p []byte) (int, error) {
			cancel()
			n, _ := out.Conn.Write(p[:1])
			return n, os.ErrDeadlineExceeded
		})
		if err := ws.Send(ctx, rivet.Text("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("cut: %v", err)
		}
		out.hook(nil)
		synctest.Wait()
		if ws.Err() == nil {
			t.Error("the socket is open after half a message")
		}
	})
}

// Nobody waits for a peer that does not read for longer than was said.
func TestWebSocketPeerThatDoesNotRead(t *testing.T) {
	t.Run("send", func(t *testing.T) {
		onWire(t, echo, func(ws *rivet.WebSocket, out *wire) {
			out.hook(out.stuck)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			start := time.Now()
			err := ws.Send(ctx, rivet.Text("a"))
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		})
	})
	t.Run("ping", func(t *testing.T) {
		onWire(t, echo, func(ws *rivet.WebSocket, out *wire) {
			out.hook(out.stuck)
			start := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			for range ws.Messages(ctx) {
			}
			if took := time.Since(start); ws.Err() == nil || took != 30*time.Second {
				t.Errorf("%v after %v", ws.Err(), took)
			}
		})
	})
	t.Run("close", func(t *testing.T) {
		onWire(t, echo, func(ws *rivet.WebSocket, out *wire) {
			out.hook(func(p []byte) (int, error) { return len(p), nil }) // never arrives
			start := time.Now()
			ws.Close()
			if took := time.Since(start); took != time.Second {
				t.Errorf("closed after %v", took)
			}
		})
	})
}

// The limit of a ping's write ends with it.
func TestWebSocketSendBetweenPings(t *testing.T) {
	onWire(t, echo, func(ws *rivet.WebSocket, _ *wire) {
		<-time.After(35 * time.Second)
		if err := ws.Send(context.Background(), rivet.Text("a")); err != nil {
			t.Error(err)
		}
	})
}

func TestWebSocketAnswersControlFrames(t *testing.T) {
	tests := []struct {
		name  string
		serve func(c *rivettest.Conn)
		want  rivettest.Opcode
		ends  bool
	}{
		{"ping", func(c *rivettest.Conn) { c.SendFrame(true, rivettest.OpPing, []byte("x")) }, rivettest.OpPong, false},
		{"close", func(c *rivettest.Conn) { c.SendFrame(true, rivettest.OpClose, []byte{3, 232}) }, rivettest.OpClose, true},
		{"nonsense", func(c *rivettest.Conn) { c.SendRaw([]byte{0xf1, 0}) }, rivettest.OpClose, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onWire(t, func(ctx context.Context, c *rivettest.Conn) { tt.serve(c); echo(ctx, c) }, func(ws *rivet.WebSocket, out *wire) {
				synctest.Wait()
				if !out.wrote(tt.want) || (ws.Err() != nil) != tt.ends {
					t.Errorf("wrote %x, then %v", out.frames, ws.Err())
				}
			})
		})
	}
}

// A message is its receiver's, whatever arrives after it.
func TestWebSocketMessagesAreKept(t *testing.T) {
	// More than a reader buffers, so that it has to use its buffer again.
	var sent []string
	for c := 'a'; c <= 'z'; c++ {
		sent = append(sent, strings.Repeat(string(c), 8000))
	}
	onWire(t, func(_ context.Context, c *rivettest.Conn) {
		for _, s := range sent {
			c.SendText(s)
		}
		c.Close(1000, "")
	}, func(ws *rivet.WebSocket, _ *wire) {
		var kept []rivet.Message
		for m, err := range ws.Messages(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, m)
			synctest.Wait() // the next one is read meanwhile
		}
		if len(kept) != len(sent) {
			t.Fatalf("%d messages of %d", len(kept), len(sent))
		}
		for i, m := range kept {
			if string(m.Data) != sent[i] {
				t.Errorf("message %d is %.10q… now", i, m.Data)
			}
		}
	})
}

// An end without a close frame has the code that stands for it.
func TestWebSocketHungUp(t *testing.T) {
	onWire(t, func(_ context.Context, c *rivettest.Conn) { c.HangUp() }, func(ws *rivet.WebSocket, _ *wire) {
		synctest.Wait()
		var ce *rivet.CloseError
		if err := ws.Err(); !errors.As(err, &ce) || ce.Code != 1006 {
			t.Errorf("%v", err)
		}
	})
}
