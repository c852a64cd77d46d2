package interop_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/interop/actors"
)

func TestMetadata(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		m, err := on.client(t).Metadata(within(t))
		if err != nil || m.Version != on.version || m.Endpoint != on.endpoint || m.Namespace != "default" {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// TestGoHostBelowAPIRivet gives the client the address under which RivetKit's
// own handlers are mounted: everything is found there, too, in one way for all
// the ways to reach an actor.
func TestGoHostBelowAPIRivet(t *testing.T) {
	inEncodings(t, []candidate{byGo}, func(t *testing.T, on target) {
		on.endpoint += "/api/rivet"
		client, key := on.client(t), newKey(t)
		if m, err := client.Metadata(within(t)); err != nil || m.Endpoint != on.endpoint {
			t.Errorf("%+v, %v", m, err)
		}
		everyRoute(t, on, client, key)
		h := client.GetOrCreate("http", key)
		req, _ := http.NewRequestWithContext(within(t), http.MethodGet, "http://actor/status", nil)
		res, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, res); res.StatusCode != http.StatusTeapot {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		u, err := h.GatewayURL(within(t), "/request/empty")
		if err != nil || !strings.HasPrefix(u.String(), on.endpoint+"/gateway/") {
			t.Fatalf("%v, %v", u, err)
		}
		ws, err := client.GetOrCreate("rawws", key).WebSocket(within(t), "x")
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Send(within(t), rivet.Text("x")); err != nil {
			t.Error(err)
		}
		for m, err := range ws.Messages(within(t)) {
			if string(m.Data) != "x" || err != nil {
				t.Errorf("%q, %v", m.Data, err)
			}
			break
		}
		if err := ws.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestGoHostRefersToItsPublicEndpoint: a client that asks at the door, with and
// without a path, is told where to go, with which namespace and token.
func TestGoHostRefersToItsPublicEndpoint(t *testing.T) {
	for _, path := range []string{"", "/api/rivet"} {
		var host http.Handler
		var mu sync.Mutex
		var asked, tokens []string
		public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			tokens = append(tokens, strings.TrimPrefix(r.Header.Get("Authorization")+r.Header.Get("X-Rivet-Token"), "Bearer "))
			mu.Unlock()
			host.ServeHTTP(w, r)
		}))
		defer public.Close()
		h, err := actor.New(actors.Registry(), local.Memory(),
			actor.PublicEndpoint(strings.Replace(public.URL, "://", "://default:publishable@", 1)))
		if err != nil {
			t.Fatal(err)
		}
		defer h.Shutdown(within(t))
		host = h.Handler()
		door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, r.URL.Path)
			mu.Unlock()
			host.ServeHTTP(w, r)
		}))
		defer door.Close()
		client := target{endpoint: door.URL + path}.client(t)
		if n := call[int](t, client.GetOrCreate("counter", newKey(t)), "increment", 2); n != 2 {
			t.Errorf("increment = %d", n)
		}
		if m, err := client.Metadata(within(t)); err != nil || m.Endpoint != public.URL {
			t.Errorf("%+v, %v", m, err)
		}
		mu.Lock()
		if !slices.Equal(asked, []string{path + "/metadata"}) || !slices.Equal(tokens, []string{"publishable", "publishable"}) { // its metadata, and the call
			t.Errorf("the door was asked for %q, tokens %q came to the public endpoint", asked, tokens)
		}
		mu.Unlock()
	}
}
