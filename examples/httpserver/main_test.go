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
	"github.com/rivet-go/rivet/actor/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the server until the end of the test and returns its address.
func serve(t *testing.T) string {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, l, local.Memory()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// do sends a request and returns the status and the body of the answer.
func do(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// The server's own route and a client of Rivet reach one counter.
func TestServer(t *testing.T) {
	server := serve(t)
	if status, body := do(t, "POST", server+"/increment/apples"); status != 200 || body != "{\"count\":1}\n" {
		t.Fatalf("the answer is %d %q", status, body)
	}
	if status, _ := do(t, "GET", server+"/api/rivet/metadata"); status != 200 {
		t.Errorf("the status of the metadata is %d", status)
	}
	client, err := rivet.NewClient(rivet.WithEndpoint(server + "/api/rivet"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, c := range []struct {
		name string
		want int
	}{{"apples", 6}, {"pears", 5}} {
		n, err := Increment.Call(t.Context(), client.GetOrCreate("counter", rivet.Key{c.name}), 5)
		if n != c.want || err != nil {
			t.Errorf("%d %s, %v, want %d", n, c.name, err, c.want)
		}
	}
	conn := client.GetOrCreate("counter", rivet.Key{"apples"}).Connect(t.Context())
	defer conn.Close()
	if n, err := Increment.Call(t.Context(), conn, 1); n != 7 || err != nil {
		t.Errorf("%d, %v over a connection, want 7", n, err)
	}
	if status, body := do(t, "POST", server+"/increment/apples"); status != 200 || body != "{\"count\":8}\n" {
		t.Errorf("the answer is %d %q", status, body)
	}
}

// What goes wrong with an actor is not for everybody to read.
func TestServerRefuses(t *testing.T) {
	server := serve(t)
	long := strings.Repeat("x", 2000) // a key of which the limit is 1,024 bytes
	if status, body := do(t, "POST", server+"/increment/"+long); status != 502 || body != "the counter cannot be reached\n" {
		t.Errorf("the answer is %d %q", status, body)
	}
	if status, _ := do(t, "GET", server+"/increment/apples"); status != 405 {
		t.Errorf("the status of GET is %d", status)
	}
	if status, _ := do(t, "GET", server+"/gateway/counter/action/increment"); status != 404 {
		t.Errorf("the status of a route that is not mounted is %d", status)
	}
}
