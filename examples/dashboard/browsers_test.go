package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor/local"
)

func TestWhatIsRefused(t *testing.T) {
	base, _ := serve(t, local.Memory())
	for _, test := range []struct {
		action string
		values []string
		want   int
	}{
		{"/cut", []string{"machine", "48"}, http.StatusNotFound},
		{"/cut", []string{"machine", "-1"}, http.StatusNotFound},
		{"/cut", []string{"machine", "x"}, http.StatusNotFound},
		{"/cut", []string{"hall", "E"}, http.StatusNotFound},
		{"/rate", []string{"machine", "1", "rate", "7"}, http.StatusBadRequest},
		{"/rate", []string{"machine", "1"}, http.StatusBadRequest},
		{"/stall", []string{"stalled", "perhaps"}, http.StatusBadRequest},
		{"/stall", []string{"stalled", "true", "consumer", "nobody"}, http.StatusNotFound},
		{"/nothing", nil, http.StatusMethodNotAllowed},
	} {
		if got := press(t, base, test.action, test.values...); got != test.want {
			t.Errorf("%s %v: %d, want %d", test.action, test.values, got, test.want)
		}
	}

	// A page of somebody else's must not press buttons.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/cut", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another page: %d", resp.StatusCode)
	}
}

func TestPage(t *testing.T) {
	base, _ := serve(t, local.Memory())
	for path, kind := range map[string]string{"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %q, %v", path, resp.StatusCode, resp.Header.Get("Content-Type"), err)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") {
			t.Errorf("%s may load from anywhere: %q", path, policy)
		}
		if strings.Contains(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), "http") && path != "/page.js" {
			t.Errorf("%s names another host", path)
		}
	}
}

func TestAddressForBrowsers(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:8080":   "localhost:8080",
		"[::]:8080":      "localhost:8080",
		"127.0.0.1:8080": "127.0.0.1:8080",
		"[::1]:8080":     "[::1]:8080",
	} {
		if got := forBrowsers(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestManyBrowsersThatComeAndGo(t *testing.T) {
	base, _ := serve(t, local.Memory())
	var stay []*browser
	for i := range 50 {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		b := openFor(ctx, t, base)
		until(b, "states", func(s states) bool { return len(s.Lines) == machines })
		if i%2 == 0 {
			leave()
		} else {
			stay = append(stay, b)
		}
	}
	ok(t, press(t, base, "/rate", "machine", "7", "rate", "100"))
	for _, b := range stay {
		until(b, "states", func(s states) bool { return s.Lines[7].Rate == 100 })
	}
}

// narrow lets connections hold little, so that who does not read is noticed soon,
// and tells which are closed.
type narrow struct {
	net.Listener
	closed chan net.Addr
}

type narrowConn struct {
	net.Conn
	closed chan net.Addr
}

func (l narrow) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return narrowConn{nc, l.closed}, nc.(*net.TCPConn).SetWriteBuffer(4096)
}

func (c narrowConn) Close() error {
	c.closed <- c.RemoteAddr()
	return c.Conn.Close()
}

func TestBrowserThatTakesNothingIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan net.Addr, 1000) // more than there are
	serveOn(t, narrow{l, closed}, local.Memory())
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(nc, "GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tooLate := time.After(time.Minute)
	for {
		select {
		case addr := <-closed:
			if addr.String() == nc.LocalAddr().String() {
				return
			}
		case <-tooLate:
			t.Fatal("it is still told")
		}
	}
}
