package rivet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

const (
	// lookupTimeout bounds one request for metadata.
	lookupTimeout = 15 * time.Second
	// lookupPause is how long after a failure the next lookup begins at the
	// earliest, whoever asks.
	lookupPause = 100 * time.Millisecond
	// maxRedirects is how many endpoints may refer to the next one.
	maxRedirects = 3
)

// Metadata is what the endpoint says of itself.
type Metadata struct {
	// Runtime is "engine", or "rivetkit" for an actor server.
	Runtime string
	// Version is the runtime's version, such as "2.3.19".
	Version string
	// Endpoint and Namespace are where requests go, after redirects.
	Endpoint  string
	Namespace string
}

// target is where requests go once the endpoint was asked. It never changes.
type target struct {
	base      string
	host      string // of base, without port
	secure    bool   // base is https
	namespace string
	// token is the one that metadata brought; empty means the configured one.
	token string
	// foreign is true when the endpoint referred to a host that the configured
	// credentials are not for.
	foreign bool
	// queries tells whether the gateway resolves names and keys in URLs.
	queries bool
	meta    gateway.Metadata
}

// lookup keeps the target. One request at a time asks for it, on behalf and
// within the context of whoever came first.
type lookup struct {
	mu      sync.Mutex
	done    *target
	flight  *flight
	retryAt time.Time
}

// flight is one lookup under way; its fields are set before done is closed.
type flight struct {
	done      chan struct{}
	target    *target
	err       error
	abandoned bool // ended for reasons of its caller's: the next one tries
}

// Metadata asks the endpoint for its version and for where it refers clients
// to, unless that is known already. It returns an error when the endpoint does
// not answer before ctx ends. The first call or connection does the same.
func (c *Client) Metadata(ctx context.Context) (*Metadata, error) {
	ctx, end, err := c.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("rivet: metadata: %w", err)
	}
	defer end()
	var t *target
	err = c.retry(ctx, func() (verdict, error) {
		var err error
		t, err = c.target(ctx)
		return unsent(err, conn.ByKey), err
	})
	if err != nil {
		return nil, fmt.Errorf("rivet: metadata: %w", err)
	}
	return &Metadata{Runtime: t.meta.Runtime, Version: t.meta.Version, Endpoint: t.base, Namespace: t.namespace}, nil
}

// configured is the target of the endpoint as it was given.
func (c *Client) configured() *target {
	e := c.cfg.endpoint
	return &target{base: e.Base, host: e.Host, secure: e.Secure, namespace: c.cfg.namespace, queries: true}
}

// target returns where to send requests. A failure is not kept.
func (c *Client) target(ctx context.Context) (*target, error) {
	if c.cfg.opts.withoutMetadata {
		return c.configured(), nil
	}
	l := &c.lookup
	for {
		l.mu.Lock()
		if t := l.done; t != nil {
			l.mu.Unlock()
			return t, nil
		}
		f := l.flight
		if f == nil {
			f = &flight{done: make(chan struct{}), abandoned: true}
			l.flight = f
			wait := time.Until(l.retryAt)
			l.mu.Unlock()
			c.fly(ctx, f, wait)
			return f.target, f.err
		}
		l.mu.Unlock()
		select {
		case <-f.done:
			if !f.abandoned {
				return f.target, f.err
			}
		case <-ctx.Done():
			return nil, contextError(ctx)
		}
	}
}

// fly does the lookup of f. It lets the waiting go on even when a function of
// the user's panics on the way.
func (c *Client) fly(ctx context.Context, f *flight, wait time.Duration) {
	l := &c.lookup
	defer func() {
		l.mu.Lock()
		l.flight, l.done = nil, f.target
		if f.err != nil && !f.abandoned {
			l.retryAt = time.Now().Add(lookupPause)
		}
		l.mu.Unlock()
		close(f.done)
	}()
	if f.err = pause(ctx, wait); f.err == nil {
		f.target, f.err = c.ask(ctx)
	}
	f.abandoned = f.err != nil && ctx.Err() != nil
}

// forget has the next caller look again, unless somebody did already.
func (c *Client) forget(t *target) {
	c.lookup.mu.Lock()
	defer c.lookup.mu.Unlock()
	if c.lookup.done == t {
		c.lookup.done = nil
	}
}

// ask follows the endpoint's metadata to where requests shall go.
func (c *Client) ask(ctx context.Context) (*target, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, errLookupTimeout)
	defer cancel()
	t := c.configured()
	for range maxRedirects + 1 {
		m, err := c.askOnce(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("ask the endpoint for metadata: %w", err)
		}
		next, moved, err := c.refer(t, m)
		if err != nil {
			return nil, err
		}
		if !moved {
			next.queries, next.meta = m.ResolvesQueries(), m
			return next, nil
		}
		t = next
	}
	return nil, &answerError{fmt.Sprintf("refers to yet another endpoint, after %d of them", maxRedirects)}
}

func (c *Client) askOnce(ctx context.Context, t *target) (gateway.Metadata, error) {
	var m gateway.Metadata
	header, err := c.apiHeader(ctx, t)
	if err != nil {
		return m, err
	}
	url := t.base + "/metadata?namespace=" + gateway.EscapeComponent(t.namespace)
	r, err := c.exchange(ctx, request{method: http.MethodGet, url: url, header: header, limit: maxAPIBody})
	if err != nil {
		return m, err
	}
	if err := r.failure(jsonEncoding); err != nil {
		return m, err
	}
	if err := json.Unmarshal(r.body, &m); err != nil {
		return m, &answerError{"is no JSON object of the metadata route; use WithoutMetadataLookup if the endpoint is an engine behind a proxy"}
	}
	return m, nil
}

// refer returns the target that metadata refers to; moved tells whether it is
// another endpoint, which has not been asked yet.
//
// The endpoint got the token and may refer to any place, but it does not take
// our token there: a token, configured or brought by metadata, goes to its own
// host only, and never from https to http. A referral to another host brings a
// token of its own, or none is sent.
func (c *Client) refer(t *target, m gateway.Metadata) (_ *target, moved bool, err error) {
	next := *t
	if m.ClientEndpoint == "" {
		return &next, false, nil
	}
	e, err := gateway.ParseEndpoint(m.ClientEndpoint)
	if err != nil {
		return nil, false, &answerError{"names a client endpoint that " + err.Error()}
	}
	next.base, next.host, next.secure = e.Base, e.Host, e.Secure
	next.namespace = firstOf(m.ClientNamespace, e.Namespace, t.namespace)
	next.token = firstOf(m.ClientToken, e.Token)
	next.foreign = e.Host != c.cfg.endpoint.Host || c.cfg.endpoint.Secure && !e.Secure
	if next.token == "" && e.Host == t.host && (e.Secure || !t.secure) {
		next.token = t.token // which metadata brought for this host
	}
	if !validHeaderValue(next.token) {
		return nil, false, &answerError{"names a token that cannot be sent"}
	}
	if next.foreign && next.token == "" && (c.cfg.token != "" || c.cfg.opts.tokenFunc != nil) {
		c.log.Warn("rivet: endpoint refers to another host without a token for it; the configured token is not sent there", "host", e.Host)
	}
	return &next, next.base != t.base, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
