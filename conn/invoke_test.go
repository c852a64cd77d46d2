package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func callError(t *testing.T, err error) *conn.CallError {
	t.Helper()
	var ce *conn.CallError
	if !errors.As(err, &ce) {
		t.Fatalf("error is %T (%v), want a *CallError", err, err)
	}
	return ce
}

func TestCallsWaitForTheConnectionInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Refuse(3))
		c := connect(t, config(gw))
		const n = 100
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				v, err := c.Action(t.Context(), "echo", i)
				var got []int
				if err == nil {
					err = v.Decode(&got)
				}
				if err != nil || len(got) != 1 || got[0] != i {
					t.Errorf("call %d: %v, %v", i, got, err)
				}
			})
			synctest.Wait() // so that they queue up in order
		}
		wg.Wait()
		for i, m := range gw.Conn(0).Messages(rivettest.IsAction("echo")) {
			if m.ID != uint64(i) {
				t.Fatalf("call %d came at place %d", m.ID, i)
			}
		}
	})
}

func TestCallInFlightFailsWithItsLink(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered())
		c := connect(t, config(gw))
		ready(t, c)
		go func() {
			if _, err := gw.Conn(0).WaitMessage(t.Context(), rivettest.IsAction("echo")); err == nil {
				gw.Conn(0).Drop()
			}
		}()
		started := time.Now()
		_, err := c.Action(t.Context(), "echo", 1)
		var lost *conn.DisconnectedError
		if !errors.As(err, &lost) || !callError(t, err).MaybeExecuted {
			t.Errorf("call in flight: %v", err)
		}
		if d := time.Since(started); d > time.Second {
			t.Errorf("failed only after %v", d)
		}
		if _, err := c.Action(t.Context(), "echo", 2); err != nil {
			t.Errorf("next call: %v", err)
		}
		if n := len(gw.Conn(1).Messages(rivettest.IsAction("echo"))); n != 1 {
			t.Errorf("%d calls on the second link, want 1", n)
		}
	})
}

func TestIdempotentCallSurvivesItsLink(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered(), rivettest.Unanswered())
		var sends int
		cfg := config(gw)
		cfg.Observer.Call = func(i conn.CallInfo) { sends = i.Sends }
		c := connect(t, cfg)
		go func() {
			for i := range 2 {
				gc, err := gw.WaitConn(t.Context(), i)
				if err != nil {
					return
				}
				if _, err := gc.WaitMessage(t.Context(), rivettest.IsAction("echo")); err == nil {
					gc.Drop()
				}
			}
		}()
		call := &conn.Call{Name: "echo", Args: []any{5}, Options: conn.CallOptions{Idempotent: true}}
		v, err := c.Invoke(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		if err := v.Decode(&got); err != nil || got[0] != 5 || sends != 3 {
			t.Errorf("reply %v, %v after %d sends, want 3", got, err, sends)
		}
	})
}

func TestIdempotentCallsAreSentAgainInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered())
		c := connect(t, config(gw))
		ready(t, c)
		const n = 20
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				call := &conn.Call{Name: "echo", Args: []any{i}, Options: conn.CallOptions{Idempotent: true}}
				if _, err := c.Invoke(t.Context(), call); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // so that they are sent in order
		}
		gw.Conn(0).Drop()
		wg.Wait()
		sent := gw.Conn(1).Messages(rivettest.IsAction("echo"))
		for i, m := range sent {
			if m.ID != uint64(i) {
				t.Fatalf("call %d came at place %d", m.ID, i)
			}
		}
		if len(sent) != n {
			t.Errorf("%d calls on the second link", len(sent))
		}
	})
}

