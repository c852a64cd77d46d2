package rivet

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

// Kinds of options. Each function takes one kind, and an option that makes
// sense in several places satisfies several kinds; the compiler refuses the
// rest.
type (
	// Option configures a Client.
	Option interface{ applyClient(*settings) }
	// HandleOption configures a Handle.
	HandleOption interface{ applyHandle(*handleSettings) }
	// ConnectOption configures one connection or raw WebSocket.
	ConnectOption interface{ applyConnect(*connectSettings) }
	// CallOption configures one call.
	CallOption = conn.CallOption

	// LinkOption configures all connections of a client, or one.
	LinkOption interface {
		Option
		ConnectOption
	}
	// ParamsOption configures a handle, or one connection.
	ParamsOption interface {
		HandleOption
		ConnectOption
	}
	// ReadyOption configures a client, a handle, a connection or a call.
	ReadyOption interface {
		Option
		HandleOption
		ConnectOption
		CallOption
	}
)

// What an Observer is, and what it is told.
type (
	// Observer is a set of optional funcs that are told what connections and
	// HTTP calls did.
	Observer = conn.Observer
	// CallInfo describes a finished call.
	CallInfo = conn.CallInfo
	// AttemptInfo describes one attempt to connect.
	AttemptInfo = conn.AttemptInfo
	// OpenInfo describes a link that is connected.
	OpenInfo = conn.OpenInfo
	// CloseInfo describes the end of a link.
	CloseInfo = conn.CloseInfo
	// GapInfo describes a possible loss of events.
	GapInfo = conn.GapInfo
	// DropInfo tells of events that a subscription did not deliver.
	DropInfo = conn.DropInfo
)

// settings is what the options of a client add up to, before they are checked.
type settings struct {
	endpoint, namespace, token, pool given
	tokenFunc                        func(context.Context) (string, error)
	encoding                         codec.Encoding
	headers                          http.Header
	headersFunc                      func(context.Context) (http.Header, error)
	httpClient                       *http.Client
	maxQueryInput                    int
	withoutMetadata                  bool
	skipReadyWait                    bool
	linger                           time.Duration
	link                             conn.Config
	errs                             []error
}

// given is a text with the place it came from; an empty source is not given.
type given struct{ value, source string }

type clientOption func(*settings)

func (o clientOption) applyClient(s *settings) { o(s) }

func (s *settings) reject(field, rule string) {
	s.errs = append(s.errs, &ConfigError{Field: field, Rule: rule})
}

// WithEndpoint sets the base URL of the engine, or of an app that redirects to
// one, such as https://namespace:token@api.rivet.dev. The default is
// RIVET_ENGINE, then RIVET_ENDPOINT, then http://localhost:6420.
func WithEndpoint(url string) Option {
	return clientOption(func(s *settings) { s.endpoint = given{url, "WithEndpoint"} })
}

// WithNamespace sets the namespace. The default is RIVET_NAMESPACE, then
// "default".
func WithNamespace(namespace string) Option {
	return clientOption(func(s *settings) {
		if namespace == "" {
			s.reject("WithNamespace", "must not be empty")
		}
		s.namespace = given{namespace, "WithNamespace"}
	})
}

// WithToken sets the token. The default is RIVET_TOKEN, then none; the empty
// token is none.
func WithToken(token string) Option {
	return clientOption(func(s *settings) { s.token = given{token, "WithToken"} })
}

// WithTokenFunc asks f for the token, once per request and once per attempt to
// connect. Its error ends a call; a connection tries again. f is called from
// many goroutines.
func WithTokenFunc(f func(context.Context) (string, error)) Option {
	return clientOption(func(s *settings) {
		if f == nil {
			s.reject("WithTokenFunc", "must not be nil")
		}
		s.tokenFunc = f
	})
}

// WithPool sets the pool in which new actors are created. The default is
// RIVET_POOL, then RIVET_RUNNER, then "default".
func WithPool(pool string) Option {
	return clientOption(func(s *settings) {
		if pool == "" {
			s.reject("WithPool", "must not be empty")
		}
		s.pool = given{pool, "WithPool"}
	})
}

// WithEncoding sets the encoding of calls and connections; the default is
// codec.BARE.
func WithEncoding(enc codec.Encoding) Option {
	return clientOption(func(s *settings) {
		if !enc.Valid() {
			s.reject("WithEncoding", "must be codec.BARE, codec.CBOR or codec.JSON")
		}
		s.encoding = enc
	})
}

// WithHeaders adds headers to every request and WebSocket handshake. They may
// replace User-Agent, but not what the protocol sets.
func WithHeaders(h http.Header) Option {
	h = canonical(h)
	return clientOption(func(s *settings) {
		if err := checkHeaders(h); err != nil {
			s.errs = append(s.errs, err)
		}
		s.headers = h
	})
}

// WithHeadersFunc asks f for headers, once per request and once per attempt to
// connect; they win over those of WithHeaders. Its error ends a call; a
// connection tries again. f is called from many goroutines.
func WithHeadersFunc(f func(context.Context) (http.Header, error)) Option {
	return clientOption(func(s *settings) {
		if f == nil {
			s.reject("WithHeadersFunc", "must not be nil")
		}
		s.headersFunc = f
	})
}

// WithHTTPClient sends requests through c, of which transport, timeout and
// cookie jar are used; redirects are never followed. Connections do not use
// it. The client does not close its idle connections.
func WithHTTPClient(c *http.Client) Option {
	return clientOption(func(s *settings) {
		if c == nil {
			s.reject("WithHTTPClient", "must not be nil")
		}
		s.httpClient = c
	})
}

