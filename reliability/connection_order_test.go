package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func TestBehaviour26_SendOrderIsKept(t *testing.T) {
	const calls = 10_000
	// inOrder checks that gc's calls have the arguments 0, 1, 2 …
	inOrder := func(t *testing.T, gc *rivettest.Conn, calls int) {
		t.Helper()
		ms, err := gc.WaitMessages(soon(t), calls, rivettest.IsAction(string(echo)))
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range ms {
			var args []int
			if err := m.Args.Decode(&args); err != nil || len(args) != 1 || args[0] != i {
				t.Fatalf("place %d has call %v (%v)", i, args, err)
			}
		}
	}
	t.Run("one after the other", func(t *testing.T) {
		inEach(t, func(t *testing.T, enc codec.Encoding) {
			gw := loopback(t)
			c := connect(t, gw, rivet.WithEncoding(enc))
			calls := calls
			if enc != codec.BARE {
				calls /= 10
			}
			for i := range calls {
				if i%100 == 0 { // subscriptions keep their place between the calls
					defer rivet.Event[int](fmt.Sprint("e", i)).Subscribe(c).Close()
				}
				n, err := echo.Call(t.Context(), c, i)
				if err != nil || n != i {
					t.Fatal(n, err)
				}
			}
			gc := gw.Conn(0)
			inOrder(t, gc, calls)
			next, known := 0, map[string]bool{}
			for _, m := range gc.Messages(nil) {
				switch {
				case m.Kind == rivettest.SubscribeMessage && !known[m.Name]: // else it is a renewal
					known[m.Name] = true
					if expect := fmt.Sprint("e", next); m.Name != expect {
						t.Fatalf("subscription to %s before call %d", m.Name, next)
					}
				case m.Kind == rivettest.ActionMessage:
					next++
				}
			}
		})
	})
	// Nobody waits for a reply before the next call is made.
	pipelined := func(t *testing.T, gw *rivettest.Gateway, c *conn.Conn, queued func()) {
		var wg sync.WaitGroup
		for i := range calls {
			ctx := &signalling{Context: t.Context(), waits: make(chan struct{})}
			wg.Go(func() {
				if n, err := echo.Call(ctx, c, i); err != nil || n != i {
					t.Errorf("call %d: %d, %v", i, n, err)
				}
			})
			<-ctx.waits // the call is in the queue
		}
		queued()
		wg.Wait()
		inOrder(t, gw.Conn(0), calls)
	}
	t.Run("at once", func(t *testing.T) {
		gw := loopback(t)
		c := connect(t, gw, rivet.WithCallTimeout(0), rivet.WithOutbox(calls))
		ready(t, c)
		pipelined(t, gw, c, func() {})
	})
	t.Run("queued while down", func(t *testing.T) {
		gw := loopback(t)
		gw.Down()
		c := connect(t, gw, rivet.WithCallTimeout(0), rivet.WithOutbox(calls), rivet.WithoutMetadataLookup(),
			rivet.WithBackoff(backoff.Exponential(time.Millisecond, time.Millisecond)))
		pipelined(t, gw, c, gw.Up)
	})
	t.Run("sent again", func(t *testing.T) {
		// Idempotent calls that were in flight come before those made later.
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			const calls = 200
			gw.Script(rivettest.Unanswered())
			c := connect(t, gw)
			ready(t, c)
			var wg sync.WaitGroup
			for i := range calls {
				if i == calls/2 {
					gw.Conn(0).Drop()
					synctest.Wait()
				}
				wg.Go(func() {
					n, err := echo.Call(soon(t), c, i, rivet.Idempotent())
					want(t, n, err, i)
				})
				synctest.Wait()
			}
			wg.Wait()
			for i, m := range gw.Conn(1).Messages(rivettest.IsAction(string(echo))) {
				if m.ID != uint64(i) {
					t.Fatalf("place %d has call %d", i, m.ID)
				}
			}
		})
	})
}

// signalling is a context that tells when it is first waited for.
type signalling struct {
	context.Context
	waits chan struct{}
	once  sync.Once
}

func (c *signalling) Done() <-chan struct{} {
	c.once.Do(func() { close(c.waits) })
	return c.Context.Done()
}

