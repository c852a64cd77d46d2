package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/conn"
)

// hosting runs a host with a server until the end of the test.
func hosting(t testing.TB, reg actor.Registry, opts ...actor.Option) (*actor.Host, *httptest.Server) {
	t.Helper()
	host, err := actor.New(reg, append([]actor.Option{local.Memory()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(host.Handler())
	t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			t.Errorf("shut down: %v", err)
		}
		srv.Close()
	})
	return host, srv
}

func clientOf(t *testing.T, srv *httptest.Server) *rivet.Client {
	t.Helper()
	c, err := rivet.NewClient(rivet.WithEndpoint(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// api calls the API and returns the status with the answer.
func api(t *testing.T, srv *httptest.Server, method, path, body string) (status int, answer struct {
	Actor struct {
		ID string `json:"actor_id"`
	}
	Created  bool
	Code     string
	Metadata map[string]any
}) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return status, answer
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Error(err)
		return status, answer
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	return res.StatusCode, answer
}

// Of many who create an actor with one key, one does.
func TestManyCreateOneActor(t *testing.T) {
	_, srv := hosting(t, counters())
	const body = `{"name":"counter","key":"%s","runner_name_selector":"default","crash_policy":"sleep"}`
	for _, method := range []string{"PUT", "POST"} {
		var mu sync.Mutex
		ids := make(map[string]int)
		created := 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				status, a := api(t, srv, method, "/actors?namespace=default", fmt.Sprintf(body, method))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case status == 200:
					ids[a.Actor.ID]++
					if a.Created || method == "POST" {
						created++
					}
				case method == "POST" && a.Code == "duplicate_key":
					ids[a.Metadata["existing_actor_id"].(string)]++
				default:
					t.Errorf("%s: %d %+v", method, status, a)
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 || created != 1 {
			t.Errorf("%s: %d actors, created %d times", method, len(ids), created)
		}
	}
}

// An actor that is destroyed while others use it is gone as a whole, and its key
// is that of a new one, which begins anew.
func TestDestroyedWhileItIsUsed(t *testing.T) {
	_, srv := hosting(t, counters())
	client := clientOf(t, srv)
	h := client.GetOrCreate("counter", rivet.Key{"k"})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				var err error
				switch n {
				case 0, 1:
					_, err = increment.Call(ctx, h, 1)
				case 2:
					_, err = doze.Call(ctx, h, 1)
				case 3:
					_, err = client.Create(ctx, "counter", rivet.Key{"k"})
				default:
					c := h.Connect(ctx)
					_, err = increment.Call(ctx, c, 1)
					_ = c.Close()
				}
				var e *rivet.Error
				switch {
				case err == nil, ctx.Err() != nil:
				case errors.As(err, &e) && (e.Group == "actor" || e.Code == "actor_wake_retries_exceeded"):
				case errors.As(err, new(*conn.DisconnectedError)):
				default:
					t.Errorf("%d: %v", n, err)
				}
			}
		})
	}
	ids := make(map[string]bool)
	for len(ids) < 30 {
		id, err := h.Resolve(ctx)
		if err != nil {
			t.Error(err)
			break
		}
		if ids[id] {
			t.Error("the id was destroyed")
			break
		}
		ids[id] = true
		if err := client.GetForID("counter", id).Destroy(ctx); err != nil {
			t.Error(err)
			break
		}
	}
	cancel()
	wg.Wait()
	if err := h.Destroy(t.Context()); err != nil && !errors.Is(err, rivet.ErrActorNotFound) {
		t.Error(err)
	}
	if n, err := increment.Call(t.Context(), h, 1); err != nil || n != 1 {
		t.Errorf("the next one: %d %v", n, err)
	}
}

