package rivet

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/rivet-go/rivet/conn"
)

// Client reaches the actors of one namespace. It is safe for concurrent use,
// and one is enough for a program. End it with Close or Shutdown.
type Client struct {
	cfg    *config
	http   *http.Client
	own    *http.Transport // closed with the client; nil when the user brought one
	lookup lookup
	log    *slog.Logger

	// ctx ends with Close and takes the calls under way with it.
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	refusing bool                    // Shutdown or Close has begun
	active   int                     // calls and bodies under way
	idle     chan struct{}           // closed when active is zero; nil unless awaited
	conns    map[*conn.Conn]struct{} // connections that may be open
	sweepAt  int                     // size of conns at which to look for ended ones
	sockets  map[*WebSocket]struct{}
	shared   map[sharedKey]*sharedConn
}

// NewClient returns a client for the endpoint that the options, or else the
// environment, name; see WithEndpoint and its siblings. It checks everything
// and reports all mistakes at once, each a *ConfigError. It does no I/O and
// starts no goroutine.
func NewClient(opts ...Option) (*Client, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:     cfg,
		log:     cfg.link.Logger,
		conns:   map[*conn.Conn]struct{}{},
		sockets: map[*WebSocket]struct{}{},
		shared:  map[sharedKey]*sharedConn{},
		sweepAt: 16,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.http, c.own = newHTTPClient(cfg)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c, nil
}

// Get returns a handle of the actor with a name and key, which must exist when
// the handle is used: ErrActorNotFound otherwise. It does no I/O.
func (c *Client) Get(name string, key Key, opts ...HandleOption) *Handle {
	return c.handle(conn.ByKey, name, key, "", opts)
}

// GetOrCreate returns a handle of the actor with a name and key, which is
// created by the first call that does not find it. It does no I/O.
func (c *Client) GetOrCreate(name string, key Key, opts ...HandleOption) *Handle {
	return c.handle(conn.OrCreate, name, key, "", opts)
}

// GetForID returns a handle of one actor by its id. Once that actor is
// destroyed, the handle is of no use: ErrActorNotFound. It does no I/O; name
// is for errors and logs.
func (c *Client) GetForID(name, id string, opts ...HandleOption) *Handle {
	return c.handle(conn.ByID, name, nil, id, opts)
}

// String names the endpoint's host and the namespace, and no secret.
func (c *Client) String() string {
	return "rivet.Client(" + printable(c.cfg.endpoint.Host) + ", " + printable(c.cfg.namespace) + ")"
}

// GoString is String, so that no format prints the token.
func (c *Client) GoString() string { return c.String() }

// begin registers a call. The returned context ends with ctx and with the
// client; end must be called once the call is over.
func (c *Client) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	c.mu.Lock()
	if c.refusing {
		c.mu.Unlock()
		return nil, nil, ErrClosed
	}
	c.active++
	c.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })
	return ctx, sync.OnceFunc(func() {
		stop()
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.active--; c.active == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}), nil
}

// Close closes all connections and ends calls under way with ErrClosed. It
// returns when all is closed, which is bounded in time. Afterwards everything
// fails with ErrClosed. Close may be called again; it returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.refusing = true
	conns, sockets, shared := c.conns, c.sockets, c.shared
	c.conns, c.sockets, c.shared = nil, nil, nil
	for _, s := range shared {
		s.stopTimer()
	}
	c.mu.Unlock()
	c.cancel(ErrClosed)
	var wg sync.WaitGroup
	for ws := range sockets {
		wg.Go(func() { _ = ws.Close() })
	}
	// On this goroutine: it may be a callback's, which Close does not wait for.
	conn.CloseAll(slices.Collect(maps.Keys(conns))...)
	wg.Wait()
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	return nil
}

// Shutdown refuses new calls and connections, waits for the calls under way
// and for those on connections, then closes everything as Close does. When ctx
// ends first it closes at once and returns an error that wraps ctx.Err.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.refusing = true
	conns := make([]*conn.Conn, 0, len(c.conns))
	for cn := range c.conns {
		conns = append(conns, cn)
	}
	var idle chan struct{}
	if c.active > 0 {
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle = c.idle
	}
	c.mu.Unlock()

	var wg sync.WaitGroup
	for _, cn := range conns {
		wg.Go(func() { _ = cn.Shutdown(ctx) })
	}
	var err error
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			err = fmt.Errorf("rivet: shut down with calls under way: %w", ctx.Err())
		}
	}
	wg.Wait()
	if err == nil && ctx.Err() != nil && len(conns) > 0 {
		err = fmt.Errorf("rivet: shut down with connections open: %w", ctx.Err())
	}
	_ = c.Close()
	return err
}

// keep registers a connection so that Close closes it; it reports false when
// the client is closed. Ended connections are dropped now and then.
func (c *Client) keep(cn *conn.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing {
		return false
	}
	if len(c.conns) >= c.sweepAt {
		for old := range c.conns {
			select {
			case <-old.Done():
				delete(c.conns, old)
			default:
			}
		}
		c.sweepAt = max(16, 2*len(c.conns))
	}
	c.conns[cn] = struct{}{}
	return true
}

// closed reports whether Close or Shutdown has begun.
func (c *Client) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusing
}
