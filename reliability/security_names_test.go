package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// hostile draws texts that mean something to somebody on the way.
var hostile = rapid.OneOf(
	rapid.SampledFrom([]string{
		"..", ".", "../../actors", "../actors?x=", "%2e%2e", "%2e%2e%2factors", "..%2f", "a/b", "/", "//evil.invalid/", "http://evil.invalid/",
		"a?rvt-token=x", "a#b", "a&rvt-key=b", "a&rvt-method=get", "a=b", "a;b", "a@token", "@", "a\\..\\b", "a b", "+", "%", "%00", "%zz",
		"\x00", "\r\nX-Injected: 1\r\n", "\n", "a,b", `\0`, `"`, "'", "<", "{}", "ü", "\u2028", "\u202e", "🦀", "rvt-token=x", "null", ":80",
	}),
	rapid.StringMatching(`[./\\%2eEfF?#&=@; a]{1,12}`),
)

// No text that users supply, wherever it goes, changes what is asked of whom:
// names, keys, actions, queues, regions, pools, inputs, parameters and ids.
func TestSecurity_NothingIsInjected(t *testing.T) {
	gw := rivettest.NewGateway(t, rivettest.InMemory(), rivettest.RecordLimit(50))
	furnish(gw)
	equip(gw)
	var sent []*http.Request
	var mu sync.Mutex
	spy := through(gw, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		mu.Lock()
		sent = append(sent, req)
		mu.Unlock()
		return next.RoundTrip(req)
	})
	client := gw.Client(t, spy, rivet.WithToken("token"))
	_, err := client.Metadata(t.Context())
	ask(t, err)
	sent = nil
	// take returns the requests since it was last asked.
	take := func() []*http.Request {
		mu.Lock()
		defer mu.Unlock()
		taken := sent
		sent = nil
		return taken
	}
	// look checks one request: its host, the shape of its path, where a star
	// is one segment, and that its parameters are each there once.
	look := func(rt *rapid.T, host, path, query string, h http.Header, shapes ...string) {
		if host != strings.TrimPrefix(gw.Endpoint(), "http://") {
			rt.Fatalf("went to %s", host)
		}
		if len(h["X-Injected"]) > 0 {
			rt.Fatalf("header %v", h)
		}
		if !slices.ContainsFunc(shapes, func(shape string) bool { return fits(path, shape) }) {
			rt.Fatalf("path %s, want one of %q", path, shapes)
		}
		q, err := url.ParseQuery(query)
		if err != nil {
			rt.Fatalf("query %s: %v", query, err)
		}
		for name, values := range q {
			switch name {
			case "rvt-namespace", "rvt-method", "rvt-runner", "rvt-key", "rvt-input", "rvt-region", "rvt-crash-policy", "namespace", "name", "key", "actor_ids", "limit":
				if len(values) != 1 {
					rt.Fatalf("query %s says %s %d times", query, name, len(values))
				}
			default:
				rt.Fatalf("query %s has %q", query, name)
			}
		}
		if q.Has("rvt-namespace") && q.Get("rvt-namespace") != "default" || q.Has("namespace") && q.Get("namespace") != "default" {
			rt.Fatalf("query %s names another namespace", query)
		}
	}
	lookAll := func(rt *rapid.T, shapes ...string) {
		for _, r := range take() {
			look(rt, r.URL.Host, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, shapes...)
		}
	}
	// refused tells errors that say that nothing of the kind can be sent.
	refused := func(err error) bool { return errors.As(err, new(*rivet.ConfigError)) }

	t.Run("actors and actions", func(t *testing.T) {
		serial, called, queued := 0, 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			name, action := hostile.Draw(rt, "name"), hostile.Draw(rt, "action")
			serial++ // so that each actor is made here
			key := append(rivet.Key(rapid.SliceOfN(hostile, 0, 3).Draw(rt, "key")), fmt.Sprint(serial))
			region, pool, text := hostile.Draw(rt, "region"), hostile.Draw(rt, "pool"), hostile.Draw(rt, "text")
			var gotParams, gotKey, gotAction string
			gw.Actor(name).Handle(action, func(_ context.Context, r *rivettest.Request) (any, error) {
				gotAction, gotKey = r.Action, rivet.Key(r.Key).String()
				return nil, r.Params.Decode(&gotParams)
			})
			h := client.GetOrCreate(name, key, rivet.InRegion(region), rivet.InPool(pool), rivet.WithInput(text), rivet.WithParams(text))
			_, err := h.Action(t.Context(), action)
			if err != nil && !refused(err) {
				rt.Fatalf("action: %v", err)
			}
			if err == nil && (gotAction != action || gotKey != key.String() || gotParams != text) {
				rt.Fatalf("action %q of %q with %q arrived", gotAction, gotKey, gotParams)
			}
			if err == nil {
				called++
			}
			lookAll(rt, "/gateway/*/action/*", "/actors")
			err = h.Send(t.Context(), action, 1)
			if err != nil && !refused(err) {
				rt.Fatalf("queue: %v", err)
			}
			if err == nil {
				queued++
			}
			lookAll(rt, "/gateway/*/queue/*", "/actors")
			if _, err := h.Resolve(t.Context()); err != nil {
				rt.Fatalf("resolve: %v", err)
			}
			info, err := h.Info(t.Context())
			if err != nil || info.Name != name || !slices.Equal(info.Key, key) || info.Region != region || info.Pool != pool {
				rt.Fatalf("info: %+v, %v", info, err)
			}
			for _, err := range client.List(t.Context(), name) {
				if err != nil {
					rt.Fatalf("list: %v", err)
				}
			}
			lookAll(rt, "/actors")
			c := h.Connect(t.Context())
			if err := c.Ready(t.Context()); err != nil {
				rt.Fatalf("connection: %v", err)
			}
			attempts := gw.Attempts()
			last := attempts[len(attempts)-1]
			look(rt, strings.TrimPrefix(gw.Endpoint(), "http://"), last.URL.EscapedPath(), last.URL.RawQuery, last.Header, "/gateway/*/connect")
			lookAll(rt, "/actors")
			if err := c.Close(); err != nil {
				rt.Fatal(err)
			}
		})
		if called < serial/2 || queued < serial/2 {
			t.Errorf("of %d calls %d arrived, of as many messages %d: the test tests little", serial, called, queued)
		}
	})
	t.Run("ids", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			h := client.GetForID("room", hostile.Draw(rt, "id"))
			for name, err := range map[string]error{
				"action":  second2(h.Action(t.Context(), "echo", 1)),
				"info":    second2(h.Info(t.Context())),
				"destroy": h.Destroy(t.Context()),
			} {
				if err == nil {
					rt.Fatalf("%s of an id that is none", name)
				}
			}
			lookAll(rt, "/gateway/*/action/*", "/actors", "/actors/*")
		})
	})
	t.Run("paths", func(t *testing.T) {
		h := client.GetOrCreate("room", nil)
		paths, requests, sockets := 0, 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			paths++
			path := "/" + strings.Join(rapid.SliceOfN(hostile, 1, 3).Draw(rt, "path"), "/")
			if req, err := http.NewRequestWithContext(t.Context(), "GET", "http://actor"+path, nil); err == nil {
				if resp, err := h.Do(req); err == nil {
					_ = resp.Body.Close()
				} else if !refused(err) {
					rt.Fatalf("fetch %q: %v", path, err)
				}
			}
			for _, r := range take() {
				stays(rt, r.URL, "/gateway/room/request/")
				requests++
			}
			before := len(gw.Attempts())
			if ws, err := h.WebSocket(t.Context(), path); err == nil {
				_ = ws.Close()
				sockets++
				all := gw.Attempts()
				stays(rt, all[len(all)-1].URL, "/gateway/room/websocket/")
			} else if len(gw.Attempts()) != before {
				rt.Fatalf("raw WebSocket %q: %v", path, err)
			}
			if u, err := h.GatewayURL(t.Context(), "/request"+path); err == nil {
				if u.Host != strings.TrimPrefix(gw.Endpoint(), "http://") || !strings.HasPrefix(u.EscapedPath(), "/gateway/room/") {
					rt.Fatalf("gateway URL %s", u)
				}
			} else if !refused(err) {
				rt.Fatalf("gateway URL %q: %v", path, err)
			}
		})
		if requests < paths/4 || sockets < paths/4 {
			t.Errorf("of %d paths %d were fetched, and %d opened: the test tests little", paths, requests, sockets)
		}
	})
	t.Run("headers of raw requests", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://actor/x", nil)
		ask(t, err)
		for _, name := range []string{"X-Rivet-Target", "X-Rivet-Actor", "X-Rivet-Token", "X-Rivet-Conn-Params", "X-Rivet-Skip-Ready-Wait"} {
			req.Header.Set(name, "injected")
		}
		resp, err := client.GetOrCreate("room", nil).Do(req)
		ask(t, err)
		ask(t, resp.Body.Close())
		for _, r := range take() {
			for name, values := range r.Header {
				if slices.Contains(values, "injected") {
					t.Errorf("%s of the caller's passed", name)
				}
			}
		}
		if req.Header.Get("X-Rivet-Token") != "injected" {
			t.Error("the caller's request was changed")
		}
	})
	t.Run("one line of errors", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			name, action := hostile.Draw(rt, "name"), hostile.Draw(rt, "action")
			h := client.Get(name, rivet.Key{hostile.Draw(rt, "key") + "missing"})
			_, err := rivet.Call[int](t.Context(), h, action)
			if err == nil || strings.ContainsAny(err.Error(), "\r\n\x00\u2028\u202e") {
				rt.Fatalf("got %q", fmt.Sprint(err))
			}
			take()
		})
	})
}

