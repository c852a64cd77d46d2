package reliability_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// zeroValues are what JavaScript takes for false, and what is left out.
var zeroValues = []struct {
	name  string
	value any
	given bool
	json  string
	cbor  string // its one byte
}{
	{"none", nil, false, "", ""},
	{"nil", nil, true, "null", "\xf6"},
	{"zero", 0, true, "0", "\x00"},
	{"empty text", "", true, `""`, "\x60"},
	{"false", false, true, "false", "\xf4"},
}

// Zero values are inputs like any other, on each way that creates an actor;
// only no input is none.
func TestBehaviour17_ZeroValuesAreInputs(t *testing.T) {
	ways := []struct {
		name   string
		create func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error
		sent   func(t *testing.T, gw *rivettest.Gateway) (input []byte, given bool)
	}{
		{"PUT body, because of the key", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			_, err := echo.Call(ctx, c.GetOrCreate("room", rivet.Key{"a,b"}, opts...), 1)
			return err
		}, inputInBody("PUT")},
		{"PUT body of Resolve", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			_, err := c.GetOrCreate("room", nil, opts...).Resolve(ctx)
			return err
		}, inputInBody("PUT")},
		{"POST body", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			_, err := c.Create(ctx, "room", nil, opts...)
			return err
		}, inputInBody("POST")},
		{"query of an action", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			_, err := echo.Call(ctx, c.GetOrCreate("room", nil, opts...), 1)
			return err
		}, func(t *testing.T, gw *rivettest.Gateway) ([]byte, bool) {
			return inputInQuery(t, only(t, gw, toActor).Query)
		}},
		{"query of a connection", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			cn := c.GetOrCreate("room", nil, opts...).Connect(ctx)
			defer cn.Close()
			return cn.Ready(ctx)
		}, func(t *testing.T, gw *rivettest.Gateway) ([]byte, bool) {
			return inputInQuery(t, gw.Conn(0).URL.RawQuery)
		}},
		{"query of the gateway URL", func(ctx context.Context, c *rivet.Client, opts ...rivet.HandleOption) error {
			u, err := c.GetOrCreate("room", nil, opts...).GatewayURL(ctx, "/action/echo")
			if err != nil {
				return err
			}
			resp, err := http.Post(u.String(), "application/json", strings.NewReader(`{"args":[1]}`))
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}, func(t *testing.T, gw *rivettest.Gateway) ([]byte, bool) {
			return inputInQuery(t, only(t, gw, toActor).Query)
		}},
	}
	for _, way := range ways {
		for _, v := range zeroValues {
			t.Run(way.name+"/"+v.name, func(t *testing.T) {
				gw := rivettest.NewGateway(t)
				furnish(gw)
				var opts []rivet.HandleOption
				if v.given {
					opts = append(opts, rivet.WithInput(v.value))
				}
				ask(t, way.create(t.Context(), gw.Client(t), opts...))
				http.DefaultClient.CloseIdleConnections()
				input, given := way.sent(t, gw)
				if given != v.given || string(input) != v.cbor {
					t.Errorf("sent input %x, %v; want %x, %v", input, given, v.cbor, v.given)
				}
				seen := gw.Instances()[0].Input()
				if string(seen.Bytes()) != v.cbor {
					t.Errorf("the actor was created with %x, want %x", seen.Bytes(), v.cbor)
				}
			})
		}
	}
}

// inputInBody reads the input of the one request of the API with a method.
func inputInBody(method string) func(*testing.T, *rivettest.Gateway) ([]byte, bool) {
	return func(t *testing.T, gw *rivettest.Gateway) ([]byte, bool) {
		t.Helper()
		var body map[string]any
		ask(t, json.Unmarshal(only(t, gw, toAPI(method)).Body, &body))
		text, given := body["input"]
		if !given {
			return nil, false
		}
		data, err := base64.StdEncoding.DecodeString(text.(string))
		ask(t, err)
		return data, true
	}
}

func inputInQuery(t *testing.T, query string) ([]byte, bool) {
	t.Helper()
	q, err := url.ParseQuery(query)
	ask(t, err)
	if !q.Has("rvt-input") {
		return nil, false
	}
	data, err := base64.RawURLEncoding.DecodeString(q.Get("rvt-input"))
	ask(t, err)
	return data, true
}

// Zero values are parameters like any other, in the header and in the
// subprotocol; only no parameters are none.
func TestBehaviour18_ZeroValuesAreParams(t *testing.T) {
	for _, v := range zeroValues {
		for _, from := range []string{"handle", "function", "connection"} {
			t.Run(v.name+"/"+from, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					var seen []codec.Value // by the actor, of stateless calls
					gw.Actor("room").OnConnect(func(_ context.Context, r *rivettest.Request) error {
						if r.Conn == nil {
							seen = append(seen, r.Params)
						}
						return nil
					})
					var onHandle []rivet.HandleOption
					var onConnect []rivet.ConnectOption
					switch {
					case !v.given:
					case from == "handle":
						onHandle = append(onHandle, rivet.WithParams(v.value))
					case from == "function":
						onHandle = append(onHandle, rivet.WithParamsFunc(func(context.Context) (any, error) { return v.value, nil }))
					default: // those of the connection win
						onHandle = append(onHandle, rivet.WithParams(v.value))
						onConnect = append(onConnect, rivet.WithParams(v.value))
					}
					h := gw.Client(t).GetOrCreate("room", nil, onHandle...)
					ctx := t.Context()

					_, err := echo.Call(ctx, h, 1)
					ask(t, err)
					ask(t, jobs.Send(ctx, h, 1))
					_, err = fetch(ctx, h, "GET", "http://actor/x", "")
					ask(t, err)
					requests := gw.Requests(toActor)
					if len(requests) != 3 {
						t.Fatalf("%d requests", len(requests))
					}
					for _, r := range requests {
						got, given := r.Header["X-Rivet-Conn-Params"]
						if given != v.given || given && !slices.Equal(got, []string{v.json}) {
							t.Errorf("%s: header %q, want %q", r.Path, got, v.json)
						}
					}
					if len(seen) != 2 {
						t.Errorf("the actor was asked %d times, want twice", len(seen))
					}
					for _, p := range seen {
						if string(p.Bytes()) != v.json {
							t.Errorf("the actor saw %q, want %q", p.Bytes(), v.json)
						}
					}

					c := open(t, h, onConnect...)
					ready(t, c)
					ws, err := h.WebSocket(ctx, "/x", onConnect...)
					ask(t, err)
					defer ws.Close()
					for i := range 2 {
						gc := gw.Conn(i)
						at := slices.IndexFunc(gc.Protocols, func(p string) bool { return strings.HasPrefix(p, "rivet_conn_params") })
						if (at >= 0) != v.given || string(gc.Params.Bytes()) != v.json {
							t.Errorf("%v: subprotocols %q, params %q; want %q", gc, gc.Protocols, gc.Params.Bytes(), v.json)
						}
					}
				})
			})
		}
	}
}
