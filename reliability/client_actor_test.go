package reliability_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// A handle by key reaches the actor that has the key now; a handle by id
// reaches that one actor or nobody.
func TestBehaviour22_StaleIDsAreDropped(t *testing.T) {
	keys := map[string]rivet.Key{"by query": {"a"}, "by id": {"a,b"}} // how the URL says it
	// reached goes the routes on which a stale id would matter, and returns whom
	// they reached.
	reached := func(t *testing.T, gw *rivettest.Gateway, client *rivet.Client, h *rivet.Handle) (ids map[string]string, errs map[string]error) {
		t.Helper()
		ids, errs = map[string]string{}, map[string]error{}
		for _, r := range routes {
			if r.name == "create" || r.name == "info" || r.name == "gateway URL" || r.name == "raw WebSocket" {
				continue
			}
			ids[r.name], errs[r.name] = r.reach(t.Context(), gw, client, h)
		}
		return ids, errs
	}
	for how, key := range keys {
		for _, way := range []string{"Get", "GetOrCreate"} {
			t.Run(way+", "+how, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					client := gw.Client(t)
					h := client.GetOrCreate("room", key)
					if way == "Get" {
						h = client.Get("room", key)
					}
					for range 3 {
						now := gw.Instance("room", key...)
						// Resolving it must not tie the handle to the id.
						if id, err := h.Resolve(t.Context()); err != nil || id != now.ID() {
							t.Fatalf("resolved %s, %v; want %s", id, err, now.ID())
						}
						ids, errs := reached(t, gw, client, h)
						for name, id := range ids {
							if errs[name] != nil || id != now.ID() {
								t.Errorf("%s reached %s, %v; want %s", name, id, errs[name], now.ID())
							}
						}
						now.Destroy()
					}
				})
			})
			t.Run(way+", "+how+", connection", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					old := gw.Instance("room", key...)
					client := gw.Client(t)
					h := client.GetOrCreate("room", key)
					if way == "Get" {
						h = client.Get("room", key)
					}
					c := open(t, h)
					ready(t, c)
					shared, release := client.Shared(h)
					defer release()
					ask(t, shared.Ready(t.Context()))
					old.Destroy()
					synctest.Wait()   // until the connections have noticed
					if way == "Get" { // it comes back only when somebody makes it
						pass(time.Minute)
						if c.Status() == conn.Closed {
							t.Fatalf("gave up: %v", c.Err())
						}
						gw.Instance("room", key...)
					}
					for _, c := range []*conn.Conn{c, shared} {
						n, err := echo.Call(within(t, 2*time.Minute), c, 1)
						want(t, n, err, 1)
						if id := c.Info().ActorID; id == old.ID() || id != gw.Instance("room", key...).ID() {
							t.Errorf("connected to %s, which was %s", id, old.ID())
						}
					}
				})
			})
			t.Run(way+", "+how+", destroyed by the handle", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					old := gw.Instance("room", key...)
					client := gw.Client(t)
					h := client.GetOrCreate("room", key)
					if way == "Get" {
						h = client.Get("room", key)
					}
					_, err := echo.Call(t.Context(), h, 1)
					ask(t, err)
					ask(t, h.Destroy(t.Context()))
					_, err = echo.Call(t.Context(), h, 1)
					if way == "Get" {
						if !errors.Is(err, codec.ErrActorNotFound) || rivet.MaybeExecuted(err) {
							t.Errorf("got %v", err)
						}
						if err := h.Destroy(t.Context()); !errors.Is(err, codec.ErrActorNotFound) {
							t.Errorf("destroyed again: %v", err)
						}
						return
					}
					ask(t, err)
					if now := gw.Instance("room", key...).ID(); now == old.ID() || lastReached(gw) != now {
						t.Errorf("reached %s, the new one is %s and the old one was %s", lastReached(gw), now, old.ID())
					}
				})
			})
		}
	}

	// The actor may be replaced between the request that resolves and the one
	// that calls.
	t.Run("replaced after it was resolved", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			replaced := 0
			client := gw.Client(t, through(gw, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				if req.Method == "POST" && replaced < 2 {
					replaced++
					gw.Instance("room", "a,b").Destroy()
				}
				return next.RoundTrip(req)
			}))
			n, err := charge.Call(t.Context(), client.GetOrCreate("room", rivet.Key{"a,b"}), 1)
			want(t, n, err, 1)
			if got := lastReached(gw); got != gw.Instance("room", "a,b").ID() {
				t.Errorf("reached %s", got)
			}
			if n := len(gw.Requests(rivettest.IsCall(string(charge)))); n != 3 || len(gw.Instances()) != 3 {
				t.Errorf("%d calls to %d actors, want 3 and 3", n, len(gw.Instances()))
			}
		})
	})

	for _, make := range []string{"GetForID", "Create"} {
		t.Run(make, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				client := gw.Client(t)
				h, err := client.Create(t.Context(), "room", rivet.Key{"a"})
				ask(t, err)
				if make == "GetForID" {
					h = client.GetForID("room", h.ID())
				}
				ids, errs := reached(t, gw, client, h)
				for name, id := range ids {
					if errs[name] != nil || id != h.ID() {
						t.Fatalf("%s reached %s, %v", name, id, errs[name])
					}
				}
				c := open(t, h)
				ready(t, c)
				gw.Instance("room", "a").Destroy()
				next := gw.Instance("room", "a") // the key is somebody else's now
				requests, attempts := len(gw.Requests(nil)), len(gw.Attempts())

				<-c.Done()
				if err := c.Err(); !errors.Is(err, codec.ErrActorNotFound) || !errors.Is(err, rivet.ErrClosed) {
					t.Errorf("the connection ended with %v", err)
				}
				if n := len(gw.Attempts()) - attempts; n != 1 {
					t.Errorf("%d attempts after the actor was destroyed, want 1", n)
				}
				began := time.Now()
				for _, op := range operations {
					switch op.name {
					case "action", "queue", "queue and wait":
						err := op.run(t.Context(), client, h)
						if !errors.Is(err, codec.ErrActorNotFound) || rivet.MaybeExecuted(err) {
							t.Errorf("%s: got %v", op.name, err)
						}
					}
				}
				if n := len(gw.Requests(nil)) - requests; n != 3 || time.Since(began) != 0 {
					t.Errorf("%d requests in %v for 3 calls", n, time.Since(began))
				}
				err = open(t, h).Ready(t.Context())
				if !errors.Is(err, codec.ErrActorNotFound) {
					t.Errorf("a new connection: %v", err)
				}
				ws, err := h.WebSocket(t.Context(), "/x")
				ask(t, err)
				if err := loopEnd(t, "raw WebSocket", ws.Messages(t.Context())); !errors.Is(err, codec.ErrActorNotFound) {
					t.Errorf("raw WebSocket: %v", err)
				}
				for _, r := range gw.Requests(toActor) {
					if r.ActorID == next.ID() {
						t.Errorf("%s reached the new actor", r.Path)
					}
				}
			})
		})
	}
}

