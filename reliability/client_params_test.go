package reliability_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// A params function is asked anew for each request and each attempt to
// connect, and its answer is what that one request carries.
func TestBehaviour19_FreshParamsEverywhere(t *testing.T) {
	// counting returns a function that counts how often it was asked.
	counting := func() rivet.ParamsOption {
		n := 0
		var mu sync.Mutex
		return rivet.WithParamsFunc(func(ctx context.Context) (any, error) {
			if ctx == nil || ctx.Err() != nil {
				return nil, errors.New("test: asked with no live context")
			}
			mu.Lock()
			defer mu.Unlock()
			n++
			return n, nil
		})
	}
	numbers := func(requests []rivettest.HTTPRequest) (got []string) {
		for _, r := range requests {
			got = append(got, r.Header.Get("X-Rivet-Conn-Params"))
		}
		return got
	}
	expect := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("params %q, want %q", got, want)
		}
	}
	for _, op := range operations {
		switch op.name {
		case "action", "queue", "queue and wait", "fetch":
			t.Run(op.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					client := gw.Client(t)
					h := client.GetOrCreate("room", nil, counting())
					for range 3 {
						ask(t, op.run(t.Context(), client, h))
					}
					expect(t, numbers(gw.Requests(toActor)), "1", "2", "3")
				})
			})
			t.Run(op.name+" sent again", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					gw.ScriptHTTP("/gateway/", rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "later", nil)).Times(2))
					client := gw.Client(t)
					ask(t, op.run(t.Context(), client, client.GetOrCreate("room", nil, counting())))
					expect(t, numbers(gw.Requests(toActor)), "1", "2", "3")
				})
			})
			t.Run(op.name+" fails with it", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					client := gw.Client(t)
					mine := errors.New("no session")
					h := client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return nil, mine }))
					began := time.Now()
					err := op.run(t.Context(), client, h)
					if !errors.Is(err, mine) || rivet.MaybeExecuted(err) {
						t.Errorf("got %v, MaybeExecuted %v; want the function's error", err, rivet.MaybeExecuted(err))
					}
					if d := time.Since(began); d != 0 {
						t.Errorf("failed after %v, want at once", d)
					}
					if n := len(gw.Requests(toActor)); n != 0 {
						t.Errorf("%d requests were sent without params", n)
					}
				})
			})
			t.Run(op.name+" waits for it, as long as its context lasts", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					client := gw.Client(t)
					h := client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(ctx context.Context) (any, error) {
						<-ctx.Done()
						return nil, ctx.Err()
					}))
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					began := time.Now()
					err := op.run(ctx, client, h)
					if d := time.Since(began); d != time.Second || !errors.Is(err, context.Canceled) || rivet.MaybeExecuted(err) {
						t.Errorf("after %v: %v, MaybeExecuted %v", d, err, rivet.MaybeExecuted(err))
					}
				})
			})
			t.Run(op.name+" cannot encode it", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					client := gw.Client(t)
					h := client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return func() {}, nil }))
					err := op.run(t.Context(), client, h)
					if err == nil || rivet.MaybeExecuted(err) || len(gw.Requests(toActor)) != 0 {
						t.Errorf("got %v, %d requests", err, len(gw.Requests(toActor)))
					}
				})
			})
		}
	}

	sockets := []struct {
		name string
		opts func() (*[]rivet.HandleOption, *[]rivet.ConnectOption)
	}{
		{"of the handle", func() (*[]rivet.HandleOption, *[]rivet.ConnectOption) {
			return &[]rivet.HandleOption{counting()}, &[]rivet.ConnectOption{}
		}},
		{"of the connection", func() (*[]rivet.HandleOption, *[]rivet.ConnectOption) {
			return &[]rivet.HandleOption{rivet.WithParams("of the handle")}, &[]rivet.ConnectOption{counting()}
		}},
	}
	for _, s := range sockets {
		t.Run("connect and reconnect, "+s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				onHandle, onConnect := s.opts()
				gw.Script(rivettest.Pass(), rivettest.Status(503, ""), rivettest.CloseBeforeInit(1011, "guard.actor_ready_timeout"))
				c := open(t, gw.Client(t).GetOrCreate("room", nil, *onHandle...), *onConnect...)
				ready(t, c)
				gw.Conn(0).Drop()
				ask(t, gw.WaitAttempts(t.Context(), 4))
				ready(t, c)
				var got []string
				for _, a := range gw.Attempts() {
					got = append(got, paramsOf(t, a.Header))
				}
				expect(t, got, "1", "2", "3", "4")
			})
		})
		t.Run("raw WebSocket, "+s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				onHandle, onConnect := s.opts()
				h := gw.Client(t).GetOrCreate("room", nil, *onHandle...)
				var got []string
				for i := range 3 {
					ws, err := h.WebSocket(t.Context(), "/x", *onConnect...)
					ask(t, err)
					got = append(got, string(gw.Conn(i).Params.Bytes()))
					ask(t, ws.Close())
				}
				expect(t, got, "1", "2", "3")
			})
		})
	}

	t.Run("connection waits for it", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			mine := errors.New("no session yet")
			asked := 0
			c := open(t, gw.Client(t).GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) {
				if asked++; asked <= 3 {
					return nil, mine
				}
				return asked, nil
			})))
			ready(t, c)
			if n := len(gw.Attempts()); n != 1 {
				t.Errorf("%d attempts reached the gateway, want the last one alone", n)
			}
			if got := string(gw.Conn(0).Params.Bytes()); got != "4" {
				t.Errorf("params %s, want 4", got)
			}
			causes := pastCauses(c)
			if len(causes) != 3 {
				t.Errorf("%d failures of the function are known, want 3", len(causes))
			}
			for _, err := range causes {
				if !errors.Is(err, mine) {
					t.Errorf("failed with %v", err)
				}
			}
		})
	})
	t.Run("connection recovers from it", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			asked := 0
			c := open(t, gw.Client(t).GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) {
				if asked++; asked == 2 {
					return nil, errors.New("not now")
				}
				return asked, nil
			})))
			ready(t, c)
			gw.Conn(0).Drop()
			if got := string(gw.Conn(1).Params.Bytes()); got != "3" {
				t.Errorf("params %s, want 3", got)
			}
		})
	})
	t.Run("panics", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			asked := 0
			panics := 0
			client := gw.Client(t, rivet.WithPanicHandler(func(any, []byte) { panics++ }))
			c := open(t, client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) {
				if asked++; asked == 1 {
					panic("test")
				}
				return asked, nil
			})))
			ready(t, c)
			if panics != 1 || asked != 2 {
				t.Errorf("%d panics, asked %d times", panics, asked)
			}
		})
	})
	t.Run("raw WebSocket fails with it", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			mine := errors.New("no session")
			h := gw.Client(t).GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return nil, mine }))
			if _, err := h.WebSocket(t.Context(), "/x"); !errors.Is(err, mine) || len(gw.Attempts()) != 0 {
				t.Errorf("got %v, %d attempts", err, len(gw.Attempts()))
			}
		})
	})
}

