package rivettest_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

func TestHeaderRouting(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw).OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
		id := gw.Instance("counter", "k").ID()
		for _, tc := range []struct {
			path, id string
			status   int
			code     string
		}{
			{"/request/x", id, 204, ""},
			{"/action/increment", id, 404, "guard.no_route"},
			{"/request/x", "", 400, "guard.missing_header"},
			{"/request/x", strings.Repeat("0", 30), 404, "actor.not_found"},
		} {
			h := http.Header{"X-Rivet-Target": {"actor"}}
			if tc.id != "" {
				h.Set("X-Rivet-Actor", tc.id)
			}
			if status, got, _ := do(t, gw, http.MethodPost, tc.path, h, nil); status != tc.status || got.Get("X-Rivet-Error") != tc.code {
				t.Errorf("%s to %q: %d %q", tc.path, tc.id, status, got.Get("X-Rivet-Error"))
			}
		}
		u := &url.URL{Scheme: "ws", Host: "anywhere.invalid", Path: "/connect"}
		c, err := dialRaw(t, gw, u, "rivet", "rivet_target.actor", "rivet_actor."+id, "rivet_skip_ready_wait")
		if err != nil {
			t.Fatal(err)
		}
		c.enc = codec.JSON // what a client gets that asks for nothing
		if m := c.init(); m.ActorID != id {
			t.Errorf("got %+v", m)
		}
	})
}

func TestKeysThatAreNoHeaderAreLeftOut(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		id := gw.Instance("counter", "a\x01\r\nb").ID()
		status, h, _ := do(t, gw, http.MethodGet, "/gateway/"+id+"/health", nil, nil)
		if _, ok := h["X-Rivet-Actor-Key"]; status != 200 || ok || h.Get("X-Rivet-Actor") != id {
			t.Errorf("%d %v", status, h)
		}
	})
}

func TestFailStart(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		a := counter(gw).FailStart(rivettest.Error("guard", "actor_ready_timeout", "Not ready.", nil))
		if status, h, _, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 503 || h.Get("X-Rivet-Error") != "guard.actor_ready_timeout" {
			t.Errorf("%d %v %v", status, h, err)
		}
		a.FailStart(nil)
		if status, _, _, err := post(t, gw, codec.BARE, "increment"); err != nil || status != 200 {
			t.Errorf("%d %v", status, err)
		}
	})
}

func TestGoneTellsOfTheCaller(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gone := make(chan string, 2)
		gw.Actor("counter").Handle("wait", func(ctx context.Context, r *rivettest.Request) (any, error) {
			return nil, r.Await(func() error {
				select {
				case <-r.Gone():
					gone <- "gone"
				case <-ctx.Done():
					gone <- "ended"
				}
				return nil
			})
		})
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		c.call("wait")
		if _, err := gw.Conn(0).WaitMessage(timeout(t), rivettest.IsAction("wait")); err != nil {
			t.Fatal(err)
		}
		c.hs.Conn.Close()
		if got := <-gone; got != "gone" {
			t.Errorf("connection: %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, gw.Endpoint()+"/gateway/counter/action/wait"+query, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gw.HTTPClient().Do(req); err == nil {
			t.Error("answered")
		}
		if got := <-gone; got != "gone" {
			t.Errorf("request: %s", got)
		}
	})
}

// failures collects what a gateway reports to its test.
type failures struct {
	testing.TB
	errors []string
}

func (f *failures) Errorf(format string, args ...any) { f.errors = append(f.errors, format) }
func (f *failures) Fatalf(format string, args ...any) {
	f.errors = append(f.errors, format)
	panic(f)
}

func TestGatewayFailsTheTest(t *testing.T) {
	inMemory(t, func(t *testing.T, _ *rivettest.Gateway) {
		fatal := func(what string, f func(*rivettest.Gateway)) {
			t.Helper()
			tb := &failures{TB: t}
			gw := rivettest.NewGateway(tb, rivettest.InMemory(), rivettest.WaitLimit(time.Second))
			defer func() {
				if recover() != tb || len(tb.errors) != 1 {
					t.Errorf("%s: errors %q", what, tb.errors)
				}
			}()
			f(gw)
		}
		fatal("no connection", func(gw *rivettest.Gateway) { gw.Conn(0) })
		fatal("HTTP step for sockets", func(gw *rivettest.Gateway) { gw.Script(rivettest.CutBody()) })
		fatal("socket step for HTTP", func(gw *rivettest.Gateway) { gw.ScriptHTTP("", rivettest.NoInit()) })

		tb := &failures{TB: t}
		gw := rivettest.NewGateway(tb, rivettest.InMemory())
		gw.Actor("counter").Handle("panic", func(context.Context, *rivettest.Request) (any, error) { panic("oops") })
		if status, _, _, err := post(t, gw, codec.BARE, "panic"); err != nil || status != 500 {
			t.Errorf("panic: %d %v", status, err)
		}
		if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "panicked") {
			t.Errorf("panic: errors %q", tb.errors)
		}
	})
}
