package local_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
)

const (
	increment    = rivet.Action[int, int]("increment")
	countChanged = rivet.Event[int]("countChanged")
	doze         = rivet.Action[int, int]("doze")
)

type count struct{ N int }

func counters() actor.Registry {
	return actor.Registry{actor.Define("counter", func(d *actor.Definition[count]) {
		actor.Handle(d, increment, func(c *actor.Context[count], by int) (int, error) {
			c.State.N += by
			return c.State.N, actor.Broadcast(c, countChanged, c.State.N)
		})
		actor.Handle(d, doze, func(c *actor.Context[count], by int) (int, error) {
			c.Sleep()
			return by, nil
		})
	})}
}

// TestHostServesItsClients has the Go client use a whole host: over the network
// at both places where it answers, and in its process; with calls, and with a
// connection that outlives a sleep of its actor.
func TestHostServesItsClients(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		opt := local.Memory()
		if dir != "" {
			opt = local.Dir(dir)
		}
		host, err := actor.New(counters(), opt)
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(host.Handler())
		for _, at := range []string{"", srv.URL, srv.URL + "/api/rivet"} {
			for _, enc := range []codec.Encoding{codec.JSON, codec.CBOR, codec.BARE} {
				client := host.Client()
				if at != "" {
					if client, err = rivet.NewClient(rivet.WithEndpoint(at), rivet.WithEncoding(enc)); err != nil {
						t.Fatal(err)
					}
				}
				exercise(t, client, rivet.Key{at, enc.String()})
				if at != "" {
					if err := client.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		}
		srv.Close()
		if err := host.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func exercise(t *testing.T, client *rivet.Client, key rivet.Key) {
	t.Helper()
	ctx := t.Context()
	h := client.GetOrCreate("counter", key)
	for i := range 3 {
		if got, err := increment.Call(ctx, h, 1); err != nil || got != i+1 {
			t.Fatalf("%q: %d %v", key, got, err)
		}
	}
	conn := h.Connect(ctx)
	defer conn.Close()
	sub := countChanged.Subscribe(conn)
	defer sub.Close()
	if got, err := increment.Call(ctx, conn, 1); err != nil || got != 4 {
		t.Fatalf("%q: %d %v", key, got, err)
	}
	if got, err := sub.Next(ctx); err != nil || got != 4 {
		t.Fatalf("%q: event %d %v", key, got, err)
	}
	if _, err := doze.Call(ctx, conn, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := increment.Call(ctx, conn, 1); err != nil || got != 5 {
		t.Fatalf("%q: after the sleep %d %v", key, got, err)
	}
	if got, err := sub.Next(ctx); err != nil || got != 5 {
		t.Fatalf("%q: event %d %v", key, got, err)
	}
	if n := conn.Stats().Links; n != 1 {
		t.Errorf("%q: %d links", key, n)
	}
}

// An actor that sleeps is woken to hear that a client has left.
func TestAClientLeavesWhileItsActorSleeps(t *testing.T) {
	left := make(chan int, 1)
	asleep := make(chan struct{}, 9)
	host, _ := hosting(t, actor.Registry{actor.Define("counter", func(d *actor.Definition[count]) {
		actor.Handle(d, doze, func(c *actor.Context[count], by int) (int, error) {
			c.State.N = by
			c.Sleep()
			return by, nil
		})
		d.OnSleep(func(*actor.Context[count]) { asleep <- struct{}{} })
		d.OnDisconnect(func(c *actor.Context[count], _ *actor.Conn) { left <- c.State.N })
	})})
	conn := host.Client().GetOrCreate("counter", rivet.Key{}).Connect(t.Context())
	if _, err := doze.Call(t.Context(), conn, 7); err != nil {
		t.Fatal(err)
	}
	<-asleep
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	select {
	case n := <-left:
		if n != 7 {
			t.Errorf("the state is %d", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is not told")
	}
}
