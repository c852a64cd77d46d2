package ws_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// secrets are in everything that the tests send, and must be in no error.
const (
	secretPath     = "/gateway/actor@tok-path/connect"
	secretQuery    = "rvt-token=tok-query"
	secretHeader   = "tok-header"
	secretProtocol = "rivet_token.tok-protocol"
)

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// secretConfig dials host with secrets wherever there is room for one.
func secretConfig(t *testing.T, scheme, host string) ws.DialConfig {
	return ws.DialConfig{
		URL:       parseURL(t, scheme+"://user:tok-user@"+host+secretPath+"?"+secretQuery),
		Header:    http.Header{"X-Rivet-Token": {secretHeader}},
		Protocols: []string{"rivet", secretProtocol},
	}
}

// script is the server's side of a pipe. It gets the request's header, and the
// connection, which is closed after it.
type script func(c net.Conn, request string)

// dialPipe makes cfg dial a pipe with s at the other end. The returned
// function waits for s to return.
func dialPipe(cfg *ws.DialConfig, s script) (wait func()) {
	done := make(chan struct{})
	close(done)
	cfg.NetDial = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		done = make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			br := bufio.NewReader(server)
			var request strings.Builder
			for {
				line, err := br.ReadString('\n')
				if err != nil {
					return
				}
				if request.WriteString(line); line == "\r\n" {
					break
				}
			}
			s(server, request.String())
		}()
		return client, nil
	}
	return func() { <-done }
}

// answer101 is a correct answer to request.
func answer101(request, protocol string) string {
	_, key, _ := strings.Cut(request, "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	s := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	if protocol != "" {
		s += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	return s + "\r\n"
}

func say(s string) script {
	return func(c net.Conn, _ string) { _, _ = io.WriteString(c, s) }
}

func TestDialSendsRequestAsGiven(t *testing.T) {
	tests := []struct{ url, line, host string }{
		{"http://h", "GET / HTTP/1.1", "h"},
		{"ws://h:80?x=1", "GET /?x=1 HTTP/1.1", "h:80"},
		{"http://h:6420/gateway/c%2Fd;x@to%40k/connect?rvt-key=a%2Cb,c+d&q=%zz", "GET /gateway/c%2Fd;x@to%40k/connect?rvt-key=a%2Cb,c+d&q=%zz HTTP/1.1", "h:6420"},
		{"http://u:p@h/a%20b?#frag", "GET /a%20b? HTTP/1.1", "h"},
		{"http://[::1]:99/", "GET / HTTP/1.1", "[::1]:99"},
		{"http://[fe80::1%25eth0]:99/", "GET / HTTP/1.1", "[fe80::1]:99"},
		{"http://[fe80::1%25eth0]/", "GET / HTTP/1.1", "[fe80::1]"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			var request string
			cfg := ws.DialConfig{
				URL:       parseURL(t, tt.url),
				Protocols: []string{"rivet", "rivet_conn_params.%7B%7D"},
				Header:    http.Header{"User-Agent": {"test"}, "x-lower": {"a", "b"}},
			}
			wait := dialPipe(&cfg, func(c net.Conn, r string) {
				request = r
				_, _ = io.WriteString(c, answer101(r, "rivet"))
			})
			h, err := ws.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Conn.Close()
			wait()
			if h.Protocol != "rivet" || h.Early != nil {
				t.Errorf("protocol %q, early %q", h.Protocol, h.Early)
			}
			lines := strings.Split(strings.TrimSuffix(request, "\r\n\r\n"), "\r\n")
			if lines[0] != tt.line {
				t.Errorf("request line %q, want %q", lines[0], tt.line)
			}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Host != tt.host {
				t.Errorf("Host %q, want %q", r.Host, tt.host)
			}
			r.Header.Del("Sec-Websocket-Key")
			want := http.Header{
				"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
				"Sec-Websocket-Protocol": {"rivet, rivet_conn_params.%7B%7D"},
				"User-Agent":             {"test"}, "X-Lower": {"a", "b"},
			}
			if !reflect.DeepEqual(r.Header, want) {
				t.Errorf("header %v, want %v", r.Header, want)
			}
		})
	}
}

