package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// cancellable is an operation that a context bounds.
type cancellable struct {
	// slack is how much longer it may take: the time of a close handshake,
	// where it ends with one.
	slack time.Duration
	// endless operations never end by themselves.
	endless bool
	// clean ones end without an error when the context does.
	clean bool
	run   func(ctx context.Context, client *rivet.Client, h *rivet.Handle, c *conn.Conn) error
}

// cancellables are all operations of clients, handles and connections that
// take a context.
func cancellables() map[string]cancellable {
	const busy = rivet.Action[int, int]("busy")
	all := map[string]cancellable{
		"Client.Metadata": {run: func(ctx context.Context, client *rivet.Client, _ *rivet.Handle, _ *conn.Conn) error {
			_, err := client.Metadata(ctx)
			return err
		}},
		"Client.Shutdown": {slack: conn.DefaultCloseTimeout, run: func(ctx context.Context, client *rivet.Client, h *rivet.Handle, _ *conn.Conn) error {
			result := make(chan error, 1)
			go func() {
				_, err := hold.Call(context.Background(), h, 1)
				result <- err
			}()
			synctest.Wait()
			err := client.Shutdown(ctx)
			if err := <-result; !errors.Is(err, rivet.ErrClosed) {
				return fmt.Errorf("test: call during Shutdown: %w", err)
			}
			return err
		}, endless: true},
		"Conn.Invoke": {run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := echo.Call(ctx, c, 1)
			return err
		}},
		"Conn.Invoke, never answered": {endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := hold.Call(ctx, c, 1)
			return err
		}},
		"Conn.Invoke, refused for now": {endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := busy.Call(ctx, c, 1)
			return err
		}},
		"Conn.Invoke, idempotent, as links come and go": {run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			stop := context.AfterFunc(soonOr(ctx, 300*time.Millisecond), c.Reconnect)
			defer stop()
			_, err := echo.Call(ctx, c, 1, rivet.Idempotent())
			return err
		}},
		"Conn.Ready": {run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			c.Reconnect()
			synctest.Wait()
			return c.Ready(ctx)
		}},
		"Conn.Statuses": {endless: true, clean: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			for range c.Statuses(ctx) {
			}
			return nil
		}},
		"Conn.Once": {endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := c.Once(ctx, "never")
			return err
		}},
		"Conn.Shutdown": {slack: conn.DefaultCloseTimeout, endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			result := make(chan error, 1)
			go func() {
				_, err := hold.Call(context.Background(), c, 1)
				result <- err
			}()
			synctest.Wait()
			err := c.Shutdown(ctx)
			if err := <-result; !errors.Is(err, rivet.ErrClosed) {
				return fmt.Errorf("test: call during Shutdown: %w", err)
			}
			return err
		}},
		"Event.Once": {endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := tocks.Once(ctx, c)
			return err
		}},
		"Event.Await": {run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			_, err := ticks.Await(ctx, c, func(ctx context.Context) error {
				_, err := emit.Call(ctx, c, 1)
				return err
			})
			return err
		}},
		"Event.All": {endless: true, clean: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			for _, err := range ticks.All(ctx, c) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"Event.Chan": {endless: true, clean: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			for range ticks.Chan(ctx, c) {
			}
			return nil
		}},
		"Subscription.Next": {endless: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			sub := tocks.Subscribe(c)
			defer sub.Close()
			_, err := sub.Next(ctx)
			return err
		}},
		"Subscription.Batches": {endless: true, clean: true, run: func(ctx context.Context, _ *rivet.Client, _ *rivet.Handle, c *conn.Conn) error {
			for _, err := range ticks.Subscribe(c).Batches(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		"Handle.Connect": {endless: true, slack: conn.DefaultCloseTimeout, run: func(ctx context.Context, _ *rivet.Client, h *rivet.Handle, _ *conn.Conn) error {
			c := h.Connect(ctx)
			<-c.Done()
			return c.Err()
		}},
	}
	for _, op := range operations {
		slack := time.Duration(0)
		if op.name == "connection" || op.name == "raw WebSocket" {
			slack = conn.DefaultCloseTimeout // it is closed in good order
		}
		all["client, "+op.name] = cancellable{slack: slack, run: func(ctx context.Context, client *rivet.Client, h *rivet.Handle, _ *conn.Conn) error {
			return op.run(ctx, client, h)
		}}
	}
	return all
}

// soonOr is a context that ends after d, or with ctx.
func soonOr(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// Every operation that takes a context returns as soon as the context ends,
// wherever it is at that time, with the context's error, and leaves nothing
// behind: no call, no subscription, and, once its client is closed, no network
// connection and no goroutine.
func TestCancellationAtAnyTime(t *testing.T) {
	for name, op := range cancellables() {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 0))
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				a := equip(gw)
				a.Handle("busy", func(context.Context, *rivettest.Request) (any, error) {
					return nil, rivettest.Error("actor", "starting", "later", nil)
				})
				natural := 3 * time.Second
				if !op.endless {
					natural = 0
					for range len(slowLinks()) {
						d, err := cancelOnce(t, gw, op, 0, rnd)
						if err != nil {
							t.Fatalf("left alone: %v", err)
						}
						natural = max(natural, d)
					}
					natural = max(natural, 250*time.Millisecond) // chance may have drawn none that is slow
				}
				cancelled := 0
				const trials, enough = 30, 8
				for i := 0; i < trials || cancelled < enough && i < 20*trials; i++ {
					after := 1 + time.Duration(rnd.Int64N(int64(natural))) // zero would be never
					if i == 0 {
						after = 1 // as good as before
					}
					took, err := cancelOnce(t, gw, op, after, rnd)
					switch {
					case took > after+op.slack:
						t.Errorf("returned %v after the start, the context ended after %v: %v", took, after, err)
					case err == nil && op.endless && !op.clean:
						t.Errorf("ended by itself after %v", took)
					case err != nil && !errors.Is(err, context.Canceled):
						t.Errorf("cancelled after %v: %v", after, err)
					case err != nil || op.clean:
						cancelled++
					}
				}
				if cancelled < enough {
					t.Errorf("only %d were cancelled: the test tests little", cancelled)
				}
			})
		})
	}
}

