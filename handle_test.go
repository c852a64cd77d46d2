package rivet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// Zero values are inputs like any other, on both routes.
func TestBehaviour17_ZeroValueInputIsInput(t *testing.T) {
	tests := []struct {
		opts []rivet.HandleOption
		want string // JSON of what the actor gets; empty for nothing
	}{
		{nil, ""},
		{[]rivet.HandleOption{rivet.WithInput(0)}, "0"},
		{[]rivet.HandleOption{rivet.WithInput("")}, `""`},
		{[]rivet.HandleOption{rivet.WithInput(false)}, "false"},
		{[]rivet.HandleOption{rivet.WithInput(nil)}, "null"},
		{[]rivet.HandleOption{rivet.WithInput(map[string]int{"a": 1})}, `{"a":1}`},
	}
	for i, tt := range tests {
		for _, part := range []string{"k", "k,k"} { // in the URL; in the body
			gw := newGateway(t)
			key := rivet.Key{part, fmt.Sprint(i)}
			if _, err := increment.Call(t.Context(), gw.Client(t).GetOrCreate("counter", key, tt.opts...), 1); err != nil {
				t.Fatal(err)
			}
			input := gw.Instance("counter", key...).Input()
			var got string
			if len(input.Bytes()) > 0 {
				var v any
				if err := input.Decode(&v); err != nil {
					t.Fatal(err)
				}
				b, _ := json.Marshal(v)
				got = string(b)
			}
			if got != tt.want {
				t.Errorf("%s with %q: the actor got %q", key, tt.want, got)
			}
		}
	}
	t.Run("create", func(t *testing.T) {
		gw := newGateway(t)
		if _, err := gw.Client(t).Create(t.Context(), "counter", rivet.Key{"a"}, rivet.WithInput(0)); err != nil {
			t.Fatal(err)
		}
		n := 1
		if err := gw.Instance("counter", "a").Input().Decode(&n); err != nil || n != 0 {
			t.Errorf("input %d, %v", n, err)
		}
	})
}

// Zero values are parameters like any other, in headers and subprotocols.
func TestBehaviour18_ZeroValueParamsAreParams(t *testing.T) {
	tests := []struct {
		opts []rivet.HandleOption
		want string
	}{
		{nil, ""},
		{[]rivet.HandleOption{rivet.WithParams(0)}, "0"},
		{[]rivet.HandleOption{rivet.WithParams("")}, `""`},
		{[]rivet.HandleOption{rivet.WithParams(false)}, "false"},
		{[]rivet.HandleOption{rivet.WithParams(nil)}, "null"},
		{[]rivet.HandleOption{rivet.WithParams(map[string]string{"ü (+%)": "a b,c"})}, `{"ü (+%)":"a b,c"}`},
	}
	for _, tt := range tests {
		gw := newGateway(t)
		seen := make(chan string, 2)
		gw.Actor("counter").OnConnect(func(_ context.Context, r *rivettest.Request) error {
			text := ""
			if b := r.Params.Bytes(); len(b) > 0 {
				var v any
				if err := json.Unmarshal(b, &v); err != nil {
					text = err.Error()
				} else {
					b, _ = json.Marshal(v)
					text = string(b)
				}
			}
			seen <- text
			return nil
		})
		h := gw.Client(t).GetOrCreate("counter", nil, tt.opts...)
		if _, err := increment.Call(t.Context(), h, 1); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != tt.want {
			t.Errorf("call with %q: the actor got %q", tt.want, got)
		}
		c := h.Connect(t.Context())
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != tt.want {
			t.Errorf("connection with %q: the actor got %q", tt.want, got)
		}
		c.Close()
	}
}

