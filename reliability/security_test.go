package reliability_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// encrypted puts a server with a certificate nobody knows in front of gw. It
// returns its endpoint and the pool that knows the certificate, which is for
// 127.0.0.1 and example.com.
func encrypted(t *testing.T, gw *rivettest.Gateway) (endpoint string, known *x509.CertPool) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	cert := donor.TLS.Certificates[0]
	known = x509.NewCertPool()
	known.AddCert(donor.Certificate())
	donor.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	ask(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			outer, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer outer.Close()
				if err := outer.(*tls.Conn).Handshake(); err != nil {
					return // refused by the client
				}
				inner, err := gw.Dial(context.Background(), "tcp", "gateway")
				if err != nil {
					return
				}
				defer inner.Close()
				wg.Go(func() {
					_, _ = io.Copy(inner, outer)
					_ = inner.Close()
				})
				_, _ = io.Copy(outer, inner)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return "https://" + ln.Addr().String(), known
}

// Certificates are verified unless the user says otherwise, for requests and
// for WebSockets; and nothing is sent to a server that cannot show one.
func TestSecurity_TLSIsVerified(t *testing.T) {
	tests := []struct {
		name   string
		tls    func(known *x509.CertPool) *tls.Config // nil is the default
		accept bool
	}{
		{"by default", nil, false},
		{"with an empty configuration", func(*x509.CertPool) *tls.Config { return &tls.Config{} }, false},
		{"for another name", func(known *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: known, ServerName: "other.invalid"}
		}, false},
		{"known", func(known *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: known} }, true},
		{"known by its name", func(known *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: known, ServerName: "example.com"}
		}, true},
		{"with protocols for HTTP", func(known *x509.CertPool) *tls.Config {
			return &tls.Config{RootCAs: known, NextProtos: []string{"h2", "http/1.1"}}
		}, true},
		{"not wanted", func(*x509.CertPool) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, true},
	}
	for _, tt := range tests {
		for _, lookup := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, lookup %v", tt.name, lookup), func(t *testing.T) {
				gw := loopback(t)
				equip(gw)
				endpoint, known := encrypted(t, gw)
				opts := []rivet.Option{rivet.WithEndpoint(endpoint), rivet.WithToken("token")}
				if tt.tls != nil {
					opts = append(opts, rivet.WithTLSConfig(tt.tls(known)))
				}
				if !lookup {
					opts = append(opts, rivet.WithoutMetadataLookup())
				}
				client, err := rivet.NewClient(opts...)
				ask(t, err)
				defer client.Close()
				h := client.GetOrCreate("room", nil)
				for _, op := range operations {
					if op.name == "connection" || op.name == "gateway URL" {
						continue
					}
					err := op.run(t.Context(), client, h)
					if tt.accept {
						ask(t, err)
						continue
					}
					if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || rivet.MaybeExecuted(err) {
						t.Errorf("%s: got %v", op.name, err)
					}
				}
				c := open(t, h)
				causes := make(chan error, 1)
				c.OnError(func(err error) {
					select {
					case causes <- err:
					default:
					}
				})
				if tt.accept {
					n, err := echo.Call(t.Context(), c, 1)
					want(t, n, err, 1)
					return
				}
				if err := <-causes; !errors.As(err, new(*tls.CertificateVerificationError)) {
					t.Errorf("connection: %v", err)
				}
				if n := len(gw.Requests(nil)) + len(gw.Attempts()); n != 0 {
					t.Errorf("%d requests reached the server", n)
				}
			})
		}
	}
}

// everything is all that gw was sent, for somebody who listens there.
func everything(gw *rivettest.Gateway) string {
	var b strings.Builder
	for _, r := range gw.Requests(nil) {
		fmt.Fprintf(&b, "%s %s?%s %v %s\n", r.Method, r.Path, r.Query, r.Header, r.Body)
	}
	for _, a := range gw.Attempts() {
		fmt.Fprintf(&b, "%s %v\n", a.URL, a.Header)
	}
	return b.String()
}

