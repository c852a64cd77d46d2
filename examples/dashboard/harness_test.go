package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor"
)

// serve runs the program until stop is called, or the test ends.
func serve(t *testing.T, store actor.Option) (base string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, store)
}

func serveOn(t *testing.T, l net.Listener, store actor.Option) (base string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, l, io.Discard, store) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop
}

// browser is what a page does, without a page.
type browser struct {
	t     *testing.T
	base  string
	lines *bufio.Scanner
}

func open(t *testing.T, base string) *browser {
	t.Helper()
	return openFor(t.Context(), t, base)
}

// openFor opens a browser that leaves when ctx ends.
func openFor(ctx context.Context, t *testing.T, base string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // or nothing comes
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/news", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the news are %q", kind)
	}
	return &browser{t: t, base: base, lines: bufio.NewScanner(resp.Body)}
}

// until reads news of a kind until what they say is so.
func until[T any](b *browser, kind string, so func(T) bool) (v T) {
	b.t.Helper()
	of := ""
	for b.lines.Scan() {
		if name, ok := strings.CutPrefix(b.lines.Text(), "event: "); ok {
			of = name
		}
		data, ok := strings.CutPrefix(b.lines.Text(), "data: ")
		if !ok || of != kind {
			continue
		}
		v = *new(T)
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			b.t.Fatalf("%s: %v", kind, err)
		}
		if so(v) {
			return v
		}
	}
	b.t.Fatalf("no %s is as it should be; the last is %+v; %v", kind, v, b.lines.Err())
	return v
}

// press does what a button does, and returns the status.
func press(t *testing.T, base, action string, values ...string) int {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	resp, err := http.PostForm(base+action, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func ok(t *testing.T, status int) {
	t.Helper()
	if status != http.StatusNoContent {
		t.Errorf("status %d, want 204", status)
	}
}

const machines = 48