// Functions of parameters, token and headers are asked for every request and
// every attempt, and their failure sends nothing.
func TestBehaviour19_FreshParamsOnEveryKindOfCall(t *testing.T) {
	gw := newGateway(t)
	rivettest.Consume(gw.Actor("counter"), rivet.Queue[int, int]("jobs"), func(_ context.Context, _ *rivettest.QueueMessage, n int) (int, error) { return n, nil })
	gw.Actor("counter").OnRequest(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var asked, tokens, headers atomic.Int32
	c := gw.Client(t,
		rivet.WithTokenFunc(func(context.Context) (string, error) { return fmt.Sprintf("t%d", tokens.Add(1)), nil }),
		rivet.WithHeadersFunc(func(context.Context) (http.Header, error) {
			return http.Header{"X-N": {fmt.Sprint(headers.Add(1))}}, nil
		}))
	ctx := t.Context()
	if _, err := c.Metadata(ctx); err != nil {
		t.Fatal(err)
	}
	tokens.Store(0)
	headers.Store(0)
	h := c.GetOrCreate("counter", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return asked.Add(1), nil }))
	if _, err := increment.Call(ctx, h, 1); err != nil {
		t.Fatal(err)
	}
	if err := h.Send(ctx, "jobs", 1); err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: h.Transport()}).Get("http://actor/x")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for i, r := range gw.Requests(func(r rivettest.HTTPRequest) bool { return r.Actor != "" }) {
		n := fmt.Sprint(i + 1)
		if r.Header.Get("X-Rivet-Conn-Params") != n || r.Header.Get("X-Rivet-Token") != "t"+n || r.Header.Get("X-N") != n {
			t.Errorf("request %d has %v", i+1, r.Header)
		}
	}
	conn := h.Connect(ctx)
	defer conn.Close()
	if err := conn.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	gw.Conn(0).Drop()
	if _, err := gw.WaitConn(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n < 5 {
		t.Errorf("parameters were asked for %d times in 3 calls and 2 links", n)
	}

	failure := errors.New("no ticket")
	before := len(gw.Requests(nil))
	bad := c.GetOrCreate("counter", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return nil, failure }))
	if _, err := increment.Call(ctx, bad, 1); !errors.Is(err, failure) || rivet.MaybeExecuted(err) {
		t.Errorf("call: %v", err)
	}
	if err := bad.Send(ctx, "jobs", 1); !errors.Is(err, failure) {
		t.Errorf("send: %v", err)
	}
	if n := len(gw.Requests(nil)); n != before {
		t.Error("a request was sent without its parameters")
	}
}

