package rivet_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet"
)

// rawAnswers returns a client whose actor's answers f makes, and which has
// asked for metadata as often as lookups says.
func rawAnswers(t *testing.T, f func(n int, req *http.Request) *http.Response, opts ...rivet.Option) (c *rivet.Client, lookups *int) {
	noEnv(t)
	n := 0
	lookups = new(int)
	c, err := rivet.NewClient(append(opts, rivet.WithHTTPClient(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/metadata") {
			*lookups++
			return rawAnswer(req, 200, nil, io.NopCloser(strings.NewReader(`{"runtime":"engine","version":"2.3.19"}`))), nil
		}
		n++
		return f(n, req), nil
	})}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, lookups
}

func rawAnswer(req *http.Request, status int, header http.Header, body io.ReadCloser) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: body, ContentLength: -1, Request: req}
}

func rawGet(t *testing.T, c *rivet.Client, header http.Header) *http.Response {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://actor/x", nil)
	req.Header = header
	resp, err := c.GetOrCreate("a", nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// An actor may answer with what looks like the gateway's refusal; the request
// reached it and is not sent again.
func TestRawHTTPAnswerThatLooksLikeARefusal(t *testing.T) {
	sends := 0
	c, _ := rawAnswers(t, func(n int, req *http.Request) *http.Response {
		sends = n
		return rawAnswer(req, 503, http.Header{"X-Rivet-Error": {"guard.actor_ready_timeout"}, "X-Rivet-Actor": {"id1"}}, http.NoBody)
	})
	resp := rawGet(t, c, nil)
	resp.Body.Close()
	if sends != 1 || resp.StatusCode != 503 {
		t.Errorf("sent %d times, %d", sends, resp.StatusCode)
	}
}

// The bodies of refusals that nobody sees are closed.
func TestRawHTTPClosesRefusals(t *testing.T) {
	closed := new(atomic.Int32)
	c, _ := rawAnswers(t, func(n int, req *http.Request) *http.Response {
		body := closeCounter{io.NopCloser(strings.NewReader("no")), closed}
		if n < 3 {
			return rawAnswer(req, 503, http.Header{"X-Rivet-Error": {"guard.actor_ready_timeout"}}, body)
		}
		return rawAnswer(req, 200, nil, body)
	})
	resp := rawGet(t, c, nil)
	if n := closed.Load(); n != 2 || resp.StatusCode != 200 {
		t.Errorf("%d bodies closed before %d", n, resp.StatusCode)
	}
	resp.Body.Close()
}

// The same holds for the one that came as the time was up.
func TestRawHTTPClosesTheLastRefusal(t *testing.T) {
	closed := new(atomic.Int32)
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := rawAnswers(t, func(_ int, req *http.Request) *http.Response {
		cancel()
		return rawAnswer(req, 503, http.Header{"X-Rivet-Error": {"guard.actor_ready_timeout"}}, closeCounter{io.NopCloser(strings.NewReader("no")), closed})
	})
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://actor/x", nil)
	resp, err := c.GetOrCreate("a", nil).Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("status %d after the end of the context", resp.StatusCode)
	}
	if closed.Load() != 1 {
		t.Errorf("closed %d times", closed.Load())
	}
}

// A refused token has the endpoint asked again.
func TestRawHTTPRefusedToken(t *testing.T) {
	c, lookups := rawAnswers(t, func(_ int, req *http.Request) *http.Response {
		return rawAnswer(req, 401, http.Header{"X-Rivet-Error": {"api.unauthorized"}}, http.NoBody)
	})
	for range 2 {
		rawGet(t, c, nil).Body.Close()
	}
	if *lookups != 2 {
		t.Errorf("%d lookups", *lookups)
	}
}

// The client's headers stand back behind those of the request.
func TestRawHTTPHeadersOfTheRequestWin(t *testing.T) {
	var got http.Header
	c, _ := rawAnswers(t, func(_ int, req *http.Request) *http.Response {
		got = req.Header.Clone()
		return rawAnswer(req, 200, nil, http.NoBody)
	}, rivet.WithHeaders(http.Header{"X-Tenant": {"client"}, "X-Other": {"client"}}))
	rawGet(t, c, http.Header{"X-Tenant": {"mine"}}).Body.Close()
	if got.Get("X-Tenant") != "mine" || got.Get("X-Other") != "client" {
		t.Errorf("sent %v", got)
	}
}

// A request is over when its body was read to the end, or closed.
func TestRawHTTPEndOfTheBody(t *testing.T) {
	for name, finish := range map[string]func(io.ReadCloser){
		"read":   func(b io.ReadCloser) { _, _ = io.ReadAll(b) },
		"closed": func(b io.ReadCloser) { b.Close() },
	} {
		c, _ := rawAnswers(t, func(_ int, req *http.Request) *http.Response {
			return rawAnswer(req, 200, nil, io.NopCloser(strings.NewReader("body")))
		})
		finish(rawGet(t, c, nil).Body)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Shutdown(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
