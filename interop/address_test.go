package interop_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
)

type who struct {
	ActorID string    `json:"actorId"`
	Name    string    `json:"name"`
	Key     rivet.Key `json:"key"`
}

// TestBehaviour15_EveryKeyReachesItsOwnActor uses the same keys on every route.
// None of them depends on the encoding.
func TestBehaviour15_EveryKeyReachesItsOwnActor(t *testing.T) {
	once(t, candidates, func(t *testing.T, on target) {
		client := on.client(t)
		base := newKey(t)
		var mu sync.Mutex
		ids := map[string]rivet.Key{}
		var wg sync.WaitGroup
		for _, tail := range []rivet.Key{
			{}, {""}, {"", ""}, {"a", "b"}, {"a,b"}, {","}, {"a/b"}, {`a\/b`}, {`\0`},
			{"a b+c%2C", "é世🦀", "?x=1&rvt-key=z#@tok", "..", "."},
		} {
			wg.Go(func() {
				key := slices.Concat(base, tail)
				id := everyRoute(t, on, client, key)
				mu.Lock()
				defer mu.Unlock()
				if other, taken := ids[id]; taken {
					t.Errorf("%q reaches the actor of %q", key, other)
				}
				ids[id] = key
			})
		}
		wg.Wait()
	})
}

// everyRoute returns the id of the actor that has the key, once all routes to
// it agree.
func everyRoute(t *testing.T, on target, client *rivet.Client, key rivet.Key) string {
	h := client.GetOrCreate("counter", key)
	me, err := rivet.Call[who](within(t), h, "whoami")
	if err != nil {
		t.Errorf("%q: %v", key, err)
		return t.Name()
	}
	// RivetKit 2.0 takes any key for one part.
	if !on.legacy && !slices.Equal(me.Key, key) {
		t.Errorf("%q: the actor's key is %q", key, me.Key)
	}
	if id, err := client.Get("counter", key).Resolve(within(t)); id != me.ActorID || err != nil {
		t.Errorf("%q: Resolve found %s, calls %s (%v)", key, id, me.ActorID, err)
	}
	c := client.Get("counter", key).Connect(context.Background())
	defer c.Close()
	over, err := rivet.Call[who](within(t), c, "whoami")
	if err != nil || over.ActorID != me.ActorID || c.Info().ActorID != me.ActorID {
		t.Errorf("%q: the connection reached %s, calls %s (%v)", key, over.ActorID, me.ActorID, err)
	}
	return me.ActorID
}

// Keys that begin with an empty part, or have none, exist once on a server.
func TestBehaviour15_EmptyKeys(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		client := on.client(t)
		ids := map[string]bool{}
		keys := []rivet.Key{nil, {""}, {"", ""}, {","}, {"/"}}
		for _, key := range keys {
			ids[everyRoute(t, on, client, key)] = true
		}
		if len(ids) != len(keys) {
			t.Errorf("%d keys reach %d actors", len(keys), len(ids))
		}
	})
}

