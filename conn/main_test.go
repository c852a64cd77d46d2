package conn_test

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestMain(m *testing.M) {
	if os.Getenv(servesEvents) != "" {
		serveEvents()
		return
	}
	goleak.VerifyTestMain(m)
}

// inBubble runs f with a gateway in memory, on the fake clock of a synctest
// bubble; a goroutine left behind fails the test.
func inBubble(t *testing.T, f func(t *testing.T, gw *rivettest.Gateway), opts ...rivettest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gw := rivettest.NewGateway(t, append(opts, rivettest.InMemory())...)
		room := gw.Actor("room")
		room.Handle("echo", func(_ context.Context, r *rivettest.Request) (any, error) { return r.Args, nil })
		room.Handle("emit", func(_ context.Context, r *rivettest.Request) (any, error) {
			var n int
			if err := r.Decode(&n); err != nil {
				return nil, err
			}
			r.Emit(tick, n)
			return n, nil
		})
		room.Handle("wait", func(ctx context.Context, r *rivettest.Request) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		f(t, gw)
	})
}

// config is that of a connection to the room of gw.
func config(gw *rivettest.Gateway) conn.Config {
	return conn.Config{
		Actor:   "room[a]",
		Name:    "room",
		Key:     []string{"a"},
		NetDial: gw.Dial,
		Target: func(context.Context) (*conn.Target, error) {
			return &conn.Target{
				URL:       gw.ConnectURL("room", "a"),
				Protocols: []string{"rivet", "rivet_encoding.bare"},
			}, nil
		},
	}
}

// connect opens a connection that the end of the test closes.
func connect(t testing.TB, cfg conn.Config) *conn.Conn {
	t.Helper()
	c := conn.New(context.Background(), cfg)
	t.Cleanup(func() { c.Close() })
	return c
}

// gated is connect with the first attempt held back until start is called, so
// that callbacks can be registered before.
func gated(t *testing.T, cfg conn.Config) (c *conn.Conn, start func()) {
	t.Helper()
	gate := make(chan struct{})
	target := cfg.Target
	cfg.Target = func(ctx context.Context) (*conn.Target, error) {
		select {
		case <-gate:
			return target(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return connect(t, cfg), func() { close(gate) }
}

func ready(t *testing.T, c *conn.Conn) {
	t.Helper()
	if err := c.Ready(t.Context()); err != nil {
		t.Fatalf("Ready: %v", err)
	}
}

// ints decodes the arguments of an event.
func ints(t *testing.T, ev conn.Event) []int {
	t.Helper()
	var ns []int
	if err := codec.Unmarshal(ev.Encoding, ev.Args, &ns); err != nil {
		t.Fatalf("arguments of %s: %v", ev.Name, err)
	}
	return ns
}

const tick = "tick"

// soon bounds a wait on the fake clock.
const soon = time.Minute

// pass lets d pass on the fake clock.
func pass(d time.Duration) { <-time.After(d) }
