package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// localClient returns an HTTP client in the process of the front.
func localClient(f *front) *http.Client { return &http.Client{Transport: localTransport{f}} }

func post(t testing.TB, ctx context.Context, c *http.Client, target string, body io.Reader) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", "http://rivet.local"+target, body)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(r)
}

const requestURL = "/gateway/http/request/x?" + query

func TestLocalClientStreamsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != -1 || r.RequestURI != "/request/x" {
				t.Errorf("%d %s", r.ContentLength, r.RequestURI)
			}
			w.Header().Set("X-Own", "yes")
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				fmt.Fprintf(w, "got %s;", buf[:n])
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				if err != nil {
					return
				}
			}
		})}
		f := newTestFront(t, nil, p)
		body, in := io.Pipe()
		got := make(chan string)
		go func() {
			in.Write([]byte("one"))
			if s := <-got; s != "got one;" {
				t.Errorf("%q", s)
			}
			in.Write([]byte("two"))
			if s := <-got; s != "got two;" {
				t.Errorf("%q", s)
			}
			in.Close()
		}()
		res, err := post(t, t.Context(), localClient(f), requestURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("X-Own") != "yes" || res.StatusCode != 200 || res.ContentLength != -1 {
			t.Errorf("%+v", res)
		}
		buf := make([]byte, 100)
		for range 2 {
			n, err := res.Body.Read(buf)
			if err != nil {
				t.Error(err)
			}
			got <- string(buf[:n])
		}
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "got ;" {
			t.Errorf("%q %v", rest, err)
		}
		res.Body.Close()
	})
}

func TestLocalClientIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := 0
		p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				if _, err := w.Write(make([]byte, 10<<10)); err != nil {
					return
				}
				wrote++
			}
		})}
		f := newTestFront(t, nil, p)
		res, err := post(t, t.Context(), localClient(f), requestURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if wrote != maxAhead/(10<<10) {
			t.Errorf("%d chunks were taken", wrote)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil || len(b) != 1000<<10 {
			t.Errorf("%d %v", len(b), err)
		}
		res.Body.Close()
	})
}

func TestLocalClientGivesUp(t *testing.T) {
	cause := errors.New("tired")
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter)
		end     func(cancel context.CancelCauseFunc, res *http.Response)
		want    error
	}{
		{"before the answer", nil, func(cancel context.CancelCauseFunc, _ *http.Response) { cancel(cause) }, cause},
		{"in the answer", func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, func(cancel context.CancelCauseFunc, _ *http.Response) { cancel(cause) }, cause},
		{"by closing", func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, func(_ context.CancelCauseFunc, res *http.Response) { res.Body.Close() }, http.ErrBodyReadAfterClose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := false
				p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if tt.handler != nil {
						tt.handler(w)
					}
					_, err := r.Body.Read(make([]byte, 1)) // which the client never writes
					<-r.Context().Done()
					if _, err2 := w.Write([]byte("x")); err == nil || err2 == nil {
						t.Errorf("%v %v", err, err2)
					}
					ended = true
				})}
				f := newTestFront(t, nil, p)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				body, in := io.Pipe()
				defer in.Close()
				var res *http.Response
				var err error
				if tt.handler == nil {
					go func() {
						<-time.After(time.Second)
						tt.end(cancel, nil)
					}()
				}
				res, err = post(t, ctx, localClient(f), requestURL, body)
				if tt.handler != nil {
					if err != nil {
						t.Fatal(err)
					}
					tt.end(cancel, res)
					synctest.Wait()
					_, err = io.ReadAll(res.Body)
				}
				synctest.Wait()
				if !errors.Is(err, tt.want) || !ended {
					t.Errorf("%v, the handler has ended: %v", err, ended)
				}
			})
		})
	}
}

func TestLocalClientSeesAborts(t *testing.T) {
	for _, p := range []any{http.ErrAbortHandler, "a panic"} {
		for _, begun := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := newTestFront(t, nil, &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if begun {
						io.WriteString(w, "half")
					}
					panic(p)
				})})
				res, err := post(t, t.Context(), localClient(f), requestURL, strings.NewReader("x"))
				var b []byte
				if err == nil {
					b, err = io.ReadAll(res.Body)
				}
				if !errors.Is(err, io.ErrUnexpectedEOF) || (string(b) == "half") != begun {
					t.Errorf("%v %v: %q %v", p, begun, b, err)
				}
			})
		}
	}
}

func TestLocalClientWithoutBodies(t *testing.T) {
	f := newTestFront(t, nil, &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); len(b) != 0 || err != nil || r.ContentLength != 0 {
			t.Errorf("%q %v %d", b, err, r.ContentLength)
		}
		switch r.Method {
		case "PUT":
			w.WriteHeader(http.StatusNoContent)
		case "HEAD":
			w.Header().Set("Content-Length", "5")
		}
		w.WriteHeader(http.StatusTeapot) // too late for one of them
		if n, err := w.Write([]byte("<html>")); r.Method != "GET" && (n != 0 || !errors.Is(err, http.ErrBodyNotAllowed)) {
			t.Errorf("%d %v", n, err)
		}
	})})
	for method, want := range map[string]string{"GET": "418 I'm a teapot <html>", "HEAD": "418 I'm a teapot ", "PUT": "204 No Content "} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://rivet.local"+requestURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := localClient(f).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Status + " " + bodyOf(t, res); got != want {
			t.Errorf("%s: %q", method, got)
		}
	}
}

func TestLocalClientAfterShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTestFront(t, nil, &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})})
		done := make(chan error)
		go func() {
			_, err := post(t, t.Context(), localClient(f), requestURL, nil)
			done <- err
		}()
		synctest.Wait()
		if err := f.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, errShutdown) {
			t.Errorf("the call that was under way: %v", err)
		}
		if _, err := post(t, t.Context(), localClient(f), requestURL, strings.NewReader("x")); err == nil {
			t.Error("a call was answered afterwards")
		}
	})
}