func TestCancelledCallIsWithdrawnOrMayHaveRun(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.NoInit().Times(1))
		cfg := config(gw)
		cfg.InitTimeout = 10 * time.Second
		c := connect(t, cfg)
		cause := errors.New("changed my mind")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { pass(time.Second); cancel(cause) }()
		_, err := c.Action(ctx, "emit", 1)
		if ce := callError(t, err); ce.MaybeExecuted || !errors.Is(err, cause) {
			t.Errorf("call that never left: %v (maybe %v)", err, ce.MaybeExecuted)
		}
		if s := c.Stats(); s.CallsQueued != 0 || s.CallsInFlight != 0 {
			t.Errorf("left over: %+v", s)
		}

		ready(t, c)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		_, err = c.Action(ctx, "wait")
		if ce := callError(t, err); !ce.MaybeExecuted || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("call that was sent: %v (maybe %v)", err, ce.MaybeExecuted)
		}
		// The first call is not sent late, and the reply to the second is nobody's.
		if n := len(gw.Conns()[1].Messages(rivettest.IsAction("emit"))); n != 0 {
			t.Errorf("withdrawn call was sent %d times", n)
		}
		already, done := context.WithCancel(t.Context())
		done()
		if _, err := c.Action(already, "emit", 1); callError(t, err).MaybeExecuted || !errors.Is(err, context.Canceled) {
			t.Errorf("call with a context that had ended: %v", err)
		}
	})
}

func TestCallTimeoutAppliesWithoutADeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered())
		c := connect(t, config(gw))
		ready(t, c)
		started := time.Now()
		_, err := c.Action(t.Context(), "echo")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != conn.DefaultCallTimeout {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func TestUnknownAndRepeatedRepliesAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.UnknownReplies())
		c := connect(t, config(gw))
		if v, err := c.Action(t.Context(), "echo", 3); err != nil {
			t.Fatal(v, err)
		}
		gc := gw.Conn(0)
		gc.Reply(0, "again")
		gc.Reply(99, "nobody's")
		gc.SendInit()
		var ids []int
		for i := range 3 {
			v, err := c.Action(t.Context(), "echo", i)
			if err != nil {
				t.Fatal(err)
			}
			var a []int
			if err := v.Decode(&a); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, a[0])
		}
		if fmt.Sprint(ids) != "[0 1 2]" {
			t.Errorf("replies %v", ids)
		}
		if s := c.Stats(); s.Unexpected < 3 || s.Links != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestErrorReplyEndsThatCallOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("room").Handle("fail", func(context.Context, *rivettest.Request) (any, error) {
			return nil, rivettest.UserError("too_short", "too short", map[string]int{"min": 3})
		})
		c := connect(t, config(gw))
		var errs []error
		c.OnError(func(err error) { errs = append(errs, err) })
		_, err := c.Action(t.Context(), "fail") // the id is 0, which is an id
		var e *codec.Error
		if !errors.As(err, &e) || e.Group != "user" || e.Code != "too_short" || !callError(t, err).MaybeExecuted {
			t.Fatalf("error reply: %v", err)
		}
		var meta struct{ Min int }
		if err := e.Decode(&meta); err != nil || meta.Min != 3 {
			t.Errorf("metadata %+v, %v", meta, err)
		}
		_, err = c.Action(t.Context(), "nope")
		if !errors.Is(err, codec.ErrActionNotFound) || callError(t, err).MaybeExecuted {
			t.Errorf("unknown action: %v", err)
		}
		synctest.Wait()
		if len(errs) != 0 || c.Stats().Links != 1 {
			t.Errorf("errors of calls reached OnError: %v", errs)
		}
	})
}

func TestMessageOverTheWriteLimitIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		_, err := c.Action(t.Context(), "echo", make([]byte, conn.DefaultWriteLimit))
		var large *conn.TooLargeError
		if !errors.As(err, &large) || large.Limit != conn.DefaultWriteLimit || callError(t, err).MaybeExecuted {
			t.Errorf("over the limit: %v", err)
		}
		if _, err := c.Action(t.Context(), "echo", make([]byte, conn.DefaultWriteLimit-100)); err != nil {
			t.Errorf("under the limit: %v", err)
		}
	})
}

