package rivet

import (
	"context"
	"maps"
	"net/http"

	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// route returns the gateway URL of path, which follows the actor. The URL
// names the actor by key if the gateway can resolve exactly this key, or else
// by id, which is then looked up first. token is put into the URL; leave it
// empty where it travels in a header.
func (h *Handle) route(ctx context.Context, t *target, path, token string, skip bool) (string, error) {
	if q, ok := h.query(t); ok {
		q.Token, q.SkipReadyWait = token, skip
		return t.base + gateway.QueryPath(q, path), nil
	}
	id, err := h.resolve(ctx, t)
	if err != nil {
		return "", err
	}
	return t.base + gateway.DirectPath(id, token, path), nil
}

// query returns the handle as the gateway resolves it. ok is false where a URL
// cannot say it, or would say something else.
func (h *Handle) query(t *target) (q gateway.Query, ok bool) {
	if h.addressing == conn.ByID || !t.queries || t.namespace == "" {
		return q, false
	}
	key, ok := gateway.QueryKey(h.key)
	if !ok {
		return q, false
	}
	if _, ok := gateway.Segment(h.name); !ok {
		return q, false
	}
	if len(h.set.input) > 0 && len(h.set.input) > h.client.cfg.opts.maxQueryInput {
		return q, false
	}
	return gateway.Query{
		Name:        h.name,
		Namespace:   t.namespace,
		Key:         key,
		Create:      h.addressing == conn.OrCreate,
		Pool:        h.set.pool,
		Input:       h.set.input,
		Region:      h.set.region,
		CrashPolicy: string(h.set.crashPolicy),
	}, true
}

// tokenFor asks for the token to send to t.
func (c *Client) tokenFor(ctx context.Context, t *target) (string, error) {
	switch {
	case t.token != "":
		return t.token, nil
	case t.foreign:
		return "", nil
	case c.cfg.opts.tokenFunc == nil:
		return c.cfg.token, nil
	}
	token, err := c.cfg.opts.tokenFunc(ctx)
	if err != nil {
		return "", &callbackError{"token function", err}
	}
	if !validHeaderValue(token) {
		return "", &callbackError{"token function", &ConfigError{Field: "token", Rule: "cannot be sent in a header"}}
	}
	return token, nil
}

// extraHeader returns the user's headers for t. The caller may change them.
func (c *Client) extraHeader(ctx context.Context, t *target) (http.Header, error) {
	h := c.cfg.opts.headers.Clone()
	if h == nil {
		h = http.Header{}
	}
	if h.Get("User-Agent") == "" {
		h.Set("User-Agent", userAgent)
	}
	if f := c.cfg.opts.headersFunc; f != nil {
		more, err := f(ctx)
		if err == nil {
			err = checkHeaders(more)
		}
		if err != nil {
			return nil, &callbackError{"headers function", err}
		}
		maps.Copy(h, canonical(more))
	}
	if t.foreign {
		// As net/http does with redirects to other hosts.
		for _, name := range []string{"Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "Www-Authenticate"} {
			h.Del(name)
		}
	}
	return h, nil
}

// apiHeader returns the headers of a request to the engine's API.
func (c *Client) apiHeader(ctx context.Context, t *target) (http.Header, error) {
	h, err := c.extraHeader(ctx, t)
	if err != nil {
		return nil, err
	}
	token, err := c.tokenFor(ctx, t)
	if err != nil {
		return nil, err
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h, nil
}

// gatewayHeader returns the headers of a request to the actor, and the token
// among them.
func (h *Handle) gatewayHeader(ctx context.Context, t *target, skip bool) (http.Header, error) {
	c := h.client
	header, err := c.extraHeader(ctx, t)
	if err != nil {
		return nil, err
	}
	token, err := c.tokenFor(ctx, t)
	if err != nil {
		return nil, err
	}
	if token != "" {
		header.Set(gateway.HeaderToken, token)
	}
	params, err := h.set.params.encode(ctx)
	if err != nil {
		return nil, err
	}
	if params != "" {
		header.Set(gateway.HeaderParams, params)
	}
	if skip {
		header.Set(gateway.HeaderSkipReadyWait, "1")
	}
	return header, nil
}