func TestCreateResolveInfoListDestroy(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		if _, err := client.Get("counter", key).Resolve(within(t)); !errors.Is(err, rivet.ErrActorNotFound) {
			t.Errorf("Resolve before Create: %v", err)
		}
		if _, err := getCount.Call(within(t), client.Get("counter", key), rivet.None{}); !errors.Is(err, rivet.ErrActorNotFound) || rivet.MaybeExecuted(err) {
			t.Errorf("call before Create: %v", err)
		}
		begin := time.Now().Add(-time.Second)
		create := func() (*rivet.Handle, error) {
			return client.Create(within(t), "counter", key, rivet.WithInput(map[string]int{"start": 5}), rivet.WithCrashPolicy(rivet.CrashSleep))
		}
		made, err := create()
		if errors.Is(err, io.EOF) {
			// Now and then the engine closes a connection after a refusal, such
			// as the one above, and has not read what came on it since. Only
			// the caller may send that again.
			made, err = create()
		}
		if err != nil {
			t.Fatal(err)
		}
		// Behaviour 36: what the server was told of region and pool it tells.
		info, err := made.Info(within(t))
		if err != nil || info.ID == "" || info.Name != "counter" || !slices.Equal(info.Key, key) || info.Pool != "default" ||
			info.Region != "default" || info.CrashPolicy != rivet.CrashSleep || info.Created.Before(begin) || !info.Destroyed.IsZero() {
			t.Errorf("Info: %+v, %v", info, err)
		}
		if id, err := client.Get("counter", key).Resolve(within(t)); id != info.ID || err != nil {
			t.Errorf("Resolve: %s, %v, want %s", id, err, info.ID)
		}
		if n := call[int](t, made, "getCount"); n != 5 {
			t.Errorf("getCount = %d, want the input's 5", n)
		}
		_, err = client.Create(within(t), "counter", key)
		if !errors.Is(err, rivet.ErrActorExists) {
			t.Errorf("Create of a key that is taken: %v", err)
		}
		var meta struct {
			ID string `json:"existing_actor_id"`
		}
		if e := serverError(t, err, "actor.duplicate_key"); e.Decode(&meta) != nil || meta.ID != info.ID {
			t.Errorf("metadata of the conflict: %+v, want the id %s", meta, info.ID)
		}
		found := false
		for a, err := range client.List(within(t), "counter") {
			if err != nil {
				t.Fatal(err)
			}
			found = found || a.ID == info.ID && slices.Equal(a.Key, key)
		}
		if !found {
			t.Error("List does not have the actor")
		}
		if err := made.Destroy(within(t)); err != nil {
			t.Fatal(err)
		}
		if err := made.Destroy(within(t)); err != nil {
			t.Errorf("Destroy again: %v", err)
		}
		waitFor(t, func() bool {
			info, err := made.Info(within(t))
			return err == nil && !info.Destroyed.IsZero()
		})
		if _, err := rivet.Call[int](within(t), made, "getCount"); !errors.Is(err, rivet.ErrActorNotFound) || rivet.MaybeExecuted(err) {
			t.Errorf("call by id after Destroy: %v", err)
		}
		if err := client.Get("counter", key).Destroy(within(t)); !errors.Is(err, rivet.ErrActorNotFound) {
			t.Errorf("Destroy by key after Destroy: %v", err)
		}
	})
}

// TestBehaviour22_StaleIDsAreDropped destroys an actor under handles that have
// used it.
func TestBehaviour22_StaleIDsAreDropped(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		byKey := client.GetOrCreate("counter", key)
		call[int](t, byKey, "increment", 5)
		old, err := byKey.Resolve(within(t))
		if err != nil {
			t.Fatal(err)
		}
		byID := client.GetForID("counter", old)
		c, d := ready(t, byKey), ready(t, byID)
		changes := countChanged.Subscribe(c)
		call[int](t, c, "getCount")
		if err := byKey.Destroy(within(t)); err != nil {
			t.Fatal(err)
		}
		// The connection by id ends for good, that by key finds the new actor
		// and is subscribed there.
		wait(t, d.Done())
		gone := errors.Is(d.Err(), rivet.ErrActorNotFound) || errors.Is(d.Err(), rivet.ErrActorDestroyed)
		if err := d.Err(); !gone || !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("connection by id: %v", err)
		}
		waitFor(t, func() bool { id := c.Info().ActorID; return id != "" && id != old && c.Ready(within(t)) == nil })
		if n := call[int](t, c, "increment", 1); n != 1 {
			t.Errorf("increment on the new actor = %d, want 1", n)
		}
		if n := next(t, changes); n != 1 {
			t.Errorf("event of the new actor: %d, want 1", n)
		}
		if n := call[int](t, byKey, "getCount"); n != 1 {
			t.Errorf("by key: %d, want the new actor's 1", n)
		}
		if _, err := rivet.Call[int](within(t), byID, "getCount"); !errors.Is(err, rivet.ErrActorNotFound) {
			t.Errorf("by id: %v", err)
		}
	})
}

