package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/interop/browser/chromium"
	"github.com/rivet-go/rivet/interop/fixture"
)

// TestPageOfAnotherOrigin has a page use a Go host that is not where the page is
// from, as browsers let it: preflights and the headers of answers decide.
//
// Over http the page calls no actions without a connection. The official client
// streams the body of such a call, which Chromium does over HTTP/2 alone, hence
// over https alone, whatever the server: net::ERR_ALPN_NEGOTIATION_FAILED.
func TestPageOfAnotherOrigin(t *testing.T) {
	browser := chromium.Start(t)
	script, err := fixture.Bundle(t.Context(), "testdata/page.mjs")
	if errors.Is(err, fixture.ErrUnavailable) && !fixture.Required() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	friend, stranger := site(t, script), site(t, script)
	host, err := actor.New(actor.Registry{counter(), guarded(friend)}, local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	endpoints := serve(t, host)

	const failure = `{"group":"user","code":"too_far","message":"no further","metadata":{"by":7,"limits":[1,2]}}`
	refusal := `{"group":"user","code":"origin_not_allowed","message":"Origin not allowed","metadata":{"origin":"` + stranger + `"}}`
	type test struct {
		scenario, page string
		connected      bool
		want           string
	}
	var tests []test
	for _, connected := range []bool{false, true} {
		tests = append(tests,
			test{"action", stranger, connected, `[2,42,2]`},
			test{"values", stranger, connected, `{"text":"héllo ✓","n":1.5,"list":[true,null,"x"],"nested":{"deep":-7}}`},
			test{"error", stranger, connected, failure},
			test{"params", stranger, connected, `"Zoë & co, 100%"`},
			test{"guarded", stranger, connected, refusal},
			test{"guarded", friend, connected, `{"returned":"a friend"}`},
		)
	}
	tests = append(tests,
		test{"events", stranger, true, `{"answers":[1,2],"before":[1,2],"seen":[1,2,7]}`},
		test{"manage", stranger, true, `{"same":true,"again":"duplicate_key"}`},
		test{"raw", stranger, true, `{"status":202,"header":"1","text":"PUT /greet, hello page"}`},
	)
	tabs := map[string]context.Context{friend: open(t, browser, friend), stranger: open(t, browser, stranger)}
	for where, endpoint := range endpoints {
		for _, encoding := range []codec.Encoding{codec.JSON, codec.CBOR, codec.BARE} {
			for i, test := range tests {
				if !test.connected && strings.HasPrefix(endpoint, "http:") {
					continue
				}
				name := fmt.Sprintf("%s/%s/%s", where, encoding, test.scenario)
				if !test.connected {
					name += " by HTTP"
				}
				if test.page == friend {
					name += " as a friend"
				}
				t.Run(name, func(t *testing.T) {
					got := play(t, tabs[test.page], map[string]any{
						"scenario": test.scenario, "connected": test.connected,
						"endpoint": endpoint, "encoding": encoding.String(),
						"key": []string{where, encoding.String(), strconv.Itoa(i)},
					})
					if got != test.want {
						t.Errorf("\n got %s\nwant %s", got, test.want)
					}
				})
			}
		}
	}
}

// serve serves the host with and without TLS, as it is and mounted into a server
// that has more to do. It returns the endpoints by name.
func serve(t *testing.T, host *actor.Host) map[string]string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", host.Handler())
	var servers []*httptest.Server
	endpoints := make(map[string]string)
	for where, handler := range map[string]http.Handler{"": host.Handler(), "/api/rivet": mux} {
		plain := httptest.NewServer(handler)
		secure := httptest.NewUnstartedServer(handler)
		secure.EnableHTTP2 = true
		secure.Config.ErrorLog = log.New(io.Discard, "", 0)
		secure.StartTLS()
		servers = append(servers, plain, secure)
		endpoints["http"+where] = plain.URL + where
		endpoints["https"+where] = secure.URL + where
	}
	t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		for _, server := range servers {
			server.Close()
		}
	})
	return endpoints
}

// site serves a page with the script, and returns the page's origin.
func site(t *testing.T, script []byte) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>`)
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// open opens a tab with the page at an origin.
func open(t *testing.T, browser context.Context, origin string) context.Context {
	t.Helper()
	tab := chromium.Open(t, browser, origin, nil)
	chromium.Wait(t, tab, "the page's script does not load", "typeof window.play === 'function'")
	return tab
}

// play has the page play a scenario and returns what it saw, as JSON.
func play(t *testing.T, tab context.Context, scenario map[string]any) string {
	t.Helper()
	arg, err := json.Marshal(scenario)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, chromium.Patience)
	defer cancel()
	script := fmt.Sprintf("play(%s).then(JSON.stringify)", arg)
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return seen
}
