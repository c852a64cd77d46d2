package ws_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/internal/ws"
)

const upgradeRequest = "GET /x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// accepted is what Accept returned in a server.
type accepted struct {
	h   *ws.Handshake
	err error
}

// serve sends raw to a server that calls Accept with cfg, and returns the
// answer, the connection that it came on, and what Accept returned.
func serve(t *testing.T, cfg ws.AcceptConfig, raw string) (*http.Response, *bufio.Reader, accepted) {
	t.Helper()
	results := make(chan accepted, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := ws.Accept(w, r, cfg)
		results <- accepted{h, err}
	}))
	t.Cleanup(srv.Close)
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := <-results
	if a.h != nil {
		t.Cleanup(func() { a.h.Conn.Close() })
	}
	return resp, br, a
}

func TestAcceptProtocol(t *testing.T) {
	tests := []struct {
		name    string
		fields  string
		choose  string
		offered []string
		answer  []string
	}{
		{"none", "", "", nil, nil},
		{"first", "Sec-WebSocket-Protocol: rivet, rivet_encoding.bare\r\n", "rivet", []string{"rivet", "rivet_encoding.bare"}, []string{"rivet"}},
		{"two fields", "Sec-WebSocket-Protocol: a,b\r\nSec-WebSocket-Protocol: c\r\n", "c", []string{"a", "b", "c"}, []string{"c"}},
		// encodeURIComponent leaves parentheses, which no token has.
		{"parentheses", "Sec-WebSocket-Protocol: rivet, rivet_conn_params.%22(x)%22\r\n", "rivet", []string{"rivet", "rivet_conn_params.%22(x)%22"}, []string{"rivet"}},
		{"not offered", "", "rivet", nil, []string{"rivet"}},
		{"empty parts", "Sec-WebSocket-Protocol: ,a,, b ,\r\n", "", []string{"a", "b"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var offered []string
			cfg := ws.AcceptConfig{
				Protocol: func(p []string) string { offered = p; return tt.choose },
				Header:   http.Header{"X-Extra": {"1"}},
			}
			resp, _, a := serve(t, cfg, upgradeRequest+tt.fields+"\r\n")
			if a.err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("status %d, %v", resp.StatusCode, a.err)
			}
			if a.h.Protocol != tt.choose || !reflect.DeepEqual(offered, tt.offered) {
				t.Errorf("protocol %q of %q", a.h.Protocol, offered)
			}
			if got := resp.Header["Sec-Websocket-Protocol"]; !reflect.DeepEqual(got, tt.answer) {
				t.Errorf("answered protocol %q, want %q", got, tt.answer)
			}
			if resp.Header.Get("X-Extra") != "1" || resp.Header.Get("Sec-Websocket-Extensions") != "" {
				t.Errorf("header %v", resp.Header)
			}
			if len(cfg.Header) != 1 {
				t.Errorf("the caller's header was changed: %v", cfg.Header)
			}
		})
	}
}

func TestAcceptKeepsEarlyBytes(t *testing.T) {
	early := stream(ws.Server, frame{op: 2, payload: "at once"}, frame{op: 8})
	_, _, a := serve(t, ws.AcceptConfig{}, upgradeRequest+"\r\n"+string(early))
	if a.err != nil {
		t.Fatal(a.err)
	}
	r := ws.NewReader(a.h.Conn, a.h.Early, ws.ReaderConfig{Role: ws.Server})
	for _, want := range []message{{ws.OpBinary, "at once"}, {ws.OpClose, ""}} {
		if m, err := r.Next(); err != nil || (message{m.Op, string(m.Payload)}) != want {
			t.Fatalf("got %v %q, %v", m.Op, m.Payload, err)
		}
	}
}

// takeover is a ResponseWriter of a connection that tells of its deadlines.
type takeover struct {
	http.ResponseWriter
	net.Conn
	deadlines []time.Time
}

func (c *takeover) Write(p []byte) (int, error) { return c.Conn.Write(p) }

func (c *takeover) SetDeadline(by time.Time) error { return c.SetWriteDeadline(by) }

func (c *takeover) SetWriteDeadline(by time.Time) error {
	c.deadlines = append(c.deadlines, by)
	return c.Conn.SetWriteDeadline(by)
}

func (c *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c, bufio.NewReadWriter(bufio.NewReader(c.Conn), bufio.NewWriter(c)), nil
}

// A client that does not take the answer must not hold the server up, and one
// that has taken it is not bound any more.
func TestAcceptBoundsTheAnswer(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { _, _ = io.Copy(io.Discard, client) }()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(upgradeRequest + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	w := &takeover{ResponseWriter: httptest.NewRecorder(), Conn: server}
	if _, err := ws.Accept(w, r, ws.AcceptConfig{}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.deadlines); n < 2 || w.deadlines[n-2].IsZero() || !w.deadlines[n-1].IsZero() {
		t.Errorf("deadlines %v", w.deadlines)
	}
}

func TestAcceptRefuses(t *testing.T) {
	tests := []struct {
		name, request string
		status        int
	}{
		{"plain request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"POST", strings.Replace(upgradeRequest, "GET", "POST", 1) + "\r\n", 405},
		{"other upgrade", strings.Replace(upgradeRequest, "websocket", "h2c", 1) + "\r\n", 400},
		{"old version", strings.Replace(upgradeRequest, "13", "8", 1) + "\r\n", 426},
		{"no key", strings.Replace(upgradeRequest, "AAAA", "", 1) + "\r\n", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, br, a := serve(t, ws.AcceptConfig{}, tt.request)
			if resp.StatusCode != tt.status || a.h != nil || a.err == nil {
				t.Errorf("status %d, %v, %v", resp.StatusCode, a.h, a.err)
			}
			if _, err := io.Copy(io.Discard, br); err != nil {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
	t.Run("bad choice", func(t *testing.T) {
		resp, _, a := serve(t, ws.AcceptConfig{Protocol: func([]string) string { return "a\r\nX: y" }}, upgradeRequest+"\r\n")
		if resp.StatusCode != 500 || a.err == nil {
			t.Errorf("status %d, %v", resp.StatusCode, a.err)
		}
	})
	t.Run("no hijacker", func(t *testing.T) {
		rec := httptest.NewRecorder()
		h, err := ws.Accept(rec, httptest.NewRequest("GET", "/", nil), ws.AcceptConfig{})
		if rec.Code != 500 || h != nil || err == nil {
			t.Errorf("status %d, %v, %v", rec.Code, h, err)
		}
	})
}

// TestHandshakeOfBothSides opens a connection between Dial and Accept and
// closes it in order.
func TestHandshakeOfBothSides(t *testing.T) {
	srv := httptest.NewServer(echo(t))
	defer srv.Close()
	h, err := ws.Dial(t.Context(), ws.DialConfig{URL: parseURL(t, srv.URL)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Conn.Close()
	w, r := ws.NewWriter(h.Conn, ws.Client), ws.NewReader(h.Conn, h.Early, ws.ReaderConfig{})
	appendAll(t, w.Append(ws.OpText, []byte("hello")), w.AppendClose(4001, "done"), w.Flush())
	if m, err := r.Next(); err != nil || string(m.Payload) != "hello" {
		t.Fatalf("got %q, %v", m.Payload, err)
	}
	m, err := r.Next()
	if err != nil || m.Op != ws.OpClose {
		t.Fatalf("got %v, %v", m.Op, err)
	}
	if code, reason, err := ws.ParseClose(m.Payload); code != 4001 || reason != "done" || err != nil {
		t.Errorf("got %d, %q, %v", code, reason, err)
	}
	h.Conn.Close()
	if _, err := r.Next(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
