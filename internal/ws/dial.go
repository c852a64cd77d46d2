package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gobwas/ws"
)

const (
	// DefaultTimeout bounds a dial when DialConfig.Timeout is zero.
	DefaultTimeout = 15 * time.Second

	// maxResponseHeader is how much of an answer to a handshake is read before
	// the header has to be over.
	maxResponseHeader = 64 << 10
	// maxRefusedBody and refusedBodyWait bound what is read of a refusal's body.
	maxRefusedBody  = 8 << 10
	refusedBodyWait = 2 * time.Second
)

// DialConfig says where and how to open a client connection. It is not
// changed, nor kept after Dial.
type DialConfig struct {
	// URL has the scheme http, https, ws or wss. Path and query are sent byte
	// for byte as URL.RequestURI returns them; user information and fragment
	// are not sent. The host has to be ASCII.
	URL *url.URL
	// Header is sent besides what a handshake consists of. Host, Upgrade,
	// Connection and the Sec-WebSocket fields cannot be set.
	Header http.Header
	// Protocols are the sub-protocols to offer, in order: distinct tokens
	// (RFC 7230).
	Protocols []string
	// NetDial opens the TCP connection, to the server or to the proxy. It has
	// to return when its context ends. Nil means a net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy returns the HTTP proxy for a request, as http.Transport's does; the
	// request has a method and a URL of scheme (http or https) and host, no
	// more. Nil means http.ProxyFromEnvironment without NetDial, and no proxy
	// with it. Proxies are asked to CONNECT; SOCKS is not supported.
	Proxy func(*http.Request) (*url.URL, error)
	// TLS configures https and wss; nil means the defaults. ALPN is always
	// set to HTTP/1.1, which an upgrade needs.
	TLS *tls.Config
	// Timeout bounds the whole dial: TCP, proxy, TLS and upgrade. Zero means
	// DefaultTimeout, negative no limit.
	Timeout time.Duration
}

// Handshake is an open connection.
type Handshake struct {
	// Conn is the connection, with no deadline set. Whoever got it closes it.
	Conn net.Conn
	// Early is what the peer sent right behind its handshake: the first frames
	// or a part of them. Give it to NewReader.
	Early []byte
	// Protocol is the agreed sub-protocol, empty when there is none.
	Protocol string
}

// Dial connects to a server and opens a WebSocket.
//
// It blocks until the connection is open, has failed, or ctx or the timeout
// has ended; then the socket is closed and the error wraps ctx.Err() or
// os.ErrDeadlineExceeded. Afterwards ctx has no hold on the connection.
//
// What the caller gave wrong is an *InvalidError before any I/O, an answer
// that is not 101 a *RefusedError, a refusing proxy a *ProxyError. No error's
// text has anything of the URL but the host, nor the value of a header or
// sub-protocol.
func Dial(ctx context.Context, cfg DialConfig) (*Handshake, error) {
	target, err := newTarget(&cfg)
	if err != nil {
		return nil, err
	}
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	dctx, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		dctx, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()

	h, step, err := dial(dctx, &cfg, target)
	if err == nil {
		return h, nil
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case contextExpired(ctx):
		// The network's timer may fire before the context's.
		err = context.DeadlineExceeded
	case dctx.Err() != nil:
		err = fmt.Errorf("no answer within %v: %w", timeout, os.ErrDeadlineExceeded)
	}
	return nil, fmt.Errorf("ws: dial %s: %s: %w", target.addr, step, err)
}

func contextExpired(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ok && !time.Now().Before(d)
}

// dial opens the connection; step names what failed.
func dial(ctx context.Context, cfg *DialConfig, t *target) (h *Handshake, step string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "connect", err
	}
	raw, early, err := connect(ctx, cfg, t)
	if err != nil {
		return nil, "connect", err
	}
	// Closing the raw connection ends whatever blocks on it, TLS included.
	release := closeWhenDone(ctx, raw)
	defer func() {
		if ended := release(); ended && err == nil {
			h, err = nil, ctx.Err()
		}
		if h == nil { // also when a function of cfg.TLS panics
			_ = raw.Close()
		}
	}()
	if early {
		return nil, "connect", errors.New("proxy sent data after its answer")
	}

	c := raw
	if t.tls {
		tc := tls.Client(raw, tlsConfig(cfg.TLS, t.host))
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, "TLS handshake", err
		}
		c = tc
	}
	h, err = upgrade(c, cfg, t)
	return h, "upgrade", err
}

