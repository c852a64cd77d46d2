package rivet_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
)

// A token that metadata brought is for the host that it was brought for.
func TestReferredTokenStaysWithItsHost(t *testing.T) {
	for name, last := range map[string]string{
		"another host": "https://third.test",
		"in clear":     "http://engine.test",
	} {
		t.Run(name, func(t *testing.T) {
			c, r := answering(t, func(s seenRequest) string {
				switch {
				case strings.HasPrefix(s.url, "https://app.test/"):
					return `{"clientEndpoint":"https://engine.test","clientToken":"public"}`
				case strings.HasPrefix(s.url, "https://engine.test/"):
					return `{"clientEndpoint":"` + last + `"}`
				}
				return `{"runtime":"engine","version":"2.3.19"}`
			}, rivet.WithToken("secret"))
			if _, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err != nil {
				t.Fatal(err)
			}
			reached := 0
			for _, s := range r.requests() {
				if strings.HasPrefix(s.url, last) {
					reached++
					if a := s.header.Get("Authorization"); a != "" {
						t.Errorf("%s got %q", s.url, a)
					}
				}
			}
			if reached != 2 {
				t.Errorf("%d requests at the end of the way", reached)
			}
		})
	}
}

// What one call adds to the configured headers is not there for the next one.
func TestHeadersAreOfOneCall(t *testing.T) {
	r := &recorder{}
	c := newClient(t, r, rivet.WithHeaders(http.Header{"X-Tenant": {"acme"}}))
	_, _ = increment.Call(t.Context(), c.GetOrCreate("a", nil, rivet.WithParams("private"), rivet.SkipReadyWait()), 1)
	_, _ = increment.Call(t.Context(), c.GetOrCreate("b", nil), 1)
	_, _ = increment.Call(t.Context(), c.GetOrCreate("b", nil), 1, rivet.SkipReadyWait())
	all := r.requests()
	for i, s := range all {
		params, skip := s.header.Get("X-Rivet-Conn-Params") != "", s.header.Get("X-Rivet-Skip-Ready-Wait") != ""
		if params != (i == 0) || skip != (i != 1) || s.header.Get("X-Tenant") != "acme" {
			t.Errorf("request %d has %v", i, s.header)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d requests", len(all))
	}
}

// Functions that bring what no header can hold are told so, before anything is
// sent; what they bring under whatever name goes where it may.
func TestHeadersOfFunctions(t *testing.T) {
	for name, opt := range map[string]rivet.Option{
		"token":   rivet.WithTokenFunc(func(context.Context) (string, error) { return "a\r\nb", nil }),
		"header":  rivet.WithHeadersFunc(func(context.Context) (http.Header, error) { return http.Header{"X": {"a\nb"}}, nil }),
		"our own": rivet.WithHeadersFunc(func(context.Context) (http.Header, error) { return http.Header{"x-rivet-token": {"t"}}, nil }),
	} {
		r := &recorder{}
		_, err := increment.Call(t.Context(), newClient(t, r, opt).GetOrCreate("a", nil), 1)
		if err == nil || rivet.MaybeExecuted(err) || len(r.requests()) != 0 {
			t.Errorf("%s: %v after %d requests", name, err, len(r.requests()))
		}
	}
	c, r := answering(t, func(s seenRequest) string {
		if strings.HasPrefix(s.url, "https://app.test/") {
			return `{"clientEndpoint":"https://engine.test"}`
		}
		return `{"runtime":"engine","version":"2.3.19"}`
	}, rivet.WithHeadersFunc(func(context.Context) (http.Header, error) { return http.Header{"cookie": {"session"}}, nil }))
	if _, err := c.GetOrCreate("a", nil).Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, s := range r.requests() {
		got := false
		for name := range s.header {
			got = got || strings.EqualFold(name, "Cookie")
		}
		if got != (i == 0) {
			t.Errorf("%s got the cookie: %v", s.url, got)
		}
	}
}

// However many ask, and however soon, a lookup that failed is not repeated at
// once.
func TestLookupsThatFailAreSpaced(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		rt := roundTripper(func(req *http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no")), Request: req}, nil
		})
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: rt}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 5 {
			if _, err := increment.Call(t.Context(), c.GetOrCreate("a", nil), 1); err == nil {
				t.Error("no error")
			}
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap != 100*time.Millisecond {
				t.Errorf("lookup %d came %v after the one before", i, gap)
			}
		}
		if len(at) != 5 {
			t.Errorf("%d lookups", len(at))
		}
	})
}

// A lookup that a panic in a function of the program's ends is done again by
// the next who waits for it.
func TestLookupAfterAPanicOfItsUser(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		release := make(chan struct{})
		r := &recorder{answer: func(seenRequest) (int, string, string) {
			return 200, "application/json", `{"runtime":"engine","version":"2.3.19","actor":{"actor_id":"x"}}`
		}}
		c, err := rivet.NewClient(rivet.WithHTTPClient(&http.Client{Transport: r}), rivet.WithTokenFunc(func(context.Context) (string, error) {
			if asked++; asked == 1 {
				<-release
				panic("token")
			}
			return "t", nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		resolve := func() (recovered any, err error) {
			defer func() { recovered = recover() }()
			_, err = c.GetOrCreate("a", nil).Resolve(t.Context())
			return nil, err
		}
		first, second := make(chan any), make(chan any)
		go func() { r, _ := resolve(); first <- r }()
		synctest.Wait()
		go func() {
			r, err := resolve()
			if err != nil {
				t.Error(err)
			}
			second <- r
		}()
		synctest.Wait()
		close(release)
		if r := <-first; r == nil {
			t.Error("no panic")
		}
		if r := <-second; r != nil {
			t.Errorf("the next one panicked: %v", r)
		}
	})
}
