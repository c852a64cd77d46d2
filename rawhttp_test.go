package rivet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// newRawGateway returns a gateway whose actor answers with f.
func newRawGateway(t testing.TB, f http.HandlerFunc) *rivettest.Gateway {
	gw := newGateway(t)
	gw.Actor("counter").OnRequest(f)
	return gw
}

func TestRawHTTP(t *testing.T) {
	gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Mine", r.Header.Get("X-Mine"))
		w.Header().Set("X-Params", r.Header.Get("X-Rivet-Conn-Params"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s?%s %s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, body)
	})
	h := gw.Client(t).GetOrCreate("counter", rivet.Key{"k"}, rivet.WithParams(1))
	tests := []struct{ method, url, body, want string }{
		{"GET", "http://actor/history", "", "GET /history? "},
		{"POST", "https://user:pass@elsewhere.test:99/a%2Fb?x=%20&y", "body", "POST /a%2Fb?x=%20&y body"},
		{"PUT", "http://actor", "b", "PUT /? b"},
		{"DELETE", "http://actor/a/../b/", "", "DELETE /b/? "},
	}
	for _, tt := range tests {
		req, err := http.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Mine", "yes")
		req.Header.Set("X-Rivet-Conn-Params", "forged")
		before := req.Header.Clone()
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(got) != tt.want || err != nil || resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-Mine") != "yes" || resp.Header.Get("X-Params") != "1" {
			t.Errorf("%s %s: %d %q %v %v", tt.method, tt.url, resp.StatusCode, got, resp.Header, err)
		}
		if resp.Request != req || len(req.Header) != len(before) || req.Header.Get("X-Rivet-Conn-Params") != "forged" {
			t.Error("the request was changed")
		}
	}
}