// closeWhenDone closes c when ctx ends. The function it returns stops that,
// waits for it, and reports whether c was closed.
func closeWhenDone(ctx context.Context, c net.Conn) (release func() bool) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.Close()
		close(closed)
	})
	return func() bool {
		if stop() {
			return false
		}
		<-closed
		return true
	}
}

func tlsConfig(c *tls.Config, host string) *tls.Config {
	if c == nil {
		c = &tls.Config{}
	} else {
		c = c.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	// A configuration shared with an HTTP client may offer h2, and a server
	// that takes it cannot be upgraded.
	c.NextProtos = []string{"http/1.1"}
	return c
}

// upgrade does the WebSocket handshake on c.
func upgrade(c net.Conn, cfg *DialConfig, t *target) (*Handshake, error) {
	rec := &recorder{conn: c, left: maxResponseHeader}
	d := ws.Dialer{
		Protocols: cfg.Protocols,
		Header:    ws.HandshakeHeaderHTTP(cfg.Header),
		Host:      t.hostHeader,
	}
	br, hs, err := d.Upgrade(rec, t.url)
	if err != nil {
		return nil, upgradeError(c, rec, err)
	}
	h := &Handshake{Conn: c, Protocol: hs.Protocol}
	if br != nil {
		b, _ := br.Peek(br.Buffered())
		h.Early = bytes.Clone(b)
		ws.PutReader(br) // pooled by gobwas: not to be kept
	}
	return h, nil
}

// upgradeError turns gobwas' err into a *RefusedError when the server answered
// with a status, and adds what may be behind it otherwise.
func upgradeError(c net.Conn, rec *recorder, err error) error {
	var status ws.StatusError
	refused := errors.As(err, &status)
	if refused || errors.Is(err, ws.ErrHandshakeBadProtocol) {
		// gobwas looks at the version before the status, but an HTTP/1.0
		// answer is a refusal like others.
		if e := readRefusal(c, rec); e != nil {
			return e
		}
		if refused {
			return &RefusedError{Status: int(status)}
		}
	}
	switch seen := rec.seen.Bytes(); {
	case errors.Is(err, errResponseHeader):
		return errResponseHeader
	case len(seen) > 1 && seen[0] == 0x15 && seen[1] == 3:
		return errors.New("the server speaks TLS here: use https")
	case err == io.EOF && len(seen) > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

// readRefusal parses an answer from its beginning, which rec has, and reads
// some of the body. It returns nil when there is no refusal to be parsed.
func readRefusal(c net.Conn, rec *recorder) *RefusedError {
	// A server may announce a body and never send it; what it is for, a better
	// error, is not worth the rest of the timeout.
	_ = c.SetReadDeadline(time.Now().Add(refusedBodyWait))
	status, header, body, ok := readResponse(io.MultiReader(&rec.seen, c), http.MethodGet)
	if !ok || status == http.StatusSwitchingProtocols {
		return nil
	}
	return &RefusedError{Status: status, Header: header, Body: body}
}

var errResponseHeader = fmt.Errorf("header of the answer is over %d bytes", maxResponseHeader)

// recorder keeps the bytes that were read of an answer and bounds them: gobwas
// reads lines of any length.
type recorder struct {
	conn net.Conn
	seen bytes.Buffer
	left int
}

func (r *recorder) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errResponseHeader
	}
	n, err := r.conn.Read(p[:min(len(p), r.left)])
	r.left -= n
	r.seen.Write(p[:n])
	return n, err
}

func (r *recorder) Write(p []byte) (int, error) { return r.conn.Write(p) }
