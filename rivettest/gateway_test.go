package rivettest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

func TestActionsOverHTTP(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		counter(gw)
		want := 0
		for _, enc := range encodings {
			status, h, body, err := post(t, gw, enc, "increment", 5)
			want += 5
			if err != nil || status != 200 || h.Get("Content-Type") != enc.ContentType() {
				t.Fatalf("%v: %d %v %v", enc, status, h, err)
			}
			out, err := codec.DecodeActionResult(enc, body)
			if err != nil {
				t.Fatal(err)
			}
			if got := decode[int](t, enc, out); got != want {
				t.Errorf("%v: got %d, want %d", enc, got, want)
			}
			if h.Get("X-Rivet-Actor") == "" || h.Get("X-Rivet-Actor-Key") != "k" || h.Get("X-Rivet-Ray-Id") == "" {
				t.Errorf("%v: header %v", enc, h)
			}
		}
		calls := gw.Requests(rivettest.IsCall("increment"))
		if len(calls) != 3 {
			t.Fatalf("%d calls recorded", len(calls))
		}
		var args []int
		if err := calls[2].Args.Decode(&args); err != nil || len(args) != 1 || args[0] != 5 {
			t.Errorf("recorded arguments %v, %v", args, err)
		}
		if calls[0].Actor != "counter" || calls[0].ActorID != gw.Instance("counter", "k").ID() {
			t.Errorf("recorded %+v", calls[0])
		}
	})
}

func TestVoidIsUndefined(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		_, _, body, err := post(t, gw, codec.JSON, "reset")
		if err != nil || string(body) != `{"output":["$Undefined",0]}` {
			t.Errorf("got %s, %v", body, err)
		}
	})
}

func TestErrorsOverHTTP(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		for _, enc := range encodings {
			for _, tc := range []struct {
				action, group, code string
				status              int
			}{
				{"fail", "user", "too_much", 500},
				{"crash", "rivetkit", "internal_error", 500},
				{"nope", "actor", "action_not_found", 404},
			} {
				status, h, body, err := post(t, gw, enc, tc.action)
				if err != nil {
					t.Fatal(err)
				}
				e := codec.DecodeHTTPError(enc, status, h.Get("Content-Type"), body)
				if status != tc.status || e.Group != tc.group || e.Code != tc.code {
					t.Errorf("%v %s: %d %v", enc, tc.action, status, e)
				}
				if e.Actor == nil || e.Actor.Key != "k" {
					t.Errorf("%v %s: actor %v", enc, tc.action, e.Actor)
				}
				if strings.Contains(string(body), "secret") {
					t.Errorf("%v: a private error is not masked: %s", enc, body)
				}
				if tc.action == "fail" {
					var meta struct{ Limit int }
					if err := e.Decode(&meta); err != nil || meta.Limit != 3 {
						t.Errorf("%v: metadata %v, %v", enc, meta, err)
					}
				}
			}
		}
	})
}

func TestConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		counter(gw)
		for i, enc := range encodings {
			c := connectRaw(t, gw, enc, "rivet_conn_params.%7B%22name%22%3A%22a%20b%22%7D")
			if c.hs.Protocol != "rivet" {
				t.Errorf("subprotocol %q", c.hs.Protocol)
			}
			m := c.init()
			conn := gw.Conn(i)
			if m.ActorID != gw.Instance("counter", "k").ID() || m.ConnectionID != conn.ID {
				t.Errorf("Init %+v", m)
			}
			var params struct{ Name string }
			if err := conn.Params.Decode(&params); err != nil || params.Name != "a b" {
				t.Errorf("params %v, %v", params, err)
			}

			if n := gw.Emit("countChanged", 1); n != 0 {
				t.Errorf("event to %d connections that did not subscribe", n)
			}
			c.subscribe("countChanged", true)
			if err := conn.WaitSubscribed(timeout(t), "countChanged"); err != nil {
				t.Fatal(err)
			}
			c.call("reset")
			if m := c.read(); m.Kind != codec.KindActionResponse || m.ID != 0 {
				t.Fatalf("got %+v", m)
			}
			id := c.call("increment", 7)
			event, reply := c.read(), c.read()
			if event.Kind != codec.KindEvent || string(event.Name) != "countChanged" ||
				decode[[]int](t, enc, event.Value)[0] != 7 {
				t.Errorf("event %+v", event)
			}
			if reply.Kind != codec.KindActionResponse || reply.ID != id || decode[int](t, enc, reply.Value) != 7 {
				t.Errorf("reply %+v", reply)
			}
			id = c.call("fail")
			if m := c.read(); m.Kind != codec.KindError || !m.HasID || m.ID != id || m.Err.Code != "too_much" {
				t.Errorf("error %+v", m)
			}
			c.subscribe("countChanged", false)
			if err := conn.WaitUnsubscribed(timeout(t), "countChanged"); err != nil {
				t.Fatal(err)
			}
			c.send(ws.OpPing, []byte("hi"))
			if _, err := conn.WaitMessage(timeout(t), rivettest.IsKind(rivettest.PingMessage)); err != nil {
				t.Error(err)
			}
			if err := errors.Join(c.out.AppendClose(1000, "bye"), c.out.Flush()); err != nil {
				t.Fatal(err)
			}
			if err := conn.WaitClosed(timeout(t)); err != nil {
				t.Fatal(err)
			}
			last, err := conn.WaitMessage(timeout(t), rivettest.IsKind(rivettest.CloseMessage))
			if err != nil || last.Code != 1000 || last.Reason != "bye" {
				t.Errorf("close %v, %v", last, err)
			}
			var got []string
			for _, m := range conn.Messages(nil) {
				got = append(got, m.String())
			}
			want := "subscribe countChanged, action reset#0, action increment#1, action fail#2, unsubscribe countChanged, ping, close 1000 \"bye\""
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("recorded\n%s, want\n%s", s, want)
			}
		}
		if err := gw.WaitOpenConns(timeout(t), 0); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionRefusedByActor(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw).OnConnect(func(_ context.Context, r *rivettest.Request) error {
			var p struct{ Token string }
			_ = r.Params.Decode(&p)
			if p.Token != "good" {
				return rivettest.UserError("bad_token", "Who are you?", nil)
			}
			return nil
		})
		for _, enc := range encodings {
			c := connectRaw(t, gw, enc)
			if m := c.read(); m.Kind != codec.KindError || m.HasID || m.Err.Group != "user" || m.Err.Code != "bad_token" {
				t.Errorf("%v: %+v", enc, m)
			}
			if code, reason := c.readClose(); code != 1011 || reason != "user.bad_token" {
				t.Errorf("%v: %d %q", enc, code, reason)
			}
			c = connectRaw(t, gw, enc, "rivet_conn_params.%7B%22Token%22%3A%22good%22%7D")
			c.init()
		}
		status, h, body, err := post(t, gw, codec.BARE, "increment")
		if e := codec.DecodeHTTPError(codec.BARE, status, h.Get("Content-Type"), body); err != nil || e.Code != "bad_token" {
			t.Errorf("stateless action: %v, %v", e, err)
		}
	})
}

func TestForbiddenSubscriptionClosesTheConnection(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw).OnSubscribe(func(_ context.Context, r *rivettest.Request) error {
			if r.Action == "secret" {
				return errors.New("no")
			}
			return nil
		})
		c := connectRaw(t, gw, codec.BARE)
		c.init()
		c.subscribe("open", true)
		c.subscribe("secret", true)
		if code, reason := c.readClose(); code != 1011 || reason != "auth.forbidden" {
			t.Errorf("%d %q", code, reason)
		}
		if subs := gw.Conn(0).Messages(rivettest.IsSubscribe("secret")); len(subs) != 1 {
			t.Errorf("%d subscriptions recorded", len(subs))
		}
	})
}

func TestRefusedHandshakesAreCloseFrames(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		for _, tc := range []struct {
			path, protocol, reason string
			code                   uint16
		}{
			{"/gateway/" + strings.Repeat("0", 27) + "l00/connect", "rivet_encoding.bare", "actor.not_found", 1011},
			{"/gateway/notanid/connect", "rivet_encoding.bare", "core.internal_error", 1011},
			{"/gateway/counter/connect?rvt-namespace=default", "rivet_encoding.bare", "guard.query_invalid_params", 1011},
			{"/gateway/counter/elsewhere" + query, "rivet_encoding.bare", "guard.websocket_not_supported", 1011},
			{"/actors", "rivet_encoding.bare", "guard.websocket_not_supported", 1011},
			{"/gateway/counter/connect" + query, "rivet_encoding.xml", "actor.unsupported_websocket_encoding", 1003},
			{"/gateway/counter/connect" + query, "rivet_conn_params.%7B", "guard.websocket_closed_before_open", 1011},
			{"/gateway/nobody/connect" + query, "rivet_encoding.bare", "guard.actor_wake_retries_exceeded", 1011},
		} {
			u, err := gw.ConnectURL("counter").Parse(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := dialRaw(t, gw, u, "rivet", tc.protocol)
			if err != nil {
				t.Errorf("%s: %v", tc.path, err)
				continue
			}
			code, reason := c.readClose()
			reason, _, _ = strings.Cut(reason, "#")
			if code != tc.code || reason != tc.reason {
				t.Errorf("%s: %d %q", tc.path, code, reason)
			}
		}
	})
}