// Both bodies flow while the other one does.
func TestRawHTTPStreams(t *testing.T) {
	gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		buf := make([]byte, 1)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				_, _ = w.Write(bytes.ToUpper(buf[:n]))
				_ = http.NewResponseController(w).Flush()
			}
			if err != nil {
				return
			}
		}
	})
	h := gw.Client(t).GetOrCreate("counter", nil)
	pr, pw := io.Pipe()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://actor/echo", pr)
	type result struct {
		resp *http.Response
		err  error
	}
	got := make(chan result, 1)
	go func() { resp, err := h.Do(req); got <- result{resp, err} }()
	if _, err := pw.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.resp.Body.Close()
	buf := make([]byte, 1)
	for i, want := range "ABC" {
		if i > 0 {
			if _, err := pw.Write([]byte{byte('a' + i)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(r.resp.Body, buf); err != nil || rune(buf[0]) != want {
			t.Fatalf("read %q, %v", buf, err)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(r.resp.Body); len(rest) != 0 || err != nil {
		t.Errorf("rest %q, %v", rest, err)
	}
}

// A body is sent again only if it can be, and only if it was not delivered.
func TestBehaviour39_BodyCarryingRetryOfRawHTTP(t *testing.T) {
	starting := rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "m", nil))
	body := func() io.ReadCloser { return io.NopCloser(strings.NewReader("body")) }
	tests := []struct {
		name    string
		step    rivettest.Step
		body    io.ReadCloser
		getBody bool
		sends   int
		status  int // 0 for an error
	}{
		{"refused, with GetBody", starting, body(), true, 2, 200},
		{"refused, without body", starting, nil, false, 2, 200},
		{"refused, without GetBody", starting, body(), false, 1, 503},
		{"delivered", rivettest.Run(rivettest.Reset()), body(), true, 1, 0},
		{"answered badly", rivettest.Run(rivettest.Status(502, "<html>")), body(), true, 1, 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
			gw.ScriptHTTP("/request/", tt.step)
			closed := new(atomic.Int32)
			req, _ := http.NewRequest("POST", "http://actor/x", nil)
			if tt.body != nil {
				req.Body = closeCounter{tt.body, closed}
				if tt.getBody {
					req.GetBody = func() (io.ReadCloser, error) { return body(), nil }
				}
			}
			resp, err := gw.Client(t).GetOrCreate("counter", nil).Do(req)
			switch {
			case tt.status == 0:
				if err == nil || !rivet.MaybeExecuted(err) {
					t.Errorf("error %v", err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != tt.status || tt.status == 200 && tt.body != nil && string(got) != "body" {
					t.Errorf("%d %q", resp.StatusCode, got)
				}
			}
			if n := len(gw.Requests(func(r rivettest.HTTPRequest) bool { return strings.Contains(r.Path, "/request/") })); n != tt.sends {
				t.Errorf("sent %d times, want %d", n, tt.sends)
			}
			if tt.body != nil && closed.Load() == 0 {
				t.Error("the body was not closed")
			}
		})
	}
	t.Run("nobody listens at first", func(t *testing.T) {
		gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		var dials atomic.Int32
		c, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithoutMetadataLookup(), rivet.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1) == 1 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return gw.Dial(ctx, network, addr)
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		req, _ := http.NewRequest("POST", "http://actor/x", strings.NewReader("body"))
		resp, err := c.GetOrCreate("counter", nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, _ := io.ReadAll(resp.Body); string(got) != "body" {
			t.Errorf("got %q", got)
		}
	})
}

type closeCounter struct {
	io.ReadCloser
	n *atomic.Int32
}

func (c closeCounter) Close() error { c.n.Add(1); return c.ReadCloser.Close() }

// The body of a request that is refused before it is sent is closed as well.
func TestRawHTTPClosesTheBodyOfARefusedRequest(t *testing.T) {
	closed := new(atomic.Int32)
	req, _ := http.NewRequest("POST", "http://actor//x", closeCounter{io.NopCloser(strings.NewReader("x")), closed})
	if _, err := newClient(t, &recorder{}).GetOrCreate("a", nil).Do(req); err == nil || closed.Load() == 0 {
		t.Errorf("%v, closed %d times", err, closed.Load())
	}
}

// A reverse proxy over Transport reaches its one actor, whatever it is sent.
func TestTransportBehindAProxy(t *testing.T) {
	gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	c := gw.Client(t)
	victim, err := c.GetOrCreate("counter", rivet.Key{"victim"}).Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := c.GetOrCreate("counter", nil)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "actor"}) },
		Transport: h.Transport(),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	})
	defer proxy.Close()
	get := func(path string, header http.Header) (int, string) {
		req, _ := http.NewRequest("GET", proxy.URL+path, nil)
		req.Header = header
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code, body := get("/hello?x=1", http.Header{}); code != 200 || body != "/hello" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := get("/x", http.Header{"X-Rivet-Target": {"actor"}, "X-Rivet-Actor": {victim}, "X-Rivet-Token": {"t"}}); code != 200 {
		t.Errorf("headers: %d", code)
	}
	for _, path := range []string{"/x?rvt-key=victim", "/x?rvt-region=a", "/../../action/increment"} {
		code, body := get(path, http.Header{})
		if code == 200 && body != "/action/increment" { // as the actor's own path
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	for _, r := range gw.Requests(func(r rivettest.HTTPRequest) bool { return strings.HasPrefix(r.Path, "/gateway/") }) {
		if r.ActorID == victim || r.Header.Get("X-Rivet-Actor") != "" || r.Action != "" {
			t.Errorf("%s?%s reached %s with %v", r.Path, r.Query, r.ActorID, r.Header)
		}
	}
}

func TestRawHTTPEndsWithTheClient(t *testing.T) {
	gw := newRawGateway(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := gw.Client(t)
	req, _ := http.NewRequest("GET", "http://actor/x", nil)
	resp, err := c.GetOrCreate("counter", nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	c.Close()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("body ends with %v", err)
	}
}

// A panic in a function of the program's leaves nothing under way.
func TestRawHTTPAfterAPanicOfItsUser(t *testing.T) {
	c := newClient(t, &recorder{})
	h := c.GetOrCreate("a", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { panic("params") }))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		req, _ := http.NewRequest("GET", "http://actor/", nil)
		_, _ = h.Do(req)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// Headers of the protocol do not pass under whatever name.
func TestRawHTTPHeadersOfAnyCase(t *testing.T) {
	r := &recorder{}
	req, _ := http.NewRequest("GET", "http://actor/", nil)
	for _, name := range []string{"X-Rivet-Target", "X-Rivet-Actor", "X-Rivet-Token", "X-Rivet-Conn-Params", "X-Mine"} {
		req.Header[name], req.Header[strings.ToLower(name)] = []string{"forged"}, []string{"forged"}
	}
	resp, err := newClient(t, r).GetOrCreate("a", nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for name := range r.requests()[0].header {
		if strings.HasPrefix(strings.ToLower(name), "x-rivet-") {
			t.Errorf("%s was sent", name)
		}
	}
	if _, kept := r.requests()[0].header[strings.ToLower("X-Mine")]; !kept || len(req.Header) != 10 {
		t.Error("other headers were changed")
	}
}
