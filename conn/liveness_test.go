package conn_test

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// eventFrame is an event of size bytes as the server frames it.
func eventFrame(t testing.TB, name string, size int) []byte {
	t.Helper()
	args, err := codec.AppendArgs(nil, codec.BARE, []any{make([]byte, size)})
	if err != nil {
		t.Fatal(err)
	}
	frame, err := ws.AppendFrame(nil, ws.OpBinary, codec.AppendEvent(nil, codec.BARE, name, args))
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestMessageThatTakesLongIsASignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		// A pong would have to wait behind the message anyway.
		gw.Script(rivettest.NoPongs())
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick})
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		frame := eventFrame(t, tick, 300<<10)
		for len(frame) > 0 {
			n := min(len(frame), 4<<10)
			gc.SendRaw(frame[:n])
			frame = frame[n:]
			pass(time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if _, err := sub.Next(ctx); err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Links != 1 {
			t.Errorf("link that was busy receiving was replaced: %v", c.State().Cause)
		}
	})
}

// modem is a network connection that takes a while for each piece written.
type modem struct {
	net.Conn
	piece int
	each  time.Duration

	mu sync.Mutex
	by time.Time
}

func (m *modem) SetWriteDeadline(by time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by = by
	return m.Conn.SetWriteDeadline(by)
}

func (m *modem) SetDeadline(by time.Time) error {
	_ = m.SetWriteDeadline(by)
	return m.Conn.SetDeadline(by)
}

func (m *modem) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		pass(time.Duration(min(len(p), m.piece)) * m.each / time.Duration(m.piece))
		m.mu.Lock()
		late := !m.by.IsZero() && time.Now().After(m.by)
		m.mu.Unlock()
		if late {
			return n, os.ErrDeadlineExceeded
		}
		k, err := m.Conn.Write(p[:min(len(p), m.piece)])
		n += k
		if err != nil {
			return n, err
		}
		p = p[k:]
	}
	return n, nil
}

func TestWriteThatTakesLongMayGoOnWhileItMoves(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("room").Handle("upload", func(context.Context, *rivettest.Request) (any, error) { return nil, nil })
		cfg := config(gw)
		cfg.WriteLimit = 2 << 20
		cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := gw.Dial(ctx, network, addr)
			return &modem{Conn: nc, piece: 64 << 10, each: 3 * time.Second}, err
		}
		c := connect(t, cfg)
		ready(t, c)
		large := make([]byte, 1<<20)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if _, err := c.Action(ctx, "upload", large); err != nil {
			t.Errorf("large call over a slow network: %v", err)
		}
	}, rivettest.MaxMessage(4<<20, 4<<20))
}

func TestShortStallsDoNotFailASlowCall(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered())
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick}, stream.Overflow(stream.Block), stream.Buffer(1))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { _, err := c.Action(t.Context(), "echo"); result <- err }()
		m, err := gc.WaitMessage(t.Context(), rivettest.IsAction("echo"))
		if err != nil {
			t.Fatal(err)
		}
		// Held for a second, and again around the time at which a stall that
		// had lasted since would be too long.
		for _, d := range []time.Duration{time.Second, conn.DefaultStallTimeout - 1500*time.Millisecond} {
			for i := range 4 {
				gc.Emit(tick, i)
			}
			pass(200 * time.Millisecond)
			for range 4 {
				if _, err := sub.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			pass(d)
		}
		for i := range 4 {
			gc.Emit(tick, i)
		}
		pass(time.Second)
		for range 4 {
			if _, err := sub.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		gc.Reply(m.ID, 1)
		if err := <-result; err != nil {
			t.Errorf("call whose reply nothing held up: %v", err)
		}
	})
}

// held makes the reader wait for sub, which has the policy Block and a buffer
// of one, and returns what lets it go.
func held(t *testing.T, gc *rivettest.Conn, sub *stream.Subscription[conn.Event]) (release func()) {
	t.Helper()
	for i := range 4 {
		gc.Emit(tick, i)
	}
	synctest.Wait()
	return func() {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		for range 4 {
			if _, err := sub.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A reader that was held when the pong was due is given the time for it again:
// the server may have been held, too, by a window that was full.
func TestPongHasItsTimeAgainAfterTheReaderWasHeld(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick}, stream.Overflow(stream.Block), stream.Buffer(1))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		pass(conn.DefaultPingInterval - 50*time.Millisecond)
		release := held(t, gc, sub)
		gc.PauseWrites()
		// Until just before the writer looks whether the reader is held, and right
		// after that for the pong.
		pass(2*conn.DefaultPongTimeout - 50*time.Millisecond)
		release()
		pass(conn.DefaultPongTimeout - time.Second)
		gc.Resume()
		pass(time.Minute)
		if s := c.Stats(); s.Links != 1 {
			t.Errorf("link was replaced: %v", c.State().Cause)
		}
	})
}

// With a loop that is slower than the events, a pong may be far behind them,
// and the reader need not be held in the very moments when the writer looks.
func TestPongMayBeFarBehindASlowLoop(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.NoPongs())
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick}, stream.Overflow(stream.Block), stream.Buffer(1))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		pass(conn.DefaultPingInterval)
		for range 30 { // pong timeouts
			pass(conn.DefaultPongTimeout - 4*time.Second)
			release := held(t, gc, sub)
			pass(3 * time.Second)
			release()
			pass(time.Second)
			if s := c.Stats(); s.Links != 1 || c.Status() != conn.Connected {
				t.Fatalf("link was replaced: %v", c.State().Cause)
			}
		}
	})
}

// tardy is a network connection whose first write after it was armed has its
// deadline set just after the link was told to end, and then gets stuck.
type tardy struct {
	net.Conn
	armed atomic.Bool
	fail  func()
	once  sync.Once
	ended chan struct{} // closed by SetDeadline

	mu sync.Mutex
	by time.Time
}

func (c *tardy) SetDeadline(by time.Time) error {
	c.mu.Lock()
	c.by = by
	c.mu.Unlock()
	if c.armed.Load() {
		c.once.Do(func() { close(c.ended) })
	}
	return c.Conn.SetDeadline(by)
}

func (c *tardy) SetWriteDeadline(by time.Time) error {
	if c.armed.Load() {
		c.fail()
		<-c.ended
	}
	c.mu.Lock()
	c.by = by
	c.mu.Unlock()
	return nil
}

func (c *tardy) Write(p []byte) (int, error) {
	for c.armed.Load() {
		c.mu.Lock()
		late := !time.Now().Before(c.by)
		c.mu.Unlock()
		if late {
			return 0, os.ErrDeadlineExceeded
		}
		pass(10 * time.Millisecond)
	}
	return c.Conn.Write(p)
}

func TestReconnectDoesNotWaitForAWriteThatIsAboutToBegin(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		var first *tardy
		cfg := config(gw)
		cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := gw.Dial(ctx, network, addr)
			if first == nil && err == nil {
				first = &tardy{Conn: nc}
				nc = first
			}
			return nc, err
		}
		c := connect(t, cfg)
		ready(t, c)
		first.ended, first.fail = make(chan struct{}), c.Reconnect
		first.armed.Store(true)
		started := time.Now()
		_, _ = c.Action(t.Context(), "echo", 1)
		if _, err := c.Action(t.Context(), "echo", 2); err != nil {
			t.Error(err)
		}
		if d := time.Since(started); d > time.Second {
			t.Errorf("replaced only after %v", d)
		}
	})
}
