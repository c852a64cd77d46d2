package rivet

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Connect opens a connection to the actor and returns at once; what goes wrong
// is reported by the connection. It stays, through failures and reconnects,
// until it is closed, until ctx ends, or until it fails for good. A ctx with a
// deadline bounds its whole life, which is rarely meant, and is logged.
func (h *Handle) Connect(ctx context.Context, opts ...ConnectOption) *conn.Conn {
	set := h.connectSettings(opts)
	return h.connect(ctx, set)
}

// connectSettings applies opts to what handle and client say.
func (h *Handle) connectSettings(opts []ConnectOption) *connectSettings {
	set := &connectSettings{params: h.set.params, link: h.client.cfg.link, skipReadyWait: h.set.skipReadyWait}
	for _, o := range opts {
		if o != nil {
			o.applyConnect(set)
		}
	}
	if h.err != nil {
		set.errs = append(set.errs, h.err)
	}
	for _, p := range set.protocols {
		if strings.HasPrefix(p, "rivet") || !gateway.TokenFits(p) {
			set.errs = append(set.errs, &ConfigError{Field: "WithSubprotocols", Rule: "must be HTTP tokens that do not begin with rivet"})
		}
	}
	return set
}

func (h *Handle) connect(ctx context.Context, set *connectSettings) *conn.Conn {
	c := h.client
	cfg := set.link
	cfg.Actor, cfg.Name, cfg.Key, cfg.Addressing = h.String(), h.name, h.key, h.addressing
	var at *target // of the attempt; both functions run on one goroutine
	cfg.Target = func(ctx context.Context) (target *conn.Target, err error) {
		at = nil
		target, at, err = h.dialTarget(ctx, set, "/connect")
		return target, err
	}
	cfg.Retry = func(f conn.Failure) bool {
		if at != nil {
			c.learnLink(at, f.Err, f.Connected)
		}
		if set.link.Retry != nil {
			return set.link.Retry(f)
		}
		return !f.Permanent
	}
	if len(set.errs) > 0 {
		return conn.NewClosed(cfg, errors.Join(set.errs...))
	}
	if c.closed() {
		return conn.NewClosed(cfg, ErrClosed)
	}
	cn := conn.New(ctx, cfg)
	if !c.keep(cn) {
		_ = cn.Close()
	}
	return cn
}

// dialTarget returns where one attempt to connect goes, with fresh parameters,
// token and headers, and the target that led there.
func (h *Handle) dialTarget(ctx context.Context, set *connectSettings, path string) (*conn.Target, *target, error) {
	c := h.client
	t, err := c.target(ctx)
	if err != nil {
		return nil, nil, err
	}
	header, err := c.extraHeader(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	token, err := c.tokenFor(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	params, err := set.params.encode(ctx)
	if err != nil {
		return nil, nil, err
	}
	offer := gateway.Offer{
		Encoding:      set.link.Encoding.String(),
		Token:         token,
		SkipReadyWait: set.skipReadyWait,
		Params:        params,
	}
	// A token that cannot be a subprotocol as it is goes into the URL.
	inURL := ""
	if token != "" && !gateway.TokenFits(token) {
		inURL = token
	}
	target, err := h.route(ctx, t, path, inURL, set.skipReadyWait)
	c.learn(t, err)
	if err != nil {
		return nil, nil, err
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, nil, errors.New("the endpoint gives no valid URL")
	}
	return &conn.Target{URL: u, Header: header, Protocols: append(gateway.Protocols(offer), set.protocols...)}, t, nil
}

// GatewayURL returns the URL under which any HTTP or WebSocket client reaches
// the actor. path is what follows the actor, with its query: "/request/…" for
// the actor's HTTP handler, "/websocket/…" for its WebSocket handler, or
// nothing. The URL contains the token; treat it as a secret. For WebSockets
// replace its scheme by ws or wss.
//
// Where the gateway cannot resolve the key by itself the actor is looked up,
// and created if the handle is to; the URL is of that one actor then.
func (h *Handle) GatewayURL(ctx context.Context, path string) (*url.URL, error) {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return nil, wrap("gateway URL of", h, err)
	}
	defer end()
	if path != "" {
		if path, err = checkedPath(path); err != nil {
			return nil, wrap("gateway URL of", h, err)
		}
	}
	var u *url.URL
	err = h.client.retry(ctx, func() (verdict, error) {
		var err error
		u, err = h.gatewayURL(ctx, path)
		return unsent(err, h.addressing), err
	})
	if err != nil {
		return nil, wrap("gateway URL of", h, err)
	}
	return u, nil
}

func (h *Handle) gatewayURL(ctx context.Context, path string) (*url.URL, error) {
	t, err := h.client.target(ctx)
	if err != nil {
		return nil, err
	}
	token, err := h.client.tokenFor(ctx, t)
	if err != nil {
		return nil, err
	}
	s, err := h.route(ctx, t, path, token, h.set.skipReadyWait)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("the endpoint gives no valid URL")
	}
	return u, nil
}

// checkedPath parses a path with its query and returns it as the gateway
// routes it.
func checkedPath(path string) (string, error) {
	if path[0] != '/' {
		path = "/" + path
	}
	u, err := url.Parse("http://actor" + path)
	if err != nil || u.Host != "actor" {
		return "", &ConfigError{Field: "path", Rule: "is no valid URL path"}
	}
	return actorPath("", u)
}

// actorPath returns prefix and the path and query of u as the gateway routes
// them; see gateway.CheckPath.
func actorPath(prefix string, u *url.URL) (string, error) {
	path := u.EscapedPath()
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	s, err := gateway.CheckPath(path, u.RawQuery)
	if err != nil {
		return "", &ConfigError{Field: "path", Rule: err.Error()}
	}
	return prefix + s, nil
}