// creations are the requests that create an actor, with what they say of it.
var creations = map[string]func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error){
	"PUT": func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error) {
		_, err := echo.Call(ctx, c.GetOrCreate("room", rivet.Key{"a,b"}, opts...), 1)
		return sentBody(gw, "PUT", err)
	},
	"PUT for a connection": func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error) {
		cn := c.GetOrCreate("room", rivet.Key{""}, opts...).Connect(ctx)
		defer cn.Close()
		return sentBody(gw, "PUT", cn.Ready(ctx))
	},
	"POST": func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error) {
		_, err := c.Create(ctx, "room", rivet.Key{"a"}, opts...)
		return sentBody(gw, "POST", err)
	},
	"query": func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error) {
		_, err := echo.Call(ctx, c.GetOrCreate("room", rivet.Key{"a"}, opts...), 1)
		if err != nil {
			return nil, err
		}
		return sentQuery(gw.Requests(toActor)[0].Query)
	},
	"query of a connection": func(ctx context.Context, gw *rivettest.Gateway, c *rivet.Client, opts ...rivet.HandleOption) (map[string]any, error) {
		cn := c.GetOrCreate("room", rivet.Key{"a"}, opts...).Connect(ctx)
		defer cn.Close()
		if err := cn.Ready(ctx); err != nil {
			return nil, err
		}
		return sentQuery(gw.Attempts()[0].URL.RawQuery)
	},
}

