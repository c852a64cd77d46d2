package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// rawActor answers raw requests with f.
func rawActor(f func(*actor.Context[roomState], http.ResponseWriter, *http.Request)) actor.Actor {
	return actor.Define("raw", func(d *actor.Definition[roomState]) { d.OnRequest(f) })
}

// overHTTP serves an actor on a server of its own.
func overHTTP(t *testing.T, in *actor.Instance) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(in)
	t.Cleanup(s.Close)
	return s
}

// lockedBuffer is where a test's log goes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func logged() (*lockedBuffer, actor.Option) {
	b := new(lockedBuffer)
	return b, actor.WithLogger(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// TestRawRequest: what a handler sees of a request, and the client of its answer.
func TestRawRequest(t *testing.T) {
	b := newBench(t, rawActor(func(c *actor.Context[roomState], w http.ResponseWriter, r *http.Request) {
		if c.State != nil {
			t.Error("there is a State without a turn")
		}
		if err := c.Update(func(s *roomState) { s.Seen++ }); err != nil {
			t.Error(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/x/{name}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s host=%s auth=%s body=%s", r.Method, r.URL, r.RequestURI, r.PathValue("name"), r.Host, r.Header.Get("Authorization"), body)
			w.Header().Set("X-Sum", "17")
		})
		mux.ServeHTTP(w, r)
	}))
	in := b.mustStart(t)
	defer b.stop(t, in, actor.Sleeping)
	server := overHTTP(t, in)
	req, _ := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/request/x/a%20b?y=c%20d&z", strings.NewReader("hello"))
	req.Host = "example.com"
	req.Header.Set("Authorization", "Bearer t")
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	const want = "PUT http://127.0.0.1/x/a%20b?y=c%20d&z /x/a%20b?y=c%20d&z a b host=example.com auth=Bearer t body=hello"
	if string(body) != want || res.StatusCode != 200 {
		t.Errorf("%d\n got %s\nwant %s", res.StatusCode, body, want)
	}
	if res.Trailer.Get("X-Sum") != "17" || res.Header.Get("X-Rivet-Actor-Generation") != "1" {
		t.Errorf("trailer %v, header %v", res.Trailer, res.Header)
	}
	res, err = server.Client().Head(server.URL + "/request/x/y")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
	res, err = server.Client().Get(server.URL + "/request")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("the root: %d", res.StatusCode)
	}
}