// A redirect takes no credentials to a place that they are not for. Only
// metadata can say which token is for the new place.
func TestSecurity_RedirectsTakeNoCredentials(t *testing.T) {
	const mine = "my-token"
	credentials := http.Header{"Authorization": {"Basic my-password"}, "Cookie": {"my-session"}, "X-Tenant": {"acme"}}
	runAll := func(t *testing.T, client *rivet.Client) {
		t.Helper()
		for _, op := range operations {
			for _, key := range []rivet.Key{nil, {"a,b"}} {
				_ = op.run(t.Context(), client, client.GetOrCreate("room", key))
			}
		}
	}
	holds := func(t *testing.T, what string, gw *rivettest.Gateway, atLeast int, not ...string) {
		t.Helper()
		text := everything(gw)
		if n := strings.Count(text, "\n"); n < atLeast {
			t.Errorf("%s got %d requests, want %d or more", what, n, atLeast)
		}
		for _, s := range not {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s got %q: %s", what, s, text[max(i-200, 0):i+len(s)])
			}
		}
	}
	tokens := map[string]rivet.Option{
		"token":          rivet.WithToken(mine),
		"token function": rivet.WithTokenFunc(func(context.Context) (string, error) { return mine, nil }),
	}
	for name, token := range tokens {
		t.Run("metadata without a token/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				to := second(t, gw, "there.invalid:80")
				gw.SetMetadata(map[string]any{"clientEndpoint": "http://there.invalid"})
				runAll(t, gw.Client(t, token, rivet.WithHeaders(credentials)))
				holds(t, "the other host", to, 20, mine, "my-password", "my-session")
				if !strings.Contains(everything(to), "acme") {
					t.Error("other headers are lost")
				}
				if !strings.Contains(everything(gw), mine) {
					t.Error("the endpoint itself did not get the token")
				}
			})
		})
		t.Run("metadata with a token/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				to := second(t, gw, "there.invalid:80")
				gw.SetMetadata(map[string]any{"clientEndpoint": "http://there.invalid", "clientToken": "its-token"})
				runAll(t, gw.Client(t, token, rivet.WithHeaders(credentials)))
				holds(t, "the other host", to, 20, mine, "my-password", "my-session")
				for _, c := range carried(t, to) {
					if c.token != "its-token" {
						t.Errorf("%+v", c)
					}
				}
			})
		})
	}
	t.Run("metadata, from host to host", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			b, c := second(t, gw, "b.invalid:80"), second(t, gw, "c.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": "http://b.invalid", "clientToken": "b-token"})
			b.SetMetadata(map[string]any{"clientEndpoint": "http://c.invalid"})
			runAll(t, gw.Client(t, rivet.WithToken(mine)))
			holds(t, "b", b, 1, mine)
			holds(t, "c", c, 20, mine, "b-token")
		})
	})
	t.Run("metadata, there and back", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			b := second(t, gw, "b.invalid:80")
			home := second(t, gw, "home.invalid:80")
			home.SetMetadata(map[string]any{"clientEndpoint": "http://b.invalid", "clientToken": "b-token"})
			b.SetMetadata(map[string]any{"clientEndpoint": "http://home.invalid/gateway"}) // below a path of ours
			_, err := gw.Client(t, rivet.WithEndpoint("http://home.invalid"), rivet.WithToken(mine)).Metadata(within(t, 5*1e9))
			if err == nil {
				t.Error("there is no metadata below that path")
			}
			holds(t, "b", b, 1, mine)
			holds(t, "home", home, 2, "b-token")
		})
	})
	t.Run("metadata, to the same host without TLS", func(t *testing.T) {
		gw, plain := loopback(t), loopback(t)
		equip(gw)
		equip(plain)
		endpoint, known := encrypted(t, gw)
		gw.SetMetadata(map[string]any{"clientEndpoint": plain.Endpoint()}) // 127.0.0.1 as well
		client, err := rivet.NewClient(rivet.WithEndpoint(endpoint), rivet.WithTLSConfig(&tls.Config{RootCAs: known}), rivet.WithToken(mine), rivet.WithHeaders(credentials))
		ask(t, err)
		defer client.Close()
		runAll(t, client)
		holds(t, "whoever listens", plain, 20, mine, "my-password", "my-session")
	})
	for status := 301; status <= 308; status++ {
		if status >= 304 && status <= 306 {
			continue
		}
		t.Run(fmt.Sprintf("HTTP %d", status), func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				evil := second(t, gw, "evil.invalid:80")
				client := gw.Client(t, rivet.WithToken(mine))
				_, err := client.Metadata(t.Context())
				ask(t, err)
				gw.ScriptHTTP("", rivettest.Redirect(status, "http://evil.invalid/gateway/room?x=1").Times(100))
				gw.Script(rivettest.Redirect(status, "ws://evil.invalid/gateway/room/connect").Times(100))
				for _, op := range operations {
					if op.name == "connection" || op.name == "gateway URL" {
						continue
					}
					err := op.run(t.Context(), client, client.GetOrCreate("room", nil))
					moved, ok := errors.AsType[*rivet.RedirectError](err)
					if op.name == "fetch" {
						if err != nil {
							t.Errorf("fetch: got %v, want the response as it is", err)
						}
						continue
					}
					if !ok || moved.Host != "evil.invalid" || moved.Status != status {
						t.Errorf("%s: got %v", op.name, err)
					}
				}
				c := client.GetOrCreate("room", nil).Connect(t.Context())
				defer c.Close()
				pass(5e9)
				if n := len(evil.Requests(nil)) + len(evil.Attempts()); n != 0 {
					t.Errorf("%d requests went elsewhere", n)
				}
			})
		})
	}
	t.Run("HTTP, of metadata", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			evil := second(t, gw, "evil.invalid:80")
			gw.ScriptHTTP("/metadata", rivettest.Redirect(307, "http://evil.invalid/metadata").Times(100))
			_, err := echo.Call(within(t, 5*1e9), gw.Client(t, rivet.WithToken(mine)).GetOrCreate("room", nil), 1)
			if _, ok := errors.AsType[*rivet.RedirectError](err); !ok {
				t.Errorf("got %v", err)
			}
			if n := len(evil.Requests(nil)); n != 0 {
				t.Errorf("%d requests went elsewhere", n)
			}
		})
	})
	t.Run("HTTP, of the actor's own", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			for _, location := range []string{"http://elsewhere.invalid/x", "/y", "%zz"} {
				gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", location)
					w.WriteHeader(http.StatusFound)
				}))
				req, err := http.NewRequestWithContext(t.Context(), "GET", "http://actor/", nil)
				ask(t, err)
				resp, err := room(t, gw).Do(req)
				ask(t, err)
				ask(t, resp.Body.Close())
				if got := resp.Header["Location"]; resp.StatusCode != 302 || !slices.Equal(got, []string{location}) {
					t.Errorf("status %d, location %q", resp.StatusCode, got)
				}
			}
		})
	})
}