func sentBody(gw *rivettest.Gateway, method string, err error) (body map[string]any, _ error) {
	if err != nil {
		return nil, err
	}
	return body, json.Unmarshal(gw.Requests(toAPI(method))[0].Body, &body)
}

// sentQuery gives the parameters of a query the names of the API.
func sentQuery(query string) (map[string]any, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	said := map[string]any{}
	for name, as := range map[string]string{"rvt-region": "datacenter", "rvt-runner": "runner_name_selector", "rvt-crash-policy": "crash_policy"} {
		if q.Has(name) {
			said[as] = q.Get(name)
		}
	}
	return said, nil
}

// Region and pool reach the server on each way that creates an actor.
func TestBehaviour36_RegionAndPool(t *testing.T) {
	t.Setenv("RIVET_POOL", "")
	tests := []struct {
		name         string
		client       []rivet.Option
		handle       []rivet.HandleOption
		region, pool any
	}{
		{"defaults", nil, nil, nil, "default"},
		{"region", nil, []rivet.HandleOption{rivet.InRegion("eu-1")}, "eu-1", "default"},
		{"pool of the client", []rivet.Option{rivet.WithPool("gpu")}, nil, nil, "gpu"},
		{"pool of the handle", []rivet.Option{rivet.WithPool("gpu")}, []rivet.HandleOption{rivet.InPool("a b&c=d")}, nil, "a b&c=d"},
		{"both", nil, []rivet.HandleOption{rivet.InRegion("eu/1?x"), rivet.InPool("gpu")}, "eu/1?x", "gpu"},
	}
	for _, tt := range tests {
		for way, create := range creations {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					said, err := create(t.Context(), gw, gw.Client(t, tt.client...), tt.handle...)
					ask(t, err)
					if said["datacenter"] != tt.region || said["runner_name_selector"] != tt.pool {
						t.Errorf("sent %v, want region %v and pool %v", said, tt.region, tt.pool)
					}
					made := gw.Instances()[0]
					if region, _ := tt.region.(string); made.Region() != region || made.Pool() != tt.pool {
						t.Errorf("created in %q and %q", made.Region(), made.Pool())
					}
				})
			})
		}
	}
	t.Run("a handle that creates nothing has none", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Instance("room")
			client := gw.Client(t, rivet.WithPool("gpu"))
			_, err := echo.Call(t.Context(), client.Get("room", nil), 1)
			ask(t, err) // the gateway refuses a get with a pool
			_, err = echo.Call(t.Context(), client.Get("room", nil, rivet.InRegion("eu")), 1)
			if refused, ok := errors.AsType[*rivet.ConfigError](err); !ok || refused.Field != "InRegion" {
				t.Errorf("got %v", err)
			}
		})
	})
}

// The crash policy is sleep, as the official clients have it, unless said
// otherwise.
func TestBehaviour37_CrashPolicy(t *testing.T) {
	policies := map[string]struct {
		opts []rivet.HandleOption
		want string
	}{
		"default": {nil, "sleep"},
		"sleep":   {[]rivet.HandleOption{rivet.WithCrashPolicy(rivet.CrashSleep)}, "sleep"},
		"restart": {[]rivet.HandleOption{rivet.WithCrashPolicy(rivet.CrashRestart)}, "restart"},
		"destroy": {[]rivet.HandleOption{rivet.WithCrashPolicy(rivet.CrashDestroy)}, "destroy"},
	}
	for name, p := range policies {
		for way, create := range creations {
			t.Run(name+"/"+way, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					said, err := create(t.Context(), gw, gw.Client(t), p.opts...)
					ask(t, err)
					if said["crash_policy"] != p.want || gw.Instances()[0].CrashPolicy() != p.want {
						t.Errorf("sent %v, created with %q; want %s", said, gw.Instances()[0].CrashPolicy(), p.want)
					}
				})
			})
		}
	}
	t.Run("unknown", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			for way, create := range creations {
				if _, err := create(t.Context(), gw, gw.Client(t), rivet.WithCrashPolicy("explode")); err == nil {
					t.Errorf("%s: accepted", way)
				}
			}
			if n := len(gw.Requests(nil)) + len(gw.Attempts()); n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	})
}