func TestGuardErrors(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		const ok = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"
		for _, tc := range []struct{ path, code string }{
			{"counter/?" + ok + "&rvt-nope=1", "guard.query_invalid_params"},
			{"counter/?rvt-method=get", "guard.query_invalid_params"},
			{"counter/?rvt-namespace=default&rvt-method=put", "guard.query_invalid_params"},
			{"counter/?" + ok + "&rvt-skip-ready-wait=maybe", "guard.query_invalid_params"},
			{"counter/?" + ok + "&rvt-crash-policy=panic", "guard.query_invalid_params"},
			{"counter/?rvt-namespace=default&rvt-method=getOrCreate", "guard.query_missing_pool"},
			{"counter/?rvt-namespace=default&rvt-method=get&rvt-region=x", "guard.query_get_disallowed_params"},
			{"counter/?rvt-namespace=default&rvt-method=get&rvt-runner=x", "guard.query_get_disallowed_params"},
			{"counter/?" + ok + "&rvt-key=a&rvt-key=b", "guard.query_duplicate_param"},
			{"counter/?" + ok + "&rvt-key=%zz", "guard.query_invalid_percent_encoding"},
			{"/?" + ok, "api.not_found"},
			{"counter@token/?" + ok, "guard.query_path_token_syntax"},
			{"counter/?" + ok + "&rvt-input=*", "guard.query_invalid_base64_input"},
			{"counter/?" + ok + "&rvt-input=_w", "guard.query_invalid_cbor_input"},
			{"counter/?rvt-namespace=default&rvt-method=get&rvt-key=missing", "actor.not_found"},
			{"counter//x?" + ok, "api.not_found"},
			{"nobody/?" + ok, "guard.actor_wake_retries_exceeded"},
			{"x@tok/action/increment", "core.internal_error"},
		} {
			status, h, body := do(t, gw, http.MethodGet, "/gateway/"+tc.path, http.Header{"X-Rivet-Encoding": {"bare"}}, nil)
			e := codec.DecodeHTTPError(codec.BARE, status, h.Get("Content-Type"), body)
			if got := e.Group + "." + e.Code; got != tc.code || h.Get("X-Rivet-Error") != tc.code || status < 400 {
				t.Errorf("%s: %d %s, header %q", tc.path, status, got, h.Get("X-Rivet-Error"))
			}
			if !json.Valid(body) {
				t.Errorf("%s: a gateway's error is not JSON: %q", tc.path, body)
			}
		}
	})
}

func TestQueryKeysCollideAsOnTheGateway(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		const base = "/gateway/counter/health?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key="
		for _, tc := range []struct {
			query string
			key   []string
		}{
			{"a%2Cb", []string{"a", "b"}},
			{"a%2Fb", []string{"a/b"}},
			{"%2C", []string{"", ""}},
			{"", nil},
			{"a+b", []string{"a b"}},
		} {
			_, h, _ := do(t, gw, http.MethodGet, base+tc.query, nil, nil)
			if want := gw.Instance("counter", tc.key...).ID(); h.Get("X-Rivet-Actor") != want {
				t.Errorf("%q reached %q, want %q", tc.query, h.Get("X-Rivet-Actor-Key"), tc.key)
			}
		}
		if n := len(gw.Instances()); n != 5 {
			t.Errorf("%d actors", n)
		}
	})
}

func TestRawHTTP(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		a := counter(gw)
		if status, _, body := do(t, gw, http.MethodGet, "/gateway/counter/request/x"+query, nil, nil); status != 404 || len(body) > 0 {
			t.Errorf("without a handler: %d %q", status, body)
		}
		a.OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+string(body))
		}))
		status, _, body := do(t, gw, http.MethodPut, "/gateway/counter/request/a%20b/c"+query+"&x=1&y=a%20b", nil, []byte("body"))
		if want := "PUT http://127.0.0.1/a%20b/c?x=1&y=a%20b body"; status != 418 || string(body) != want {
			t.Errorf("%d %q, want %q", status, body, want)
		}
	})
}

