package conn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestStatusesTellTheWholeStory(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Status(503, "busy"), rivettest.CloseBeforeInit(1006, ""))
		c, start := gated(t, config(gw))
		var got []string
		var wg sync.WaitGroup
		wg.Go(func() {
			for s := range c.Statuses(t.Context()) {
				got = append(got, s.Status.String())
			}
		})
		synctest.Wait()
		start()
		ready(t, c)
		gw.Conn(1).Drop()
		synctest.Wait()
		ready(t, c)
		c.Close()
		wg.Wait()
		want := []string{
			"connecting", "disconnected", "connecting", "disconnected",
			"connecting", "connected", "disconnected", "connecting", "connected", "closed",
		}
		// The loop begins with whatever the state is, idle for an instant.
		if got[0] == "idle" {
			got = got[1:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		for _, s := range c.Debug().History {
			if s.Status == conn.Disconnected && s.Cause == nil {
				t.Error("disconnected without a cause")
			}
		}
	})
}

func TestCallbacksComeInOrderWithTheirCauses(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		var log []string
		note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
		cfg := config(gw)
		cfg.Observer = conn.Observer{
			Attempt:      func(i conn.AttemptInfo) { note("attempt %d %v", i.Attempt, i.Err == nil) },
			Connected:    func(i conn.OpenInfo) { note("connected again=%v", i.Reconnect) },
			Disconnected: func(i conn.CloseInfo) { note("disconnected %d %s retry=%v", i.Code, i.Reason, i.WillRetry) },
		}
		cfg.Backoff = backoff.Constant(time.Second)
		c, start := gated(t, cfg)
		c.OnOpen(func(conn.OpenInfo) { note("open") })
		last := make(chan struct{})
		c.OnClose(func(i conn.CloseInfo) {
			note("close %s", i.Reason)
			if !i.WillRetry {
				close(last)
			}
		})
		c.OnError(func(err error) { note("error %v", err) })
		removed := c.OnStatusChange(func(conn.Status) { t.Error("removed callback was called") })
		removed()
		start()
		ready(t, c)
		gw.Conn(0).Close(1000, "get out")
		gw.Conn(1)
		synctest.Wait()
		late := false
		c.OnOpen(func(conn.OpenInfo) { late = true })
		c.Close()
		<-last
		want := []string{
			"attempt 1 true", "connected again=false", "open",
			"disconnected 1000 get out retry=true", "close get out",
			`error server closed the connection (1000 "get out")`,
			"attempt 2 true", "connected again=true", "open",
			"disconnected 1000  retry=false", "close ",
		}
		if !slices.Equal(log, want) {
			t.Errorf("got  %q\nwant %q", log, want)
		}
		if !late {
			t.Error("OnOpen on an open connection was not called")
		}
	})
}

func TestBackoffGrowsAndResetsOnlyWhenStable(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.DropAfterInit().Times(12))
		c := connect(t, config(gw))
		if err := gw.WaitAttempts(t.Context(), 13); err != nil {
			t.Fatal(err)
		}
		var waits []time.Duration
		for _, s := range c.Debug().History {
			if s.Status == conn.Disconnected {
				waits = append(waits, s.Wait)
			}
		}
		total := time.Duration(0)
		for _, w := range waits {
			if w < 50*time.Millisecond || w > conn.DefaultBackoffMax {
				t.Errorf("wait of %v", w)
			}
			total += w
		}
		if len(waits) < 12 || total < 10*time.Second {
			t.Errorf("links that drop at once were tried %d times with only %v between them", len(waits), total)
		}
		ready(t, c)
		pass(conn.DefaultStableAfter)
		gc := gw.Conns()[len(gw.Conns())-1]
		gc.Drop()
		synctest.Wait()
		if s := c.State(); s.Status != conn.Disconnected || s.Wait > conn.DefaultBackoffMin || s.Attempt != 0 {
			t.Errorf("after a stable link: %+v", s)
		}
	})
}

func TestPermanentFailuresEndTheConnection(t *testing.T) {
	for name, step := range map[string]rivettest.Step{
		"401":       rivettest.Status(401, `{"group":"api","code":"unauthorized","message":"no"}`),
		"403":       rivettest.Status(403, ""),
		"refused":   rivettest.Fail(rivettest.UserError("bad_token", "no", nil)),
		"not found": rivettest.CloseBeforeInit(1011, "actor.not_found#ray1"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(step)
				cfg := config(gw)
				cfg.Addressing = conn.ByID
				asked := 0
				cfg.Retry = func(f conn.Failure) bool {
					asked++
					if !f.Permanent || f.Connected || f.Attempt != 1 {
						t.Errorf("%+v", f)
					}
					return !f.Permanent
				}
				c, start := gated(t, cfg)
				sub := c.Subscribe([]string{tick})
				var errs []error
				c.OnError(func(err error) { errs = append(errs, err) })
				start()
				_, err := c.Action(t.Context(), "echo")
				var e *codec.Error
				if !errors.Is(err, conn.ErrClosed) || !errors.Is(err, net.ErrClosed) || !errors.As(err, &e) {
					t.Fatalf("call: %v", err)
				}
				if callError(t, err).MaybeExecuted {
					t.Error("a call that was never sent may have run")
				}
				if _, err := sub.Next(t.Context()); !errors.Is(err, conn.ErrClosed) || !errors.As(err, &e) {
					t.Errorf("subscription: %v", err)
				}
				<-c.Done()
				synctest.Wait()
				if c.Status() != conn.Closed || asked != 1 || len(gw.Attempts()) != 1 || len(errs) != 1 {
					t.Errorf("status %v, policy asked %d times, %d attempts, errors %v", c.Status(), asked, len(gw.Attempts()), errs)
				}
				c.Reconnect() // nothing leaves Closed
				if err := c.Ready(t.Context()); !errors.Is(err, conn.ErrClosed) {
					t.Errorf("Ready: %v", err)
				}
			})
		})
	}
}