// slowLinks make every part of opening a connection take its time, in turn.
func slowLinks() []rivettest.Step {
	return []rivettest.Step{
		rivettest.Delay(400 * time.Millisecond),
		rivettest.Latency(200 * time.Millisecond),
		rivettest.LateInit(300 * time.Millisecond),
	}
}

// cancelOnce runs op with a client of its own, cancels it after a time, or not
// at all when that is zero, and returns how long it took. It fails the test
// when something is left afterwards.
func cancelOnce(t *testing.T, gw *rivettest.Gateway, op cancellable, after time.Duration, rnd *rand.Rand) (time.Duration, error) {
	t.Helper()
	gw.Instance("room", "a")              // what destroys it finds it
	gw.Instance("room", "made").Destroy() // what makes it may
	synctest.Wait()
	before, _ := goroutines()
	nw := &network{gw: gw}
	client, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithDialer(nw.dial))
	if err != nil {
		t.Fatal(err)
	}
	h := client.GetOrCreate("room", rivet.Key{"a"})
	c := h.Connect(context.Background())
	ready(t, c)
	gw.Conns()[len(gw.Conns())-1].SetLatency(200 * time.Millisecond)
	client2 := client
	if rnd.IntN(2) == 0 {
		// One that does not know the gateway yet.
		if client2, err = rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithDialer(nw.dial)); err != nil {
			t.Fatal(err)
		}
		h = client2.GetOrCreate("room", rivet.Key{"a"})
	}
	gw.ScriptHTTP("", rivettest.Delay(250*time.Millisecond).Times(20))
	links := slowLinks()
	for range 5 {
		gw.Script(links[rnd.IntN(len(links))])
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if after > 0 {
		timer := time.AfterFunc(after, cancel)
		defer timer.Stop()
	}
	started := time.Now()
	err = op.run(ctx, client2, h, c)
	took := time.Since(started)

	synctest.Wait()
	if s := c.Stats(); s.CallsInFlight != 0 || s.CallsQueued != 0 || s.Subscriptions != 0 || s.Topics != 0 {
		t.Errorf("left on the connection: %+v", s)
	}
	for _, cl := range []*rivet.Client{client2, client} {
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
	}
	gw.ClearScripts()
	pass(time.Minute) // for the gateway to notice
	synctest.Wait()
	if n := nw.open.Load(); n != 0 {
		t.Errorf("%d network connections are left", n)
	}
	if n, stacks := goroutines(); n > before {
		t.Fatalf("%d goroutines are left\n%s", n-before, stacks)
	}
	return took, err
}

// goroutines counts those of the bubble, and shows them.
func goroutines() (int, []byte) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("synctest bubble")), stacks
}
