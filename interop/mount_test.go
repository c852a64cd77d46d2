package interop_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/interop/actors"
	"github.com/rivet-go/rivet/interop/fixture"
)

// TestHostMounted has the official client use a host that is one part of a
// program's own server, with .../api/rivet as the endpoint. It sees there what it
// sees of a host that is a server of its own, which TestHostAsTheOfficialOne holds
// against the official one.
func TestHostMounted(t *testing.T) {
	t.Parallel()
	skipShort(t)
	host, err := actor.New(actors.Registry(), local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	increment := rivet.Action[int, int]("increment")
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", host.Handler())
	mux.HandleFunc("POST /increment/{name}", func(w http.ResponseWriter, r *http.Request) {
		n, err := increment.Call(r.Context(), host.Client().GetOrCreate("counter", rivet.Key{r.PathValue("name")}), 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, n)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		server.Close()
	})

	scenarios := []string{"state", "addressing", "errors", "events", "guards", "requests", "sockets"}
	seen := func(endpoint string) map[step]string {
		text, err := fixture.PlayHost(t.Context(), false, endpoint, codec.BARE.String(), scenarios...)
		check(t, err)
		return transcript(t, endpoint, text)
	}
	alone, mounted := seen(goHost(t)), seen(server.URL+"/api/rivet")
	if len(alone) == 0 {
		t.Error("nothing was played")
	}
	for s, want := range alone {
		if got := mounted[s]; got != want {
			t.Errorf("%s:\nalone   %s\nmounted %s", s, shown(want), shown(got))
		}
		delete(mounted, s)
	}
	for s, got := range mounted {
		t.Errorf("%s:\nmounted %s, else nothing", s, got)
	}

	for want := 1; want < 3; want++ {
		if got := operate(t, "POST", server.URL+"/increment/one", ""); string(got.body) != fmt.Sprint(want) {
			t.Errorf("the program's own handler: %d %s", got.status, got.body)
		}
	}
}
