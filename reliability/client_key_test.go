package reliability_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// keyPart draws parts of keys that differ in what the wire treats specially.
var keyPart = rapid.OneOf(
	rapid.SampledFrom([]string{
		"", "a", "b", ",", "/", `\`, `\0`, "0", `\/`, "a,b", "a/b", "a b", "a+b", "%2C", "%", "&rvt-key=x", "?x#y", "@t",
		"..", ".", "ü", "日本", "🦀", "\n", "\x00", `"`, "<", "=", ";", "null",
	}),
	rapid.StringMatching(`[ab,/\\0]{0,5}`),
)

// neighbours are the keys that another reading of key would reach.
func neighbours(key []string) [][]string {
	joined := strings.Join(key, ",")
	return [][]string{
		strings.Split(joined, ","), {joined}, {strings.Join(key, "/")}, slices.DeleteFunc(slices.Clone(key), func(p string) bool { return p == "" }),
		{}, {""}, strings.Split(strings.Join(key, "/"), "/"),
	}
}

// routes are the ways to an actor. Each goes it and returns whom it reached.
var routes = []struct {
	name string
	// creates tells whether the actor is created when it is missing.
	creates bool
	reach   func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, h *rivet.Handle) (id string, err error)
}{
	{"action", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		_, err := echo.Call(ctx, h, 1)
		return lastReached(gw), err
	}},
	{"queue", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		err := jobs.Send(ctx, h, 1)
		return lastReached(gw), err
	}},
	{"fetch", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		_, err := fetch(ctx, h, "POST", "http://actor/x?y=z", "body")
		return lastReached(gw), err
	}},
	{"connection", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		c := h.Connect(ctx)
		defer c.Close()
		err := c.Ready(ctx)
		return c.Info().ActorID, err
	}},
	{"raw WebSocket", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		before := len(gw.Conns())
		ws, err := h.WebSocket(ctx, "/x?y=z")
		if err != nil {
			return "", err
		}
		defer ws.Close()
		gc, err := gw.WaitConn(ctx, before)
		if err != nil {
			return "", err
		}
		return gc.ActorID, nil
	}},
	{"gateway URL", true, func(ctx context.Context, gw *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		u, err := h.GatewayURL(ctx, "/request/x?y=z")
		if err != nil {
			return "", err
		}
		req, err := http.NewRequestWithContext(ctx, "GET", u.String(), nil)
		if err != nil {
			return "", err
		}
		resp, err := gw.HTTPClient().Do(req)
		if err != nil {
			return "", err
		}
		return lastReached(gw), resp.Body.Close()
	}},
	{"resolve", true, func(ctx context.Context, _ *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		return h.Resolve(ctx)
	}},
	{"info", false, func(ctx context.Context, _ *rivettest.Gateway, _ *rivet.Client, h *rivet.Handle) (string, error) {
		info, err := h.Info(ctx)
		return info.ID, err
	}},
	{"create", true, func(ctx context.Context, _ *rivettest.Gateway, c *rivet.Client, h *rivet.Handle) (string, error) {
		made, err := c.Create(ctx, h.Name(), h.Key())
		var taken *rivet.Error
		if errors.As(err, &taken) && errors.Is(err, codec.ErrActorExists) {
			var meta struct {
				ID string `json:"existing_actor_id"`
			}
			err := taken.Decode(&meta)
			return meta.ID, err
		}
		if err != nil {
			return "", err
		}
		return made.ID(), nil
	}},
}

// lastReached is the actor of the newest request to one.
func lastReached(gw *rivettest.Gateway) string {
	all := gw.Requests(toActor)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].ActorID
}

// keyOf is the key of the actor with an id.
func keyOf(gw *rivettest.Gateway, id string) ([]string, bool) {
	all := gw.Instances()
	i := slices.IndexFunc(all, func(i *rivettest.Instance) bool { return i.ID() == id })
	if i < 0 {
		return nil, false
	}
	return all[i].Key(), true
}

