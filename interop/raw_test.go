package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

func readAll(t *testing.T, res *http.Response) []byte {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// saw is what the actor http says of a request.
type saw struct {
	Method, URL, Pathname, Search, Body string
	Headers                             map[string]string
	Length                              int
}

func TestRawHTTP(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		h := on.client(t, rivet.WithHeaders(http.Header{"X-Fixture": {"from the client"}})).
			GetOrCreate("http", newKey(t), rivet.WithParams(map[string]string{"p": "é"}))
		client := &http.Client{Transport: h.Transport()}
		do := func(method, path, body string) *http.Response {
			t.Helper()
			req, err := http.NewRequestWithContext(within(t), method, "http://actor"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Own", "yes")
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		res := do(http.MethodPut, "/a%2Fb/c?x=1&y=a%20b&x=2", "héllo")
		var got saw
		if err := json.Unmarshal(readAll(t, res), &got); err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(got.Pathname, "/request")
		if got.Method != http.MethodPut || !strings.HasSuffix(path, "/a%2Fb/c") || got.Search != "?x=1&y=a%20b&x=2" || got.Body != "héllo" {
			t.Errorf("the actor saw %+v", got)
		}
		if got.Headers["x-own"] != "yes" || got.Headers["x-fixture"] != "from the client" ||
			got.Headers["x-rivet-conn-params"] != `{"p":"\u00e9"}` {
			t.Errorf("the actor saw the headers %v", got.Headers)
		}

		res = do(http.MethodGet, "/status", "")
		if body := readAll(t, res); res.StatusCode != http.StatusTeapot || res.Header.Get("X-Fixture") != "yes" || string(body) != "teapot" {
			t.Errorf("%d %v %q", res.StatusCode, res.Header, body)
		}
		res = do(http.MethodGet, "/bytes", "")
		if body := readAll(t, res); !bytes.Equal(body, []byte{0, 1, 2, 255}) || res.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%v %v", res.Header, body)
		}
		res = do(http.MethodGet, "/empty", "")
		if body := readAll(t, res); res.StatusCode != http.StatusNoContent || len(body) != 0 {
			t.Errorf("%d %q", res.StatusCode, body)
		}
		// Errors of the handler are responses, too.
		res = do(http.MethodGet, "/throw-user", "")
		body := readAll(t, res)
		if res.StatusCode != http.StatusInternalServerError && res.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", res.StatusCode)
		}
		if !on.legacy {
			e := codec.DecodeHTTPError(codec.JSON, res.StatusCode, res.Header.Get("Content-Type"), body)
			serverError(t, e, "user.refused")
		}
	})
}

// TestRawHTTPStreams reads a response while the actor writes it, and sends a
// request body whose length nobody knows.
func TestRawHTTPStreams(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		h := on.client(t).GetOrCreate("http", newKey(t))
		req, _ := http.NewRequestWithContext(within(t), http.MethodGet, "http://actor/stream?n=4&ms=300", nil)
		res, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		var got []string
		for lines.Scan() {
			got = append(got, lines.Text())
		}
		if err := lines.Err(); err != nil || strings.Join(got, ",") != "chunk 0,chunk 1,chunk 2,chunk 3" {
			t.Errorf("%q, %v", got, err)
		}

		r, w := io.Pipe()
		go func() {
			for range 100 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
					break
				}
			}
			_ = w.Close()
		}()
		req, _ = http.NewRequestWithContext(within(t), http.MethodPost, "http://actor/upload", r)
		res, err = h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var seen saw
		if err := json.Unmarshal(readAll(t, res), &seen); err != nil || seen.Length != 100_000 {
			t.Errorf("the actor got %d bytes, %v", seen.Length, err)
		}
	})
}

// TestGatewayURL reaches the actor without the library.
func TestGatewayURL(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		client := on.client(t)
		for _, key := range []rivet.Key{newKey(t), append(newKey(t), "a,b", "")} {
			u, err := client.GetOrCreate("http", key).GatewayURL(within(t), "/request/x?y=1")
			if err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequestWithContext(within(t), http.MethodGet, u.String(), nil)
			req.Close = true
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var got saw
			if err := json.Unmarshal(readAll(t, res), &got); err != nil || got.Search != "?y=1" || !strings.HasSuffix(got.Pathname, "/x") {
				t.Errorf("%q: the actor saw %+v (%v)", key, got, err)
			}
		}
	})
}

