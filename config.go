package rivet

import (
	"errors"
	"maps"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Defaults of a client.
const (
	defaultEndpoint      = "http://localhost:6420"
	defaultNamespace     = "default"
	defaultPool          = "default"
	defaultMaxQueryInput = 4096
	defaultLinger        = 5 * time.Second
)

// config is a client's settings after they were checked. It never changes.
type config struct {
	endpoint               gateway.Endpoint
	namespace, token, pool string
	link                   conn.Config
	opts                   settings // what needs no further treatment
}

// configure applies the options, fills in what the environment says, and
// checks all of it.
func configure(opts []Option) (*config, error) {
	s := settings{maxQueryInput: defaultMaxQueryInput, linger: defaultLinger}
	for _, o := range opts {
		if o != nil {
			o.applyClient(&s)
		}
	}
	fromEnv(&s.endpoint, "RIVET_ENGINE", "RIVET_ENDPOINT")
	fromEnv(&s.namespace, "RIVET_NAMESPACE")
	if s.tokenFunc == nil {
		fromEnv(&s.token, "RIVET_TOKEN")
	}
	fromEnv(&s.pool, "RIVET_POOL", "RIVET_RUNNER")
	orElse(&s.endpoint, defaultEndpoint)

	c := &config{opts: s, pool: s.pool.value, link: s.link}
	if c.pool == "" {
		c.pool = defaultPool
	}
	endpoint, err := gateway.ParseEndpoint(s.endpoint.value)
	if err != nil {
		s.reject("endpoint", "("+s.endpoint.source+") "+err.Error())
	}
	c.endpoint = endpoint
	if c.namespace = endpoint.Namespace; c.namespace == "" {
		c.namespace = s.namespace.value
	} else if s.namespace.source != "" {
		s.reject("namespace", "is given twice: in the URL of "+s.endpoint.source+" and by "+s.namespace.source)
	}
	if c.namespace == "" {
		c.namespace = defaultNamespace
	}
	if s.tokenFunc != nil && s.token.value != "" {
		s.reject("token", "is given twice: by "+s.token.source+" and by WithTokenFunc")
	}
	by := s.token.source
	if s.tokenFunc != nil {
		by = "WithTokenFunc"
	}
	if c.token = endpoint.Token; c.token == "" {
		c.token = s.token.value
	} else if s.token.value != "" || s.tokenFunc != nil {
		s.reject("token", "is given twice: in the URL of "+s.endpoint.source+" and by "+by)
	}
	if !validHeaderValue(c.token) {
		s.reject("token", "cannot be sent in a header")
	}
	if c.link.Backoff == nil {
		c.link.Backoff = backoff.Exponential(conn.DefaultBackoffMin, conn.DefaultBackoffMax)
	}
	if c.link.ReadLimit == 0 {
		c.link.ReadLimit = conn.DefaultReadLimit
	}
	if c.link.WriteLimit == 0 {
		c.link.WriteLimit = conn.DefaultWriteLimit
	}
	if c.link.CallTimeout == 0 {
		c.link.CallTimeout = conn.DefaultCallTimeout
	}
	c.link.Encoding = s.encoding
	return c, errors.Join(s.errs...)
}

func fromEnv(g *given, names ...string) {
	for _, name := range names {
		if v := os.Getenv(name); v != "" && g.source == "" {
			*g = given{v, name}
		}
	}
}

func orElse(g *given, value string) {
	if g.source == "" {
		*g = given{value, "default"}
	}
}

// checkHeaders refuses headers that cannot be sent or that the protocol sets.
func checkHeaders(h http.Header) error {
	for name, values := range h {
		if !validHeaderName(name) {
			return &ConfigError{Field: "WithHeaders", Rule: "has an invalid header name"}
		}
		if ownHeader(name) {
			return &ConfigError{Field: "WithHeaders", Rule: "cannot set " + name + ", which the protocol sets"}
		}
		for _, v := range values {
			if !validHeaderValue(v) {
				return &ConfigError{Field: "WithHeaders", Rule: "has an invalid value of " + name}
			}
		}
	}
	return nil
}

// canonical returns a copy of h under canonical names, by which headers are
// compared, replaced and withheld. Copies of one name become one.
func canonical(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		to := http.CanonicalHeaderKey(name)
		out[to] = append(out[to], h[name]...)
	}
	return out
}

// ownHeader reports whether a header belongs to the protocol or to the
// transport, and never to the user.
func ownHeader(name string) bool {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case gateway.HeaderEncoding, gateway.HeaderParams, gateway.HeaderToken, gateway.HeaderSkipReadyWait,
		gateway.HeaderTarget, gateway.HeaderActor,
		"Connection", "Content-Length", "Content-Type", "Host", "Transfer-Encoding", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

func validHeaderName(s string) bool { return gateway.TokenFits(s) }

func validHeaderValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
