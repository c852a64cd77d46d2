package conn_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// moody panics wherever a policy may.
type moody struct{ inNew bool }

func (m moody) New() backoff.Sequence {
	if m.inNew {
		panic("New")
	}
	return m
}
func (moody) Next() time.Duration { panic("Next") }
func (moody) Reset()              { panic("Reset") }

// Functions of the program's that panic are reported, and the connection gets
// on without them.
func TestPanicsInPolicyAndDialerAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		backoff backoff.Policy
		dialer  bool
		want    int // panics reported until the second link is up
	}{
		"New":    {backoff: moody{inNew: true}, want: 1},
		"Next":   {backoff: moody{}, want: 2}, // and Reset
		"dialer": {dialer: true, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				cfg := config(gw)
				cfg.Backoff = test.backoff
				dials := 0
				cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if dials++; dials == 1 && test.dialer {
						panic("dialer")
					}
					return gw.Dial(ctx, network, addr)
				}
				panics := 0
				cfg.OnPanic = func(any, []byte) { panics++ }
				c := connect(t, cfg)
				ready(t, c)
				if !test.dialer {
					<-time.After(time.Minute) // it is stable: Reset
					gw.Conn(0).Drop()
					if _, err := gw.WaitConn(t.Context(), 1); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := c.Action(t.Context(), "echo", 1); err != nil {
					t.Error(err)
				}
				if _ = c.Close(); panics != test.want {
					t.Errorf("%d panics reported, want %d", panics, test.want)
				}
				if s := c.Status(); s != conn.Closed {
					t.Error(s)
				}
			})
		})
	}
}

// tlsCache panics where a TLS handshake begins.
type tlsCache struct{ tls.ClientSessionCache }

// closing counts the connections that are open.
type closing struct {
	net.Conn
	open *int
}

func (c closing) Close() error { *c.open--; return c.Conn.Close() }

// What a function of the program's must not do, panic included, costs an
// attempt and no more.
func TestFunctionsThatBreakTheirWordCostAnAttempt(t *testing.T) {
	open := 0
	for name, test := range map[string]struct {
		spoil func(cfg *conn.Config)
		want  string
	}{
		"no target": {func(cfg *conn.Config) {
			cfg.Target = func(context.Context) (*conn.Target, error) { return nil, nil }
		}, "neither a target nor an error"},
		"no connection": {func(cfg *conn.Config) {
			cfg.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
		}, "neither a connection nor an error"},
		"panic in TLS": {func(cfg *conn.Config) {
			target, dial := cfg.Target, cfg.NetDial
			cfg.Target = func(ctx context.Context) (*conn.Target, error) {
				to, err := target(ctx)
				to.URL.Scheme = "https"
				return to, err
			}
			cfg.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := dial(ctx, network, addr)
				open++
				return closing{nc, &open}, err
			}
			cfg.TLS = &tls.Config{ClientSessionCache: tlsCache{}}
		}, "Config.TLS panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				cfg := config(gw)
				cfg.Backoff = backoff.Constant(time.Hour)
				test.spoil(&cfg)
				c := connect(t, cfg)
				synctest.Wait()
				if s := c.State(); s.Status != conn.Disconnected || !strings.Contains(s.Cause.Error(), test.want) {
					t.Errorf("%+v", s)
				}
				if open != 0 {
					t.Errorf("%d sockets are open", open)
				}
			})
		})
	}
}

// A function that ends its goroutine, as testing.T.FailNow does, ends the
// connection's: nothing may wait on it any longer.
func TestTargetThatEndsItsGoroutineEndsTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Target = func(context.Context) (*conn.Target, error) { runtime.Goexit(); return nil, nil }
		c := connect(t, cfg)
		started := time.Now()
		if _, err := c.Action(t.Context(), "echo"); !errors.Is(err, conn.ErrClosed) || time.Since(started) != 0 {
			t.Errorf("call after %v: %v", time.Since(started), err)
		}
		if <-c.Done(); c.Status() != conn.Closed {
			t.Error(c.Status())
		}
	})
}

// brokenHandler panics for each line.
type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { panic("handler") }

// Notices are logged on goroutines of the connection's.
func TestLogHandlerThatPanicsIsReported(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		cfg := config(gw)
		cfg.Logger = slog.New(brokenHandler{})
		panics := 0
		cfg.OnPanic = func(any, []byte) { panics++ }
		c := conn.NewClosed(cfg, errors.New("over"))
		c.LogNotice(&stream.LagError{Dropped: 1})
		if panics != 1 {
			t.Errorf("%d panics reported", panics)
		}
	})
}
