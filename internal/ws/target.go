package ws

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// target is a DialConfig's URL taken apart, after all that the caller gave has
// been checked.
type target struct {
	url        *url.URL
	tls        bool
	host       string // without port and zone, for TLS
	hostHeader string
	addr       string // host and port to connect to
}

func newTarget(cfg *DialConfig) (*target, error) {
	u := cfg.URL
	if u == nil {
		return nil, &InvalidError{"URL", "missing"}
	}
	t := &target{url: u}
	port := "80"
	switch u.Scheme {
	case "http", "ws":
	case "https", "wss":
		t.tls, port = true, "443"
	default:
		return nil, &InvalidError{"URL", "the scheme is none of http, https, ws, wss"}
	}
	name := u.Hostname()
	if name == "" {
		return nil, &InvalidError{"URL", "no host"}
	}
	for i := range len(u.Host) {
		if c := u.Host[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`/?#@\`, c) >= 0 {
			return nil, &InvalidError{"URL", "the host has a character that is not allowed (write international names in punycode)"}
		}
	}
	if p := u.Port(); p != "" {
		port = p
	}
	t.addr = net.JoinHostPort(name, port)
	// A zone is of use to this machine only.
	t.host, t.hostHeader = name, u.Host
	if zone := strings.IndexByte(name, '%'); zone >= 0 {
		t.host = name[:zone]
		t.hostHeader = "[" + t.host + "]" + u.Host[strings.LastIndexByte(u.Host, ']')+1:]
	}
	if uri := u.RequestURI(); !strings.HasPrefix(uri, "/") || strings.ContainsFunc(uri, notInTarget) {
		return nil, &InvalidError{"URL", "path or query cannot be sent as they are"}
	}
	if err := checkHeaderFields(cfg.Header); err != nil {
		return nil, err
	}
	return t, checkProtocols(cfg.Protocols)
}

// notInTarget is true for what would end a request target or its line.
func notInTarget(c rune) bool { return c <= ' ' || c == 0x7f }

func checkHeaderFields(h http.Header) error {
	for key, values := range h {
		if !isToken(key) {
			return &InvalidError{"Header", "a name is not a token"}
		}
		switch canon := http.CanonicalHeaderKey(key); {
		case canon == "Host", canon == "Upgrade", canon == "Connection", strings.HasPrefix(canon, "Sec-Websocket-"):
			return &InvalidError{"Header", canon + " belongs to the handshake"}
		case canon == "Content-Length", canon == "Transfer-Encoding":
			return &InvalidError{"Header", canon + ": a handshake has no body"}
		}
		for _, v := range values {
			if strings.ContainsFunc(v, notInValue) {
				return &InvalidError{"Header", "the value of " + http.CanonicalHeaderKey(key) + " has a control character"}
			}
		}
	}
	return nil
}

func notInValue(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func checkProtocols(protocols []string) error {
	seen := make(map[string]bool, len(protocols))
	for i, p := range protocols {
		if !isToken(p) {
			return &InvalidError{"Protocols", fmt.Sprintf("entry %d is not a token", i)}
		}
		if seen[p] {
			return &InvalidError{"Protocols", fmt.Sprintf("entry %d is there twice", i)}
		}
		seen[p] = true
	}
	return nil
}

// isToken reports whether s is a token of RFC 7230, 3.2.6.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
