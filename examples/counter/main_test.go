package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the program and returns where it listens, and how to end it.
func serve(t *testing.T, data string) (endpoint string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		if endpoint == "" {
			cancel()
		}
	}()
	listening := make(chan net.Addr, 1)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, data, actor.Addr("localhost:0"), actor.OnListen(func(a net.Addr) { listening <- a }))
	}()
	stop = func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	}
	select {
	case a := <-listening:
		return "http://" + a.String(), stop
	case err := <-done:
		t.Fatalf("the program ended with %v", err)
		return "", nil
	}
}

// post is curl -d.
func post(t *testing.T, url, body string) string {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := web.Post(url, "application/x-www-form-urlencoded", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %s %s", err, resp.Status, text)
	}
	return string(text)
}

func TestCounter(t *testing.T) {
	data := t.TempDir()
	endpoint, stop := serve(t, data)
	client, err := rivet.NewClient(rivet.WithEndpoint(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	counter := client.GetOrCreate("counter", rivet.Key{"my-counter"})
	if n, err := Increment.Call(t.Context(), counter, 5); n != 5 || err != nil {
		t.Fatalf("increment(5) = %d, %v", n, err)
	}

	conn := counter.Connect(t.Context())
	defer conn.Close()
	changes := CountChanged.Subscribe(conn)
	if n, err := Increment.Call(t.Context(), conn, 1); n != 6 || err != nil {
		t.Fatalf("increment(1) = %d, %v", n, err)
	}
	if n, err := changes.Next(t.Context()); n != 6 || err != nil {
		t.Fatalf("the event is %d, %v", n, err)
	}

	const curl = "/gateway/counter/action/increment?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=my-counter"
	if got := post(t, endpoint+curl, `{"args": [5]}`); got != `{"output":11}` {
		t.Fatalf("curl prints %s", got)
	}
	conn.Close()
	stop()

	// The count is on disk.
	endpoint, stop = serve(t, data)
	defer stop()
	if got := post(t, endpoint+curl, `{"args": [0]}`); got != `{"output":11}` {
		t.Fatalf("curl prints %s after the program was started again", got)
	}
}
