package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// connect opens the connection to the server, through a proxy when there is
// one. early reports that the proxy sent more than its answer.
func connect(ctx context.Context, cfg *DialConfig, t *target) (c net.Conn, early bool, err error) {
	dial := func(addr string) (net.Conn, error) {
		if cfg.NetDial == nil {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
		c, err := cfg.NetDial(ctx, "tcp", addr)
		if c == nil && err == nil {
			err = errors.New("NetDial returned neither a connection nor an error")
		}
		return c, err
	}
	proxy, err := proxyFor(cfg, t)
	if err != nil {
		return nil, false, err
	}
	if proxy == nil {
		c, err = dial(t.addr)
		return c, false, err
	}

	port := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if port == "" {
		return nil, false, errors.New("the proxy is neither http nor https")
	}
	if p := proxy.Port(); p != "" {
		port = p
	}
	raw, err := dial(net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, false, fmt.Errorf("proxy: %w", err)
	}
	release := closeWhenDone(ctx, raw)
	defer func() {
		if ended := release(); ended && err == nil {
			err = ctx.Err()
		}
		if c == nil || err != nil { // c is nil also when a function of cfg.TLS panics
			_ = raw.Close()
			c = nil
		}
	}()
	through := raw
	if proxy.Scheme == "https" {
		tc := tls.Client(raw, tlsConfig(cfg.TLS, proxy.Hostname()))
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, false, fmt.Errorf("proxy: TLS handshake: %w", err)
		}
		through = tc
	}
	early, err = tunnel(through, proxy, t.addr)
	return through, early, err
}

// proxyFor returns the proxy to use, nil for none.
func proxyFor(cfg *DialConfig, t *target) (*url.URL, error) {
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: t.url.Host}}
	if t.tls {
		req.URL.Scheme = "https"
	}
	switch {
	case cfg.Proxy != nil:
		proxy, err := cfg.Proxy(req)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		return proxy, nil
	case cfg.NetDial != nil:
		return nil, nil
	}
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		// The error repeats the variable, which may hold a password.
		return nil, errors.New("the proxy given in the environment is not a URL")
	}
	return proxy, nil
}

// tunnel asks the proxy behind c to connect to addr.
func tunnel(c net.Conn, proxy *url.URL, addr string) (early bool, err error) {
	req := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: addr},
		Host:   addr,
		Header: http.Header{},
	}
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		auth := base64.StdEncoding.EncodeToString([]byte(u.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+auth)
	}
	if err := req.Write(c); err != nil {
		return false, fmt.Errorf("proxy: %w", err)
	}
	br := bufio.NewReader(io.LimitReader(c, maxResponseHeader))
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return false, errors.New("proxy: the answer is not HTTP")
	}
	// The body is not closed: closing reads it to its end, and for a tunnel it
	// is the connection itself.
	if resp.StatusCode != http.StatusOK {
		return false, &ProxyError{Status: resp.StatusCode}
	}
	return br.Buffered() > 0, nil
}

// readResponse reads an HTTP answer and at most maxRefusedBody of its body,
// as far as that arrives. ok is false when the header is not HTTP.
func readResponse(r io.Reader, method string) (status int, header http.Header, body []byte, ok bool) {
	br := bufio.NewReader(io.LimitReader(r, maxResponseHeader+maxRefusedBody))
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		return 0, nil, nil, false
	}
	// Not closed: closing would read the rest of the body.
	body, _ = io.ReadAll(io.LimitReader(resp.Body, maxRefusedBody))
	return resp.StatusCode, resp.Header, body, true
}