// An actor that goes to sleep all the time still serves everybody, and counts.
func TestWokenWhileItStops(t *testing.T) {
	host, srv := hosting(t, counters())
	client := clientOf(t, srv)
	h := client.GetOrCreate("counter", rivet.Key{"k"})
	var wg sync.WaitGroup
	const callers, calls = 20, 20
	for n := range callers {
		wg.Go(func() {
			var caller rivet.Caller = h
			if n%2 == 0 {
				c := h.Connect(t.Context())
				defer c.Close()
				caller = c
			}
			for range calls {
				if _, err := increment.Call(t.Context(), caller, 1); err != nil {
					t.Errorf("%d: %v", n, err)
				}
				if n%4 > 1 {
					if _, err := doze.Call(t.Context(), caller, 1); err != nil {
						t.Errorf("%d: %v", n, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n, err := increment.Call(t.Context(), h, 0); err != nil || n != callers*calls {
		t.Errorf("%d of %d, %v", n, callers*calls, err)
	}
	t.Logf("%d generations", host.Stats().Starts)
}

// Many connections, to one actor and to many, each get each event.
func TestManyConnections(t *testing.T) {
	const touch = rivet.Action[int, int]("touch")
	host, _ := hosting(t, actor.Registry{actor.Define("counter", func(d *actor.Definition[count]) {
		actor.Handle(d, touch, func(c *actor.Context[count], n int) (int, error) { return n, nil })
		actor.Handle(d, increment, func(c *actor.Context[count], by int) (int, error) {
			return by, actor.Broadcast(c, countChanged, by)
		})
	})})
	const many = 500
	client := host.Client()
	for _, actors := range []int{1, many} {
		conns := make([]*conn.Conn, many)
		var there, wg sync.WaitGroup
		for i := range conns {
			c := client.GetOrCreate("counter", rivet.Key{fmt.Sprint(actors), fmt.Sprint(i % actors)}).Connect(t.Context())
			conns[i] = c
			sub := countChanged.Subscribe(c)
			there.Go(func() {
				// Its reply says that the subscription is there.
				if _, err := touch.Call(t.Context(), c, 0); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				defer sub.Close()
				for want := 1; want <= 10; want++ {
					if n, err := sub.Next(t.Context()); err != nil || n != want {
						t.Errorf("got %d %v, want %d", n, err, want)
						return
					}
				}
			})
		}
		there.Wait()
		if n := host.Stats().Connections; n != many {
			t.Errorf("%d connections", n)
		}
		for n := 1; n <= 10; n++ {
			for _, c := range conns[:actors] {
				if _, err := increment.Call(t.Context(), c, n); err != nil {
					t.Error(err)
				}
			}
		}
		wg.Wait()
		for _, c := range conns {
			_ = c.Close()
		}
		for host.Stats().Connections > 0 {
			<-time.After(time.Millisecond)
		}
	}
}

// handshaken opens a WebSocket to the counter with that key over TCP.
func handshaken(t *testing.T, srv *httptest.Server, key string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fmt.Fprintf(c, "GET /gateway/counter/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=%s HTTP/1.1\r\nHost: h\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Protocol: rivet, rivet_encoding.json\r\n\r\n", key)
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	return c, br
}

// A client that does not read is cut, told why, and counted; others are served.
func TestSlowClientsAreCounted(t *testing.T) {
	const flood = rivet.Event[string]("flood")
	const pour = rivet.Action[int, rivet.None]("pour")
	text := strings.Repeat("x", 500<<10)
	reg := actor.Registry{actor.Define("counter", func(d *actor.Definition[struct{}]) {
		actor.Do(d, pour, func(c *actor.Context[struct{}], n int) error {
			return actor.Broadcast(c, flood, text)
		})
	})}
	// Room for two events: who has read one may be faster than what is noted of it.
	host, srv := hosting(t, reg, actor.SendBuffer(1100<<10))
	c, br := handshaken(t, srv, "k")
	// A masked message that subscribes, with a mask of zeros.
	const subscribe = `{"body":{"tag":"SubscriptionRequest","val":{"eventName":"flood","subscribe":true}}}`
	fmt.Fprintf(c, "\x81%s\x00\x00\x00\x00%s", []byte{0x80 | byte(len(subscribe))}, subscribe)
	h := clientOf(t, srv).GetOrCreate("counter", rivet.Key{"k"})
	fast := h.Connect(t.Context())
	defer fast.Close()
	sub := flood.Subscribe(fast)
	defer sub.Close()
	for n := 0; host.Stats().SlowConnections == 0; n++ {
		if _, err := pour.Call(t.Context(), fast, 1); err != nil {
			t.Fatal(err)
		}
		if got, err := sub.Next(t.Context()); err != nil || len(got) != len(text) {
			t.Fatal(len(got), err)
		}
		if n == 1000 {
			t.Fatal("it is never cut")
		}
	}
	if got := host.Stats().SlowConnections; got != 1 {
		t.Errorf("%d are counted", got)
	}
	_, _ = io.Copy(io.Discard, br) // a reset at the latest ends it
}

// What cannot be a WebSocket here gets an answer that says so; all else works.
func TestServersThatCannotHijack(t *testing.T) {
	host, err := actor.New(counters(), local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := host.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	handler := http.TimeoutHandler(host.Handler(), time.Minute, "late")
	srv := httptest.NewServer(handler)
	defer srv.Close()
	client := clientOf(t, srv)
	h := client.GetOrCreate("counter", rivet.Key{"k"})
	if n, err := increment.Call(t.Context(), h, 1); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/gateway/counter/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-pool=default&rvt-key=k", nil)
	req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"rivet"}}
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != 400 || res.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), "guard") ||
		!strings.Contains(string(body), "does not let go of the connection") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	c := h.Connect(t.Context())
	if _, err := increment.Call(t.Context(), c, 1); err == nil || !strings.Contains(err.Error(), "websocket_not_supported") {
		t.Error(err)
	}
	_ = c.Close()

	two := httptest.NewUnstartedServer(host.Handler())
	two.EnableHTTP2 = true
	two.StartTLS()
	defer two.Close()
	c2, err := rivet.NewClient(rivet.WithEndpoint(two.URL), rivet.WithHTTPClient(two.Client()))
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Close()
	if n, err := increment.Call(t.Context(), c2.GetOrCreate("counter", rivet.Key{"k"}), 1); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
	res, err = two.Client().Get(two.URL + "/metadata")
	if err != nil || res.ProtoMajor != 2 {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
}

// Shutdown under load ends, and tells everybody.
func TestShutdownUnderLoad(t *testing.T) {
	const wait = rivet.Action[int, int]("wait")
	entered := make(chan struct{}, 1000)
	reg := actor.Registry{actor.Define("counter", func(d *actor.Definition[count]) {
		actor.Handle(d, increment, func(c *actor.Context[count], by int) (int, error) {
			c.State.N += by
			return c.State.N, actor.Broadcast(c, countChanged, c.State.N)
		})
		actor.Handle(d, wait, func(c *actor.Context[count], by int) (int, error) {
			entered <- struct{}{}
			<-c.Done()
			return 0, context.Cause(c)
		})
		// Those that wait have a quarter of it to end once they are told to, all at
		// once, on a machine that may be busy.
	}, actor.StopGrace(4*time.Second))}
	host, err := actor.New(reg, local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(host.Handler())
	defer srv.Close()
	var wg sync.WaitGroup
	stopped := make(chan struct{})
	var calls, told atomic.Int64
	for n := range 30 {
		client := host.Client()
		if n%2 == 0 {
			client = clientOf(t, srv)
		}
		wg.Go(func() {
			h := client.GetOrCreate("counter", rivet.Key{fmt.Sprint(n % 5)})
			var caller rivet.Caller = h
			if n%3 > 0 {
				c := h.Connect(t.Context())
				defer c.Close()
				caller = c
			}
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				var err error
				if n < 2 {
					_, err = wait.Call(ctx, client.GetOrCreate("counter", rivet.Key{"w"}), 1)
				} else {
					_, err = increment.Call(ctx, caller, 1)
				}
				cancel()
				calls.Add(1)
				var e *rivet.Error
				switch {
				case err == nil:
				case errors.As(err, &e) && (e.Code == "service_unavailable" || e.Code == "stopping" || e.Code == "going_away"):
					told.Add(1)
				case errors.Is(err, net.ErrClosed), errors.Is(err, context.DeadlineExceeded):
					// The client in the process, whose host is no more, or one that still tries to connect.
				case errors.As(err, new(*conn.DisconnectedError)):
				default:
					t.Error(err)
				}
				select {
				case <-stopped:
					return
				default:
				}
			}
		})
	}
	<-entered
	for calls.Load() < 500 {
		<-time.After(time.Millisecond)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := host.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	took := time.Since(began)
	close(stopped)
	wg.Wait()
	if told.Load() == 0 {
		t.Error("nobody is told that the host stops")
	}
	t.Logf("%v, with %d calls, of which %d were told", took, calls.Load(), told.Load())
	if s := host.Stats(); s.Awake != 0 || s.Connections != 0 {
		t.Errorf("%+v", s)
	}
}

// A folder is for one host at a time.
func TestTwoHostsInOneFolder(t *testing.T) {
	dir := t.TempDir()
	one, err := actor.New(counters(), local.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := actor.New(counters(), local.Dir(dir)); !errors.Is(err, local.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the second: %v", err)
	}
	if n, err := increment.Call(t.Context(), one.Client().GetOrCreate("counter", rivet.Key{}), 1); err != nil || n != 1 {
		t.Errorf("the first: %d %v", n, err)
	}
	if err := one.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	two, err := actor.New(counters(), local.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := increment.Call(t.Context(), two.Client().GetOrCreate("counter", rivet.Key{}), 1); err != nil || n != 2 {
		t.Errorf("the second: %d %v", n, err)
	}
	if err := two.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
