package rivet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// leftovers fails the test if connections are subscribed to anything.
func leftovers(t *testing.T, gw *rivettest.Gateway) {
	t.Helper()
	synctest.Wait()
	for _, c := range gw.Conns() {
		if left := c.Subscriptions(); len(left) != 0 {
			t.Errorf("connection %d is still subscribed to %v", c.Index, left)
		}
	}
}

func TestEventStreamSubscribesForEachConsumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway(t, rivettest.InMemory())
		c := connect(t, gw)
		s := changed.Stream(c)
		synctest.Wait()
		leftovers(t, gw) // cold
		for _, consume := range []func(){
			func() {
				for n, err := range s.All(t.Context()) {
					if n != 7 || err != nil {
						t.Errorf("%d, %v", n, err)
					}
					break
				}
			},
			func() {
				if n, err := s.First(t.Context()); n != 7 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			},
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				for range s.All(t.Context()) {
					panic("loop")
				}
			},
			func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for range s.All(ctx) {
					cancel()
				}
			},
		} {
			done := make(chan struct{})
			go func() { defer close(done); consume() }()
			synctest.Wait()
			if !gw.Conn(0).Subscribed("changed") {
				t.Error("a consumption does not subscribe")
			}
			gw.Emit("changed", 7)
			<-done
			leftovers(t, gw)
		}

		// Two at a time have a subscription each.
		sums := make(chan int, 2)
		for range 2 {
			go func() {
				sum, err := stream.Reduce(t.Context(), s.Take(3), 0, func(a, n int) int { return a + n })
				if err != nil {
					t.Error(err)
				}
				sums <- sum
			}()
		}
		synctest.Wait()
		for i := range 3 {
			gw.Emit("changed", i)
		}
		if a, b := <-sums, <-sums; a != 3 || b != 3 {
			t.Errorf("sums %d and %d", a, b)
		}
		leftovers(t, gw)

		if _, err := changed.Stream(c, stream.Buffer(0)).First(t.Context()); err == nil || stream.IsNotice(err) {
			t.Errorf("bad option: %v", err)
		}
		c.Close()
		if _, err := s.First(t.Context()); !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("closed connection: %v", err)
		}
	})
}

// "Once" in its forms: what is waited for is caused by what is done to the
// actor, and by nothing else.
func TestOnceIsMadeOfPieces(t *testing.T) {
	emits := func(c *conn.Conn, name string, args ...any) func(context.Context) error {
		return func(ctx context.Context) error {
			if args == nil {
				args = []any{}
			}
			_, err := rivet.Call[int](ctx, c, "emit", name, args)
			return err
		}
	}
	all := func(fs ...func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, f := range fs {
				if err := f(ctx); err != nil {
					return err
				}
			}
			return nil
		}
	}
	even := func(n int) bool { return n%2 == 0 }
	for name, test := range map[string]struct {
		await func(ctx context.Context, c, d *conn.Conn) (any, error)
		want  any
	}{
		"the first event": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			return changed.Stream(c).Await(ctx, all(emits(c, "changed", 1), emits(c, "changed", 2)))
		}, 1},
		"the first that matches": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			return changed.Stream(c).Filter(even).Await(ctx, all(emits(c, "changed", 1), emits(c, "changed", 2), emits(c, "changed", 4)))
		}, 2},
		"the first of several events": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			ev, err := rivet.AnyOf(changed, moved).Stream(c).Await(ctx, all(emits(c, "started"), emits(c, "moved", 3, 4), emits(c, "changed", 2)))
			return ev.Value, err
		}, position{X: 3, Y: 4}},
		"the first of several connections": {func(ctx context.Context, c, d *conn.Conn) (any, error) {
			return stream.Merge(changed.Stream(c), changed.Stream(d)).Await(ctx, emits(d, "changed", 6))
		}, 6},
		"the first to match of several connections and events": {func(ctx context.Context, c, d *conn.Conn) (any, error) {
			xs := stream.Map(moved.Stream(d), func(p position) int { return p.X })
			return stream.Merge(changed.Stream(c), xs).Filter(even).Await(ctx, all(emits(d, "moved", 5, 5), emits(d, "moved", 8, 8)))
		}, 8},
		"before an event that ends it": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			s := stream.TakeUntil(changed.Stream(c).Filter(even), started.Stream(c))
			_, err := s.Await(ctx, all(emits(c, "changed", 1), emits(c, "started")))
			return err, nil
		}, stream.ErrEmpty},
		"within a time": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := changed.Stream(c).Filter(even).Await(ctx, emits(c, "changed", 1))
			return err, nil
		}, context.DeadlineExceeded},
		"within a time after the one before": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			_, err := changed.Stream(c).Timeout(time.Second).Filter(even).Await(ctx, emits(c, "changed", 1))
			var late *stream.TimeoutError
			return errors.As(err, &late), nil
		}, true},
		"several": {func(ctx context.Context, c, _ *conn.Conn) (any, error) {
			twoEvens := stream.Batch(changed.Stream(c).Filter(even), 2, 0)
			ns, err := twoEvens.Await(ctx, all(emits(c, "changed", 1), emits(c, "changed", 2), emits(c, "changed", 4)))
			if len(ns) != 2 || err != nil {
				return ns, err
			}
			return ns[0] + ns[1], nil
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gw := newGateway(t, rivettest.InMemory())
				// An event goes to the connection whose call asks for it.
				gw.Actor("counter").Handle("emit", func(_ context.Context, r *rivettest.Request) (any, error) {
					var name string
					var args []any
					if err := r.Decode(&name, &args); err != nil {
						return nil, err
					}
					return r.Conn.Emit(name, args...), nil
				})
				c, d := connect(t, gw), connect(t, gw)
				for range 2 {
					if got, err := test.await(t.Context(), c, d); got != test.want || err != nil {
						t.Errorf("%v, %v, want %v", got, err, test.want)
					}
					leftovers(t, gw)
				}
			})
		})
	}
}
