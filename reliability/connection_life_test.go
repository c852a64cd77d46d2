package reliability_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestBehaviour31_DuplicateOrLateInitAndErrorWithoutACall(t *testing.T) {
	// watched is a connection with a subscription and counters.
	type watched struct {
		*conn.Conn
		opens, closes int
		errs          []error
	}
	watch := func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) *watched {
		w := &watched{Conn: connect(t, gw, rivet.WithEncoding(enc))}
		w.OnOpen(func(conn.OpenInfo) { w.opens++ })
		w.OnClose(func(conn.CloseInfo) { w.closes++ })
		w.OnError(func(err error) { w.errs = append(w.errs, err) })
		ticks.Subscribe(w.Conn)
		return w
	}
	once := func(t *testing.T, w *watched, gc *rivettest.Conn) {
		t.Helper()
		synctest.Wait()
		if w.opens != 1 || w.closes != 0 || w.Stats().Links != 1 {
			t.Errorf("opened %d times, closed %d times, %d links", w.opens, w.closes, w.Stats().Links)
		}
		if n := len(gc.Messages(rivettest.IsSubscribe("tick"))); n != 1 {
			t.Errorf("subscribed %d times", n)
		}
	}
	run := func(name string, f func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding)) {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) { f(t, gw, enc) })
			})
		})
	}
	run("Init twice", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.DuplicateInit())
		w := watch(t, gw, enc)
		n, err := echo.Call(soon(t), w, 1)
		want(t, n, err, 1)
		once(t, w, gw.Conn(0))
		if s := w.Stats(); s.Unexpected != 1 || len(w.errs) != 0 {
			t.Errorf("%+v, errors %v", s, w.errs)
		}
	})
	run("Init during a call", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.Unanswered())
		w := watch(t, gw, enc)
		go func() {
			gc, err := gw.WaitConn(t.Context(), 0)
			if err != nil {
				return
			}
			m, _ := gc.WaitMessage(t.Context(), rivettest.IsAction(string(echo)))
			gc.SendInit()
			pass(time.Second)
			gc.Reply(m.ID, 1)
		}()
		n, err := echo.Call(soon(t), w, 1)
		want(t, n, err, 1)
		once(t, w, gw.Conn(0))
	})
	run("Init after 44 s", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.LateInit(44 * time.Second))
		started := time.Now()
		w := watch(t, gw, enc)
		n, err := echo.Call(soon(t), w, 1)
		want(t, n, err, 1)
		once(t, w, gw.Conn(0))
		if d := time.Since(started); d != 44*time.Second || w.Stats().Attempts != 1 {
			t.Errorf("connected after %v, %d attempts", d, w.Stats().Attempts)
		}
	})
	run("Init after 46 s", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.LateInit(46 * time.Second))
		w := watch(t, gw, enc)
		n, err := echo.Call(within(t, time.Hour), w, 1)
		want(t, n, err, 1)
		pass(time.Minute)
		once(t, w, gw.Conn(1))
		var late *conn.TimeoutError
		if len(w.errs) != 1 || !errors.As(w.errs[0], &late) || late.What != "init" {
			t.Errorf("reported: %v", w.errs)
		}
		if n := len(gw.Conn(0).Messages(rivettest.IsAction(string(echo)))); n != 0 {
			t.Error("the call was sent to a link without Init")
		}
	})
	run("messages before Init", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.NoInit())
		w := watch(t, gw, enc)
		go func() {
			gc, err := gw.WaitConn(t.Context(), 0)
			if err != nil {
				return
			}
			synctest.Wait()
			gc.Reply(0, 99)
			gc.ReplyError(0, rivettest.UserError("early", "early", nil))
			gc.SendError(rivettest.UserError("odd", "odd", nil))
			args, _ := codec.AppendArgs(nil, enc, []any{1})
			gc.EmitRaw("tick", args)
			pass(time.Second)
			gc.SendInit()
		}()
		n, err := echo.Call(soon(t), w, 1) // the one with the id 0
		want(t, n, err, 1)
		once(t, w, gw.Conn(0))
		if s := w.Stats(); s.Unexpected != 2 || s.Unwanted != 1 {
			t.Errorf("%+v", s)
		}
	})
	run("Error without a call", func(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding) {
		gw.Script(rivettest.Unanswered())
		w := watch(t, gw, enc)
		ready(t, w.Conn)
		gc := gw.Conn(0)
		const calls = 20
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				n, err := echo.Call(soon(t), w, i)
				want(t, n, err, i)
			})
			synctest.Wait()
		}
		for range 3 {
			gc.SendError(rivettest.UserError("oops", "oops", map[string]int{"n": 1}))
			gc.SendError(rivettest.Error("rivetkit", "internal_error", "x", nil))
		}
		pass(time.Second)
		if s := w.Stats(); s.CallsInFlight != calls {
			t.Errorf("%d calls left of %d", s.CallsInFlight, calls)
		}
		for i := range calls {
			gc.Reply(uint64(i), i)
		}
		wg.Wait()
		once(t, w, gc)
		if len(w.errs) != 6 || !rivet.IsCode(w.errs[0], "user.oops") || !rivet.IsCode(w.errs[1], "rivetkit.internal_error") {
			t.Errorf("reported: %v", w.errs)
		}
	})
}