// TestClientInTheProcess has the Go client reach actors through the front.
func TestClientInTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/action/a/b" || r.URL.EscapedPath() != "/action/a%2Fb" {
				t.Errorf("%s", r.URL)
			}
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(codec.AppendActionResult(nil, codec.BARE, []byte{0x18, 42}))
		})}
		p.accept = func(l actor.Link) actor.Receiver {
			if l.Request().URL.Path != "/connect" {
				t.Errorf("%s", l.Request().URL)
			}
			if err := l.Send(actor.NewFrame(false, codec.AppendInit(nil, codec.BARE, "id", "conn"))); err != nil {
				t.Error(err)
			}
			return &fakeReceiver{link: l, refuseAt: -1}
		}
		f := newTestFront(t, nil, p)
		client, err := rivet.NewClient(f.options()...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		m, err := client.Metadata(t.Context())
		if err != nil || m.Runtime != "rivetkit" || m.Version != "2.3.19" {
			t.Errorf("%+v %v", m, err)
		}
		h := client.GetOrCreate("counter", rivet.Key{"a,b"})
		if out, err := rivet.Call[int](t.Context(), h, "a/b"); err != nil || out != 42 {
			t.Errorf("%d %v", out, err)
		}
		conn := h.Connect(t.Context())
		if err := conn.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		conn.Close()
		if len(p.records) != 1 || !slices.Equal(p.records[0].Key, []string{"a,b"}) {
			t.Errorf("%+v", p.records)
		}
	})
}

func TestBodyLimit(t *testing.T) {
	want := `{"group":"guard","code":"invalid_request_body","message":"Unable to parse request body: request body exceeded the 20971520-byte limit.","metadata":{"reason":"request body exceeded the 20971520-byte limit"}}`
	p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if _, ok := errors.AsType[*http.MaxBytesError](err); n > maxBody || (err != nil) != ok {
			t.Errorf("%d %v", n, err)
		}
		w.Header().Set("X-Own", "yes")
		fmt.Fprintf(w, "%d", n)
	})}
	f := newTestFront(t, nil, p)
	srv := httptest.NewServer(f)
	defer srv.Close()
	for _, c := range []*http.Client{srv.Client(), localClient(f)} {
		base := "http://rivet.local"
		if c == srv.Client() {
			base = srv.URL
		}
		for _, chunked := range []bool{false, true} {
			for size, fits := range map[int64]bool{maxBody: true, maxBody + 1: false, maxBody + 100000: false} {
				var body io.Reader = io.LimitReader(zeros{}, size)
				r, err := http.NewRequestWithContext(t.Context(), "POST", base+requestURL, body)
				if err != nil {
					t.Fatal(err)
				}
				if !chunked {
					r.ContentLength = size
				}
				res, err := c.Do(r)
				if err != nil {
					if fits || chunked { // else the server closes while the client still writes
						t.Errorf("%d chunked=%v: %v", size, chunked, err)
					}
					continue
				}
				got := bodyOf(t, res)
				res.Body.Close()
				if fits && (got != fmt.Sprint(size) || res.StatusCode != 200) || !fits && (got != want || res.StatusCode != 413 || res.Header.Get("X-Own") != "") {
					t.Errorf("%d chunked=%v: %d %.200s", size, chunked, res.StatusCode, got)
				}
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestStreamingOverTheNetwork holds that a handler can read while it writes.
func TestStreamingOverTheNetwork(t *testing.T) {
	p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 10)
		for {
			n, err := r.Body.Read(buf)
			if err != nil {
				return
			}
			w.Write(buf[:n])
			http.NewResponseController(w).Flush()
		}
	})}
	f := newTestFront(t, nil, p)
	srv := httptest.NewServer(f)
	defer srv.Close()
	body, in := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+requestURL, body)
	if err != nil {
		t.Fatal(err)
	}
	go in.Write([]byte("0"))
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for i := range 10 {
		b := make([]byte, 1)
		if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != fmt.Sprint(i) {
			t.Fatalf("%q %v", b, err)
		}
		if i < 9 {
			fmt.Fprint(in, i+1)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		t.Errorf("%q %v", rest, err)
	}
}

// TestBodiesThatNobodyReads holds that the server's connections survive handlers
// that leave a body alone, and those that read a part.
func TestBodiesThatNobodyReads(t *testing.T) {
	p := &fakePlaces{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/request/part" {
			_, _ = io.ReadFull(r.Body, make([]byte, 10))
		}
		io.WriteString(w, "ok")
	})}
	f := newTestFront(t, nil, p)
	var mu sync.Mutex
	var lines strings.Builder
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(b)
	}), "", 0)
	srv.Start()
	for _, path := range []string{"none", "part"} {
		for _, size := range []int64{20, 60 << 10, 100 << 10, 1 << 20} {
			for _, chunked := range []bool{false, true} {
				for range 3 {
					r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/gateway/http/request/"+path+"?"+query, io.LimitReader(zeros{}, size))
					if err != nil {
						t.Fatal(err)
					}
					if !chunked {
						r.ContentLength = size
					}
					res, err := srv.Client().Do(r)
					if err != nil {
						continue // closed while the client still writes
					}
					if got, err := io.ReadAll(res.Body); err == nil && string(got) != "ok" {
						t.Errorf("%q", got)
					}
					res.Body.Close()
				}
			}
		}
	}
	srv.Close()
	mu.Lock()
	defer mu.Unlock()
	if lines.Len() > 0 {
		t.Errorf("the server says:\n%.500s", lines.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