// second2 returns the error of a call.
func second2[A any](_ A, err error) error { return err }

// fits reports whether path has the shape, in which a star is one segment that
// is no dots.
func fits(path, shape string) bool {
	got, want := strings.Split(path, "/"), strings.Split(shape, "/")
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		dots := strings.Trim(strings.ReplaceAll(strings.ToLower(got[i]), "%2e", "."), ".") == "" && len(got[i]) > 0
		if w == "*" && (got[i] == "" || dots && len(strings.ReplaceAll(strings.ToLower(got[i]), "%2e", ".")) <= 2) || w != "*" && got[i] != w {
			return false
		}
	}
	return true
}

// stays fails when u leaves prefix by the rules that URL parsers on the way
// may apply, or says anything to the gateway.
func stays(rt *rapid.T, u *url.URL, prefix string) {
	path := u.EscapedPath()
	clean := (&url.URL{Path: "/"}).JoinPath(strings.ReplaceAll(strings.ReplaceAll(path, "%2e", "."), "%2E", ".")).Path
	if !strings.HasPrefix(path, prefix) || !strings.HasPrefix(clean+"/", strings.TrimSuffix(prefix, "/")) || strings.Contains(path, "//") {
		rt.Fatalf("path %s leaves %s", path, prefix)
	}
	q, _ := url.ParseQuery(u.RawQuery) // what is no query is the actor's to read
	for name, values := range q {
		if strings.HasPrefix(name, "rvt-") && len(values) != 1 {
			rt.Fatalf("query %s", u.RawQuery)
		}
	}
	if q.Get("rvt-key") != "" || q.Get("rvt-method") != "getOrCreate" || q.Has("rvt-token") {
		rt.Fatalf("query %s is not ours", u.RawQuery)
	}
}
