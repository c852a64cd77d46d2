package rivet

import (
	"context"
	"fmt"
	"slices"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Caller is what actions can be called on: a *Handle, with one HTTP request
// for each call, or a *conn.Conn.
type Caller interface {
	// Invoke calls an action and waits for its result.
	Invoke(ctx context.Context, call *conn.Call) (codec.Value, error)
}

var (
	_ Caller = (*Handle)(nil)
	_ Caller = (*conn.Conn)(nil)
)

// Handle addresses an actor. Getting one does no I/O: a mistake in its name,
// key or options is reported by the first use. A handle by key is never tied
// to the actor it found; when that one is destroyed and made anew, the handle
// reaches the new one. Handles are immutable and safe for concurrent use.
type Handle struct {
	client     *Client
	addressing conn.Addressing
	name       string
	key        Key
	id         string
	set        handleSettings
	err        error // what is wrong with it, reported by every use
}

func (c *Client) handle(addressing conn.Addressing, name string, key Key, id string, opts []HandleOption) *Handle {
	h := &Handle{client: c, addressing: addressing, name: name, key: slices.Clone(key), id: id}
	for _, o := range opts {
		if o != nil {
			o.applyHandle(&h.set)
		}
	}
	if h.set.pool == "" {
		h.set.pool = c.cfg.pool
	}
	if h.set.crashPolicy == "" {
		h.set.crashPolicy = CrashSleep
	}
	h.set.skipReadyWait = h.set.skipReadyWait || c.cfg.opts.skipReadyWait
	h.err = h.check()
	return h
}

// check says what is wrong with the handle.
func (h *Handle) check() error {
	if h.set.err != nil {
		return h.set.err
	}
	if h.addressing != conn.OrCreate && len(h.set.creation) > 0 {
		return &ConfigError{Field: h.set.creation[0], Rule: "applies to GetOrCreate and Create only, which create actors"}
	}
	if h.addressing == conn.ByID {
		if _, ok := gateway.Segment(h.id); !ok {
			return &ConfigError{Field: "id", Rule: "cannot be that of an actor"}
		}
		return nil
	}
	if err := checkName(h.name); err != nil {
		return err
	}
	return checkKey(h.key)
}

// Name returns the actor's name as it was given.
func (h *Handle) Name() string { return h.name }

// Key returns a copy of the key, nil for a handle by id.
func (h *Handle) Key() Key { return slices.Clone(h.key) }

// ID returns the actor's id if the handle is by id, or else nothing.
func (h *Handle) ID() string { return h.id }

// String returns the name with the key or id, without parameters or tokens.
func (h *Handle) String() string { return label(h.name, h.key, h.id) }

// GoString is String, so that no format prints parameters.
func (h *Handle) GoString() string { return h.String() }

// Action calls an action by name with positional arguments. See Invoke.
func (h *Handle) Action(ctx context.Context, name string, args ...any) (codec.Value, error) {
	return h.Invoke(ctx, &conn.Call{Name: name, Args: args})
}

// Resolve returns the id of the actor, which a GetOrCreate handle creates if
// need be. It does one request, none for a handle by id. The handle does not
// remember the id: the actor may be destroyed and made anew at any time. The
// error is ErrActorNotFound when there is no such actor.
func (h *Handle) Resolve(ctx context.Context) (string, error) {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return "", fmt.Errorf("rivet: resolve %v: %w", h, err)
	}
	defer end()
	var id string
	err = h.client.retry(ctx, func() (verdict, error) {
		t, err := h.client.target(ctx)
		if err == nil {
			id, err = h.resolve(ctx, t)
		}
		return unsent(err, h.addressing), err
	})
	if err != nil {
		return "", fmt.Errorf("rivet: resolve %v: %w", h, err)
	}
	return id, nil
}

// begin registers an operation of the handle with its client and bounds it by
// the default timeout; see Client.begin.
func (h *Handle) begin(ctx context.Context) (context.Context, func(), error) {
	ctx, end, err := h.beginUnbounded(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := h.client.withCallTimeout(ctx)
	return ctx, func() { cancel(); end() }, nil
}

// beginUnbounded is begin without the default timeout.
func (h *Handle) beginUnbounded(ctx context.Context) (context.Context, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, contextError(ctx)
	}
	if h.err != nil {
		return nil, nil, h.err
	}
	return h.client.begin(ctx)
}