func TestBehaviour27_FlushingWhileTheLinkDies(t *testing.T) {
	const store = rivet.Action[string, int]("store")
	for _, name := range []string{"reset", "write fails in part", "write fails whole"} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				gw := loopback(t)
				gw.Actor("room").Handle(string(store), func(context.Context, *rivettest.Request) (any, error) { return 1, nil })
				gw.Down()

				// Each of the first links dies somewhere in its first 200 kB.
				const dying = 3
				var left [dying]atomic.Int64
				for i := range left {
					left[i].Store(2<<10 + rand.Int64N(200<<10))
				}
				nw := &network{gw: gw}
				nw.onWrite = func(nth int, p []byte) (int, error) {
					if nth >= dying {
						return len(p), nil
					}
					rest := left[nth].Add(-int64(len(p)))
					if rest > 0 {
						return len(p), nil
					}
					switch name {
					case "reset": // from the other side, about now
						for _, gc := range gw.Conns() {
							gc.Drop()
						}
						return len(p), nil
					case "write fails whole":
						return 0, errBroken
					}
					return max(0, len(p)+int(rest)), errBroken
				}
				c := connect(t, gw, rivet.WithEncoding(enc), rivet.WithDialer(nw.dial), rivet.WithoutMetadataLookup(),
					rivet.WithBackoff(backoff.Exponential(time.Millisecond, time.Millisecond)))

				const calls = 1000
				filler := strings.Repeat("x", 1<<10)
				outcomes := make([]error, calls)
				var wg sync.WaitGroup
				for i := range calls {
					ctx := &signalling{Context: within(t, time.Minute), waits: make(chan struct{})}
					wg.Go(func() { _, outcomes[i] = store.Call(ctx, c, fmt.Sprint(i, " ", filler)) })
					<-ctx.waits
				}
				gw.Up()
				wg.Wait()
				ready(t, c)
				if _, err := echo.Call(soon(t), c, 0); err != nil {
					t.Error(err)
				}

				seen := make(map[int]int)
				for _, s := range rivettest.Calls(gw, store) {
					var n int
					_, _ = fmt.Sscan(s, &n)
					seen[n]++
				}
				lost := 0
				for i, err := range outcomes {
					var gone *rivet.DisconnectedError
					switch {
					case err == nil && seen[i] != 1:
						t.Errorf("call %d returned, and was seen %d times", i, seen[i])
					case err != nil && !errors.As(err, &gone):
						t.Errorf("call %d: %v", i, err)
					case err != nil && !rivet.MaybeExecuted(err):
						t.Errorf("call %d was written and lost, but is reported as not run", i)
					case seen[i] > 1:
						t.Errorf("call %d was seen %d times", i, seen[i])
					}
					if err != nil {
						lost++
					}
				}
				s := c.Stats()
				if s.CallsInFlight != 0 || s.CallsQueued != 0 {
					t.Errorf("left over: %+v", s)
				}
				if lost == 0 || lost == calls || s.Links < 2 {
					t.Errorf("%d of %d calls lost over %d links: the test tests nothing", lost, calls, s.Links)
				}
			})
		})
	}
}

