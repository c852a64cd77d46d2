package gateway

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Endpoint is a parsed endpoint: where requests go, and the credentials that
// its URL carried.
type Endpoint struct {
	// Base is scheme, host and path without a trailing slash; the scheme is
	// http or https.
	Base string
	// Host is the host in lower case, without port and brackets.
	Host string
	// Secure tells whether the scheme is https.
	Secure bool
	// Namespace and Token come from the userinfo; empty means not given.
	Namespace, Token string
}

// ParseEndpoint parses an endpoint URL by the rules of RivetKit 2.3.19: user
// name and password are namespace and token, percent-encoded; query and
// fragment are refused. Unlike RivetKit it refuses schemes other than http,
// https, ws and wss, the latter two being other names of the former. Its errors
// never quote the URL, which may hold a token.
func ParseEndpoint(s string) (Endpoint, error) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if s == "" {
		return Endpoint{}, errors.New("must be a URL such as http://localhost:6420, but is empty")
	}
	u, err := url.Parse(s)
	if err != nil {
		var escape url.EscapeError
		if errors.As(err, &escape) {
			return Endpoint{}, errors.New("has an invalid percent escape")
		}
		return Endpoint{}, errors.New("must be an absolute URL such as http://localhost:6420")
	}
	var e Endpoint
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "http"
	case "https", "wss":
		u.Scheme, e.Secure = "https", true
	case "":
		return Endpoint{}, errors.New("must be an absolute URL such as http://localhost:6420")
	default:
		return Endpoint{}, errors.New("must begin with http:// or https://")
	}
	e.Host = strings.ToLower(u.Hostname())
	if e.Host == "" {
		return Endpoint{}, errors.New("must name a host")
	}
	if u.RawQuery != "" {
		return Endpoint{}, errors.New("cannot contain a query string")
	}
	if u.Fragment != "" {
		return Endpoint{}, errors.New("cannot contain a fragment")
	}
	host, err := hostPort(u, e.Host)
	if err != nil {
		return Endpoint{}, err
	}
	if u.User != nil {
		e.Namespace = u.User.Username()
		e.Token, _ = u.User.Password()
		if !utf8.ValidString(e.Namespace) || !utf8.ValidString(e.Token) {
			return Endpoint{}, errors.New("has a percent escape that is not UTF-8")
		}
		if e.Namespace == "" && e.Token != "" {
			return Endpoint{}, errors.New("cannot have a token without a namespace")
		}
	}
	e.Base = u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/")
	return e, nil
}

// hostPort returns the host with its port, which is left out when it is the
// default of the scheme.
func hostPort(u *url.URL, host string) (string, error) {
	port := u.Port()
	if port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		if strings.Contains(host, ":") {
			return "[" + host + "]", nil
		}
		return host, nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("has a port that is not one of 1 to 65535")
	}
	return net.JoinHostPort(host, port), nil
}

// JoinQuery appends form-encoded parameters to a path that may have a query
// already, which is kept byte for byte.
func JoinQuery(path, query string) string {
	_, own, has := strings.Cut(path, "?")
	switch {
	case query == "":
		return path
	case !has:
		return path + "?" + query
	case own == "", strings.HasSuffix(own, "&"):
		return path + query
	}
	return path + "&" + query // also behind a question mark that is a part of the query
}