func TestInternalErrorsEndOnlyWhatNeverWorked(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		internal := rivettest.Fail(rivettest.Error("rivetkit", "internal_error", "An internal error occurred", nil))
		gw.Script(rivettest.Pass(), internal.Times(3))
		c := connect(t, config(gw))
		ready(t, c)
		gw.Conn(0).Drop()
		if err := gw.WaitAttempts(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		ready(t, c)

		gw.Script(internal)
		if err := connect(t, config(gw)).Ready(t.Context()); !errors.Is(err, codec.ErrInternal) || !errors.Is(err, conn.ErrClosed) {
			t.Errorf("at the first attempt: %v", err)
		}
	})
}

func TestPolicyMayInsistOrGiveUp(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Status(401, "").Times(3))
		cfg := config(gw)
		cfg.Retry = func(conn.Failure) bool { return true }
		ready(t, connect(t, cfg))

		gw.Script(rivettest.Refuse(2))
		cfg.Retry = func(f conn.Failure) bool { return f.Attempt < 2 }
		c := connect(t, cfg)
		if err := c.Ready(t.Context()); !errors.Is(err, conn.ErrClosed) {
			t.Errorf("policy gave up, Ready: %v", err)
		}

		cfg.Retry = func(conn.Failure) bool { panic("policy") }
		var panics int
		cfg.OnPanic = func(any, []byte) { panics++ }
		gw.Script(rivettest.Refuse(1))
		ready(t, connect(t, cfg))
		if panics != 1 {
			t.Errorf("%d panics reported", panics)
		}
	})
}

func TestTargetIsAskedForEachAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		target, asked := cfg.Target, 0
		cfg.Target = func(ctx context.Context) (*conn.Target, error) {
			if asked++; asked < 3 {
				return nil, errors.New("no token yet")
			}
			return target(ctx)
		}
		c := connect(t, cfg)
		ready(t, c)
		gw.Conn(0).Drop()
		if _, err := gw.WaitConn(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if asked != 4 {
			t.Errorf("asked %d times, want 4", asked)
		}
		cfg.Target = func(context.Context) (*conn.Target, error) {
			return nil, &conn.PermanentError{Err: errors.New("cannot be encoded")}
		}
		if err := connect(t, cfg).Ready(t.Context()); !errors.Is(err, conn.ErrClosed) {
			t.Errorf("permanent error of Target: %v", err)
		}
	})
}

func TestSilentServerIsNoticed(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.HalfOpen(), rivettest.NoInit(), rivettest.Hang())
		c := connect(t, config(gw))
		ready(t, c)
		started := time.Now()
		for s := range c.Statuses(t.Context()) {
			if s.Status == conn.Disconnected {
				break
			}
		}
		if d := time.Since(started); d < conn.DefaultPingInterval || d > conn.DefaultPingInterval+conn.DefaultPongTimeout {
			t.Errorf("half-open link noticed after %v", d)
		}
		if err := gw.WaitAttempts(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		ready(t, c)
		var causes []string
		for _, s := range c.Debug().History {
			if s.Status == conn.Disconnected {
				var te *conn.TimeoutError
				if errors.As(s.Cause, &te) {
					causes = append(causes, te.What)
				} else {
					causes = append(causes, "dial")
				}
			}
		}
		if !slices.Equal(causes, []string{"pong", "init", "dial"}) {
			t.Errorf("causes %v", causes)
		}
	})
}

func TestPingsKeepAnIdleLink(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		pass(10*time.Minute + time.Second)
		if n := len(gw.Conn(0).Messages(rivettest.IsKind(rivettest.PingMessage))); n != 30 {
			t.Errorf("%d pings in ten minutes, want 30", n)
		}
		if c.Stats().Links != 1 {
			t.Error("idle link was lost")
		}
	})
}

func TestReconnectReplacesALinkAndCutsAWait(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		started := time.Now()
		c.Reconnect()
		<-gw.Conn(0).Done()
		synctest.Wait()
		ready(t, c)
		if d := time.Since(started); d > 0 {
			t.Errorf("replaced only after %v", d)
		}
		gw.Down()
		for c.State().Wait < 3*time.Second {
			pass(time.Second)
		}
		gw.Up()
		for c.Status() != conn.Disconnected {
			pass(time.Millisecond)
		}
		started = time.Now()
		c.Reconnect()
		ready(t, c)
		if d := time.Since(started); d > 0 {
			t.Errorf("wait was cut only after %v", d)
		}
	})
}

