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
	endpoint string
	version  string // of RivetKit, or the one that the Go host is like
	encoding codec.Encoding
	legacy   bool // RivetKit 2.0.33, else 2.3.19 behind the engine, or its like
	embedded bool // the Go host
}

// at returns a target for a fixture's server.
func at(s *fixture.Server) target {
	return target{endpoint: s.Endpoint, version: s.Version, legacy: s.Version == "2.0.33"}
}

// in returns the target in that encoding.
func (on target) in(enc codec.Encoding) target {
	on.encoding = enc
	return on
}

// candidate is a server that all tests share. Its get skips the test where the
// server is not available; the Go host always is.
type candidate struct {
	name string
	get  func(*testing.T) target
}

var (
	byEngine = candidate{"2.3.19", func(t *testing.T) target { t.Helper(); return at(engine.get(t)) }}
	by20     = candidate{"2.0.33", func(t *testing.T) target { t.Helper(); return at(legacy.get(t)) }}
	byGo     = candidate{"go", func(t *testing.T) target { t.Helper(); return embedded.get(t) }}

	current    = []candidate{byEngine, byGo}
	candidates = []candidate{byEngine, byGo, by20}
)

// everywhere runs f against all servers in all encodings.
func everywhere(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	inEncodings(t, candidates, f)
}

// onCurrent runs f against RivetKit 2.3.19 and the Go host in all encodings.
func onCurrent(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	inEncodings(t, current, f)
}

// onLegacy runs f against RivetKit 2.0.33 in all encodings.
func onLegacy(t *testing.T, f func(t *testing.T, on target)) {
	t.Helper()
	inEncodings(t, []candidate{by20}, f)
}

func inEncodings(t *testing.T, servers []candidate, f func(t *testing.T, on target)) {
	t.Helper()
	once(t, servers, func(t *testing.T, on target) {
		for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
			t.Run(enc.String(), func(t *testing.T) {
				t.Parallel()
				f(t, on.in(enc))
			})
		}
	})
}

// once runs f against each server, for what does not depend on the encoding.
func once(t *testing.T, servers []candidate, f func(t *testing.T, on target)) {
	t.Helper()
	t.Parallel()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			f(t, s.get(t))
		})
	}
}

// client returns a client that is closed when the test ends. What the
// environment says of Rivet does not matter to it.
func (on target) client(t *testing.T, opts ...rivet.Option) *rivet.Client {
	t.Helper()
	if on.embedded && on.encoding == codec.CBOR {
		// Told no runtime, the client takes the server for an engine and has keys
		// resolved on the way; else it asks the Go host for the actor's id first.
		opts = append([]rivet.Option{rivet.WithoutMetadataLookup()}, opts...)
	}
	client, err := rivet.NewClient(append([]rivet.Option{
		rivet.WithEndpoint(on.endpoint),
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