// Distinct keys reach distinct actors, on every route: each reaches the actor
// of exactly its own key, though those that a careless reading of it would
// reach are all there.
func TestBehaviour15_KeysReachTheirOwnActor(t *testing.T) {
	for _, way := range []string{"Get", "GetOrCreate"} {
		for _, route := range routes {
			t.Run(way+"/"+route.name, func(t *testing.T) {
				gw := rivettest.NewGateway(t, rivettest.InMemory(), rivettest.RecordLimit(100))
				furnish(gw)
				equip(gw)
				client := gw.Client(t)
				rapid.Check(t, func(rt *rapid.T) {
					key := rapid.SliceOfN(keyPart, 0, 4).Draw(rt, "key")
					for _, other := range neighbours(key) {
						if !slices.Equal(other, key) {
							gw.Instance("room", other...)
						}
					}
					h := client.GetOrCreate("room", key)
					if way == "Get" || !route.creates {
						gw.Instance("room", key...)
					}
					if way == "Get" {
						h = client.Get("room", key)
					}
					id, err := route.reach(t.Context(), gw, client, h)
					if err != nil {
						rt.Fatalf("key %q: %v", key, err)
					}
					if got, ok := keyOf(gw, id); !ok || !slices.Equal(got, key) {
						rt.Fatalf("key %q reached %q (%s)", key, got, id)
					}
				})
			})
		}
	}

	t.Run("what the server refuses", func(t *testing.T) {
		gw := rivettest.NewGateway(t, rivettest.InMemory())
		furnish(gw)
		equip(gw)
		client := gw.Client(t)
		for name, key := range map[string]rivet.Key{
			"too long":               {strings.Repeat("a", 1025)},
			"too long with escapes":  {strings.Repeat("/", 513)},
			"too long with no parts": slices.Repeat([]string{""}, 342),
			"not UTF-8":              {"a\xffb"},
		} {
			for _, route := range routes {
				for _, h := range []*rivet.Handle{client.Get("room", key), client.GetOrCreate("room", key)} {
					_, err := route.reach(t.Context(), gw, client, h)
					var refused *rivet.ConfigError
					if !errors.As(err, &refused) || refused.Field != "key" {
						t.Errorf("%s, %s: got %v, want a *ConfigError of the key", name, route.name, err)
					}
				}
			}
		}
		if n := len(gw.Requests(nil)) + len(gw.Attempts()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
		longest := rivet.Key{strings.Repeat("a", 1024)}
		if _, err := client.GetOrCreate("room", longest).Resolve(t.Context()); err != nil {
			t.Errorf("a key of 1,024 bytes: %v", err)
		}
	})
}

// keyVectors are keys with the text that RivetKit 2.3.19 has for them.
func keyVectors(t testing.TB) (vectors []struct {
	Name, Direction, Text string
	Decoded               []string
}) {
	t.Helper()
	data, err := os.ReadFile("../codec/testdata/vectors/keys.json")
	if err == nil {
		err = json.Unmarshal(data, &vectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vectors
}

// The key that the management API gets is the text that RivetKit makes of it,
// which no other key has.
func TestBehaviour16_KeysInTheAPI(t *testing.T) {
	gw := rivettest.NewGateway(t, rivettest.InMemory())
	furnish(gw)
	client := gw.Client(t)
	sent := func(t testing.TB, h *rivet.Handle) string {
		t.Helper()
		if _, err := h.Resolve(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := gw.Requests(toAPI("PUT"))
		var body struct{ Key string }
		if err := json.Unmarshal(all[len(all)-1].Body, &body); err != nil {
			t.Fatal(err)
		}
		return body.Key
	}
	t.Run("vectors", func(t *testing.T) {
		vectors := keyVectors(t)
		if len(vectors) < 10 {
			t.Fatalf("%d vectors", len(vectors))
		}
		for _, v := range vectors {
			if got := rivet.ParseKey(v.Text); !slices.Equal(got, v.Decoded) {
				t.Errorf("%s: ParseKey(%q) = %q, want %q", v.Name, v.Text, got, v.Decoded)
			}
			if v.Direction != "both" {
				continue
			}
			if got := sent(t, client.GetOrCreate("room", v.Decoded)); got != v.Text {
				t.Errorf("%s: sent %q, want %q", v.Name, got, v.Text)
			}
		}
	})
	t.Run("round trip", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			key := rapid.SliceOfN(keyPart, 0, 5).Draw(rt, "key")
			text := sent(t, client.GetOrCreate("room", key))
			if got := rivet.ParseKey(text); !slices.Equal(got, key) {
				rt.Fatalf("%q was sent as %q, which reads %q", key, text, got)
			}
			info, err := client.Get("room", key).Info(t.Context())
			if err != nil || !slices.Equal(info.Key, key) {
				rt.Fatalf("%q comes back as %q, %v", key, info.Key, err)
			}
		})
	})
}

// FuzzKeyRoundTrip holds that what is sent for a key is read as this key, by
// an API that knows nothing of ours.
func FuzzKeyRoundTrip(f *testing.F) {
	for _, v := range keyVectors(f) {
		f.Add(strings.Join(v.Decoded, "|"))
	}
	f.Fuzz(func(t *testing.T, joined string) {
		key := rivet.Key(strings.Split(joined, "|"))
		gw := rivettest.NewGateway(t, rivettest.InMemory())
		furnish(gw)
		id, err := gw.Client(t).GetOrCreate("room", key).Resolve(t.Context())
		var refused *rivet.ConfigError
		if errors.As(err, &refused) && refused.Field == "key" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := keyOf(gw, id); !slices.Equal(got, key) {
			t.Fatalf("%q reached %q", key, got)
		}
	})
}