func TestRawWebSocket(t *testing.T) {
	onBoth(t, func(t *testing.T, opts ...rivettest.Option) {
		gw := rivettest.NewGateway(t, opts...)
		gw.Actor("counter").OnWebSocket(func(ctx context.Context, c *rivettest.Conn) {
			for {
				m, err := c.Receive(ctx)
				switch {
				case err != nil:
					return
				case string(m.Data) == "stop":
					c.Close(4001, "custom")
				case m.Kind == rivettest.TextMessage:
					c.SendText("echo " + string(m.Data))
				default:
					c.SendBinary(m.Data)
				}
			}
		})
		u := gw.ConnectURL("counter", "k")
		u.Path = "/gateway/counter/websocket/foo"
		c, err := dialRaw(t, gw, u, "rivet")
		if err != nil {
			t.Fatal(err)
		}
		c.send(ws.OpText, []byte("hello"))
		if m, err := c.in.Next(); err != nil || m.Op != ws.OpText || string(m.Payload) != "echo hello" {
			t.Errorf("%v %q %v", m.Op, m.Payload, err)
		}
		c.send(ws.OpBinary, []byte{1, 2})
		if m, err := c.in.Next(); err != nil || m.Op != ws.OpBinary || len(m.Payload) != 2 {
			t.Errorf("%v %q %v", m.Op, m.Payload, err)
		}
		c.send(ws.OpText, []byte("stop"))
		if code, reason := c.readClose(); code != 4001 || reason != "custom" {
			t.Errorf("%d %q", code, reason)
		}
		if !gw.Conn(0).Raw {
			t.Error("not marked as raw")
		}
	})
}

func TestHandlersAwait(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		open := make(chan struct{})
		gw.Actor("counter").Handle("wait", func(ctx context.Context, r *rivettest.Request) (any, error) {
			return "waited", r.Await(func() error {
				select {
				case <-open:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}).Handle("open", func(context.Context, *rivettest.Request) (any, error) {
			close(open)
			return "opened", nil
		})
		c := connectRaw(t, gw, codec.CBOR)
		c.init()
		first, second := c.call("wait"), c.call("open")
		if a, b := c.read(), c.read(); a.ID != second || b.ID != first {
			t.Errorf("replies to %d, %d", a.ID, b.ID)
		}
	})
}

func TestActionTimeout(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("counter").Handle("hang", func(ctx context.Context, _ *rivettest.Request) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		status, h, body, err := post(t, gw, codec.BARE, "hang")
		if e := codec.DecodeHTTPError(codec.BARE, status, h.Get("Content-Type"), body); err != nil || status != 408 || e.Code != "action_timed_out" {
			t.Errorf("%d %v %v", status, e, err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("after %v", d)
		}
	}, rivettest.ActionTimeout(2*time.Second))
}

// What is kept of the past is no matter of what a handler has yet to read.
func TestReceiveWithoutRecords(t *testing.T) {
	for _, limit := range []int{0, 2} {
		inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
			sent, all := make(chan struct{}), make(chan string, 1)
			gw.Actor("counter").OnWebSocket(func(ctx context.Context, c *rivettest.Conn) {
				<-sent
				var got string
				for len(got) < 5 {
					m, err := c.Receive(ctx)
					if err != nil {
						break
					}
					got += string(m.Data)
				}
				all <- got
			})
			u := gw.ConnectURL("counter", "k")
			u.Path = "/gateway/counter/websocket/x"
			c, err := dialRaw(t, gw, u, "rivet")
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"a", "b", "c", "d", "e"} {
				c.send(ws.OpText, []byte(text))
			}
			synctest.Wait() // until all have arrived
			close(sent)
			c.hs.Conn.Close()
			if got := <-all; got != "abcde" {
				t.Errorf("limit %d: received %q", limit, got)
			}
			if n := len(gw.Conn(0).Messages(nil)); n > limit {
				t.Errorf("limit %d: %d records", limit, n)
			}
		}, rivettest.RecordLimit(limit))
	}
}

// ConnectURL reaches the actor of its key, and no other that a gateway reads
// from a query.
func TestConnectURLReachesItsKey(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		counter(gw)
		for _, key := range [][]string{nil, {""}, {"", ""}, {"a", "b"}, {"a,b"}, {","}, {"a/b"}, {"a+b &=%"}} {
			c, err := dialRaw(t, gw, gw.ConnectURL("counter", key...), "rivet", "rivet_encoding.bare")
			if err != nil {
				t.Fatal(err)
			}
			c.enc = codec.BARE
			if m, want := c.init(), gw.Instance("counter", key...).ID(); m.ActorID != want {
				t.Errorf("%q reached %s, want %s", key, m.ActorID, want)
			}
		}
		if n := len(gw.Instances()); n != 8 {
			t.Errorf("%d actors", n)
		}
	})
}
