package rivettest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

func TestTypedHelpers(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.String(), func(t *testing.T) {
			inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
				ctx := timeout(t)
				a := gw.Actor("counter")
				count := 0
				rivettest.Handle(a, Increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
					count += by
					return count, nil
				})
				rivettest.Do(a, Reset, func(context.Context, *rivettest.Request) (rivet.None, error) {
					count = 0
					return rivet.None{}, nil
				})
				rivettest.Consume(a, Jobs, func(_ context.Context, _ *rivettest.QueueMessage, job string) (int, error) {
					return len(job), nil
				})
				handle := gw.Client(t, rivet.WithEncoding(enc)).GetOrCreate("counter", rivet.Key{"k"})
				if n, err := Increment.Call(ctx, handle, 3); err != nil || n != 3 {
					t.Errorf("over HTTP: %d, %v", n, err)
				}
				if n, err := Jobs.SendWait(ctx, handle, "four"); err != nil || n != 4 {
					t.Errorf("queue: %d, %v", n, err)
				}
				conn := handle.Connect(ctx)
				defer conn.Close()
				if _, err := rivet.Do(ctx, conn, Reset); err != nil {
					t.Error(err)
				}
				<-time.After(time.Millisecond) // the clock stands still: calls have distinct times
				if n, err := Increment.Call(ctx, conn, 4); err != nil || n != 4 {
					t.Errorf("over the connection: %d, %v", n, err)
				}
				if got := rivettest.Calls(gw, Increment); !slices.Equal(got, []int{3, 4}) {
					t.Errorf("calls %v", got)
				}

				events := CountChanged.Subscribe(conn)
				defer events.Close()
				if err := gw.Conn(0).WaitSubscribed(ctx, string(CountChanged)); err != nil {
					t.Fatal(err)
				}
				inst := gw.Instance("counter", "k")
				sent := 0
				for _, to := range []rivettest.Emitter{gw, a, inst, gw.Conn(0), gw.Instance("counter", "other")} {
					sent += rivettest.Emit(to, CountChanged, 8)
				}
				raw, err := codec.AppendArgs(nil, enc, []any{8})
				if err != nil {
					t.Fatal(err)
				}
				sent += gw.EmitRaw(string(CountChanged), map[codec.Encoding][]byte{enc: raw})
				if sent != 5 {
					t.Errorf("sent %d events, want 5", sent)
				}
				for range sent {
					if n, err := events.Next(ctx); err != nil || n != 8 {
						t.Errorf("event %d, %v", n, err)
					}
				}
			})
		})
	}
}

func TestClientReconnectsAfterRestart(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		gw.Actor("counter")
		ctx := timeout(t)
		conn := gw.Client(t).GetOrCreate("counter", rivet.Key{"k"}).Connect(ctx)
		defer conn.Close()
		events := CountChanged.Subscribe(conn)
		defer events.Close()
		for i := range 3 {
			if err := gw.Conn(i).WaitSubscribed(ctx, string(CountChanged)); err != nil {
				t.Fatal(err)
			}
			if n := rivettest.Emit(gw, CountChanged, i); n != 1 {
				t.Errorf("event to %d connections", n)
			}
			if n, err := events.Next(ctx); err != nil || n != i {
				t.Errorf("event %d, %v", n, err)
			}
			gw.Restart()
		}
	})
}

func TestClientOfALegacyServer(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		ctx := timeout(t)
		counter(gw)
		handle := gw.Client(t).GetOrCreate("counter", rivet.Key{"a", "b"})
		if n, err := Increment.Call(ctx, handle, 3); err != nil || n != 3 {
			t.Errorf("over HTTP: %d, %v", n, err)
		}
		conn := handle.Connect(ctx)
		defer conn.Close()
		if n, err := Increment.Call(ctx, conn, 3); err != nil || n != 6 {
			t.Errorf("over the connection: %d, %v", n, err)
		}
		_, err := rivet.Call[int](ctx, conn, "fail")
		var e *rivet.Error
		if !errors.As(err, &e) || e.Code != "too_much" || e.Actor != nil {
			t.Errorf("got %v", err)
		}
		instances := gw.Instances()
		instances[0].Sleep()
		if err := gw.Conn(0).WaitClosed(ctx); err != nil {
			t.Error("a sleeping actor keeps its connections")
		}
		gw.Conn(1) // and they come back
	}, rivettest.Legacy())
}

func TestRedirectToAnotherGateway(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		second := rivettest.NewGateway(t, append(opts, hostOption(opts, "second.invalid:80")...)...)
		counter(second)
		first := rivettest.NewGateway(t, append(opts, rivettest.RedirectTo(second.Endpoint(), "ns", ""))...)
		first.Route(second)
		ctx := timeout(t)
		handle := first.Client(t).GetOrCreate("counter", rivet.Key{"k"})
		if _, err := Increment.Call(ctx, handle, 1); err != nil {
			t.Error(err)
		}
		conn := handle.Connect(ctx)
		defer conn.Close()
		if _, err := Increment.Call(ctx, conn, 1); err != nil {
			t.Error(err)
		}
		if n := len(rivettest.Calls(second, Increment)); n != 2 {
			t.Errorf("%d calls at the second gateway", n)
		}
		if n := len(first.Conns()) + len(rivettest.Calls(first, Increment)); n != 0 {
			t.Errorf("%d calls and connections at the first gateway", n)
		}
	})
}

// hostOption gives an in-memory gateway an address of its own.
func hostOption(opts []rivettest.Option, host string) []rivettest.Option {
	if len(opts) == 0 {
		return nil
	}
	return []rivettest.Option{rivettest.InMemoryAt(host)}
}

func TestManyCallsAreRecordedInOrder(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		const n = 5000
		gw.Actor("counter").Handle("nothing", func(context.Context, *rivettest.Request) (any, error) { return codec.None{}, nil })
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		conn := gw.Conn(0)
		go func() {
			for {
				if _, err := c.in.Next(); err != nil {
					return
				}
			}
		}()
		for range n {
			c.call("nothing")
		}
		calls, err := conn.WaitMessages(timeout(t), n, rivettest.IsAction("nothing"))
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range calls {
			if m.ID != uint64(i) {
				t.Fatalf("message %d is call %d", i, m.ID)
			}
		}
	})
}

func TestRecordLimit(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		for i := range 5 {
			c.call("increment", i)
			c.read()
			if _, _, _, err := post(t, gw, codec.BARE, "increment", i); err != nil {
				t.Fatal(err)
			}
		}
		got := gw.Conn(0).Messages(nil)
		if len(got) != 2 || got[0].ID != 3 || got[1].ID != 4 {
			t.Errorf("kept %v", got)
		}
		if n := len(gw.Requests(nil)); n != 2 {
			t.Errorf("kept %d requests", n)
		}
	}, rivettest.RecordLimit(2))
}