// TestBehaviour17_ZeroInputIsInput creates actors by every route with inputs
// that are easily lost. Input is CBOR in every encoding.
func TestBehaviour17_ZeroInputIsInput(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		client := on.client(t)
		mixed := map[string]any{"s": "é,+/ ", "n": 1.5, "b": []byte{1, 2}, "big": int64(1) << 40}
		long := strings.Repeat("x", 20_000) // does not fit into a URL
		var wg sync.WaitGroup
		for label, in := range map[string]struct{ input, want any }{
			"0": {0, int64(0)}, `""`: {"", ""}, "false": {false, false}, "nil": {nil, nil}, "mixed": {mixed, mixed}, "long": {long, long},
		} {
			wg.Go(func() {
				h := client.GetOrCreate("counter", newKey(t), rivet.WithInput(in.input))
				got, err := rivet.Call[any](within(t), h, "getInput")
				if err != nil || !reflect.DeepEqual(got, in.want) {
					t.Errorf("by a call, %s: %.60v, %v", label, got, err)
				}
			})
		}
		start := rivet.WithInput(map[string]int{"start": 3})
		for label, open := range map[string]func() rivet.Caller{
			"connection": func() rivet.Caller { return connect(t, client.GetOrCreate("counter", newKey(t), start)) },
			"Resolve": func() rivet.Caller {
				h := client.GetOrCreate("counter", newKey(t), start)
				if _, err := h.Resolve(within(t)); err != nil {
					t.Error(err)
				}
				return h
			},
			"Create": func() rivet.Caller {
				h, err := client.Create(within(t), "counter", newKey(t), start)
				if err != nil {
					t.Error(err)
				}
				return h
			},
		} {
			wg.Go(func() {
				if n, err := getCount.Call(within(t), open(), rivet.None{}); n != 3 || err != nil {
					t.Errorf("by a %s: %d, %v, want 3", label, n, err)
				}
			})
		}
		wg.Wait()
	})
}

// TestBehaviour36_RegionAndPoolReachTheServer names ones that do not exist: the
// server knows what it was asked for.
func TestBehaviour36_RegionAndPoolReachTheServer(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		client := on.client(t)
		type place struct {
			opt  rivet.HandleOption
			want error
		}
		places := map[string]place{"region": {rivet.InRegion("nowhere"), rivet.ErrRegionNotFound}}
		if !on.embedded { // whose actors are all in this process, whatever the pool
			places["pool"] = place{rivet.InPool("nobody"), rivet.ErrPoolNotFound}
		}
		for name, c := range places {
			t.Run(name, func(t *testing.T) {
				if _, err := client.Create(within(t), "counter", newKey(t), c.opt); !errors.Is(err, c.want) {
					t.Errorf("Create: %v", err)
				}
				h := client.GetOrCreate("counter", newKey(t), c.opt)
				if _, err := h.Resolve(within(t)); !errors.Is(err, c.want) {
					t.Errorf("Resolve: %v", err)
				}
				if _, err := rivet.Call[int](within(t), h, "getCount"); !errors.Is(err, c.want) || rivet.MaybeExecuted(err) {
					t.Errorf("call: %v", err)
				}
				conn := connect(t, h)
				if err := conn.Ready(within(t)); !errors.Is(err, c.want) {
					t.Errorf("connection: %v", err)
				}
			})
		}
	})
}

// The namespace is wrong for good: calls and connections say so at once.
func TestUnknownNamespace(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		h := on.client(t, rivet.WithNamespace("nowhere")).GetOrCreate("counter", newKey(t))
		if _, err := rivet.Call[int](within(t), h, "getCount"); !errors.Is(err, rivet.ErrNamespaceNotFound) {
			t.Errorf("call: %v", err)
		}
		if _, err := h.Resolve(within(t)); !errors.Is(err, rivet.ErrNamespaceNotFound) {
			t.Errorf("Resolve: %v", err)
		}
		if err := connect(t, h).Ready(within(t)); !errors.Is(err, rivet.ErrNamespaceNotFound) {
			t.Errorf("connection: %v", err)
		}
	})
}

// RivetKit 2.0 has neither Create's metadata nor Destroy.
func TestLegacyCreateAndResolve(t *testing.T) {
	onLegacy(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		if _, err := client.Get("counter", key).Resolve(within(t)); !errors.Is(err, rivet.ErrActorNotFound) {
			t.Errorf("Resolve before Create: %v", err)
		}
		h, err := client.Create(within(t), "counter", key, rivet.WithInput(map[string]int{"start": 5}))
		if err != nil {
			t.Fatal(err)
		}
		if n := call[int](t, h, "getCount"); n != 5 {
			t.Errorf("getCount = %d, want the input's 5", n)
		}
		if n := call[int](t, client.Get("counter", key), "getCount"); n != 5 {
			t.Errorf("by key: %d, want 5", n)
		}
		if _, err := client.Create(within(t), "counter", key); !errors.Is(err, rivet.ErrActorExists) {
			t.Errorf("Create of a key that is taken: %v", err)
		}
		if err := h.Destroy(within(t)); err == nil {
			t.Error("Destroy has succeeded")
		}
	})
}