// SkipReadyWait changes the way to the actor and nothing else, for one that is
// awake.
func TestSkipReadyWait(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		h := client.GetOrCreate("counter", key)
		id, err := h.Resolve(within(t))
		if err != nil {
			t.Fatal(err)
		}
		call[int](t, h, "increment", 1)
		for name, h := range map[string]*rivet.Handle{
			"key": client.GetOrCreate("counter", key, rivet.SkipReadyWait()),
			"id":  client.GetForID("counter", id, rivet.SkipReadyWait()),
		} {
			if n := call[int](t, h, "getCount"); n != 1 {
				t.Errorf("%s, call: %d", name, n)
			}
			if n := call[int](t, ready(t, h), "getCount"); n != 1 {
				t.Errorf("%s, connection: %d", name, n)
			}
			req, _ := http.NewRequestWithContext(within(t), http.MethodGet, "http://actor/x", nil)
			if res, err := h.Do(req); err != nil || res.StatusCode != http.StatusNotFound {
				t.Errorf("%s, request: %v, %v, want the actor's 404", name, res, err)
			} else {
				readAll(t, res)
			}
		}
	})
}

// TestBehaviour20_RawWebSocket exchanges messages, and looks at what the actor
// sees of the opening: path, query, protocols, and the client's headers.
func TestBehaviour20_RawWebSocket(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		h := on.client(t, rivet.WithHeaders(http.Header{"X-Fixture": {"on the handshake"}})).GetOrCreate("rawws", newKey(t))
		ws, err := h.WebSocket(within(t), "foo/bar?x=1&y=a%20b", rivet.WithSubprotocols("mine"))
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		if ws.Subprotocol() != "rivet" {
			t.Errorf("subprotocol %q", ws.Subprotocol())
		}
		sent := []rivet.Message{rivet.Text("héllo"), rivet.Binary([]byte{0, 255}), rivet.Text(""), rivet.Binary(nil), rivet.Text(strings.Repeat("x", 300_000))}
		for _, m := range append(sent, rivet.Text("info"), rivet.Text("close 4001 custom")) {
			if err := ws.Send(within(t), m); err != nil {
				t.Fatal(err)
			}
		}
		var got []rivet.Message
		var end error
		for m, err := range ws.Messages(within(t)) {
			if err != nil {
				end = err
				break
			}
			got = append(got, m)
		}
		if len(got) != len(sent)+1 {
			t.Fatalf("%d messages came back, want %d (%v)", len(got), len(sent)+1, end)
		}
		for i, m := range sent {
			if got[i].Text != m.Text || !bytes.Equal(got[i].Data, m.Data) {
				t.Errorf("message %d: %v %.20q came back as %v %.20q", i, m.Text, m.Data, got[i].Text, got[i].Data)
			}
		}
		var info struct{ Pathname, Search, Protocol, Header string }
		if err := json.Unmarshal(got[len(sent)].Data, &info); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(info.Pathname, "/websocket/foo/bar") || info.Search != "?x=1&y=a%20b" {
			t.Errorf("the actor saw %+v", info)
		}
		if info.Header != "on the handshake" {
			t.Errorf("the actor saw the header %q", info.Header)
		}
		if !strings.Contains(info.Protocol, "mine") {
			t.Errorf("the actor saw the protocols %q", info.Protocol)
		}
		ce, ok := errors.AsType[*rivet.CloseError](end)
		if !ok || ce.Code != 4001 || ce.Reason != "custom" {
			t.Errorf("ended with %v", end)
		}
		if err := ws.Send(within(t), rivet.Text("late")); !errors.As(err, &ce) {
			t.Errorf("Send afterwards: %v", err)
		}

		// The other way round.
		ws, err = h.WebSocket(within(t), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Send(within(t), rivet.Text("x")); err != nil {
			t.Fatal(err)
		}
		for _, err := range ws.Messages(within(t)) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if err := ws.CloseWith(4002, "had enough"); err != nil {
			t.Error(err)
		}
		type stats struct {
			Opened int
			Closed []struct {
				Code   int
				Reason string
			}
		}
		waitFor(t, func() bool {
			s := call[stats](t, h, "stats")
			return s.Opened == 2 && len(s.Closed) == 2 && s.Closed[1].Code == 4002 && s.Closed[1].Reason == "had enough"
		})
	})
}
