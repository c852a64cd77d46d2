package rivettest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet/internal/pipe"
)

// Gateway is a Rivet gateway, engine API and actor server in one, for tests.
// It does what the real ones do, unless a script tells it to fail. All methods
// are safe for concurrent use, except that those documented to fail the test
// must run on the test's goroutine.
type Gateway struct {
	tb  testing.TB
	cfg config

	ctx    context.Context // of everything that runs for the test
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	link link
	web  *http.Client
	live atomic.Pointer[[]*Conn] // connections that are open, copy on write

	watch       // guards what follows
	closed      bool
	metadata    map[string]any
	actors      map[string]*Actor
	instances   []*Instance
	byID        map[string]*Instance
	byKey       map[instanceKey]*Instance
	conns       []*Conn
	attempts    []Attempt
	requests    []HTTPRequest
	requestsOut int // requests no longer kept
	script      []Step
	httpScripts []httpScript
	routes      []*Gateway
	rays        uint64
}

// NewGateway starts a gateway, which the end of the test stops: it cuts every
// connection and waits for every goroutine.
func NewGateway(tb testing.TB, opts ...Option) *Gateway {
	tb.Helper()
	g := &Gateway{
		tb:       tb,
		cfg:      defaults(),
		actors:   make(map[string]*Actor),
		byID:     make(map[string]*Instance),
		byKey:    make(map[instanceKey]*Instance),
		metadata: make(map[string]any),
	}
	for _, opt := range opts {
		opt(&g.cfg)
	}
	g.live.Store(new([]*Conn))
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.defaultMetadata()
	if err := g.link.start(g); err != nil {
		tb.Fatalf("rivettest: start the gateway: %v", err)
	}
	transport := &http.Transport{
		DialContext:         g.dialWeb,
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	g.web = &http.Client{Transport: transport}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		g.Close()
	})
	return g
}

// Close stops the gateway before the end of the test and waits for its
// goroutines. Calling it again does nothing.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.closed = true
	g.changed()
	g.mu.Unlock()
	g.cancel()
	g.link.down()
	g.tasks.Wait()
}

// Endpoint is the URL to give to a client, such as "http://127.0.0.1:34567".
// In memory its host resolves nowhere, so that only [Gateway.Dial] reaches it.
func (g *Gateway) Endpoint() string { return "http://" + g.link.host }

// HTTPClient returns a client whose connections go to this gateway whatever
// host a URL names, as those of Dial do. The script of WebSockets does not
// concern it; see [Gateway.ScriptHTTP] for faults of requests.
func (g *Gateway) HTTPClient() *http.Client { return g.web }

// ConnectURL is the address of the connection endpoint of an actor that is
// created when it is missing, for tests below the level of a client. Offer the
// subprotocols "rivet" and "rivet_encoding.bare" there. An actor that is
// addressed by id is created now: with [Legacy], and when its key cannot be
// said in a query.
func (g *Gateway) ConnectURL(name string, key ...string) *url.URL {
	u := &url.URL{Scheme: "ws", Host: g.link.host}
	joined := strings.Join(key, ",")
	if g.cfg.legacy || !slices.Equal(splitQueryKey(joined), key) {
		u.Path = "/gateway/" + g.Instance(name, key...).ID() + "/connect"
		return u
	}
	u.Path = "/gateway/" + name + "/connect"
	u.RawPath = "/gateway/" + url.PathEscape(name) + "/connect"
	q := "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"
	if len(key) > 0 {
		q += "&rvt-key=" + url.QueryEscape(joined)
	}
	u.RawQuery = q + "&rvt-crash-policy=sleep"
	return u
}

// Actor returns the definition of the actors called name, which exists from
// then on. Actors nobody defined can be created, as on the engine, but do not
// start: requests to them end in guard.actor_wake_retries_exceeded.
func (g *Gateway) Actor(name string) *Actor {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.actors[name]
	if a == nil {
		a = newActor(g, name)
		g.actors[name] = a
	}
	return a
}

// Down cuts every connection and refuses new ones until Up, as when the
// gateway's process has died. Actors and records stay.
func (g *Gateway) Down() { g.link.down() }

// Up listens again after Down, at the same address. It fails the test when
// the address was taken meanwhile.
func (g *Gateway) Up() {
	g.tb.Helper()
	if err := g.link.up(); err != nil {
		g.tb.Fatalf("rivettest: listen again: %v", err)
	}
}

// Restart is Down and Up.
func (g *Gateway) Restart() {
	g.tb.Helper()
	g.Down()
	g.Up()
}

// Dial connects to the gateway, whatever address is asked for unless it is
// that of a gateway given to Route; it is made for rivet.WithDialer. When the
// next step of the script is [Refuse] or [HangDial], that happens here.
func (g *Gateway) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if other := g.routed(addr); other != nil {
		return other.Dial(ctx, network, addr)
	}
	step, ok := g.takeDialStep()
	switch {
	case ok && step.refuse:
		return nil, pipe.Refused(network, g.link.addr)
	case ok:
		select {
		case <-ctx.Done():
		case <-g.ctx.Done():
			return nil, pipe.Refused(network, g.link.addr)
		}
		return nil, &net.OpError{Op: "dial", Net: network, Addr: g.link.addr, Err: ctx.Err()}
	}
	return g.link.dial(ctx, network, addr)
}

// Route makes [Gateway.Dial] and [Gateway.HTTPClient] reach other gateways
// under their own addresses, for redirects from one to another.
func (g *Gateway) Route(others ...*Gateway) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.routes = append(g.routes, others...)
}

func (g *Gateway) routed(addr string) *Gateway {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, other := range g.routes {
		if addr == other.link.host {
			return other
		}
	}
	return nil
}

// dialWeb is Dial for requests, which the script of sockets does not concern.
func (g *Gateway) dialWeb(ctx context.Context, network, addr string) (net.Conn, error) {
	if other := g.routed(addr); other != nil {
		return other.dialWeb(ctx, network, addr)
	}
	return g.link.dial(ctx, network, addr)
}

// enter counts one more task that Close waits for, which ends with
// g.tasks.Done; false when the gateway is closed.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.tasks.Add(1)
	return true
}

// spawn runs f on a goroutine that Close waits for; false when the gateway is
// closed.
func (g *Gateway) spawn(f func()) bool {
	if !g.enter() {
		return false
	}
	go func() {
		defer g.tasks.Done()
		f()
	}()
	return true
}

// ray makes the next request id.
func (g *Gateway) ray() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rays++
	return fmt.Sprintf("ray%013x", g.rays)
}

// within runs wait with a context that ends after the wait limit.
func (g *Gateway) within(what string, wait func(context.Context) error) {
	g.tb.Helper()
	ctx, cancel := context.WithTimeoutCause(g.ctx, g.cfg.waitLimit,
		fmt.Errorf("nothing after %v", g.cfg.waitLimit))
	defer cancel()
	if err := wait(ctx); err != nil {
		g.tb.Fatalf("rivettest: wait for %s: %v", what, err)
	}
}

// Emit sends an event to every connection that has subscribed to it and
// returns to how many. Arguments are encoded once for each encoding in use. It
// does not wait for the network; see [Conn.Flush].
func (g *Gateway) Emit(event string, args ...any) int {
	g.tb.Helper()
	return g.broadcast(nil, event, argsOf(args))
}
