package rivet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet"
)

// engine answers as the engine would and notes which actor each request
// reached: it splits rvt-key at commas, and reads the API's key by its rules.
type engine struct {
	recorder
	reached []string // JSON of [name, key…], one per request to an actor
}

func newEngine() *engine {
	e := &engine{}
	e.answer = func(r seenRequest) (int, string, string) {
		u, err := url.Parse(r.url)
		if err != nil {
			return 400, "text/plain", err.Error()
		}
		if u.Path == "/actors" {
			name, key := u.Query().Get("name"), u.Query().Get("key")
			if r.method == http.MethodPut {
				var body struct{ Name, Key string }
				if err := json.Unmarshal([]byte(r.body), &body); err != nil {
					return 400, "text/plain", err.Error()
				}
				name, key = body.Name, body.Key
			}
			id := actorID(name, parseSerialized(key))
			a := fmt.Sprintf(`{"actor_id":%q}`, id)
			return 200, "application/json", `{"actor":` + a + `,"actors":[` + a + `]}`
		}
		if id, ok := reach(u); ok {
			e.reached = append(e.reached, id)
			return 200, "application/json", `{"output":1,"status":"completed"}`
		}
		return 404, "application/json", `{"group":"api","code":"not_found","message":"no"}`
	}
	return e
}

// reach returns which actor a gateway URL addresses.
func reach(u *url.URL) (string, bool) {
	segment, ok := strings.CutPrefix(u.EscapedPath(), "/gateway/")
	if !ok || strings.Contains(segment, "//") {
		return "", false
	}
	segment, _, _ = strings.Cut(segment, "/")
	name, err := url.PathUnescape(segment)
	if err != nil {
		return "", false
	}
	q := u.Query()
	if !q.Has("rvt-method") {
		return name, true
	}
	var key []string
	if k := q.Get("rvt-key"); k != "" {
		key = strings.Split(k, ",")
	}
	return actorID(name, key), true
}

func actorID(name string, key []string) string {
	id, _ := json.Marshal(append([]string{name}, key...))
	return string(id)
}

// parseSerialized is a second reading of the rules of serialized keys.
func parseSerialized(s string) []string {
	if s == "/" {
		return nil
	}
	s = strings.NewReplacer(`\\`, "\x01", `\/`, "\x02").Replace(s)
	parts := strings.Split(s, "/")
	for i, p := range parts {
		if p == `\0` {
			p = ""
		}
		parts[i] = strings.NewReplacer("\x01", `\`, "\x02", "/").Replace(p)
	}
	return parts
}

var keyPart = rapid.OneOf(
	rapid.SampledFrom([]string{"", "a", "b", ",", "/", `\`, `\0`, "0", `\/`, "a,b", "a/b", "a b", "%2C", "&rvt-key=x", "ü", ".", "..", "+", "?", "#", "@"}),
	rapid.StringMatching(`[a,/\\0]{0,4}`),
)

// Whatever the key, every operation reaches the actor of that key: so two
// different keys never address the same one, on any route.
func TestBehaviour15_EveryKeyReachesItsOwnActor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{"chat", "a b", "a/b", "..", ".", "ü@x", "100%", "x?y"}).Draw(rt, "name")
		key := rivet.Key(rapid.SliceOfN(keyPart, 0, 4).Draw(rt, "key"))
		create := rapid.Bool().Draw(rt, "create")
		var opts []rivet.HandleOption
		if create && rapid.Bool().Draw(rt, "input") {
			opts = append(opts, rivet.WithInput(strings.Repeat("x", rapid.SampledFrom([]int{1, 5000}).Draw(rt, "size"))))
		}
		e := newEngine()
		c := newClient(t, &e.recorder, rivet.WithDialer(e.dialRecorder(rt)))
		h := c.Get(name, key, opts...)
		if create {
			h = c.GetOrCreate(name, key, opts...)
		}
		want := actorID(name, key)
		ctx := t.Context()

		if id, err := h.Resolve(ctx); err != nil || id != want {
			rt.Fatalf("Resolve reached %q, %v; want %q", id, err, want)
		}
		if info, err := h.Info(ctx); err != nil || info.ID != want {
			rt.Fatalf("Info reached %q, %v; want %q", info.ID, err, want)
		}
		u, err := h.GatewayURL(ctx, "/request/x")
		if err != nil {
			rt.Fatal(err)
		}
		if id, ok := reach(u); !ok || id != want {
			rt.Fatalf("GatewayURL %s reaches %q, want %q", u, id, want)
		}
		if _, err := h.Action(ctx, "x"); err != nil {
			// The answer is JSON, which the default encoding is not; who was
			// reached is what counts.
			var ce *rivet.CallError
			if !errors.As(err, &ce) {
				rt.Fatal(err)
			}
		}
		_ = h.Send(ctx, "q", 1)
		req, _ := http.NewRequest("POST", "http://actor/x?y=1", strings.NewReader("z"))
		if resp, err := h.Do(req); err != nil {
			rt.Fatal(err)
		} else {
			resp.Body.Close()
		}
		_, _ = h.WebSocket(ctx, "/x")
		if len(e.reached) != 4 {
			rt.Fatalf("%d of 4 requests reached an actor: %q", len(e.reached), e.reached)
		}
		if i := slices.IndexFunc(e.reached, func(id string) bool { return id != want }); i >= 0 {
			rt.Fatalf("request %d reached %q, want %q", i, e.reached[i], want)
		}
	})
}

// dialRecorder notes whom a WebSocket handshake reaches, and refuses it.
func (e *engine) dialRecorder(t *rapid.T) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			req, err := readRequest(server)
			if err != nil {
				t.Errorf("handshake: %v", err)
				return
			}
			if id, ok := reach(req.URL); ok {
				e.reached = append(e.reached, id)
			}
			_, _ = server.Write([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		}()
		return client, nil
	}
}

func TestRouteChoice(t *testing.T) {
	tests := []struct {
		name   string
		make   func(*rivet.Client) *rivet.Handle
		direct bool
	}{
		{"plain key", func(c *rivet.Client) *rivet.Handle { return c.GetOrCreate("a", rivet.Key{"b", "c/d"}) }, false},
		{"empty key", func(c *rivet.Client) *rivet.Handle { return c.Get("a", nil) }, false},
		{"comma", func(c *rivet.Client) *rivet.Handle { return c.Get("a", rivet.Key{"b,c"}) }, true},
		{"empty part", func(c *rivet.Client) *rivet.Handle { return c.Get("a", rivet.Key{""}) }, true},
		{"dots as name", func(c *rivet.Client) *rivet.Handle { return c.Get("..", rivet.Key{"b"}) }, true},
		{"input that fits", func(c *rivet.Client) *rivet.Handle {
			return c.GetOrCreate("a", nil, rivet.WithInput(strings.Repeat("x", 4000)))
		}, false},
		{"input that does not", func(c *rivet.Client) *rivet.Handle {
			return c.GetOrCreate("a", nil, rivet.WithInput(strings.Repeat("x", 4096)))
		}, true},
		{"id", func(c *rivet.Client) *rivet.Handle { return c.GetForID("a", "id1") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine()
			h := tt.make(newClient(t, &e.recorder))
			_, _ = h.Action(t.Context(), "x")
			all := e.requests()
			last := all[len(all)-1].url
			if direct := !strings.Contains(last, "rvt-method"); direct != tt.direct {
				t.Errorf("request to %s, direct: %v, want %v", last, direct, tt.direct)
			}
		})
	}
}
