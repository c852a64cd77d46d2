package interop_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/interop/fixture"
)

// patience bounds one step against servers that share a busy machine. A test
// that comes near it has failed.
const patience = 60 * time.Second

// target is a server and the encoding in which a test talks to it.
type target struct {
	server   *fixture.Server
	encoding codec.Encoding
	legacy   bool // RivetKit 2.0.33, else 2.3.19 behind the engine
}

// everywhere runs f against both servers in all encodings.
func everywhere(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	t.Parallel()
	run(t, engine.get(t), f)
	run(t, legacy.get(t), f)
}

// onEngine runs f against RivetKit 2.3.19 in all encodings.
func onEngine(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	t.Parallel()
	run(t, engine.get(t), f)
}

// onLegacy runs f against RivetKit 2.0.33 in all encodings.
func onLegacy(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	t.Parallel()
	run(t, legacy.get(t), f)
}

func run(t *testing.T, s *fixture.Server, f func(t *testing.T, on target)) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(s.Version+"/"+enc.String(), func(t *testing.T) {
			t.Parallel()
			f(t, target{s, enc, s.Version == "2.0.33"})
		})
	}
}

// client returns a client that is closed when the test ends. What the
// environment says of Rivet does not matter to it.
func (on target) client(t *testing.T, opts ...rivet.Option) *rivet.Client {
	t.Helper()
	client, err := rivet.NewClient(append([]rivet.Option{
		rivet.WithEndpoint(on.server.Endpoint),
		rivet.WithNamespace("default"),
		rivet.WithPool("default"),
		rivet.WithToken(""),
		rivet.WithEncoding(on.encoding),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// actor returns a handle of an actor that no other test has.
func (on target) actor(t *testing.T, name string, opts ...rivet.HandleOption) *rivet.Handle {
	t.Helper()
	return on.client(t).GetOrCreate(name, newKey(t), opts...)
}

var keys atomic.Int64

// newKey returns a key that no other test uses, nor this one when it is run
// again.
func newKey(t *testing.T) rivet.Key {
	return rivet.Key{t.Name(), strconv.FormatInt(keys.Add(1), 10)}
}

// connect opens a connection that is closed when the test ends, at the latest.
func connect(t *testing.T, h *rivet.Handle, opts ...rivet.ConnectOption) *conn.Conn {
	t.Helper()
	c := h.Connect(context.Background(), opts...)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ready is connect, and waits until the connection is connected.
func ready(t *testing.T, h *rivet.Handle, opts ...rivet.ConnectOption) *conn.Conn {
	t.Helper()
	c := connect(t, h, opts...)
	if err := c.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// both runs f with the two callers that reach the actor: the handle, by HTTP,
// and a connection.
func both(t *testing.T, h *rivet.Handle, f func(t *testing.T, caller rivet.Caller)) {
	t.Helper()
	t.Run("http", func(t *testing.T) { f(t, h) })
	t.Run("connection", func(t *testing.T) { f(t, ready(t, h)) })
}

// within returns a context for one step.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wait waits for a channel to be closed.
func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("still not done after %v", patience)
	}
}

// receive returns what comes on a channel.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing came in %v", patience)
		panic("unreachable")
	}
}

// call calls an action that must succeed.
func call[Out any](t *testing.T, c rivet.Caller, action string, args ...any) Out {
	t.Helper()
	out, err := rivet.Call[Out](within(t), c, action, args...)
	if err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	return out
}

// next returns the next event of a subscription.
func next[T any](t *testing.T, sub interface {
	Next(context.Context) (T, error)
}) T {
	t.Helper()
	v, err := sub.Next(within(t))
	if err != nil {
		t.Fatalf("next event: %v", err)
	}
	return v
}

// serverError returns the server's error in err, which must be one with that
// group and code.
func serverError(t *testing.T, err error, code string) *rivet.Error {
	t.Helper()
	e, ok := errors.AsType[*rivet.Error](err)
	if !ok || e.Group+"."+e.Code != code {
		t.Fatalf("got %v, want an error %s", err, code)
	}
	return e
}