func TestFullOutboxRefusesWhileDown(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Down()
		cfg := config(gw)
		cfg.Outbox = 2
		c := connect(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _, _ = c.Action(ctx, "echo") })
		}
		synctest.Wait()
		_, err := c.Action(t.Context(), "echo")
		var full *conn.OutboxFullError
		if !errors.As(err, &full) || full.Limit != 2 || callError(t, err).MaybeExecuted {
			t.Errorf("third call: %v", err)
		}
		cancel()
		wg.Wait()
	})
}

func TestOutboxMakesCallersWaitWhileUp(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Outbox = 1
		c := connect(t, cfg)
		ready(t, c)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := c.Action(t.Context(), "echo", i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// Whoever waits for room must not wait for the next link.
func TestFullOutboxRefusesWhoWaitsWhenTheLinkIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Outbox = 1
		c := connect(t, cfg)
		ready(t, c)
		gw.Conn(0).PauseReads()
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 20)
		for range cap(results) {
			go func() {
				_, err := c.Action(ctx, "echo", make([]byte, 60<<10)) // more than a pipe takes
				results <- err
			}()
		}
		synctest.Wait()
		gw.Down()
		pass(time.Second)
		if n := len(results); n != cap(results)-cfg.Outbox {
			t.Errorf("%d of %d calls have ended", n, cap(results))
		}
		cancel()
		refused := 0
		for range cap(results) {
			var full *conn.OutboxFullError
			if errors.As(<-results, &full) {
				refused++
			}
		}
		if refused == 0 {
			t.Error("nobody waited for room, so that the test shows nothing")
		}
	})
}

func TestCallThatWaitsForRoomInTheOutboxCanBeCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Outbox = 1
		c := connect(t, cfg)
		ready(t, c)
		gw.Conn(0).PauseReads()
		call := func(ctx context.Context) chan error {
			result := make(chan error, 1)
			go func() {
				_, err := c.Action(ctx, "echo", make([]byte, 60<<10)) // more than a pipe takes
				result <- err
			}()
			return result
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stuck []chan error
		for range 20 {
			stuck = append(stuck, call(ctx))
		}
		synctest.Wait()
		ctx1, cancel1 := context.WithCancel(t.Context())
		waits := call(ctx1)
		synctest.Wait()
		cancel1()
		synctest.Wait()
		select {
		case err := <-waits:
			if !errors.Is(err, context.Canceled) || conn.MaybeExecuted(err) {
				t.Errorf("%v, may have run: %v", err, conn.MaybeExecuted(err))
			}
		default:
			t.Error("still waits for room")
		}
		cancel()
		for _, result := range stuck {
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		if s := c.Stats(); s.CallsQueued != 0 || s.CallsInFlight != 0 {
			t.Errorf("left over: %+v", s)
		}
	})
}

func TestFailedWriteFailsTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		broken := make(chan struct{})
		cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := gw.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &breakable{Conn: nc, broken: broken}, nil
		}
		c := connect(t, cfg)
		ready(t, c)
		close(broken)
		_, err := c.Action(t.Context(), "echo")
		var lost *conn.DisconnectedError
		if !errors.As(err, &lost) || !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("call whose write failed: %v", err)
		}
	})
}

// breakable is a network connection whose writes fail once broken is closed.
type breakable struct {
	net.Conn
	broken chan struct{}
}

func (b *breakable) Write(p []byte) (int, error) {
	select {
	case <-b.broken:
		return 0, io.ErrShortWrite
	default:
		return b.Conn.Write(p)
	}
}

func TestManyCallersShareAConnection(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Actor("room").Handle("echo", func(_ context.Context, r *rivettest.Request) (any, error) { return r.Args, nil })
	c := connect(t, config(gw))
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 50 {
				v, err := c.Action(t.Context(), "echo", i*100+j)
				var got []int
				if err == nil {
					err = v.Decode(&got)
				}
				if err != nil || got[0] != i*100+j {
					t.Errorf("%d: %v, %v", i*100+j, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.CallsQueued != 0 || s.CallsInFlight != 0 {
		t.Errorf("left over: %+v", s)
	}
}
