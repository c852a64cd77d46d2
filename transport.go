package rivet

import (
	"net"
	"net/http"
	"time"
)

// userAgent names the library in requests; headers of the user win over it.
const userAgent = "rivet-go"

// newHTTPClient returns the client that sends requests, and the transport
// when it is our own.
func newHTTPClient(cfg *config) (*http.Client, *http.Transport) {
	if cfg.opts.httpClient != nil {
		c := *cfg.opts.httpClient
		if c.Transport == nil {
			c.Transport = http.DefaultTransport
		}
		c.Transport = unfollowed{c.Transport}
		return &c, nil
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            cfg.link.NetDial,
		TLSClientConfig:        cfg.link.TLS,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    15 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
	if t.DialContext != nil {
		t.Proxy = nil
	} else {
		t.DialContext = (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Client{Transport: unfollowed{t}}, t
}

// unfollowed hides redirects from http.Client. Told not to follow them it
// parses them nevertheless, and turns a response whose Location is no URL into
// an error that quotes it.
type unfollowed struct{ http.RoundTripper }

// hiddenLocation is where they are meanwhile. The name cannot come off the
// wire, where names are made canonical.
const hiddenLocation = "location"

func (u unfollowed) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.RoundTripper.RoundTrip(req)
	if err == nil {
		rename(resp.Header, "Location", hiddenLocation)
	}
	return resp, err
}

// do sends a request and returns the response as it is, redirects too.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err == nil {
		rename(resp.Header, hiddenLocation, "Location")
	}
	return resp, err
}

func rename(h http.Header, from, to string) {
	if v, ok := h[from]; ok {
		delete(h, from)
		h[to] = v
	}
}
