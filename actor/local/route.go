package local

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// prefix is where a host answers besides the root, so that it can be mounted
// in a program's own server as RivetKit's handlers are.
const prefix = "/api/rivet"

// route is where a request goes: to an actor, or to the host itself.
type route struct {
	// path is what was asked for, without prefix and as it was sent.
	path  string
	actor *target // nil for the host itself
	// refuse is why the request goes nowhere. With an actor, the refusal is
	// one of those that pages of other origins may read.
	refuse *codec.Error
}

// target is an actor as a request names it, and what that actor is to see.
type target struct {
	id string // when it is addressed by id, else:
	spec
	create    bool
	namespace string

	path  string // as it was sent, so still encoded
	query string // raw, without the parameters of the gateway
	force bool   // there is a question mark, whatever query is
}

// rawPath is the path as it was sent, or as something in front of us has
// changed it.
func rawPath(u *url.URL) string {
	if u.RawPath != "" {
		if p, err := url.PathUnescape(u.RawPath); err == nil && p == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// routeOf reads where a request goes. protocols are the subprotocols that a
// WebSocket handshake offers, nil for other requests.
func routeOf(r *http.Request, upgrade bool, protocols []string) route {
	path := rawPath(r.URL)
	if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
		path = rest
	}
	if path == "" {
		path = "/"
	}
	rt := route{path: path}
	if rest, ok := strings.CutPrefix(path, "/gateway/"); ok && !strings.Contains(path, "//") {
		rt.actor, rt.refuse = gatewayTarget(rest, r.URL)
		if rt.actor != nil || rt.refuse != nil {
			return rt
		}
	}
	kind, id, ok := headerTarget(r, upgrade, protocols)
	switch {
	case !ok:
	case kind != "actor", !upgrade && path != "/request" && !strings.HasPrefix(path, "/request/"):
		host := (&url.URL{Host: r.Host}).Hostname()
		if r.URL.RawQuery != "" {
			path += "?" + r.URL.RawQuery
		}
		rt.refuse = gatewayError("guard", "no_route", "No route found for hostname "+host+", path "+path+".",
			map[string]any{"host": host, "path": path})
	default:
		rt.actor = &target{id: id, path: path, query: r.URL.RawQuery, force: r.URL.ForceQuery}
		if id == "" {
			rt.refuse = missingHeader("x-rivet-actor")
		}
	}
	return rt
}

func missingHeader(name string) *codec.Error {
	return gatewayError("guard", "missing_header", "Missing "+name+" header.", map[string]any{"header": name})
}

// headerTarget reads routing by headers, or by the subprotocols of a
// handshake.
func headerTarget(r *http.Request, upgrade bool, protocols []string) (kind, id string, ok bool) {
	if !upgrade {
		kind = r.Header.Get(gateway.HeaderTarget)
		return kind, r.Header.Get(gateway.HeaderActor), kind != ""
	}
	for _, p := range protocols {
		if v, found := strings.CutPrefix(p, "rivet_target."); found {
			kind, ok = v, true
		}
		if v, found := strings.CutPrefix(p, "rivet_actor."); found {
			id = unescape(v, false)
		}
	}
	return kind, id, ok
}

// gatewayTarget reads what follows /gateway/. It returns nothing at all for
// what is not a path of the gateway.
func gatewayTarget(rest string, u *url.URL) (*target, *codec.Error) {
	segment, path, _ := strings.Cut(rest, "/")
	t := &target{path: "/" + path, query: u.RawQuery, force: u.ForceQuery}
	if hasGatewayParams(u.RawQuery) {
		return t.readQuery(segment, u.RawQuery)
	}
	id, token, hasToken := strings.Cut(segment, "@")
	if id == "" || hasToken && token == "" {
		return nil, nil
	}
	t.id = unescape(id, false)
	return t, nil
}

// idForm is what an actor's id looks like. The gateway has an internal error
// for everything else.
var idForm = regexp.MustCompile(`^[0-9a-z]{30}$`)

// unescape decodes percent escapes as the engine does: what is none stays as
// it is. With form, a plus sign is a blank.
func unescape(s string, form bool) string {
	if !strings.Contains(s, "%") && !(form && strings.Contains(s, "+")) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = nibble(s[i+1])<<4 | nibble(s[i+2])
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func nibble(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// unescapeText is unescape for what has to be text.
func unescapeText(s string, form bool) (string, bool) {
	s = unescape(s, form)
	return s, utf8.ValidString(s)
}

// raw reports whether the actor's own HTTP handler is asked.
func (t *target) raw() bool {
	return t.path == "/request" || strings.HasPrefix(t.path, "/request/")
}

// request is r as the actor is to see it.
func (t *target) request(r *http.Request, ray string) *http.Request {
	out := r.WithContext(r.Context()) // a copy
	out.URL = &url.URL{Path: unescape(t.path, false), RawQuery: t.query, ForceQuery: t.force && t.query == ""}
	if out.URL.EscapedPath() != t.path {
		out.URL.RawPath = t.path
	}
	out.RequestURI = t.path
	if t.query != "" || out.URL.ForceQuery {
		out.RequestURI += "?" + t.query
	}
	out.Header = maps.Clone(r.Header)
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	out.Header[gateway.HeaderRayID] = []string{ray}
	return out
}
