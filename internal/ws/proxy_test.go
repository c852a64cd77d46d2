package ws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// echo accepts and says back what it gets, until the connection ends.
func echo(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := ws.Accept(w, r, ws.AcceptConfig{})
		if err != nil {
			t.Error(err)
			return
		}
		defer h.Conn.Close()
		rd, wr := ws.NewReader(h.Conn, h.Early, ws.ReaderConfig{Role: ws.Server}), ws.NewWriter(h.Conn, ws.Server)
		for {
			m, err := rd.Next()
			if err != nil {
				return
			}
			if err := errors.Join(wr.Append(m.Op, m.Payload), wr.Flush()); err != nil {
				return
			}
		}
	})
}

// connectProxy tunnels CONNECT requests and records them.
type connectProxy struct {
	status int
	wg     sync.WaitGroup

	mu     sync.Mutex
	hosts  []string
	header http.Header
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.hosts = append(p.hosts, r.Method+" "+r.RequestURI)
	p.header = r.Header
	p.mu.Unlock()
	if p.status != http.StatusOK {
		w.WriteHeader(p.status)
		return
	}
	up, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	p.wg.Go(func() {
		_, _ = io.Copy(up, c)
		_ = up.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(c, up)
	_ = c.Close()
	p.wg.Wait()
}

func TestDialThroughProxy(t *testing.T) {
	roots := x509.NewCertPool()
	plain := httptest.NewServer(echo(t))
	defer plain.Close()
	secure := httptest.NewTLSServer(echo(t))
	defer secure.Close()
	roots.AddCert(secure.Certificate())

	for _, proxyScheme := range []string{"http", "https"} {
		for _, target := range []*httptest.Server{plain, secure} {
			u := parseURL(t, target.URL+secretPath+"?"+secretQuery)
			t.Run(u.Scheme+" through "+proxyScheme, func(t *testing.T) {
				p := &connectProxy{status: http.StatusOK}
				srv := httptest.NewUnstartedServer(p)
				if proxyScheme == "https" {
					srv.StartTLS()
					roots.AddCert(srv.Certificate())
				} else {
					srv.Start()
				}
				defer srv.Close()
				proxyURL := parseURL(t, srv.URL)
				proxyURL.User = url.UserPassword("me", "pass")
				asked := ""
				h, err := ws.Dial(t.Context(), ws.DialConfig{
					URL: u,
					Proxy: func(r *http.Request) (*url.URL, error) {
						asked = r.Method + " " + r.URL.String()
						return proxyURL, nil
					},
					TLS: &tls.Config{RootCAs: roots},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer h.Conn.Close()
				wr := ws.NewWriter(h.Conn, ws.Client)
				appendAll(t, wr.Append(ws.OpText, []byte("hello")), wr.Flush())
				m, err := ws.NewReader(h.Conn, h.Early, ws.ReaderConfig{}).Next()
				if err != nil || string(m.Payload) != "hello" {
					t.Errorf("got %q, %v", m.Payload, err)
				}
				if want := "GET " + u.Scheme + "://" + u.Host; asked != want {
					t.Errorf("proxy asked for %q, want %q", asked, want)
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				if len(p.hosts) != 1 || p.hosts[0] != "CONNECT "+u.Host {
					t.Errorf("proxy got %q", p.hosts)
				}
				if got := p.header.Get("Proxy-Authorization"); got != "Basic bWU6cGFzcw==" {
					t.Errorf("Proxy-Authorization %q", got)
				}
			})
		}
	}
}

func TestDialProxyRefuses(t *testing.T) {
	p := &connectProxy{status: http.StatusProxyAuthRequired}
	srv := httptest.NewServer(p)
	defer srv.Close()
	cfg := secretConfig(t, "https", "h")
	proxyURL := parseURL(t, srv.URL)
	proxyURL.User = url.UserPassword("me", "tok-proxy")
	cfg.Proxy = http.ProxyURL(proxyURL)
	_, err := ws.Dial(t.Context(), cfg)
	var refused *ws.ProxyError
	if !errors.As(err, &refused) || refused.Status != http.StatusProxyAuthRequired {
		t.Fatalf("got %v", err)
	}
	// A gateway's 401 is final, a proxy's is not the gateway's.
	if errors.As(err, new(*ws.RefusedError)) {
		t.Errorf("%v is a refusal of the server", err)
	}
	checkSecrets(t, err)
}

func TestDialBadProxies(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name, proxy, want string
		answer            script
	}{
		{"SOCKS", "socks5://me:tok-proxy@proxy", "neither http nor https", nil},
		{"not HTTP", "http://me:tok-proxy@proxy", "not HTTP", say("hello\r\n")},
		{"silent", "http://me:tok-proxy@proxy", "not HTTP", say("")},
		{"eager", "http://me:tok-proxy@proxy", "after its answer", say("HTTP/1.1 200 OK\r\n\r\nmore")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := secretConfig(t, "http", "h")
			wait := dialPipe(&cfg, tt.answer)
			cfg.Proxy = http.ProxyURL(parseURL(t, tt.proxy))
			_, err := ws.Dial(t.Context(), cfg)
			wait()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v", err)
			}
			checkSecrets(t, err)
		})
	}
	t.Run("function fails", func(t *testing.T) {
		cfg := secretConfig(t, "http", "h")
		cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, broken }
		if _, err := ws.Dial(t.Context(), cfg); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		cfg := secretConfig(t, "http", "h")
		cfg.Proxy = http.ProxyURL(parseURL(t, "https://proxy.example"))
		var addr string
		cfg.NetDial = func(_ context.Context, _, a string) (net.Conn, error) {
			addr = a
			return nil, broken
		}
		if _, err := ws.Dial(t.Context(), cfg); !errors.Is(err, broken) || addr != "proxy.example:443" {
			t.Errorf("dialled %q, %v", addr, err)
		}
	})
}
