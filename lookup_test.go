package rivet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

func isMetadata(r rivettest.HTTPRequest) bool { return strings.HasSuffix(r.Path, "/metadata") }

// Whatever metadata says, all later requests go there, with that namespace and
// that token.
func TestBehaviour23_MetadataRedirectIsAppliedInFull(t *testing.T) {
	engine := newGateway(t)
	engine.Actor("counter").OnRequest(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	app := newGateway(t, rivettest.RedirectTo(engine.Endpoint(), "theirs", "public"))
	ctx := t.Context()
	c := app.Client(t, rivet.WithNamespace("mine"), rivet.WithToken("secret"), rivet.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}))
	m, err := c.Metadata(ctx)
	if err != nil || m.Endpoint != engine.Endpoint() || m.Namespace != "theirs" || m.Runtime != "engine" {
		t.Errorf("metadata %+v, %v", m, err)
	}
	for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
		h := c.GetOrCreate("counter", key)
		if _, err := increment.Call(ctx, h, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Info(ctx); err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest("GET", "http://actor/x", nil)
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		u, err := h.GatewayURL(ctx, "")
		if err != nil || "http://"+u.Host != engine.Endpoint() || !strings.Contains(u.String(), "public") {
			t.Errorf("gateway URL %v, %v", u, err)
		}
		if q := u.Query(); q.Has("rvt-method") && q.Get("rvt-namespace") != "theirs" {
			t.Errorf("gateway URL %v", u)
		}
	}
	for _, r := range app.Requests(nil) {
		if !isMetadata(r) || r.Header.Get("Authorization") != "Bearer secret" || !strings.Contains(r.Query, "namespace=mine") {
			t.Errorf("the app got %s %s?%s with %q", r.Method, r.Path, r.Query, r.Header.Get("Authorization"))
		}
	}
	if n := len(engine.Requests(nil)); n < 8 {
		t.Errorf("the engine got %d requests", n)
	}
	for _, r := range engine.Requests(nil) {
		if r.Header.Get("Authorization") != "Bearer public" && r.Header.Get("X-Rivet-Token") != "public" {
			t.Errorf("%s %s has the token %q", r.Method, r.Path, r.Header)
		}
		if strings.Contains(r.Query, "mine") || strings.Contains(r.Query, "secret") {
			t.Errorf("%s %s?%s", r.Method, r.Path, r.Query)
		}
	}
	live := c.GetOrCreate("counter", rivet.Key{"a"}).Connect(ctx)
	defer live.Close()
	if err := live.Ready(ctx); err != nil {
		t.Error(err)
	}
}

