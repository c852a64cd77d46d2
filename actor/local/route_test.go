package local

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivet-go/rivet/internal/gateway"
)

// requestFor is a request for a target as net/http parses it, nil for what that
// refuses.
func requestFor(target string) *http.Request {
	if !strings.HasPrefix(target, "/") {
		return nil
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	return &http.Request{Method: "GET", URL: u, Header: http.Header{}, RequestURI: target, Host: "h"}
}

// FuzzRoute feeds any request line. Nothing panics, and what an actor sees are
// the bytes of the request.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{
		"/gateway/a00000000000000000000000000000@t/request/a%2Fb?x=1", "/gateway/counter/x?" + query + "&rvt-key=a,b&rvt-input=oA",
		"/api/rivet/gateway/%ff/x?rvt-", "/gateway//x", "/gateway/x?", "/api/rivet", "/request/a?&&", "/gateway/a%2", "/gateway/%2e%2e/connect?&rvt-key=%", "*",
	} {
		f.Add(s, "actor", "a%30")
	}
	f.Fuzz(func(t *testing.T, target, kind, id string) {
		r := requestFor(target)
		if r == nil {
			return
		}
		r.Header.Set("X-Rivet-Target", kind)
		r.Header.Set("X-Rivet-Actor", id)
		for _, upgrade := range []bool{false, true} {
			rt := routeOf(r, upgrade, []string{"rivet_target." + kind, "rivet_actor." + id})
			if rt.path == "" || rt.path[0] != '/' {
				t.Fatalf("path %q", rt.path)
			}
			if rt.refuse != nil || rt.actor == nil {
				continue
			}
			a := rt.actor
			sent, rawQuery, _ := strings.Cut(target, "?")
			if !strings.HasSuffix(sent, a.path) && a.path != "/" {
				t.Fatalf("%q: the actor sees %q", target, a.path)
			}
			if a.Name == "" && a.query != rawQuery {
				t.Fatalf("%q: the actor sees the query %q", target, a.query)
			}
			for pair := range strings.SplitSeq(a.query, "&") {
				if a.Name != "" && strings.HasPrefix(pair, paramPrefix) {
					t.Fatalf("%q: the actor sees %q", target, pair)
				}
				if !slices.Contains(strings.Split(rawQuery, "&"), pair) && pair != "" {
					t.Fatalf("%q: the actor sees %q", target, pair)
				}
			}
			if a.Name != "" && (!utf8.ValidString(a.Name) || a.namespace == "" && strings.Contains(rawQuery, "rvt-namespace=x")) {
				t.Fatalf("%q: %+v", target, a)
			}
			req := a.request(r, "ray")
			if _, err := url.ParseRequestURI(req.RequestURI); err != nil && strings.HasPrefix(req.RequestURI, "/") {
				t.Fatalf("%q: the actor sees %q: %v", target, req.RequestURI, err)
			}
			if rawPath(req.URL) != a.path {
				t.Fatalf("%q: path %q becomes %q", target, a.path, rawPath(req.URL))
			}
		}
	})
}

// FuzzRouteFindsTheActor builds URLs as clients do, of any name, key, token and
// path: they name that actor and no other.
func FuzzRouteFindsTheActor(f *testing.F) {
	f.Add("counter", "a/b", "c", "tok/en@", "/request/x?y=1", []byte{0xa0})
	f.Add("a@b?c#d", "ü&rvt-key=x", "%2C", "", "/", []byte{})
	f.Add("%zz", "+", " ", "%", "/connect", []byte{0x80})
	f.Fuzz(func(t *testing.T, name, part1, part2, token, path string, input []byte) {
		joined, fits := gateway.QueryKey([]string{part1, part2})
		if !fits || name == "" || !utf8.ValidString(name) || !utf8.ValidString(joined) || !utf8.ValidString(token) || !strings.HasPrefix(path, "/") || requestFor(path) == nil ||
			strings.Contains(strings.Split(path, "?")[0], "//") || strings.Contains(path, "rvt-") {
			return
		}
		q := gateway.Query{Name: name, Namespace: "default", Create: true, Pool: "p", Key: joined, Token: token, CrashPolicy: "sleep"}
		if len(input) > 0 {
			q.Input = input
		}
		target := gateway.QueryPath(q, path)
		r := requestFor(target)
		if r == nil {
			return // a path that net/http refuses
		}
		rt := routeOf(r, false, nil)
		switch {
		case rt.refuse != nil && len(input) > 0 && rt.refuse.Code == "query_invalid_cbor_input":
		case rt.refuse != nil || rt.actor == nil:
			t.Fatalf("%q: %+v", target, rt)
		case rt.actor.Name != name || !slices.Equal(rt.actor.Key, []string{part1, part2}):
			t.Fatalf("%q: %q %q", target, rt.actor.Name, rt.actor.Key)
		}
	})
}