func TestBehaviour32_CloseWhileConnecting(t *testing.T) {
	type stage struct {
		arrange func(gw *rivettest.Gateway) []rivet.Option
		enter   time.Duration // until the stage is reached
		// reached tells whether it is, where that can be seen.
		reached func(c *conn.Conn, gw *rivettest.Gateway, nw *network) bool
	}
	connecting := func(c *conn.Conn) bool { return c.Status() == conn.Connecting }
	// taken tells whether the script's one step was.
	taken := func(step string) func(*conn.Conn, *rivettest.Gateway, *network) bool {
		return func(c *conn.Conn, gw *rivettest.Gateway, _ *network) bool {
			as := gw.Attempts()
			return connecting(c) && len(as) == 1 && as[0].Step == step
		}
	}
	script := func(steps ...rivettest.Step) func(*rivettest.Gateway) []rivet.Option {
		return func(gw *rivettest.Gateway) []rivet.Option {
			gw.Script(steps...)
			return nil
		}
	}
	stages := map[string]stage{
		"at once": {arrange: script(), enter: -1},
		"metadata lookup": {arrange: func(gw *rivettest.Gateway) []rivet.Option {
			gw.ScriptHTTP("/metadata", rivettest.Hang())
			return nil
		}, reached: func(c *conn.Conn, gw *rivettest.Gateway, _ *network) bool {
			return connecting(c) && len(gw.Requests(nil)) == 1
		}},
		"token function": {arrange: func(*rivettest.Gateway) []rivet.Option {
			return []rivet.Option{rivet.WithTokenFunc(func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			})}
		}, reached: func(c *conn.Conn, gw *rivettest.Gateway, _ *network) bool {
			return connecting(c) && len(gw.Requests(nil)) == 0
		}},
		"dial": {arrange: script(rivettest.HangDial()), reached: taken("hang dial")},
		"TLS": {arrange: func(*rivettest.Gateway) []rivet.Option {
			return []rivet.Option{rivet.WithEndpoint("https://gateway.invalid"), rivet.WithoutMetadataLookup()}
		}, reached: func(c *conn.Conn, _ *rivettest.Gateway, nw *network) bool {
			return connecting(c) && nw.open.Load() == 1
		}},
		"upgrade":          {arrange: script(rivettest.Hang()), reached: taken("hang")},
		"before Init":      {arrange: script(rivettest.NoInit()), reached: taken("no init")},
		"Init comes now":   {arrange: script(rivettest.LateInit(time.Second)), enter: time.Second},
		"Init comes later": {arrange: script(rivettest.LateInit(2 * time.Second)), enter: time.Second, reached: taken("init after 2s")},
		"peer is silent": {arrange: script(rivettest.OnOpen("pause", func(gc *rivettest.Conn) { gc.Pause() })),
			enter: time.Second},
		"between attempts": {arrange: func(gw *rivettest.Gateway) []rivet.Option {
			gw.Down()
			return []rivet.Option{rivet.WithoutMetadataLookup()}
		}, enter: time.Hour, reached: func(c *conn.Conn, _ *rivettest.Gateway, _ *network) bool {
			return c.Status() == conn.Disconnected
		}},
	}
	type control struct {
		client *rivet.Client
		conn   *conn.Conn
		cancel context.CancelFunc
	}
	endings := map[string]func(t *testing.T, c control){
		"Close": func(_ *testing.T, c control) { _ = c.conn.Close() },
		"Close, three at a time": func(_ *testing.T, c control) {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { _ = c.conn.Close() })
			}
			wg.Wait()
		},
		"Shutdown": func(t *testing.T, c control) {
			if err := c.conn.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"end of the context": func(t *testing.T, c control) { c.cancel(); ended(t, c.conn) },
		"Close of the client": func(t *testing.T, c control) {
			if err := c.client.Close(); err != nil {
				t.Error(err)
			}
		},
	}
	for stageName, st := range stages {
		for endName, end := range endings {
			t.Run(stageName+", "+endName, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					opts := st.arrange(gw)
					nw := &network{gw: gw}
					dial := nw.dial
					if stageName == "TLS" {
						dial = silentDial(nw)
					}
					client := gw.Client(t, append(opts, rivet.WithDialer(dial))...)
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					c := client.GetOrCreate("room", rivet.Key{"a"}).Connect(ctx)
					var opened, closed atomic.Int32
					c.OnOpen(func(conn.OpenInfo) { opened.Add(1) })
					c.OnClose(func(conn.CloseInfo) { closed.Add(1) })
					sub := ticks.Subscribe(c)
					if st.enter >= 0 {
						pass(st.enter)
						if stageName != "Init comes now" {
							synctest.Wait()
						}
					}
					if st.reached != nil && !st.reached(c, gw, nw) {
						t.Fatalf("not there: %v, %d attempts, %d requests, %d network connections", c.Status(), len(gw.Attempts()), len(gw.Requests(nil)), nw.open.Load())
					}
					started := time.Now()
					end(t, control{client, c, cancel})
					if d := time.Since(started); d > 0 && stageName != "peer is silent" || d > conn.DefaultCloseTimeout {
						t.Errorf("took %v", d)
					}
					select {
					case <-c.Done():
					default:
						t.Error("not done")
					}
					if c.Status() != conn.Closed || !errors.Is(c.Err(), rivet.ErrClosed) {
						t.Errorf("status %v, %v", c.Status(), c.Err())
					}
					if err := c.Ready(soon(t)); !errors.Is(err, rivet.ErrClosed) {
						t.Errorf("Ready: %v", err)
					}
					if _, err := sub.Next(soon(t)); !errors.Is(err, rivet.ErrClosed) {
						t.Errorf("subscription: %v", err)
					}
					if err := c.Close(); err != nil {
						t.Errorf("Close again: %v", err)
					}
					synctest.Wait()
					if n := nw.open.Load(); n != 0 {
						t.Errorf("%d network connections are left", n)
					}
					attempts := len(gw.Attempts())
					if stageName == "between attempts" {
						gw.Up()
					}
					pass(time.Hour)
					left := gw.OpenConns()
					if stageName == "peer is silent" {
						left = 0 // it does not look
					}
					if len(gw.Attempts()) != attempts || left != 0 || c.Status() != conn.Closed {
						t.Errorf("%d more attempts, %d open, status %v", len(gw.Attempts())-attempts, left, c.Status())
					}
					if opened.Load() != closed.Load() {
						t.Errorf("opened %d times, closed %d times", opened.Load(), closed.Load())
					}
				})
			})
		}
	}
}

// silentDial connects to a peer that takes everything and says nothing.
func silentDial(nw *network) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			_, _ = io.Copy(io.Discard, there)
			_ = there.Close()
		}()
		nw.open.Add(1)
		return &brokenConn{Conn: here, network: nw}, nil
	}
}
