package ws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/ws"
)

// hang is a NetDial whose server accepts and is silent.
func hang(closed chan<- struct{}) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			_, _ = io.Copy(io.Discard, server)
			_ = server.Close()
			close(closed)
		}()
		return client, nil
	}
}

// TestDialEnds ends a dial that is stuck somewhere, in each way that it may
// end, and expects the right error at the right moment and a closed socket.
func TestDialEnds(t *testing.T) {
	stuck := map[string]func(cfg *ws.DialConfig, closed chan struct{}){
		"TCP": func(cfg *ws.DialConfig, closed chan struct{}) {
			cfg.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				close(closed)
				return nil, ctx.Err()
			}
		},
		"proxy": func(cfg *ws.DialConfig, closed chan struct{}) {
			cfg.NetDial = hang(closed)
			cfg.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy"})
		},
		"TLS to the proxy": func(cfg *ws.DialConfig, closed chan struct{}) {
			cfg.NetDial = hang(closed)
			cfg.Proxy = http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy"})
		},
		"TLS": func(cfg *ws.DialConfig, closed chan struct{}) {
			cfg.NetDial = hang(closed)
			cfg.URL.Scheme = "https"
		},
		"upgrade": func(cfg *ws.DialConfig, closed chan struct{}) { cfg.NetDial = hang(closed) },
		"header": func(cfg *ws.DialConfig, closed chan struct{}) {
			dialPipe(cfg, func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: web")
				_, _ = io.Copy(io.Discard, c)
				close(closed)
			})
		},
	}
	ways := []struct {
		name  string
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		limit time.Duration
		is    error
		isNot error
		after time.Duration
	}{
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, 0, context.Canceled, os.ErrDeadlineExceeded, time.Second},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		}, 0, context.DeadlineExceeded, context.Canceled, 3 * time.Second},
		{"timeout", context.WithCancel, 5 * time.Second, os.ErrDeadlineExceeded, context.DeadlineExceeded, 5 * time.Second},
		{"default timeout", context.WithCancel, 0, os.ErrDeadlineExceeded, context.DeadlineExceeded, ws.DefaultTimeout},
		{"no timeout", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, -1, context.DeadlineExceeded, os.ErrDeadlineExceeded, time.Hour},
	}
	for place, setup := range stuck {
		for _, way := range ways {
			t.Run(place+"/"+way.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := secretConfig(t, "http", "h")
					cfg.Timeout = way.limit
					closed := make(chan struct{})
					setup(&cfg, closed)
					ctx, cancel := way.ctx(t.Context())
					defer cancel()
					begin := time.Now()
					h, err := ws.Dial(ctx, cfg)
					if h != nil || !errors.Is(err, way.is) || errors.Is(err, way.isNot) {
						t.Errorf("got %v, %v", h, err)
					}
					if d := time.Since(begin); d != way.after {
						t.Errorf("returned after %v, want %v", d, way.after)
					}
					checkSecrets(t, err)
					<-closed
				})
			})
		}
	}
}

func TestDialContextAlreadyEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg := secretConfig(t, "http", "h")
	cfg.NetDial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}
	if _, err := ws.Dial(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// lateContext is past its deadline but has not noticed yet.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

// TestDialNetworkNoticesDeadlineFirst: net.Dialer has a timer of its own for
// the context's deadline, and it may be the faster one.
func TestDialNetworkNoticesDeadlineFirst(t *testing.T) {
	cfg := secretConfig(t, "http", "h")
	cfg.Timeout = -1
	cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrDeadlineExceeded }
	if _, err := ws.Dial(lateContext{t.Context()}, cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestDialContextEndsWithSuccess cancels while the answer is being written: in
// either case there is exactly one of a connection and an error, and no socket
// stays open behind an error.
func TestDialContextEndsWithSuccess(t *testing.T) {
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := ws.DialConfig{URL: parseURL(t, "http://h/")}
		wait := dialPipe(&cfg, func(c net.Conn, r string) {
			go cancel()
			_, _ = io.WriteString(c, answer101(r, ""))
			_, _ = io.Copy(io.Discard, c)
		})
		h, err := ws.Dial(ctx, cfg)
		switch {
		case (h == nil) == (err == nil):
			t.Fatalf("got %v, %v", h, err)
		case err != nil && !errors.Is(err, context.Canceled):
			t.Fatalf("got %v", err)
		case h != nil:
			cancel()
			if _, err := h.Conn.Write([]byte("x")); err != nil {
				t.Fatalf("the context still holds the connection: %v", err)
			}
			h.Conn.Close()
		}
		wait()
	}
}

// ended is a connection whose context ends, which closes it, just when the
// answer has arrived.
type ended struct {
	net.Conn
	cancel func()
	once   sync.Once
	closed chan struct{}
}

func (c *ended) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.cancel()
	<-c.closed
	return n, err
}

func (c *ended) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestDialReturnsNoClosedConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := ws.DialConfig{URL: parseURL(t, "http://h/")}
	wait := dialPipe(&cfg, func(c net.Conn, r string) { _, _ = io.WriteString(c, answer101(r, "")) })
	dial := cfg.NetDial
	cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return &ended{Conn: c, cancel: cancel, closed: make(chan struct{})}, err
	}
	if h, err := ws.Dial(ctx, cfg); h != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", h, err)
	}
	wait()
}

func TestDialCancelOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				defer c.Close()
				b := make([]byte, 1)
				if _, err = c.Read(b); err == nil {
					cancel() // the handshake has begun
					_, err = io.Copy(io.Discard, c)
				}
				ended <- err
			}()
			cfg := secretConfig(t, scheme, l.Addr().String())
			cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
			h, err := ws.Dial(ctx, cfg)
			if h != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, %v", h, err)
			}
			checkSecrets(t, err)
			<-ended
		})
	}
}

// brokenCache panics where a TLS handshake begins.
type brokenCache struct{ tls.ClientSessionCache }

// A panic in a function of cfg.TLS is the caller's; the socket is ours.
func TestPanicInTLSClosesTheSocket(t *testing.T) {
	for name, setup := range map[string]func(cfg *ws.DialConfig){
		"server": func(cfg *ws.DialConfig) { cfg.URL.Scheme = "https" },
		"proxy":  func(cfg *ws.DialConfig) { cfg.Proxy = http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy"}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := secretConfig(t, "http", "h")
				cfg.TLS = &tls.Config{ClientSessionCache: brokenCache{}}
				closed := make(chan struct{})
				cfg.NetDial = hang(closed)
				setup(&cfg)
				func() {
					defer func() {
						if recover() == nil {
							t.Error("no panic, so that the test shows nothing")
						}
					}()
					_, _ = ws.Dial(t.Context(), cfg)
				}()
				<-closed
			})
		})
	}
}