// TestRawStreaming sends lines to a handler and gets each back before the next.
func TestRawStreaming(t *testing.T) {
	b := newBench(t, rawActor(func(_ *actor.Context[roomState], w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			if ferr := rc.Flush(); ferr != nil {
				t.Error(ferr)
			}
			if err != nil {
				return
			}
		}
	}))
	in := b.mustStart(t)
	defer b.stop(t, in, actor.Sleeping)
	server := overHTTP(t, in)
	pr, pw := io.Pipe()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/request", pr)
	go func() { _, _ = pw.Write([]byte("0")) }()
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 1)
	for i := range 10 {
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != fmt.Sprint(i) {
			t.Fatalf("line %d: %q, %v", i, buf, err)
		}
		if i < 9 {
			if _, err := fmt.Fprint(pw, i+1); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

// TestRawContext: a handler's context ends with the client and with the actor.
func TestRawContext(t *testing.T) {
	for _, end := range []string{"client", "actor"} {
		t.Run(end, func(t *testing.T) {
			begun, ended := make(chan struct{}), make(chan error, 1)
			b := newBench(t, rawActor(func(c *actor.Context[roomState], w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				close(begun)
				<-r.Context().Done()
				<-c.Done()
				ended <- context.Cause(c)
			}))
			in := b.mustStart(t)
			server := overHTTP(t, in)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/request", nil)
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			<-begun
			if end == "client" {
				cancel()
			} else {
				release, ok := in.Hold() // as a driver does
				if !ok {
					t.Fatal("no hold")
				}
				stopped := make(chan struct{})
				go func() { defer close(stopped); b.stop(t, in, actor.Destroying) }()
				defer func() { <-stopped }()
				defer release()
			}
			if cause := <-ended; cause == nil {
				t.Error("the context has no cause")
			} else if end == "actor" {
				if e, ok := errors.AsType[*rivet.Error](cause); !ok || e.Code != "stopping" {
					t.Errorf("the cause is %v", cause)
				}
			}
			if end == "client" {
				b.stop(t, in, actor.Sleeping)
			}
		})
	}
}

// TestRawFailures: answers of handlers that fail, before and behind the first
// byte, and by WriteError.
func TestRawFailures(t *testing.T) {
	const ref = `"actor":{"actorId":"<id>","generation":1,"key":"k"}`
	const masked = `500 {` + ref + `,"code":"internal_error","group":"rivetkit","message":"An internal error occurred"}`
	log, option := logged()
	b := newBench(t, rawActor(func(_ *actor.Context[roomState], w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "image/png")
		switch r.URL.Path {
		case "/panic":
			panic("oops-value")
		case "/late":
			w.Header().Del("Content-Encoding")
			_, _ = w.Write([]byte("begun"))
			w.(http.Flusher).Flush()
			panic("late-value")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/user":
			w.Header().Del("Content-Encoding")
			actor.WriteError(w, r, fmt.Errorf("inside: %w", actor.UserError("refused", "no", map[string]string{"path": r.URL.Path})))
		case "/masked":
			w.Header().Del("Content-Encoding")
			actor.WriteError(w, r, errors.New("masked-text"))
		case "/hijack":
			w.Header().Del("Content-Encoding")
			_, _, err := http.NewResponseController(w).Hijack()
			_, _, err2 := w.(http.Hijacker).Hijack()
			if !errors.Is(err, http.ErrNotSupported) || !errors.Is(err2, http.ErrNotSupported) {
				t.Errorf("hijacked: %v, %v", err, err2)
			}
		}
	}), option)
	in := b.mustStart(t)
	defer b.stop(t, in, actor.Sleeping)
	server := overHTTP(t, in)
	get := func(path string, encoding string) (*http.Response, string, error) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/request"+path, nil)
		req.Header.Set("X-Rivet-Encoding", encoding)
		res, err := server.Client().Do(req)
		if err != nil {
			return nil, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res, fmt.Sprintf("%d %s", res.StatusCode, sorted(string(body))), err
	}
	for path, want := range map[string]string{
		"/panic":  masked,
		"/masked": masked,
		"/user":   `500 {` + ref + `,"code":"refused","group":"user","message":"no","metadata":{"path":"/user"}}`,
		"/hijack": "200 ",
	} {
		res, got, err := get(path, "json")
		if err != nil || got != want {
			t.Errorf("%s: %v\n got %s\nwant %s", path, err, got, want)
			continue
		}
		if path != "/hijack" && (res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Content-Encoding") != "" || res.Header.Get("X-Rivet-Actor") == "") {
			t.Errorf("%s: header %v", path, res.Header)
		}
	}
	if _, got, err := get("/late", ""); err == nil || got != "200 begun" {
		t.Errorf("a panic in the middle: %s, %v", got, err)
	}
	if _, got, err := get("/abort", ""); err == nil {
		t.Errorf("http.ErrAbortHandler: %s", got)
	}
	if res, got, err := get("/user", "bare"); err != nil || !strings.HasPrefix(got, "500 \x04\x00\x04user\x07refused\x02no\x01") || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("in bare: %q, %v", got, err)
	}
	text := log.String()
	for _, want := range []string{"oops-value", "late-value", "masked-text", "serve_raw_test.go"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log has no %q", want)
		}
	}
	if n := strings.Count(text, "level=ERROR"); n != 3 {
		t.Errorf("the log has %d errors:\n%s", n, text)
	}
}

// TestWriteErrorElsewhere: a request that is no actor's is answered all the same.
func TestWriteErrorElsewhere(t *testing.T) {
	w := httptest.NewRecorder()
	actor.WriteError(w, httptest.NewRequest("GET", "/", nil), actor.UserError("", "no", nil))
	if got := answer(w); got != `500 {"code":"user_error","group":"user","message":"no"}` {
		t.Error(got)
	}
}
