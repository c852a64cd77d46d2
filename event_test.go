package rivet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

const (
	changed = rivet.Event[int]("changed")
	moved   = rivet.Event[position]("moved")
	started = rivet.Event[rivet.None]("started")
)

type position struct {
	rivet.Positional
	X, Y int
}

// connect returns a connection that is connected.
func connect(t *testing.T, gw *rivettest.Gateway, opts ...rivet.Option) *conn.Conn {
	t.Helper()
	c := gw.Client(t, opts...).GetOrCreate("counter", nil).Connect(t.Context())
	t.Cleanup(func() { c.Close() })
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// emitter is an action that emits events, in the order of its arguments.
func emitter(gw *rivettest.Gateway) {
	gw.Actor("counter").Handle("emit", func(_ context.Context, r *rivettest.Request) (any, error) {
		var name string
		var args []any
		if err := r.Decode(&name, &args); err != nil {
			return nil, err
		}
		return r.Emit(name, args...), nil
	})
}

func emit(t *testing.T, c rivet.Caller, name string, args ...any) {
	t.Helper()
	if args == nil {
		args = []any{}
	}
	if _, err := rivet.Call[int](t.Context(), c, "emit", name, args); err != nil {
		t.Fatal(err)
	}
}

func TestEvents(t *testing.T) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(enc.String(), func(t *testing.T) {
			gw := newGateway(t)
			emitter(gw)
			c := connect(t, gw, rivet.WithEncoding(enc))
			ctx := t.Context()

			sub := changed.Subscribe(c)
			positions := moved.Subscribe(c)
			starts := started.Subscribe(c)
			for i := range 3 {
				emit(t, c, "changed", i)
			}
			emit(t, c, "moved", 3, 4)
			emit(t, c, "started")
			for i := range 3 {
				if n, err := sub.Next(ctx); n != i || err != nil {
					t.Errorf("event %d: %d, %v", i, n, err)
				}
			}
			if p, err := positions.Next(ctx); p.X != 3 || p.Y != 4 || err != nil {
				t.Errorf("positional: %+v, %v", p, err)
			}
			if _, err := starts.Next(ctx); err != nil {
				t.Errorf("none: %v", err)
			}
			emit(t, c, "changed", "no number")
			emit(t, c, "changed", 7)
			if _, err := sub.Next(ctx); !stream.IsNotice(err) {
				t.Errorf("undecodable: %v", err)
			}
			if n, err := sub.Next(ctx); n != 7 || err != nil {
				t.Errorf("after it: %d, %v", n, err)
			}
			sub.Close()

			n, err := changed.Await(ctx, c, func(context.Context) error { emit(t, c, "changed", 9); emit(t, c, "changed", 10); return nil })
			if n != 9 || err != nil {
				t.Errorf("await: %d, %v", n, err)
			}
			failure := errors.New("no")
			if _, err := changed.Await(ctx, c, func(context.Context) error { return failure }); err != failure {
				t.Errorf("await: %v", err)
			}

			mixed := c.Subscribe([]string{string(changed), string(moved)})
			emit(t, c, "moved", 1, 2)
			ev, err := mixed.Next(ctx)
			if err != nil || ev.Name != string(moved) {
				t.Fatalf("mixed: %v, %v", ev, err)
			}
			if p, err := moved.Decode(ev); p.Y != 2 || err != nil {
				t.Errorf("decode: %+v, %v", p, err)
			}
		})
	}
}

func TestEventLoopsAndCallbacks(t *testing.T) {
	gw := newGateway(t)
	emitter(gw)
	c := connect(t, gw)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	heard, once := make(chan int, 8), make(chan int, 8)
	stop := changed.On(c, func(n int) { heard <- n })
	changed.OnOnce(c, func(n int) { once <- n })
	feed := changed.Chan(ctx, c)
	emit(t, c, "changed", 1)
	emit(t, c, "changed", 2)
	if a, b := <-heard, <-heard; a != 1 || b != 2 {
		t.Errorf("On heard %d, %d", a, b)
	}
	if n := <-once; n != 1 {
		t.Errorf("OnOnce heard %d", n)
	}
	if a, b := <-feed, <-feed; a != 1 || b != 2 {
		t.Errorf("Chan has %d, %d", a, b)
	}
	stop()
	emit(t, c, "changed", 3)
	if len(heard)+len(once) != 0 {
		t.Error("a callback was called after its end")
	}
	cancel()
	for range feed {
	}
	if err := gw.Conn(0).WaitUnsubscribed(t.Context(), "changed"); err != nil {
		t.Fatal(err)
	}

	got := make(chan int)
	done := make(chan struct{})
	loop, leave := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		for n, err := range changed.All(loop, c) {
			if err != nil {
				t.Errorf("all: %v", err)
			}
			got <- n
		}
	}()
	if err := gw.Conn(0).WaitSubscribed(t.Context(), "changed"); err != nil {
		t.Fatal(err)
	}
	emit(t, c, "changed", 4)
	if n := <-got; n != 4 {
		t.Errorf("loop got %d", n)
	}
	leave()
	<-done
	if err := gw.Conn(0).WaitUnsubscribed(t.Context(), "changed"); err != nil {
		t.Fatal(err)
	}

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range changed.Seq(t.Context(), c) {
		}
	}()
	if err := gw.Conn(0).WaitSubscribed(t.Context(), "changed"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-ended
	if _, err := changed.Once(t.Context(), c); !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("once on a closed connection: %v", err)
	}
}

// Await leaves no subscription behind, whatever it returns.
func TestEventAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		emitter(gw)
		c := connect(t, gw)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, f := range []func(context.Context) error{
			func(context.Context) error { emit(t, c, "changed", 1); return nil },
			func(context.Context) error { return errors.New("no") },
		} {
			_, _ = changed.Await(ctx, c, f)
			if err := gw.Conn(0).WaitUnsubscribed(ctx, "changed"); err != nil {
				t.Fatal(err)
			}
		}

		// What cannot be decoded is what Await waited for.
		var undecoded *stream.DecodeError
		_, err := changed.Await(ctx, c, func(context.Context) error { emit(t, c, "changed", "no number"); return nil })
		if !errors.As(err, &undecoded) {
			t.Errorf("await: %v", err)
		}
		// What was dropped meanwhile is not.
		n, err := changed.Await(ctx, c, func(context.Context) error {
			for i := range 3 {
				emit(t, c, "changed", i)
			}
			return nil
		})
		if n != 0 || err != nil {
			t.Errorf("await: %d, %v", n, err)
		}
	})
}

// A link that was lost before the event came is not what Await waits for.
func TestEventAwaitOverALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		emitter(gw)
		c := connect(t, gw)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n, err := changed.Await(ctx, c, func(context.Context) error {
			gw.Down()
			gw.Up()
			if _, err := gw.WaitConn(ctx, 1); err != nil {
				return err
			}
			emit(t, c, "changed", 5)
			return nil
		})
		if n != 5 || err != nil {
			t.Errorf("await: %d, %v", n, err)
		}
	})
}