func TestDialAddress(t *testing.T) {
	for in, want := range map[string]string{
		"http://h/": "h:80", "ws://h": "h:80", "https://h": "h:443", "wss://h": "h:443",
		"https://h:1": "h:1", "http://h:": "h:80", "http://[::1]": "[::1]:80", "wss://[fe80::1%25lo]:2": "[fe80::1%lo]:2",
	} {
		stop := errors.New("stop")
		var addr string
		_, err := ws.Dial(t.Context(), ws.DialConfig{
			URL: parseURL(t, in),
			NetDial: func(_ context.Context, network, a string) (net.Conn, error) {
				addr = network + " " + a
				return nil, stop
			},
		})
		if !errors.Is(err, stop) || addr != "tcp "+want {
			t.Errorf("%s: dialled %q, %v", in, addr, err)
		}
	}
}

func TestDialKeepsEarlyBytes(t *testing.T) {
	frames := stream(ws.Client, frame{op: 2, payload: "init"}, frame{op: 1, payload: strings.Repeat("x", 5000)}, frame{op: 8})
	want := got{[]message{{ws.OpBinary, "init"}, {ws.OpText, strings.Repeat("x", 5000)}, {ws.OpClose, ""}}, "EOF"}
	for _, split := range []int{0, 1, 2, 5, 7, 3000, len(frames)} {
		cfg := ws.DialConfig{URL: parseURL(t, "http://h/")}
		wait := dialPipe(&cfg, func(c net.Conn, r string) {
			_, _ = c.Write(append([]byte(answer101(r, "")), frames[:split]...))
			_, _ = c.Write(frames[split:])
		})
		h, err := ws.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if split == 5 && len(h.Early) != 5 {
			t.Errorf("%d early bytes, want 5", len(h.Early))
		}
		if g := drain(ws.NewReader(h.Conn, h.Early, ws.ReaderConfig{})); !reflect.DeepEqual(g, want) {
			t.Errorf("split at %d: got %.200v", split, g)
		}
		h.Conn.Close()
		wait()
	}
}

// Many dials share the buffers that answers are read into.
func TestDialEarlyBytesAreTheCallers(t *testing.T) {
	dial := func(early string) *ws.Handshake {
		cfg := ws.DialConfig{URL: parseURL(t, "http://h/")}
		wait := dialPipe(&cfg, func(c net.Conn, r string) { _, _ = io.WriteString(c, answer101(r, "")+early) })
		h, err := ws.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		h.Conn.Close()
		wait()
		return h
	}
	first := dial("first")
	for range 10 {
		dial("other")
	}
	if string(first.Early) != "first" {
		t.Errorf("early bytes are %q now", first.Early)
	}
}

// checkSecrets fails if the text of err, or of what it wraps, has a secret.
func checkSecrets(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		if s := fmt.Sprintf("%v %+v", err, err); strings.Contains(s, "tok-") || strings.Contains(s, "gateway") {
			t.Errorf("error has a secret: %s", s)
		}
		if _, ok := err.(*ws.RefusedError); ok {
			return
		}
	}
}

