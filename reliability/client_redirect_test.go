package reliability_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// second returns another gateway, at an address of its own that first reaches,
// with the same room.
func second(t *testing.T, first *rivettest.Gateway, host string, opts ...rivettest.Option) *rivettest.Gateway {
	t.Helper()
	gw := rivettest.NewGateway(t, append([]rivettest.Option{rivettest.InMemoryAt(host), rivettest.WaitLimit(time.Hour)}, opts...)...)
	furnish(gw)
	equip(gw)
	first.Route(gw)
	return gw
}

// credentials are what one request carried.
type credentials struct{ what, namespace, token string }

// carried returns the credentials of every request and handshake at gw but
// those for metadata.
func carried(t *testing.T, gw *rivettest.Gateway) (all []credentials) {
	t.Helper()
	read := func(what, path, query string, h http.Header) {
		q, err := url.ParseQuery(query)
		ask(t, err)
		c := credentials{what: what, namespace: q.Get("namespace") + q.Get("rvt-namespace")}
		c.token = strings.TrimPrefix(h.Get("Authorization"), "Bearer ") + h.Get("X-Rivet-Token") + q.Get("rvt-token")
		for p := range strings.SplitSeq(h.Get("Sec-WebSocket-Protocol"), ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(p), "rivet_token."); ok {
				c.token += token
			}
		}
		if id, rest, ok := strings.Cut(path, "@"); ok && strings.HasPrefix(id, "/gateway/") {
			token, _, _ := strings.Cut(rest, "/")
			token, err := url.PathUnescape(token)
			ask(t, err)
			c.token += token
		}
		all = append(all, c)
	}
	for _, r := range gw.Requests(nil) {
		if r.Path != "/metadata" {
			read(r.Method+" "+r.Path, r.Path, r.Query, r.Header)
		}
	}
	for _, a := range gw.Attempts() {
		read("WebSocket "+a.URL.Path, a.URL.EscapedPath(), a.URL.RawQuery, a.Header)
	}
	return all
}