func TestBehaviour28_FailedWriteIsNotLost(t *testing.T) {
	for name, fail := range map[string]func(p []byte) (int, error){
		"at once":      func([]byte) (int, error) { return 0, errBroken },
		"after a part": func(p []byte) (int, error) { return len(p) / 2, errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					var broken atomic.Bool
					nw := &network{gw: gw}
					nw.onWrite = func(_ int, p []byte) (int, error) {
						if broken.Load() {
							return fail(p)
						}
						return len(p), nil
					}
					c := connect(t, gw, rivet.WithEncoding(enc), rivet.WithDialer(nw.dial))
					ready(t, c)
					started := time.Now()
					broken.Store(true)
					_, err := charge.Call(soon(t), c, 1)
					var lost *rivet.DisconnectedError
					if !errors.As(err, &lost) || !errors.Is(err, errBroken.Err) || !rivet.MaybeExecuted(err) {
						t.Errorf("call whose write failed: %v (may have run: %v)", err, rivet.MaybeExecuted(err))
					}
					if d := time.Since(started); d != 0 {
						t.Errorf("failed after %v", d)
					}
					broken.Store(false)
					n, err := charge.Call(soon(t), c, 2)
					want(t, n, err, 2)
					if s := c.Stats(); s.CallsInFlight != 0 || s.CallsQueued != 0 || s.Links != 2 {
						t.Errorf("%+v", s)
					}
				})
			})
		})
	}
	t.Run("idempotent call is sent again", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			var broken atomic.Bool
			nw := &network{gw: gw}
			nw.onWrite = func(_ int, p []byte) (int, error) {
				if broken.Swap(false) {
					return 0, errBroken
				}
				return len(p), nil
			}
			c := connect(t, gw, rivet.WithDialer(nw.dial))
			ready(t, c)
			broken.Store(true)
			n, err := charge.Call(soon(t), c, 1, rivet.Idempotent())
			want(t, n, err, 1)
		})
	})
	t.Run("the server does not read", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw, rivet.WithPing(time.Hour, 7*time.Second))
			ready(t, c)
			gw.Conn(0).PauseReads()
			started := time.Now()
			const store = rivet.Action[[]byte, int]("store")
			gw.Actor("room").Handle(string(store), func(context.Context, *rivettest.Request) (any, error) { return 1, nil })
			var lost atomic.Int32
			var wg sync.WaitGroup
			for range 20 { // 1 MB is more than the network takes
				wg.Go(func() {
					_, err := store.Call(soon(t), c, make([]byte, 50<<10))
					var gone *rivet.DisconnectedError
					switch {
					case err == nil: // was still in the queue
					case !errors.As(err, &gone) || !rivet.MaybeExecuted(err):
						t.Errorf("call behind a stuck write: %v", err)
					case time.Since(started) > 7*time.Second:
						t.Errorf("stuck for %v", time.Since(started))
					default:
						lost.Add(1)
					}
				})
				synctest.Wait()
			}
			wg.Wait()
			if n := lost.Load(); n == 0 || n == 20 {
				t.Errorf("%d of 20 calls lost: the test tests nothing", n)
			}
			n, err := echo.Call(soon(t), c, 1)
			want(t, n, err, 1)
		})
	})
}

func TestBehaviour30_OutOfOrderAndUnknownReplies(t *testing.T) {
	type variant struct {
		step       rivettest.Step
		unexpected uint64
	}
	const calls = 30
	for name, v := range map[string]variant{
		"out of order": {rivettest.Reorder(calls), 0},
		"unknown ids":  {rivettest.UnknownReplies(), calls},
		"twice":        {rivettest.DuplicateReplies(), calls},
		"ids of nobody, as errors and before any call": {rivettest.OnOpen("replies", func(gc *rivettest.Conn) {
			for i := range uint64(calls / 3) {
				gc.ReplyError(i+1<<20, rivettest.UserError("nobody", "nobody", nil))
				gc.Reply(i+1<<40, nil)
				gc.Reply(1<<53-1-i, "nobody")
			}
		}), calls / 3 * 3},
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					gw.Script(v.step)
					c := connect(t, gw, rivet.WithEncoding(enc))
					var failed []error
					c.OnError(func(err error) { failed = append(failed, err) })
					sub := ticks.Subscribe(c)
					ready(t, c)
					synctest.Wait()
					var wg sync.WaitGroup
					for i := range calls {
						wg.Go(func() {
							n, err := echo.Call(soon(t), c, 1000+i)
							want(t, n, err, 1000+i)
						})
					}
					wg.Wait()
					subscribed(t, gw.Conn(0), ticks)
					rivettest.Emit(gw, ticks, 5)
					n, err := sub.Next(soon(t))
					want(t, n, err, 5)
					synctest.Wait()
					if s := c.Stats(); s.Unexpected != v.unexpected || s.Links != 1 || s.CallsInFlight != 0 {
						t.Errorf("%+v, want %d unexpected replies", s, v.unexpected)
					}
					if len(failed) != 0 {
						t.Errorf("reported: %v", failed)
					}
				})
			})
		})
	}
}