// WithDialer opens network connections through dial, for requests and
// WebSockets alike. Proxies that the environment names are not used then.
func WithDialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return clientOption(func(s *settings) {
		if dial == nil {
			s.reject("WithDialer", "must not be nil")
		}
		s.link.NetDial = dial
	})
}

// WithTLSConfig is used for https and wss; the default verifies against the
// system's roots.
func WithTLSConfig(cfg *tls.Config) Option {
	cfg = cfg.Clone()
	return clientOption(func(s *settings) {
		if cfg == nil {
			s.reject("WithTLSConfig", "must not be nil")
		}
		s.link.TLS = cfg
	})
}

// WithLogger logs to l. The default is silent. Tokens, parameters, inputs and
// URLs are never logged.
func WithLogger(l *slog.Logger) Option {
	return clientOption(func(s *settings) { s.link.Logger = l })
}

// WithObserver tells o what connections and HTTP calls did.
func WithObserver(o Observer) Option {
	return clientOption(func(s *settings) { s.link.Observer = o })
}

// WithMaxQueryInput sets up to how many bytes of CBOR an actor's input travels
// in URLs; longer input is sent in the body of a request that creates the
// actor first. The default is 4,096; negative is never in URLs.
func WithMaxQueryInput(bytes int) Option {
	return clientOption(func(s *settings) { s.maxQueryInput = bytes })
}

// WithoutMetadataLookup uses the endpoint as it is, without asking it for its
// version and for a redirect first. The endpoint must be an engine of version
// 2.3 or later.
func WithoutMetadataLookup() Option {
	return clientOption(func(s *settings) { s.withoutMetadata = true })
}

// WithSharedLinger sets how long a connection of Client.Shared stays open
// after its last user has left. The default is 5 s.
func WithSharedLinger(d time.Duration) Option {
	return clientOption(func(s *settings) {
		if d < 0 {
			s.reject("WithSharedLinger", "must not be negative")
		}
		s.linger = d
	})
}

// linkOption sets something of connections; check is done where it is used.
type linkOption struct {
	set func(*conn.Config)
	err error
}

func (o linkOption) applyClient(s *settings) {
	o.set(&s.link)
	if o.err != nil {
		s.errs = append(s.errs, o.err)
	}
}

func (o linkOption) applyConnect(s *connectSettings) {
	o.set(&s.link)
	if o.err != nil {
		s.errs = append(s.errs, o.err)
	}
}

func link(name string, ok bool, rule string, set func(*conn.Config)) LinkOption {
	o := linkOption{set: set}
	if !ok {
		o.err = &ConfigError{Field: name, Rule: rule}
	}
	return o
}

// off turns an explicit zero into what a conn.Config calls off.
func off(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// WithBackoff spaces the attempts to connect. The default is
// backoff.Exponential(250*time.Millisecond, 30*time.Second).
func WithBackoff(p backoff.Policy) LinkOption {
	return link("WithBackoff", p != nil, "must not be nil", func(c *conn.Config) { c.Backoff = p })
}

// WithRetry asks retry after each failed attempt and each lost link whether to
// try again, before the connection is closed for good. The default follows
// conn.Failure.Permanent.
func WithRetry(retry func(conn.Failure) bool) LinkOption {
	return link("WithRetry", retry != nil, "must not be nil", func(c *conn.Config) { c.Retry = retry })
}

// WithPing sends a ping each interval (default 20 s; 0 is never) and gives the
// link up when the answer takes longer than pongTimeout (default 10 s).
func WithPing(interval, pongTimeout time.Duration) LinkOption {
	return link("WithPing", interval >= 0 && (pongTimeout > 0 || interval == 0), "must not be negative, and needs a timeout", func(c *conn.Config) {
		c.PingInterval = off(interval)
		if pongTimeout > 0 {
			c.PongTimeout = pongTimeout
		}
	})
}

// WithCallTimeout bounds calls whose context has no deadline; the default is
// 65 s, the server's own limit and some slack. 0 is no bound.
func WithCallTimeout(d time.Duration) LinkOption {
	return link("WithCallTimeout", d >= 0, "must not be negative", func(c *conn.Config) { c.CallTimeout = off(d) })
}

// WithStallTimeout sets how long a subscription with the policy stream.Block
// may hold back the replies of calls on its connection; the default is 5 s,
// 0 is for ever.
func WithStallTimeout(d time.Duration) LinkOption {
	return link("WithStallTimeout", d >= 0, "must not be negative", func(c *conn.Config) { c.StallTimeout = off(d) })
}

// WithReadLimit sets the largest message and response to be read, in bytes;
// the default is 32 MiB. Bodies of raw HTTP have no limit.
func WithReadLimit(bytes int64) LinkOption {
	return link("WithReadLimit", bytes > 0, "must be positive", func(c *conn.Config) { c.ReadLimit = bytes })
}

// WithWriteLimit sets the largest message and call to be sent, in bytes; the
// default is the server's, 64 KiB. Raise it along with the actor's
// maxIncomingMessageSize: a server closes the whole connection for a message
// over its limit.
func WithWriteLimit(bytes int) LinkOption {
	return link("WithWriteLimit", bytes > 0, "must be positive", func(c *conn.Config) { c.WriteLimit = bytes })
}

// WithOutbox sets how many calls may wait while a connection is not connected;
// the default is 1,024.
func WithOutbox(calls int) LinkOption {
	return link("WithOutbox", calls > 0, "must be positive", func(c *conn.Config) { c.Outbox = calls })
}

// WithPanicHandler tells f of panics in callbacks and other functions that the
// program gave to the connection, which are recovered; the default logs them.
// f may be called by several goroutines at a time.
func WithPanicHandler(f func(recovered any, stack []byte)) LinkOption {
	return link("WithPanicHandler", f != nil, "must not be nil", func(c *conn.Config) { c.OnPanic = f })
}