// A redirect by metadata is applied in full: endpoint, namespace and token, to
// every later request.
func TestBehaviour23_MetadataRedirect(t *testing.T) {
	runAll := func(t *testing.T, client *rivet.Client) {
		t.Helper()
		for _, op := range operations {
			for _, key := range []rivet.Key{nil, {"a,b"}} { // by query, and by id
				if err := op.run(t.Context(), client, client.GetOrCreate("room", key)); err != nil && !errors.Is(err, codec.ErrActorExists) {
					t.Errorf("%s: %v", op.name, err)
				}
			}
		}
	}
	const there = "http://there.invalid:80"
	tests := []struct {
		name     string
		opts     []rivet.Option
		metadata map[string]any
		// what requests carry there
		namespace, token string
	}{
		{"all three", []rivet.Option{rivet.WithNamespace("ns-a"), rivet.WithToken("token-a")},
			map[string]any{"clientEndpoint": there, "clientNamespace": "ns-b", "clientToken": "token-b"}, "ns-b", "token-b"},
		{"none were configured", nil,
			map[string]any{"clientEndpoint": there, "clientNamespace": "ns-b", "clientToken": "token-b"}, "ns-b", "token-b"},
		{"endpoint alone", []rivet.Option{rivet.WithNamespace("ns-a")},
			map[string]any{"clientEndpoint": there}, "ns-a", ""},
		{"in the URL", []rivet.Option{rivet.WithNamespace("ns-a"), rivet.WithToken("token-a")},
			map[string]any{"clientEndpoint": "http://ns-b:token-b@there.invalid:80/"}, "ns-b", "token-b"},
		{"token function", []rivet.Option{rivet.WithTokenFunc(func(context.Context) (string, error) { return "token-a", nil })},
			map[string]any{"clientEndpoint": there, "clientToken": "token-b"}, "default", "token-b"},
		{"token that needs escaping", []rivet.Option{rivet.WithToken("token-a")},
			map[string]any{"clientEndpoint": there, "clientToken": "to/k en@?b"}, "default", "to/k en@?b"},
		{"null members", []rivet.Option{rivet.WithNamespace("ns-a")},
			map[string]any{"clientEndpoint": there, "clientNamespace": json.RawMessage("null"), "unknown": []int{1}}, "ns-a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				to := second(t, gw, "there.invalid:80", rivettest.Namespaces(tt.namespace))
				gw.SetMetadata(tt.metadata)
				client := gw.Client(t, tt.opts...)
				runAll(t, client)
				all := carried(t, to)
				if len(all) < 30 {
					t.Errorf("%d requests at the new endpoint: not every operation went there", len(all))
				}
				for _, c := range all {
					byID := !strings.Contains(c.what, "/actors") && !strings.Contains(c.what, "/gateway/room/")
					if c.namespace != tt.namespace && !(byID && c.namespace == "") || c.token != tt.token {
						t.Errorf("%s carried namespace %q and token %q, want %q and %q", c.what, c.namespace, c.token, tt.namespace, tt.token)
					}
				}
				if left := carried(t, gw); len(left) != 0 {
					t.Errorf("the old endpoint got %v", left)
				}
				if n := len(gw.Requests(nil)); n != 1 {
					t.Errorf("metadata was asked for %d times", n)
				}
				u, err := client.GetOrCreate("room", nil).GatewayURL(t.Context(), "/request/x")
				ask(t, err)
				if u.Host != "there.invalid" || u.Query().Get("rvt-namespace") != tt.namespace || u.Query().Get("rvt-token") != tt.token {
					t.Errorf("gateway URL %s", u)
				}
				meta, err := client.Metadata(t.Context())
				ask(t, err)
				if *meta != (rivet.Metadata{Runtime: "engine", Version: "2.3.19", Endpoint: "http://there.invalid", Namespace: tt.namespace}) {
					t.Errorf("Metadata returned %+v", *meta)
				}
			})
		})
	}

	t.Run("reconnect", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to := second(t, gw, "there.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": there, "clientNamespace": "ns-b", "clientToken": "token-b"})
			c := connect(t, gw, rivet.WithToken("token-a"))
			ready(t, c)
			to.Conn(0).Drop()
			to.Conn(1)
			for _, c := range carried(t, to) {
				if c.namespace != "ns-b" || c.token != "token-b" {
					t.Errorf("%+v", c)
				}
			}
			if n := len(gw.Attempts()); n != 0 {
				t.Errorf("%d attempts at the old endpoint", n)
			}
		})
	})

	// How an app in front of an engine looks: its metadata route is below a
	// path, and nothing else of it is used.
	t.Run("app below a path", func(t *testing.T) {
		to := loopback(t)
		equip(to)
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/rivet/metadata" || r.URL.Query().Get("namespace") != "ns-a" || r.Header.Get("Authorization") != "Bearer token-a" {
				t.Errorf("the app was asked for %s with %q", r.URL, r.Header.Get("Authorization"))
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"runtime":"rivetkit","version":"2.3.19","clientEndpoint":%q,"clientNamespace":"ns-b","clientToken":"token-b"}`, to.Endpoint()+"/")
		}))
		defer app.Close()
		client, err := rivet.NewClient(rivet.WithEndpoint(strings.Replace(app.URL, "://", "://ns-a:token-a@", 1) + "/api/rivet/"))
		ask(t, err)
		defer client.Close()
		runAll(t, client)
		for _, c := range carried(t, to) {
			if c.namespace == "ns-a" || c.token != "token-b" {
				t.Errorf("%+v", c)
			}
		}
	})

	// Endpoints are compared by what they mean, or the client would go round
	// in circles.
	t.Run("to itself", func(t *testing.T) {
		for _, same := range []string{"http://there.invalid", "http://THERE.invalid:80", "HTTP://there.invalid/", "ws://there.invalid:80//"} {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				to := second(t, gw, "there.invalid:80")
				to.SetMetadata(map[string]any{"clientEndpoint": same})
				client := gw.Client(t, rivet.WithEndpoint(there), rivet.WithToken("token-a"))
				_, err := echo.Call(t.Context(), client.GetOrCreate("room", nil), 1)
				ask(t, err)
				if n := len(to.Requests(nil)); n != 2 {
					t.Errorf("%s: %d requests, want metadata and the call", same, n)
				}
				for _, c := range carried(t, to) {
					if c.token != "token-a" {
						t.Errorf("%s: %+v", same, c)
					}
				}
			})
		}
	})
	t.Run("to one that refers to itself", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to := second(t, gw, "there.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": there, "clientNamespace": "ns-b", "clientToken": "token-b"})
			to.SetMetadata(map[string]any{"clientEndpoint": there})
			_, err := echo.Call(t.Context(), gw.Client(t, rivet.WithToken("token-a")).GetOrCreate("room", nil), 1)
			ask(t, err)
			for _, c := range carried(t, to) {
				if c.namespace != "ns-b" || c.token != "token-b" {
					t.Errorf("%+v", c)
				}
			}
		})
	})
	t.Run("in a circle", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to := second(t, gw, "there.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": there})
			to.SetMetadata(map[string]any{"clientEndpoint": gw.Endpoint()})
			if _, err := gw.Client(t).Metadata(within(t, time.Minute)); err == nil {
				t.Error("got an answer")
			}
			if n := len(gw.Requests(nil)) + len(to.Requests(nil)); n == 0 || n > 400 {
				t.Errorf("%d requests", n)
			}
		})
	})
	t.Run("unusable", func(t *testing.T) {
		for _, bad := range []any{"ftp://there", "not a URL", "http://h?x=1", "http://h/#f", "http://:token@h", 7} {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.SetMetadata(map[string]any{"clientEndpoint": bad})
				if _, err := gw.Client(t).Metadata(within(t, time.Minute)); err == nil {
					t.Errorf("%v was accepted", bad)
				}
				if n := len(gw.Requests(toActor)); n != 0 {
					t.Errorf("%v: %d requests", bad, n)
				}
			})
		}
	})

	// What metadata said is asked for again when it proves out of date.
	t.Run("token is replaced", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to := second(t, gw, "there.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": there, "clientToken": "token-1"})
			h := room(t, gw)
			_, err := echo.Call(t.Context(), h, 1)
			ask(t, err)
			gw.SetMetadata(map[string]any{"clientToken": "token-2"})
			to.ScriptHTTP("/action/", rivettest.Fail(rivettest.Error("api", "unauthorized", "token expired", nil)))
			if _, err := echo.Call(t.Context(), h, 2); !errors.Is(err, codec.ErrUnauthorized) {
				t.Errorf("got %v", err)
			}
			_, err = echo.Call(t.Context(), h, 3)
			ask(t, err)
			all := carried(t, to)
			if last := all[len(all)-1]; last.token != "token-2" {
				t.Errorf("%+v", last)
			}
		})
	})
	t.Run("endpoint moves", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to, later := second(t, gw, "there.invalid:80"), second(t, gw, "later.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": there})
			h := room(t, gw)
			c := open(t, h)
			ready(t, c)
			gw.SetMetadata(map[string]any{"clientEndpoint": "http://later.invalid"})
			to.Down()
			synctest.Wait()
			_, err := echo.Call(t.Context(), h, 1)
			ask(t, err)
			later.Conn(0)
			if n := len(later.Requests(toActor)); n != 1 {
				t.Errorf("%d requests at the new place", n)
			}
		})
	})
}

// A lookup that fails ends with the caller's context, is not kept, and fails
// nobody else.
func TestBehaviour23_LookupFailure(t *testing.T) {
	failures := map[string]rivettest.Step{
		"hangs":       rivettest.Hang(),
		"503":         rivettest.Status(503, "<html>"),
		"502 as JSON": rivettest.Status(502, `{"group":"guard","code":"upstream_error","message":"no"}`),
		"reset":       rivettest.Reset(),
	}
	for name, step := range failures {
		for _, op := range operations {
			t.Run(name+"/"+op.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					gw.ScriptHTTP("/metadata", step.Times(1000))
					client := gw.Client(t)
					h := client.GetOrCreate("room", nil)
					ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
					defer cancel()
					began := time.Now()
					err := op.run(ctx, client, h)
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
					if rivet.MaybeExecuted(err) {
						t.Error("a call that was never sent may have run")
					}
					if n := len(gw.Requests(toActor)) + len(gw.Attempts()); n != 0 {
						t.Errorf("%d requests without metadata", n)
					}
					if n := len(gw.Requests(nil)); n > 60 {
						t.Errorf("metadata was asked for %d times in 7 s", n)
					}
					gw.ClearScripts()
					gw.Instance("room")
					ask(t, op.run(t.Context(), client, h)) // the failure is not kept
				})
			})
		}
	}
	t.Run("recovers", func(t *testing.T) {
		for name, step := range failures {
			if name == "hangs" {
				continue
			}
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.ScriptHTTP("/metadata", step.Times(4))
				h := room(t, gw)
				c := open(t, h)
				n, err := echo.Call(t.Context(), h, 1)
				want(t, n, err, 1)
				ready(t, c)
				if n := len(gw.Requests(nil)); n != 6 {
					t.Errorf("%s: %d requests, want 5 for metadata and the call", name, n)
				}
			})
		}
	})
	t.Run("token refused", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.ScriptHTTP("/metadata", rivettest.Fail(rivettest.Error("api", "unauthorized", "no", nil)).Times(9))
			_, err := echo.Call(t.Context(), room(t, gw, rivet.WithToken("wrong")), 1)
			if !errors.Is(err, codec.ErrUnauthorized) || rivet.MaybeExecuted(err) {
				t.Errorf("got %v", err)
			}
			if n := len(gw.Requests(nil)); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	})
	t.Run("who gives up leaves the others alone", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.ScriptHTTP("/metadata", rivettest.Delay(5*time.Second).Times(9))
			h := room(t, gw)
			hasty, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			results := make(chan error, 4)
			go func() {
				_, err := echo.Call(hasty, h, 0)
				results <- err
			}()
			synctest.Wait() // so that the lookup is the hasty one's
			for range 3 {
				go func() {
					_, err := echo.Call(t.Context(), h, 1)
					results <- err
				}()
			}
			if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one got %v", err)
			}
			for range 3 {
				ask(t, <-results)
			}
			if n := len(gw.Requests(func(r rivettest.HTTPRequest) bool { return r.Path == "/metadata" })); n != 2 {
				t.Errorf("metadata was asked for %d times, want twice", n)
			}
		})
	})
	t.Run("without the lookup", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			equip(gw)
			gw.SetMetadata(map[string]any{"clientEndpoint": "http://elsewhere.invalid"})
			client := gw.Client(t, rivet.WithoutMetadataLookup())
			for _, op := range operations {
				ask(t, op.run(t.Context(), client, client.GetOrCreate("room", nil)))
			}
			if slices.ContainsFunc(gw.Requests(nil), func(r rivettest.HTTPRequest) bool { return r.Path == "/metadata" }) {
				t.Error("metadata was asked for")
			}
		})
	})
}
