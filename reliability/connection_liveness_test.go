package reliability_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestBehaviour07_HalfOpenLinkIsNoticed(t *testing.T) {
	type variant struct {
		ping, pong time.Duration // the defaults when zero
		die        func(gw *rivettest.Gateway, c *conn.Conn)
	}
	for name, v := range map[string]variant{
		"silent":              {die: func(gw *rivettest.Gateway, _ *conn.Conn) { gw.Conn(0).Pause() }},
		"silent, ping 2 s":    {ping: 2 * time.Second, pong: time.Second, die: func(gw *rivettest.Gateway, _ *conn.Conn) { gw.Conn(0).Pause() }},
		"does not read":       {die: func(gw *rivettest.Gateway, _ *conn.Conn) { gw.Conn(0).PauseReads() }},
		"does not write":      {die: func(gw *rivettest.Gateway, _ *conn.Conn) { gw.Conn(0).PauseWrites() }},
		"silent after 3 days": {die: func(gw *rivettest.Gateway, _ *conn.Conn) { pass(3 * 24 * time.Hour); gw.Conn(0).Pause() }},
		// Traffic to the server is no sign of life.
		"silent under calls": {die: func(gw *rivettest.Gateway, c *conn.Conn) {
			gw.Conn(0).Pause()
			for range 300 {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				_, _ = echo.Call(ctx, c, 1)
				cancel()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				limit := conn.DefaultPingInterval + conn.DefaultPongTimeout
				var opts []rivet.Option
				if v.ping != 0 {
					limit = v.ping + v.pong
					opts = append(opts, rivet.WithPing(v.ping, v.pong))
				}
				c := connect(t, gw, opts...)
				ready(t, c)
				ticks.Subscribe(c)
				subscribed(t, gw.Conn(0), ticks)
				type end struct {
					conn.CloseInfo
					at time.Time
				}
				ends := make(chan end, 9)
				c.OnClose(func(i conn.CloseInfo) { ends <- end{i, time.Now()} })
				pass(7 * time.Second)
				started := time.Now()
				if name == "silent after 3 days" {
					started = started.Add(3 * 24 * time.Hour)
				}
				v.die(gw, c)
				if name != "silent under calls" {
					_, err := echo.Call(within(t, time.Hour), c, 1)
					var lost *rivet.DisconnectedError
					if !errors.As(err, &lost) || !rivet.MaybeExecuted(err) {
						t.Errorf("call on the dead link: %v", err)
					}
				}
				subscribed(t, gw.Conn(1), ticks)
				ready(t, c)
				var e end
				select {
				case e = <-ends:
				case <-soon(t).Done():
					t.Fatal("OnClose was not called")
				}
				var silent *conn.TimeoutError
				if !errors.As(e.Err, &silent) || silent.What != "pong" || !e.WillRetry {
					t.Errorf("closed by %v, will retry: %v", e.Err, e.WillRetry)
				}
				if d := e.at.Sub(started); d <= 0 || d > limit {
					t.Errorf("noticed after %v, want %v at most", d, limit)
				}
			})
		})
	}
	t.Run("on TCP", func(t *testing.T) {
		inEach(t, func(t *testing.T, enc codec.Encoding) {
			gw := loopback(t)
			c := connect(t, gw, rivet.WithEncoding(enc), rivet.WithPing(100*time.Millisecond, 2*time.Second),
				rivet.WithBackoff(backoff.Exponential(time.Millisecond, time.Millisecond)))
			ready(t, c)
			gw.Conn(0).Pause()
			_, err := echo.Call(within(t, 10*time.Second), c, 1)
			var silent *conn.TimeoutError
			if !errors.As(err, &silent) {
				t.Errorf("call on the dead link: %v", err)
			}
			if _, err := gw.WaitConn(within(t, 10*time.Second), 1); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("alive, idle for 3 days", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			ready(t, c)
			gw.Conn(0).SetLatency(conn.DefaultPongTimeout - time.Second) // slow, but alive
			pass(3 * 24 * time.Hour)
			n, err := echo.Call(soon(t), c, 1)
			want(t, n, err, 1)
			if s := c.Stats(); s.Links != 1 {
				t.Errorf("%d links", s.Links)
			}
		})
	})
	t.Run("alive, pongs stuck behind events", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			const late = 2 * conn.DefaultPongTimeout // each way
			c := connect(t, gw)
			ready(t, c)
			ticks.On(c, func(int) {})
			subscribed(t, gw.Conn(0), ticks)
			gw.Conn(0).SetLatency(late)
			for range 600 {
				pass(time.Second)
				rivettest.Emit(gw, ticks, 1)
			}
			if s := c.Stats(); s.Links != 1 {
				t.Errorf("%d links", s.Links)
			}
		})
	})
	// A server that talks on but has stopped to hear us would answer no call
	// for ever.
	t.Run("deaf, but with events", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			ready(t, c)
			ticks.On(c, func(int) {})
			subscribed(t, gw.Conn(0), ticks)
			lost := make(chan conn.CloseInfo, 9)
			c.OnClose(func(i conn.CloseInfo) { lost <- i })
			gw.Conn(0).PauseReads()
			limit := conn.DefaultPingInterval + 7*conn.DefaultPongTimeout
			for spent := time.Duration(0); c.Stats().Links == 1; spent += time.Second {
				if spent > limit {
					t.Fatalf("after %v the link is still trusted", spent)
				}
				pass(time.Second)
				rivettest.Emit(gw, ticks, 1)
			}
			n, err := echo.Call(soon(t), c, 1)
			want(t, n, err, 1)
			var silent *conn.TimeoutError
			if e := <-lost; !errors.As(e.Err, &silent) || silent.What != "pong" || !e.WillRetry {
				t.Errorf("closed by %v, will retry: %v", e.Err, e.WillRetry)
			}
		})
	})
	// What was heard while the pong was late counts once.
	t.Run("deaf, but with events, then silent", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw)
			ready(t, c)
			ticks.On(c, func(int) {})
			subscribed(t, gw.Conn(0), ticks)
			lost := make(chan time.Time, 9)
			c.OnClose(func(conn.CloseInfo) { lost <- time.Now() })
			gw.Conn(0).PauseReads()
			for range (conn.DefaultPingInterval + conn.DefaultPongTimeout) / time.Second {
				pass(time.Second)
				rivettest.Emit(gw, ticks, 1)
			}
			pass(time.Second)
			gw.Conn(0).Pause()
			silent := time.Now()
			if d := (<-lost).Sub(silent); d > 2*conn.DefaultPongTimeout {
				t.Errorf("noticed after %v, want %v at most", d, 2*conn.DefaultPongTimeout)
			}
		})
	})
}

