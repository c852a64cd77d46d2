package conn_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestCloseWaitsForCallbacksThatRun(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		var running atomic.Int32
		work := func() {
			running.Add(1)
			pass(300 * time.Millisecond)
			running.Add(-1)
		}
		c.On(tick, func(conn.Event) { work() })
		c.OnStatusChange(func(conn.Status) { work() })
		if _, err := c.Action(t.Context(), "emit", 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if running.Load() == 0 {
			t.Fatal("no callback is running, so that the test shows nothing")
		}
		c.Close()
		if n := running.Load(); n != 0 {
			t.Errorf("%d callbacks are running after Close", n)
		}
	})
}

// An event that was on its way to the callback when the connection was closed
// does not arrive any more.
func TestCallbackIsNotCalledAfterClose(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		decoding, release := make(chan struct{}), make(chan struct{})
		sub := conn.SubscribeDecoded(c, []string{tick}, func(*conn.Frame, *int) error {
			close(decoding)
			<-release
			return nil
		})
		conn.Listen(c, sub, func(int) { t.Error("called after Close") })
		if _, err := c.Action(t.Context(), "emit", 1); err != nil {
			t.Fatal(err)
		}
		<-decoding
		closed := make(chan struct{})
		go func() { defer close(closed); c.Close() }()
		synctest.Wait()
		close(release)
		<-closed
		synctest.Wait()
	})
}

func TestCloseFromACallbackDoesNotWaitForItself(t *testing.T) {
	for name, register := range map[string]func(c *conn.Conn, f func()){
		"On":             func(c *conn.Conn, f func()) { c.On(tick, func(conn.Event) { f() }) },
		"OnStatusChange": func(c *conn.Conn, f func()) { c.OnStatusChange(func(conn.Status) { f() }) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c, start := gated(t, config(gw))
				took := make(chan time.Duration, 100)
				register(c, func() {
					started := time.Now()
					c.Close()
					took <- time.Since(started)
				})
				start()
				_, _ = c.Action(t.Context(), "emit", 1)
				if d := <-took; d != 0 {
					t.Errorf("Close took %v", d)
				}
			})
		})
	}
}

func TestCloseFromThePolicyDoesNotWaitForIt(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Refuse(1))
		var c *conn.Conn
		took := make(chan time.Duration, 1)
		cfg := config(gw)
		cfg.Retry = func(conn.Failure) bool {
			started := time.Now()
			c.Close()
			took <- time.Since(started)
			return true
		}
		c, start := gated(t, cfg)
		start()
		if d := <-took; d != 0 {
			t.Errorf("Close took %v", d)
		}
		<-c.Done()
	})
}

func TestCallbackThatEndsItsGoroutineStopsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c, start := gated(t, config(gw))
		opened := make(chan struct{})
		c.OnOpen(func(conn.OpenInfo) { runtime.Goexit() })
		c.OnStatusChange(func(s conn.Status) {
			if s == conn.Closed {
				close(opened)
			}
		})
		start()
		ready(t, c)
		synctest.Wait()
		c.Close()
		select {
		case <-opened:
		case <-time.After(soon):
			t.Error("no callback was called any more")
		}
	})
}

func TestClosedIsTheLastStatusThatIsTold(t *testing.T) {
	gw := rivettest.NewGateway(t)
	for range 300 {
		cfg := config(gw)
		cfg.Backoff = backoff.Constant(0)
		cfg.NetDial = nil
		cfg.Target = func(context.Context) (*conn.Target, error) { return nil, context.DeadlineExceeded }
		c := conn.New(t.Context(), cfg)
		var last conn.Status
		c.OnStatusChange(func(s conn.Status) { last = s })
		c.Close()
		if last != conn.Closed && last != conn.Idle {
			t.Fatalf("the last status told is %v", last)
		}
	}
}

func TestRemovedOnOpenIsNotCalled(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		release := make(chan struct{})
		c.OnOpen(func(conn.OpenInfo) { <-release })
		c.OnOpen(func(conn.OpenInfo) { t.Error("called after it was removed") })()
		close(release)
		synctest.Wait()
	})
}

func TestDialTimeoutCanBeTurnedOff(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.HangDial())
		cfg := config(gw)
		cfg.DialTimeout = -1
		c := connect(t, cfg)
		pass(time.Hour)
		if n := c.Stats().Attempts; n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

func TestReconnectCountsWhileALostLinkIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Backoff = backoff.Constant(time.Hour)
		c := connect(t, cfg)
		sub := c.Subscribe([]string{tick}, stream.Overflow(stream.Block), stream.Buffer(1))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			gc.Emit(tick, i)
		}
		synctest.Wait()
		gc.Drop()
		if _, err := c.Action(t.Context(), "echo"); err == nil {
			t.Fatal("call on a lost link")
		}
		synctest.Wait()
		started := time.Now()
		c.Reconnect()
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		for range 2 { // what lets the reader go
			if _, err := sub.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := gw.WaitConn(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(started); d > soon {
			t.Errorf("reconnected only after %v", d)
		}
	})
}

// Close waits for the server's farewell. An Init that comes instead opens
// nothing any more.
func TestInitAfterCloseOpensNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.NoInit())
		c := connect(t, config(gw))
		opened := false
		c.OnOpen(func(conn.OpenInfo) { opened = true })
		gc, err := gw.WaitConn(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the client has the handshake's answer, too
		gc.PauseReads()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_ = c.Close()
		}()
		synctest.Wait()
		if !gc.SendInit() {
			t.Error("Init was not sent")
		}
		<-closed
		if s := c.Stats(); opened || s.Links != 0 || c.Status() != conn.Closed {
			t.Errorf("opened: %v, %d links, %v", opened, s.Links, c.Status())
		}
	})
}