func TestDialValidates(t *testing.T) {
	tests := []struct {
		name, field string
		change      func(*ws.DialConfig)
	}{
		{"no URL", "URL", func(c *ws.DialConfig) { c.URL = nil }},
		{"scheme", "URL", func(c *ws.DialConfig) { c.URL.Scheme = "ftp" }},
		{"no host", "URL", func(c *ws.DialConfig) { c.URL.Host = "" }},
		{"no host but a port", "URL", func(c *ws.DialConfig) { c.URL.Host = ":80" }},
		{"line break in host", "URL", func(c *ws.DialConfig) { c.URL.Host = "h\r\nX: y" }},
		{"slash in host", "URL", func(c *ws.DialConfig) { c.URL.Host = "h/tok-host" }},
		{"international host", "URL", func(c *ws.DialConfig) { c.URL.Host = "grün.example" }},
		{"line break in query", "URL", func(c *ws.DialConfig) { c.URL.RawQuery = "tok-query HTTP/1.1\r\nX: y" }},
		{"blank in query", "URL", func(c *ws.DialConfig) { c.URL.RawQuery = "tok-query b" }},
		{"opaque", "URL", func(c *ws.DialConfig) { c.URL.Opaque = "tok-opaque" }},
		{"line break in header", "Header", func(c *ws.DialConfig) { c.Header.Set("X-A", "tok-header\r\nY: z") }},
		{"line feed in header", "Header", func(c *ws.DialConfig) { c.Header.Set("X-A", "tok-header\nY: z") }},
		{"null in header", "Header", func(c *ws.DialConfig) { c.Header.Set("X-A", "tok-header\x00") }},
		{"header name", "Header", func(c *ws.DialConfig) { c.Header["X: tok-header\r\n"] = []string{"x"} }},
		{"empty header name", "Header", func(c *ws.DialConfig) { c.Header[""] = []string{"tok-header"} }},
		{"Host", "Header", func(c *ws.DialConfig) { c.Header["host"] = []string{"tok-header"} }},
		{"Upgrade", "Header", func(c *ws.DialConfig) { c.Header.Set("Upgrade", "tok-header") }},
		{"Connection", "Header", func(c *ws.DialConfig) { c.Header["CONNECTION"] = []string{"tok-header"} }},
		{"Sec-WebSocket-Key", "Header", func(c *ws.DialConfig) { c.Header["Sec-WebSocket-Key"] = []string{"tok-header"} }},
		{"sec-websocket-protocol", "Header", func(c *ws.DialConfig) { c.Header["sec-websocket-protocol"] = []string{"tok-header"} }},
		{"Content-Length", "Header", func(c *ws.DialConfig) { c.Header.Set("Content-Length", "5") }},
		{"Transfer-Encoding", "Header", func(c *ws.DialConfig) { c.Header.Set("Transfer-Encoding", "chunked") }},
		{"empty protocol", "Protocols", func(c *ws.DialConfig) { c.Protocols = []string{"rivet", ""} }},
		{"comma in protocol", "Protocols", func(c *ws.DialConfig) { c.Protocols = []string{"tok-a,tok-b"} }},
		{"line break in protocol", "Protocols", func(c *ws.DialConfig) { c.Protocols = []string{"tok-a\r\nX: y"} }},
		{"parenthesis in protocol", "Protocols", func(c *ws.DialConfig) { c.Protocols = []string{"tok-a()"} }},
		{"protocol twice", "Protocols", func(c *ws.DialConfig) { c.Protocols = []string{"tok-a", "rivet", "tok-a"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := secretConfig(t, "http", "h")
			cfg.NetDial = func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialled")
				return nil, io.EOF
			}
			tt.change(&cfg)
			_, err := ws.Dial(t.Context(), cfg)
			var invalid *ws.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != tt.field {
				t.Fatalf("got %v", err)
			}
			checkSecrets(t, err)
		})
	}
}

func TestDialTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := ws.Accept(w, r, ws.AcceptConfig{Protocol: func(p []string) string { return p[0] }})
		if err != nil {
			t.Error(err)
			return
		}
		defer h.Conn.Close()
		wr := ws.NewWriter(h.Conn, ws.Server)
		if err := errors.Join(wr.Append(ws.OpText, []byte(r.RequestURI)), wr.Flush()); err != nil {
			t.Error(err)
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()

	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	cfg := secretConfig(t, "wss", srv.Listener.Addr().String())
	// A server that speaks HTTP/2 must not be asked for it.
	cfg.TLS = &tls.Config{RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}
	h, err := ws.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Conn.Close()
	m, err := ws.NewReader(h.Conn, h.Early, ws.ReaderConfig{}).Next()
	if err != nil || string(m.Payload) != secretPath+"?"+secretQuery {
		t.Errorf("got %q, %v", m.Payload, err)
	}
	if h.Protocol != "rivet" {
		t.Errorf("protocol %q", h.Protocol)
	}
	if cfg.TLS.ServerName != "" || len(cfg.TLS.NextProtos) != 2 {
		t.Error("the caller's TLS configuration was changed")
	}

	cfg.TLS = nil
	_, err = ws.Dial(t.Context(), cfg)
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("without the root: got %v", err)
	}
	checkSecrets(t, err)
}