func TestBehaviour35_IdleConnectionsCostNothing(t *testing.T) {
	t.Run("on the network", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			nw := &network{gw: gw}
			h := room(t, gw, rivet.WithDialer(nw.dial))
			c := open(t, h)
			ticks.On(c, func(int) {})
			ready(t, c)
			subscribed(t, gw.Conn(0), ticks)
			synctest.Wait()
			reads, writes := nw.reads.Load(), nw.writes.Load()
			const days = 2
			pass(days*24*time.Hour + time.Second)
			pings := int64(days * 24 * time.Hour / conn.DefaultPingInterval)
			if n := nw.writes.Load() - writes; n > pings {
				t.Errorf("%d writes, for %d pings", n, pings)
			}
			if n := nw.reads.Load() - reads; n > pings {
				t.Errorf("%d reads, for %d pongs", n, pings)
			}

			_ = c.Close()
			synctest.Wait()
			reads, writes, dials := nw.reads.Load(), nw.writes.Load(), nw.dials.Load()
			pass(2 * 24 * time.Hour)
			if nw.reads.Load() != reads || nw.writes.Load() != writes || nw.dials.Load() != dials || nw.open.Load() != 0 {
				t.Errorf("after Close: %d reads, %d writes, %d dials, %d open", nw.reads.Load()-reads,
					nw.writes.Load()-writes, nw.dials.Load()-dials, nw.open.Load())
			}
		})
	})
	t.Run("in processor time and goroutines", func(t *testing.T) {
		gw := loopback(t)
		client := gw.Client(t)
		before := runtime.NumGoroutine()
		const conns = 100
		var cs []*conn.Conn
		for range conns {
			c := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
			ticks.Subscribe(c)
			cs = append(cs, c)
		}
		for i, c := range cs {
			ready(t, c)
			subscribed(t, gw.Conn(i), ticks)
		}
		// Supervisor, reader and writer here; two for each at the gateway.
		if n := runtime.NumGoroutine() - before; n > (3+2)*conns+10 { // some belong to nobody
			t.Errorf("%d goroutines for %d connections and their ends at the gateway", n, conns)
		}
		runtime.GC()
		// A timer without a delay, or a goroutine that spins, takes a whole
		// processor; the machine may be busy, but that is not our time.
		const window = 400 * time.Millisecond
		idle := func(when string) {
			t.Helper()
			used := processorTime(t)
			pass(window)
			if used = processorTime(t) - used; used > window/3 {
				t.Errorf("%s: %v of processor time in %v", when, used, window)
			}
		}
		idle("connected")
		gw.Down()
		for _, c := range cs {
			for s := range c.Statuses(soon(t)) {
				if s.Status == conn.Disconnected && s.Attempt >= 3 {
					break
				}
			}
		}
		idle("waiting between attempts")
		for _, c := range cs {
			_ = c.Close()
		}
		idle("closed")
	})
}