// answering returns a client whose metadata is made of m, and what it sent.
func answering(t *testing.T, m func(s seenRequest) string, opts ...rivet.Option) (*rivet.Client, *recorder) {
	noEnv(t)
	r := &recorder{}
	r.answer = func(s seenRequest) (int, string, string) {
		if strings.Contains(s.url, "/metadata") {
			return 200, "application/json", m(s)
		}
		return 200, "application/json", `{"actor":{"actor_id":"id1"}}`
	}
	c, err := rivet.NewClient(append([]rivet.Option{rivet.WithEndpoint("https://app.test/api/rivet"), rivet.WithHTTPClient(&http.Client{Transport: r})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, r
}

// The configured token stays with its host.
func TestTokenDoesNotFollowRedirects(t *testing.T) {
	const engine = `{"runtime":"engine","version":"2.3.19"}`
	tests := []struct {
		name     string
		redirect string
		want     string // the token that the next place gets
		extra    bool   // whether it gets the configured credentials in headers
	}{
		{"same host", `{"clientEndpoint":"https://app.test:6420"}`, "secret", true},
		{"other host", `{"clientEndpoint":"https://engine.test"}`, "", false},
		{"other host with a token", `{"clientEndpoint":"https://engine.test","clientToken":"public"}`, "public", false},
		{"other host with a token in the URL", `{"clientEndpoint":"https://ns:public@engine.test"}`, "public", false},
		{"in clear", `{"clientEndpoint":"http://app.test"}`, "", false},
		{"host that looks alike", `{"clientEndpoint":"https://app.test.evil.test"}`, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, r := answering(t, func(s seenRequest) string {
				if strings.HasPrefix(s.url, "https://app.test/api/rivet/") {
					return tt.redirect
				}
				return engine
			}, rivet.WithToken("secret"), rivet.WithHeaders(http.Header{"Cookie": {"session"}, "X-Tenant": {"acme"}}))
			if _, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := r.requests()
			if len(all) != 3 {
				t.Fatalf("%d requests", len(all))
			}
			if a := all[0].header.Get("Authorization"); a != "Bearer secret" {
				t.Errorf("the endpoint got %q", a)
			}
			for _, s := range all[1:] {
				want := ""
				if tt.want != "" {
					want = "Bearer " + tt.want
				}
				if a := s.header.Get("Authorization"); a != want {
					t.Errorf("%s got the token %q, want %q", s.url, a, want)
				}
				if got := s.header.Get("Cookie") != ""; got != tt.extra {
					t.Errorf("%s got the cookie: %v", s.url, got)
				}
				if s.header.Get("X-Tenant") != "acme" {
					t.Errorf("%s lacks other headers", s.url)
				}
			}
		})
	}
}

func TestMetadataThatMakesNoSense(t *testing.T) {
	for name, body := range map[string]string{
		"HTML":              "<html>",
		"bad endpoint":      `{"clientEndpoint":"ftp://x"}`,
		"endpoints in ring": `{"clientEndpoint":"https://other%d.test"}`,
		"token":             `{"clientEndpoint":"https://x.test","clientToken":"a\nb"}`,
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			c, r := answering(t, func(seenRequest) string {
				n++
				return strings.ReplaceAll(body, "%d", fmt.Sprint(n))
			})
			_, err := increment.Call(t.Context(), c.GetOrCreate("a", nil), 1)
			if err == nil || rivet.MaybeExecuted(err) {
				t.Errorf("call: %v", err)
			}
			if n := len(r.requests()); n > 5 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// Many callers cause one lookup; one that gives up takes nobody along.
func TestMetadataLookupIsSharedAndBoundToItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lookups atomic.Int32
		release := make(chan struct{})
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			r := &recorder{answer: func(seenRequest) (int, string, string) {
				return 200, "application/json", `{"runtime":"engine","version":"2.3.19","actor":{"actor_id":"x"}}`
			}}
			if req.URL.Path == "/metadata" {
				lookups.Add(1)
				select {
				case <-release:
				case <-req.Context().Done():
					return nil, req.Context().Err()
				}
			}
			return r.RoundTrip(req)
		})
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: rt}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		h := c.GetOrCreate("a", nil)
		leader, leave := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { _, err := h.Resolve(leader); gone <- err }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := h.Resolve(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Resolve(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		if n := lookups.Load(); n != 1 {
			t.Errorf("%d lookups at once", n)
		}
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("leader: %v", err)
		}
		synctest.Wait()
		if n := lookups.Load(); n != 2 {
			t.Errorf("%d lookups after the first caller left", n)
		}
		close(release)
		wg.Wait()
		if n := lookups.Load(); n != 2 {
			t.Errorf("%d lookups in all", n)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestMetadataFailureIsNotKept(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/metadata", rivettest.Status(400, "no"))
	h := gw.Client(t).GetOrCreate("counter", nil)
	if _, err := increment.Call(t.Context(), h, 1); err == nil || rivet.MaybeExecuted(err) {
		t.Errorf("first call: %v", err)
	}
	for range 3 {
		if _, err := increment.Call(t.Context(), h, 1); err != nil {
			t.Errorf("later call: %v", err)
		}
	}
	if n := len(gw.Requests(isMetadata)); n != 2 {
		t.Errorf("%d lookups", n)
	}
	gw.ScriptHTTP("/action/", rivettest.Fail(rivettest.Error("api", "unauthorized", "m", nil)))
	if _, err := increment.Call(t.Context(), h, 1); !errors.Is(err, rivet.ErrUnauthorized) {
		t.Errorf("refused call: %v", err)
	}
	if _, err := increment.Call(t.Context(), h, 1); err != nil {
		t.Error(err)
	}
	if n := len(gw.Requests(isMetadata)); n != 3 {
		t.Errorf("%d lookups after the token was refused", n)
	}
}

func TestWithoutMetadataLookup(t *testing.T) {
	gw := newGateway(t)
	if _, err := increment.Call(t.Context(), gw.Client(t, rivet.WithoutMetadataLookup()).GetOrCreate("counter", nil), 1); err != nil {
		t.Error(err)
	}
	if n := len(gw.Requests(isMetadata)); n != 0 {
		t.Errorf("%d lookups", n)
	}
}

// Servers of RivetKit 2.0 resolve no URLs: actors are looked up first.
func TestLegacyServer(t *testing.T) {
	gw := newGateway(t, rivettest.Legacy())
	ctx := t.Context()
	c := gw.Client(t)
	for _, key := range []rivet.Key{nil, {"a", "b"}, {"a,b"}, {"a/b"}} {
		h := c.GetOrCreate("counter", key)
		if _, err := increment.Call(ctx, h, 1); err != nil {
			t.Errorf("%v: %v", h, err)
		}
		live := h.Connect(ctx)
		if err := live.Ready(ctx); err != nil {
			t.Errorf("%v: %v", h, err)
		}
		if _, err := increment.Call(ctx, live, 1); err != nil {
			t.Errorf("%v: %v", h, err)
		}
		live.Close()
	}
	if _, err := c.GetOrCreate("counter", nil).Action(ctx, "nope"); !errors.Is(err, rivet.ErrActionNotFound) || rivet.MaybeExecuted(err) {
		t.Errorf("missing action: %v", err)
	}
	for _, r := range gw.Requests(nil) {
		if q, _ := url.ParseQuery(r.Query); q.Has("rvt-method") {
			t.Errorf("%s?%s", r.Path, r.Query)
		}
	}
}

// openers are the two ways to open a socket to an actor.
var openers = map[string]func(context.Context, *rivet.Handle) error{
	"connection": func(ctx context.Context, h *rivet.Handle) error {
		c := h.Connect(ctx)
		defer c.Close()
		return c.Ready(ctx)
	},
	"raw WebSocket": func(ctx context.Context, h *rivet.Handle) error {
		ws, err := h.WebSocket(ctx, "x")
		if err != nil {
			return err
		}
		defer ws.Close()
		for _, err := range ws.Messages(ctx) {
			return err
		}
		return io.EOF
	},
}

func greet(_ context.Context, c *rivettest.Conn) { c.SendText("hello") }

// Sockets learn from their failures as calls do: the endpoint is asked again
// when the place it named is gone, or refuses the token.
func TestSocketsAskForMetadataAgain(t *testing.T) {
	noEnv(t)
	for name, open := range openers {
		t.Run(name+", moved", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				places := []*rivettest.Gateway{
					newGateway2(t, rivettest.InMemoryAt("old.invalid:80")),
					newGateway2(t, rivettest.InMemoryAt("new.invalid:80")),
				}
				app := newGateway2(t, rivettest.InMemory(), rivettest.RedirectTo(places[0].Endpoint(), "", ""))
				app.Route(places...)
				for _, gw := range places {
					gw.Actor("counter").OnWebSocket(greet)
				}
				h := app.Client(t).GetOrCreate("counter", nil)
				if err := open(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				app.SetMetadata(map[string]any{"clientEndpoint": places[1].Endpoint()})
				places[0].Down()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := open(ctx, h); err != nil {
					t.Errorf("after the move: %v", err)
				}
				if n := len(app.Requests(isMetadata)); n != 2 {
					t.Errorf("%d lookups", n)
				}
			})
		})
		for how, step := range map[string]rivettest.Step{
			"by the actor's gateway": rivettest.Fail(rivettest.Error("api", "unauthorized", "m", nil)),
			"in the handshake":       rivettest.Status(401, `{"group":"api","code":"unauthorized","message":"m"}`),
		} {
			t.Run(name+", refused "+how, func(t *testing.T) {
				gw := newGateway(t)
				gw.Actor("counter").OnWebSocket(greet)
				gw.Script(step)
				h := gw.Client(t).GetOrCreate("counter", nil)
				if err := open(t.Context(), h); !errors.Is(err, rivet.ErrUnauthorized) {
					t.Errorf("refused: %v", err)
				}
				if err := open(t.Context(), h); err != nil {
					t.Errorf("the next one: %v", err)
				}
				if n := len(gw.Requests(isMetadata)); n != 2 {
					t.Errorf("%d lookups", n)
				}
			})
		}
	}
}

// Headers are those of their canonical names, however they are written.
func TestHeadersOfAnyCase(t *testing.T) {
	c, r := answering(t, func(s seenRequest) string {
		if strings.HasPrefix(s.url, "https://app.test/") {
			return `{"clientEndpoint":"https://engine.test"}`
		}
		return `{"runtime":"engine","version":"2.3.19"}`
	}, rivet.WithHeaders(http.Header{"authorization": {"Bearer secret"}, "user-agent": {"mine"}, "x-tenant": {"a"}, "X-Tenant": {"b"}}))
	if _, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, s := range r.requests() {
		for name, values := range s.header {
			if name != http.CanonicalHeaderKey(name) {
				t.Errorf("%s got the header %q", s.url, name)
			}
			if strings.EqualFold(name, "Authorization") && i > 0 {
				t.Errorf("%s got %q", s.url, values)
			}
		}
		if len(s.header.Values("User-Agent")) != 1 || s.header.Get("User-Agent") != "mine" || len(s.header.Values("X-Tenant")) != 2 {
			t.Errorf("%s got %v", s.url, s.header)
		}
	}
}

// WithRetry has the last word, although the client listens too.
func TestRetryIsTheProgramsChoice(t *testing.T) {
	gw := newGateway(t)
	gw.Script(rivettest.Status(401, ""))
	c := gw.Client(t).GetOrCreate("counter", nil).Connect(t.Context(), rivet.WithRetry(func(conn.Failure) bool { return true }))
	defer c.Close()
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