// paramsOf returns the parameters in the subprotocols of a handshake.
func paramsOf(t *testing.T, h http.Header) string {
	t.Helper()
	for p := range strings.SplitSeq(h.Get("Sec-WebSocket-Protocol"), ",") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(p), "rivet_conn_params."); ok {
			got, err := url.QueryUnescape(text)
			ask(t, err)
			return got
		}
	}
	return ""
}

// Extra headers are on every request and on every WebSocket handshake.
func TestBehaviour20_HeadersReachTheWebSocket(t *testing.T) {
	has := func(t *testing.T, what string, h http.Header, name, want string) {
		t.Helper()
		if got := h.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	each := func(t *testing.T, gw *rivettest.Gateway, check func(what string, h http.Header, i int)) {
		t.Helper()
		i := 0
		for _, r := range gw.Requests(nil) {
			check(r.Method+" "+r.Path, r.Header, i)
			i++
		}
		sockets := gw.Attempts()
		for _, a := range sockets {
			check("WebSocket "+a.URL.Path, a.Header, i)
			i++
		}
		if len(sockets) < 3 || i < 12 {
			t.Errorf("%d requests, %d of them WebSockets: not every operation was seen", i, len(sockets))
		}
	}
	runAll := func(t *testing.T, gw *rivettest.Gateway, client *rivet.Client) {
		t.Helper()
		equip(gw)
		for _, op := range operations {
			if err := op.run(t.Context(), client, client.GetOrCreate("room", nil)); err != nil {
				t.Errorf("%s: %v", op.name, err)
			}
		}
		c := open(t, client.GetOrCreate("room", nil))
		ready(t, c)
		reconnected := make(chan conn.OpenInfo, 2)
		c.OnOpen(func(i conn.OpenInfo) { reconnected <- i })
		<-reconnected
		gw.Conn(len(gw.Conns()) - 1).Drop()
		<-reconnected
	}
	t.Run("WithHeaders", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			runAll(t, gw, gw.Client(t, rivet.WithHeaders(http.Header{"X-Tenant": {"acme"}, "User-Agent": {"mine/1"}, "Cookie": {"session=1"}})))
			each(t, gw, func(what string, h http.Header, _ int) {
				has(t, what, h, "X-Tenant", "acme")
				has(t, what, h, "User-Agent", "mine/1")
				has(t, what, h, "Cookie", "session=1")
			})
		})
	})
	t.Run("WithHeadersFunc", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			n := 0
			var mu sync.Mutex
			runAll(t, gw, gw.Client(t,
				rivet.WithHeaders(http.Header{"X-Tenant": {"acme"}, "X-Serial": {"none"}}),
				rivet.WithHeadersFunc(func(context.Context) (http.Header, error) {
					mu.Lock()
					defer mu.Unlock()
					n++
					return http.Header{"x-serial": {string(rune('a' + n))}}, nil
				})))
			seen := map[string]bool{}
			each(t, gw, func(what string, h http.Header, _ int) {
				has(t, what, h, "X-Tenant", "acme")
				serial := h.Get("X-Serial")
				if seen[serial] || serial == "none" || serial == "" {
					t.Errorf("%s: X-Serial %q was not asked for", what, serial)
				}
				seen[serial] = true
			})
		})
	})
	t.Run("nothing of the protocol", func(t *testing.T) {
		for _, name := range []string{
			"Sec-WebSocket-Protocol", "sec-websocket-key", "Upgrade", "Connection", "Host", "Content-Type", "Content-Length",
			"Transfer-Encoding", "x-rivet-token", "X-Rivet-Conn-Params", "X-Rivet-Encoding", "X-Rivet-Target", "X-Rivet-Actor",
		} {
			_, err := rivet.NewClient(rivet.WithHeaders(http.Header{name: {"x"}}))
			var refused *rivet.ConfigError
			if !errors.As(err, &refused) {
				t.Errorf("%s: got %v, want a *ConfigError", name, err)
			}
		}
		for _, bad := range []http.Header{{"A b": {"x"}}, {"": {"x"}}, {"X": {"a\r\nX-Injected: b"}}} {
			if _, err := rivet.NewClient(rivet.WithHeaders(bad)); err == nil {
				t.Errorf("%q was accepted", bad)
			}
		}
	})
}