// Headers reach requests and handshakes, and never replace the protocol's.
func TestBehaviour20_CustomHeadersReachTheWebSocket(t *testing.T) {
	gw := newGateway(t)
	var handshake atomic.Pointer[http.Header]
	gw.Actor("counter").OnConnect(func(_ context.Context, r *rivettest.Request) error {
		handshake.Store(&r.Header)
		return nil
	})
	h := gw.Client(t, rivet.WithToken("tok"), rivet.WithHeaders(http.Header{"X-Tenant": {"acme"}, "User-Agent": {"mine"}})).GetOrCreate("counter", nil)
	for _, op := range []string{"call", "connect"} {
		if op == "call" {
			if _, err := increment.Call(t.Context(), h, 1); err != nil {
				t.Fatal(err)
			}
		} else {
			c := h.Connect(t.Context())
			defer c.Close()
			if err := c.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got := *handshake.Load()
		if got.Get("X-Tenant") != "acme" || got.Get("User-Agent") != "mine" {
			t.Errorf("%s: headers %v", op, got)
		}
	}
}

// Everything fails with ErrClosed after Close, and what was under way ends.
func TestBehaviour21_ClosedClientStaysClosed(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/action/slow", rivettest.Hang())
	c := gw.Client(t)
	h := c.GetOrCreate("counter", nil)
	ctx := t.Context()
	conn := h.Connect(ctx)
	if err := conn.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	shared, release := c.Shared(h)
	defer release()
	if err := shared.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	underWay := make(chan error)
	go func() {
		_, err := h.Action(ctx, "slow")
		underWay <- err
	}()
	if _, err := gw.WaitRequests(ctx, 1, rivettest.IsCall("slow")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-underWay; !errors.Is(err, rivet.ErrClosed) || !rivet.MaybeExecuted(err) {
		t.Errorf("call under way: %v", err)
	}
	before := len(gw.Requests(nil)) + len(gw.Attempts())
	errs := map[string]error{"connection": conn.Err(), "shared": shared.Err(), "send": h.Send(ctx, "q", 1), "destroy": h.Destroy(ctx)}
	_, errs["action"] = h.Action(ctx, "increment", 1)
	_, errs["on connection"] = increment.Call(ctx, conn, 1)
	_, errs["resolve"] = h.Resolve(ctx)
	_, errs["create"] = c.Create(ctx, "counter", rivet.Key{"new"})
	_, errs["metadata"] = c.Metadata(ctx)
	_, errs["info"] = h.Info(ctx)
	_, errs["url"] = h.GatewayURL(ctx, "")
	_, errs["websocket"] = h.WebSocket(ctx, "x")
	_, errs["send and wait"] = h.SendWait(ctx, "q", 1)
	req, _ := http.NewRequest("GET", "http://actor/", nil)
	_, errs["do"] = h.Do(req)
	errs["connect"] = h.Connect(ctx).Err()
	again, releaseAgain := c.Shared(h)
	releaseAgain()
	errs["share"] = again.Err()
	for _, err := range c.List(ctx, "counter") {
		errs["list"] = err
	}
	for op, err := range errs {
		if !errors.Is(err, rivet.ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if n := len(gw.Requests(nil)) + len(gw.Attempts()); n != before {
		t.Errorf("%d requests after Close", n-before)
	}
	if err := c.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	gw := newGateway(t)
	running, finish := make(chan struct{}), make(chan struct{})
	gw.Actor("counter").Handle("slow", func(context.Context, *rivettest.Request) (any, error) {
		close(running)
		<-finish
		return 1, nil
	})
	c := gw.Client(t)
	h := c.GetOrCreate("counter", nil)
	result := make(chan error)
	go func() {
		_, err := h.Action(t.Context(), "slow")
		result <- err
	}()
	<-running
	done := make(chan error)
	go func() { done <- c.Shutdown(t.Context()) }()
	for { // until Shutdown refuses new calls
		if _, err := h.Resolve(t.Context()); errors.Is(err, rivet.ErrClosed) {
			break
		}
	}
	close(finish)
	if err := <-result; err != nil {
		t.Errorf("call: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/action/", rivettest.Hang())
	c := gw.Client(t)
	result := make(chan error)
	go func() {
		_, err := c.GetOrCreate("counter", nil).Action(t.Context(), "increment", 1)
		result <- err
	}()
	if _, err := gw.WaitRequests(t.Context(), 1, rivettest.IsCall("increment")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-result; !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("call: %v", err)
	}
}

// A key handle follows its key to a new actor; an id handle stays with its own.
func TestBehaviour22_StaleActorIDIsDropped(t *testing.T) {
	for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
		gw := newGateway(t)
		ctx := t.Context()
		c := gw.Client(t)
		h := c.GetOrCreate("counter", key)
		first, err := rivet.Do(ctx, h, whoami)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := h.Resolve(ctx); id != first || err != nil {
			t.Errorf("resolve: %q, %v", id, err)
		}
		byID := c.GetForID("counter", first)
		if id, err := rivet.Do(ctx, byID, whoami); id != first || err != nil {
			t.Errorf("by id: %q, %v", id, err)
		}
		if err := h.Destroy(ctx); err != nil {
			t.Fatal(err)
		}
		second, err := rivet.Do(ctx, h, whoami)
		if err != nil || second == first {
			t.Errorf("after destroying: %q, %v", second, err)
		}
		if id, err := h.Resolve(ctx); id != second || err != nil {
			t.Errorf("resolve: %q, %v", id, err)
		}
		if _, err := rivet.Do(ctx, byID, whoami); !errors.Is(err, rivet.ErrActorNotFound) || rivet.MaybeExecuted(err) {
			t.Errorf("by id after destroying: %v", err)
		}
	}
}

func TestBehaviour36And37_RegionPoolAndCrashPolicyReachTheServer(t *testing.T) {
	opts := []rivet.HandleOption{rivet.InRegion("eu-1"), rivet.InPool("big"), rivet.WithCrashPolicy(rivet.CrashRestart)}
	for _, tt := range []struct {
		name                 string
		opts                 []rivet.HandleOption
		region, pool, policy string
	}{
		{"given", opts, "eu-1", "big", "restart"},
		{"default", nil, "", "mine", "sleep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gw := newGateway(t)
			c := gw.Client(t, rivet.WithPool("mine"))
			if _, err := c.Create(t.Context(), "counter", rivet.Key{"created"}, tt.opts...); err != nil {
				t.Fatal(err)
			}
			for _, key := range []rivet.Key{{"url"}, {"body,"}} {
				if _, err := increment.Call(t.Context(), c.GetOrCreate("counter", key, tt.opts...), 1); err != nil {
					t.Fatal(err)
				}
			}
			for _, key := range []string{"created", "url", "body,"} {
				i := gw.Instance("counter", key)
				if i.Pool() != tt.pool || i.CrashPolicy() != tt.policy || tt.region != "" && i.Region() != tt.region {
					t.Errorf("%s: pool %q, policy %q, region %q", key, i.Pool(), i.CrashPolicy(), i.Region())
				}
			}
		})
	}
}

func TestCreate(t *testing.T) {
	gw := newGateway(t)
	ctx := t.Context()
	c := gw.Client(t)
	h, err := c.Create(ctx, "counter", rivet.Key{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := rivet.Do(ctx, h, whoami); err != nil || id != h.ID() || id == "" {
		t.Errorf("the handle reaches %q, %v", id, err)
	}
	if _, err := c.Create(ctx, "counter", rivet.Key{"a"}); !errors.Is(err, rivet.ErrActorExists) {
		t.Errorf("again: %v", err)
	}
}

func TestInfoListAndDestroy(t *testing.T) {
	gw := newGateway(t)
	ctx := t.Context()
	c := gw.Client(t)
	for i := range 3 {
		if _, err := c.Create(ctx, "counter", rivet.Key{"a/b", fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	h := c.Get("counter", rivet.Key{"a/b", "1"})
	info, err := h.Info(ctx)
	if err != nil || info.Name != "counter" || info.Key.String() != `a\/b/1` || info.Created.IsZero() || info.Pool != "default" {
		t.Errorf("info %+v, %v", info, err)
	}
	if _, err := c.GetOrCreate("counter", rivet.Key{"none"}).Info(ctx); !errors.Is(err, rivet.ErrActorNotFound) {
		t.Errorf("info of nobody: %v", err)
	}
	if n := len(gw.Instances()); n != 3 {
		t.Errorf("%d actors: Info created one", n)
	}
	if err := h.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx); !errors.Is(err, rivet.ErrActorNotFound) {
		t.Errorf("destroy by key again: %v", err)
	}
	if err := c.GetForID("counter", info.ID).Destroy(ctx); err != nil {
		t.Errorf("destroy by id again: %v", err)
	}
	n := 0
	for info, err := range c.List(ctx, "counter") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key.String() == h.Key().String() {
			t.Error("a destroyed actor is listed")
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d actors listed", n)
	}
}

// List follows the cursor, and a server that repeats one does not trap it.
func TestListPages(t *testing.T) {
	r := &recorder{answer: func(s seenRequest) (int, string, string) {
		u, _ := url.Parse(s.url)
		switch u.Query().Get("cursor") {
		case "":
			return 200, "application/json", `{"actors":[{"actor_id":"1"},{"actor_id":"2","destroy_ts":5}],"pagination":{"cursor":"a b"}}`
		case "a b":
			return 200, "application/json", `{"actors":[{"actor_id":"3"}],"pagination":{"cursor":"c"}}`
		}
		return 200, "application/json", `{"actors":[{"actor_id":"4"}],"pagination":{"cursor":"c"}}`
	}}
	var got []string
	var failed error
	for info, err := range newClient(t, r).List(t.Context(), "x") {
		if failed = err; err == nil {
			got = append(got, info.ID)
		}
	}
	if strings.Join(got, "") != "134" || failed == nil {
		t.Errorf("listed %q, then %v", got, failed)
	}
}

func TestGatewayURL(t *testing.T) {
	gw := newGateway(t)
	gw.Actor("counter").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path, "?", r.URL.RawQuery)
	}))
	for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
		u, err := gw.Client(t, rivet.WithToken("a/b")).GetOrCreate("counter", key).GatewayURL(t.Context(), "/request/count?x=1%20")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(u.String(), "a%2Fb") {
			t.Errorf("%s has no token", u)
		}
		resp, err := gw.HTTPClient().Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 100)
		n, _ := resp.Body.Read(body)
		resp.Body.Close()
		if got := string(body[:n]); got != "/count?x=1%20" {
			t.Errorf("%s reaches %q", u, got)
		}
	}
}