func TestEndOfTheContextClosesWithItsCause(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := conn.New(ctx, config(gw))
		sub := c.Subscribe([]string{tick})
		ready(t, c)
		cause := errors.New("enough")
		cancel(cause)
		<-c.Done()
		for _, err := range []error{c.Err(), func() error { _, err := sub.Next(t.Context()); return err }()} {
			if !errors.Is(err, conn.ErrClosed) || !errors.Is(err, cause) {
				t.Errorf("after the end of the context: %v", err)
			}
		}
		if m, err := gw.Conn(0).WaitMessage(t.Context(), rivettest.IsKind(rivettest.CloseMessage)); err != nil || m.Code != 1000 {
			t.Errorf("close frame: %v, %v", m, err)
		}
	})
}

func TestCloseIsBoundedWhateverTheLinkDoes(t *testing.T) {
	for name, step := range map[string]rivettest.Step{
		"connected":    rivettest.Pass(),
		"half-open":    rivettest.HalfOpen(),
		"before init":  rivettest.NoInit(),
		"hanging dial": rivettest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.Script(step)
				c := conn.New(t.Context(), config(gw))
				pass(time.Second)
				var wg sync.WaitGroup
				started := time.Now()
				for range 3 {
					wg.Go(func() { c.Close() })
				}
				wg.Wait()
				if d := time.Since(started); d > conn.DefaultCloseTimeout {
					t.Errorf("Close took %v", d)
				}
				select {
				case <-c.Done():
				default:
					t.Error("goroutines are left after Close")
				}
			})
		})
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered().Times(2))
		c := connect(t, config(gw))
		ready(t, c)
		result := make(chan error, 1)
		go func() { _, err := c.Action(t.Context(), "echo"); result <- err }()
		m, err := gw.Conn(0).WaitMessage(t.Context(), rivettest.IsAction("echo"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { pass(3 * time.Second); gw.Conn(0).Reply(m.ID, 1) }()
		started := time.Now()
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Errorf("call under way: %v", err)
		}
		if d := time.Since(started); d < 3*time.Second {
			t.Errorf("Shutdown did not wait: %v", d)
		}
		if _, err := c.Action(t.Context(), "echo"); !errors.Is(err, conn.ErrClosed) {
			t.Errorf("call after Shutdown: %v", err)
		}

		c = connect(t, config(gw))
		go func() { _, err := c.Action(context.Background(), "echo"); result <- err }()
		if _, err := gw.Conn(1).WaitMessage(t.Context(), rivettest.IsAction("echo")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown that ran out of time: %v", err)
		}
		if err := <-result; !errors.Is(err, conn.ErrClosed) || !conn.MaybeExecuted(err) {
			t.Errorf("call that was cut off: %v", err)
		}
	})
}

func TestCallbacksMayDoAnything(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		panics := make(chan any, 10)
		cfg.OnPanic = func(r any, _ []byte) { panics <- r }
		c := connect(t, cfg)
		done := make(chan struct{})
		c.On(tick, func(conn.Event) { panic("first listener") })
		var cancel func()
		cancel = c.On(tick, func(ev conn.Event) {
			if r := <-panics; r != "first listener" {
				t.Error(r)
			}
			if _, err := c.Action(t.Context(), "echo", 1); err != nil {
				t.Error(err)
			}
			c.Subscribe([]string{"other"}).Close()
			cancel()
			c.OnStatusChange(func(s conn.Status) {
				if s == conn.Closed {
					c.Close()
					close(done)
				}
			})
			c.Close()
		})
		if _, err := c.Action(t.Context(), "emit", 1); err != nil {
			t.Fatal(err)
		}
		<-done
		<-c.Done()
	})
}

func TestSlowCallbackHoldsUpNeitherEventsNorCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		release := make(chan struct{})
		c.On(tick, func(conn.Event) { <-release })
		c.OnOpen(func(conn.OpenInfo) { <-release })
		sub := c.Subscribe([]string{tick})
		for i := range 100 {
			if _, err := c.Action(t.Context(), "emit", i); err != nil {
				t.Fatal(err)
			}
			if ev, err := sub.Next(t.Context()); err != nil || ints(t, ev)[0] != i {
				t.Fatal(ev, err)
			}
		}
		close(release)
	})
}

func TestReadySaysWhyItIsNot(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Refuse(100))
		c := connect(t, config(gw))
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		err := c.Ready(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, c.State().Cause) || c.State().Cause == nil {
			t.Errorf("Ready: %v, where the cause is %v", err, c.State().Cause)
		}

		ctx, cancel = context.WithTimeout(t.Context(), soon)
		defer cancel()
		_, err = c.Action(ctx, "echo")
		if !errors.Is(err, context.DeadlineExceeded) || conn.MaybeExecuted(err) ||
			!strings.Contains(err.Error(), "not connected, last failure: "+c.State().Cause.Error()) {
			t.Errorf("a call meanwhile: %v", err)
		}
	})
}
