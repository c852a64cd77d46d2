package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// What the actor "room" of every test offers.
const (
	echo   = rivet.Action[int, int]("echo")   // returns its argument
	emit   = rivet.Action[int, int]("emit")   // emits its argument as a tick, then returns it
	hold   = rivet.Action[int, int]("hold")   // never returns
	charge = rivet.Action[int, int]("charge") // what must not run twice
	reject = rivet.Action[int, int]("reject") // fails with user.rejected
	ticks  = rivet.Event[int]("tick")         // what tests listen to
	tocks  = rivet.Event[int]("tock")         // what others listen to
)

// encodings are all three, for what depends on the bytes.
var encodings = []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON}

// inEach runs f once for each encoding, as sub-tests.
func inEach(t *testing.T, f func(t *testing.T, enc codec.Encoding)) {
	t.Helper()
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) { f(t, enc) })
	}
}

// bubble runs f with a gateway in memory on a clock that jumps: timeouts of
// minutes take no time, and a goroutine left behind fails the test.
func bubble(t *testing.T, f func(t *testing.T, gw *rivettest.Gateway)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gw := rivettest.NewGateway(t, rivettest.InMemory(), rivettest.WaitLimit(time.Hour))
		furnish(gw)
		f(t, gw)
	})
}

// loopback returns a gateway on TCP. At the end of the test, after everything
// made later is closed, no goroutine of it may be left.
func loopback(t *testing.T, opts ...rivettest.Option) *rivettest.Gateway {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	gw := rivettest.NewGateway(t, opts...)
	furnish(gw)
	return gw
}

// furnish defines the room.
func furnish(gw *rivettest.Gateway) {
	room := gw.Actor("room")
	same := func(_ context.Context, _ *rivettest.Request, n int) (int, error) { return n, nil }
	rivettest.Handle(room, echo, same)
	rivettest.Handle(room, charge, same)
	rivettest.Handle(room, emit, func(_ context.Context, r *rivettest.Request, n int) (int, error) {
		rivettest.Emit(r, ticks, n)
		return n, nil
	})
	rivettest.Handle(room, hold, func(ctx context.Context, r *rivettest.Request, _ int) (int, error) {
		return 0, r.Await(func() error {
			select {
			case <-r.Gone():
				return errors.New("caller has gone")
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	rivettest.Handle(room, reject, func(context.Context, *rivettest.Request, int) (int, error) {
		return 0, rivettest.UserError("rejected", "rejected", nil)
	})
}

// room returns a handle of the room "a" of a client of its own. Panics of
// callbacks fail the test unless opts say otherwise.
func room(t *testing.T, gw *rivettest.Gateway, opts ...rivet.Option) *rivet.Handle {
	t.Helper()
	all := append([]rivet.Option{rivet.WithPanicHandler(func(r any, stack []byte) {
		t.Errorf("callback panicked: %v\n%s", r, stack)
	})}, opts...)
	return gw.Client(t, all...).GetOrCreate("room", rivet.Key{"a"})
}

// connect opens a connection to the room, which the end of the test closes.
func connect(t *testing.T, gw *rivettest.Gateway, opts ...rivet.Option) *conn.Conn {
	t.Helper()
	return open(t, room(t, gw, opts...))
}

// open opens a connection that the end of the test closes.
func open(t *testing.T, h *rivet.Handle, opts ...rivet.ConnectOption) *conn.Conn {
	t.Helper()
	c := h.Connect(context.Background(), opts...)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ready waits until c is connected, for as long as an outage may take.
func ready(t *testing.T, c *conn.Conn) {
	t.Helper()
	if err := c.Ready(within(t, time.Hour)); err != nil {
		t.Fatalf("not connected: %v", err)
	}
}

// ended waits until c is closed for good.
func ended(t *testing.T, c *conn.Conn) {
	t.Helper()
	select {
	case <-c.Done():
	case <-within(t, time.Hour).Done():
		t.Fatalf("still %v", c.Status())
	}
}

// subscribed waits until gc's client has subscribed to event.
func subscribed(t *testing.T, gc *rivettest.Conn, event rivet.Event[int]) {
	t.Helper()
	if err := gc.WaitSubscribed(soon(t), string(event)); err != nil {
		t.Fatalf("%v: not subscribed to %s: %v", gc, event, err)
	}
}

// received waits until an action has arrived on gc.
func received(t *testing.T, gc *rivettest.Conn, action rivet.Action[int, int]) {
	t.Helper()
	if _, err := gc.WaitMessage(soon(t), rivettest.IsAction(string(action))); err != nil {
		t.Fatalf("%v: %s did not arrive: %v", gc, action, err)
	}
}

// want fails the test when a call did not return n.
func want(t *testing.T, got int, err error, n int) {
	t.Helper()
	if err != nil || got != n {
		t.Errorf("call returned %d, %v, want %d", got, err, n)
	}
}

// loopEnd is the error that a loop yields first, which must be its last step.
func loopEnd[T any](t *testing.T, what string, steps iter.Seq2[T, error]) (end error) {
	t.Helper()
	n := 0
	for v, err := range steps {
		n++
		if end = err; err == nil {
			t.Errorf("%s: yielded %v, want its end", what, v)
			break
		}
	}
	if n != 1 {
		t.Errorf("%s: ended after %d steps, want one with an error", what, n)
	}
	return end
}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fmt.Errorf("test: not within %v: %w", d, context.DeadlineExceeded))
	t.Cleanup(cancel)
	return ctx
}

// soon is within a minute: what a test waits for comes at once, or not at all.
func soon(t *testing.T) context.Context {
	t.Helper()
	return within(t, time.Minute)
}

// pass lets d pass.
func pass(d time.Duration) { <-time.After(d) }
