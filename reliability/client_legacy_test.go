package reliability_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// legacy runs f once for each encoding with a gateway that is RivetKit 2.0.33
// without an engine, on a clock that jumps.
func legacy(t *testing.T, f func(t *testing.T, gw *rivettest.Gateway, h *rivet.Handle)) {
	t.Helper()
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, first *rivettest.Gateway) {
			gw := second(t, first, "old.invalid:80", rivettest.Legacy())
			client := gw.Client(t, rivet.WithEncoding(enc))
			f(t, gw, client.GetOrCreate("room", rivet.Key{"a"}))
		})
	})
}

// On a 2.0 server everything is addressed by id, which is looked up first.
func TestLegacyAddressing(t *testing.T) {
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, first *rivettest.Gateway) {
			gw := second(t, first, "old.invalid:80", rivettest.Legacy())
			client := gw.Client(t, rivet.WithToken("token"), rivet.WithEncoding(enc))
			keys := []rivet.Key{nil, {"a"}, {"a", "b"}, {"a/b"}, {"a,b"}, {""}, {`\`}, {"a", ""}, {"ü"}}
			ids := map[string]rivet.Key{}
			for _, key := range keys {
				h := client.GetOrCreate("room", key)
				n, err := echo.Call(t.Context(), h, 1)
				want(t, n, err, 1)
				id := lastReached(gw)
				if other, taken := ids[id]; taken {
					t.Errorf("%q and %q reach the same actor", key, other)
				}
				ids[id] = key
				again, err := client.Get("room", key).Resolve(t.Context())
				if err != nil || again != id {
					t.Errorf("%q: resolved %s, %v; want %s", key, again, err, id)
				}
				_, err = fetch(t.Context(), h, "GET", "http://actor/x?y=1", "")
				ask(t, err)
				if got := lastReached(gw); got != id {
					t.Errorf("%q: fetch reached %s, want %s", key, got, id)
				}
				c := open(t, h)
				ready(t, c)
				if got := c.Info().ActorID; got != id {
					t.Errorf("%q: connected to %s, want %s", key, got, id)
				}
				u, err := h.GatewayURL(t.Context(), "/request/x")
				ask(t, err)
				if !strings.HasPrefix(u.Path, "/gateway/"+id+"@token/request/x") {
					t.Errorf("%q: gateway URL %s", key, u)
				}
				ask(t, c.Close())
			}
			for _, r := range gw.Requests(nil) {
				if strings.Contains(r.Query, "rvt-") {
					t.Errorf("%s?%s: 2.0 knows no such queries", r.Path, r.Query)
				}
			}
			for _, a := range gw.Attempts() {
				if strings.Contains(a.URL.RawQuery, "rvt-") {
					t.Errorf("%s: 2.0 knows no such queries", a.URL)
				}
			}
			_, err := echo.Call(t.Context(), client.Get("room", rivet.Key{"nobody"}), 1)
			if !errors.Is(err, codec.ErrActorNotFound) || rivet.MaybeExecuted(err) {
				t.Errorf("missing actor: %v", err)
			}
			if _, err := client.Create(t.Context(), "room", rivet.Key{"a"}); !errors.Is(err, codec.ErrActorExists) {
				t.Errorf("taken key: %v", err)
			}
			made, err := client.Create(t.Context(), "room", rivet.Key{"made"}, rivet.WithInput(map[string]int{"start": 5}))
			ask(t, err)
			n, err := echo.Call(t.Context(), made, 7)
			want(t, n, err, 7)
			var input struct{ Start int }
			if err := gw.Instance("room", "made").Input().Decode(&input); err != nil || input.Start != 5 {
				t.Errorf("input %+v, %v", input, err)
			}
			// A handle by key finds who has the key now.
			old := gw.Instance("room", "a")
			old.Destroy()
			_, err = echo.Call(t.Context(), client.GetOrCreate("room", rivet.Key{"a"}), 1)
			ask(t, err)
			if lastReached(gw) == old.ID() {
				t.Error("a destroyed actor was reached")
			}
			meta, err := client.Metadata(t.Context())
			if err != nil || meta.Runtime != "rivetkit" || meta.Version != "2.0.33" {
				t.Errorf("metadata %+v, %v", meta, err)
			}
		})
	})
}

// Values of all kinds pass to and from a 2.0 server.
func TestLegacyValues(t *testing.T) {
	type record struct {
		Name  string     `json:"name"`
		N     int64      `json:"n"`
		Large int64      `json:"large"`
		F     float64    `json:"f"`
		B     bool       `json:"b"`
		List  []string   `json:"list"`
		None  *string    `json:"none"`
		Bytes []byte     `json:"bytes"`
		Big   *big.Int   `json:"big"`
		Time  *time.Time `json:"time,omitempty"`
	}
	give := record{
		Name: "é\n", N: -7, Large: 1 << 40, F: 1.5, B: true, List: []string{"a", ""}, Bytes: []byte{0, 1, 255},
		Big: new(big.Int).Lsh(big.NewInt(1), 70),
	}
	legacy(t, func(t *testing.T, gw *rivettest.Gateway, h *rivet.Handle) {
		a := gw.Actor("room")
		a.Handle("same", func(_ context.Context, r *rivettest.Request) (any, error) {
			var got record
			err := r.Decode(&got)
			return got, err
		})
		a.Handle("count", func(_ context.Context, r *rivettest.Request) (any, error) { return r.NumArgs(), nil })
		a.Handle("nothing", func(context.Context, *rivettest.Request) (any, error) { return codec.None{}, nil })
		wanted, err := json.Marshal(give)
		ask(t, err)
		for name, caller := range map[string]rivet.Caller{"HTTP": h, "connection": open(t, h)} {
			got, err := rivet.Call[record](t.Context(), caller, "same", give)
			ask(t, err)
			if text, err := json.Marshal(got); err != nil || string(text) != string(wanted) {
				t.Errorf("%s: got %s, want %s", name, text, wanted)
			}
			for n := range 4 {
				got, err := rivet.CallArgs[int](t.Context(), caller, "count", make([]any, n))
				want(t, got, err, n)
			}
			if _, err := rivet.Call[rivet.None](t.Context(), caller, "nothing"); err != nil {
				t.Errorf("%s: no result: %v", name, err)
			}
			if got, err := rivet.Call[*int](t.Context(), caller, "nothing"); err != nil || got != nil {
				t.Errorf("%s: undefined is %v, %v", name, got, err)
			}
		}
	})
}

// Connections to a 2.0 server: calls, events, reconnects, parameters.
func TestLegacyConnection(t *testing.T) {
	legacy(t, func(t *testing.T, gw *rivettest.Gateway, h *rivet.Handle) {
		c := open(t, h, rivet.WithParams(map[string]string{"user": "ü+ ()"}))
		sub := ticks.Subscribe(c)
		defer sub.Close()
		for i := range 3 {
			n, err := emit.Call(t.Context(), c, i)
			want(t, n, err, i)
			n, err = sub.Next(t.Context())
			want(t, n, err, i)
		}
		var params struct{ User string }
		if err := gw.Conn(0).Params.Decode(&params); err != nil || params.User != "ü+ ()" {
			t.Errorf("params %+v, %v", params, err)
		}
		if bad := gw.Conn(0).Messages(rivettest.IsKind(rivettest.MalformedMessage)); len(bad) != 0 {
			t.Errorf("2.0 cannot read %v: %v", bad[0], bad[0].Err)
		}
		// Each way to lose the link: the actor sleeps, or is destroyed; the
		// network goes.
		for i, lose := range []func(){
			func() { gw.Instance("room", "a").Sleep() },
			func() { gw.Instance("room", "a").Destroy() },
			func() { gw.Conn(2).Drop() },
			gw.Restart,
		} {
			lose()
			gc := gw.Conn(i + 1)
			subscribed(t, gc, ticks)
			n, err := emit.Call(t.Context(), c, 10+i)
			want(t, n, err, 10+i)
			n, err = sub.Next(t.Context())
			want(t, n, err, 10+i)
		}
		ask(t, sub.Err())
		sub.Close()
		if err := gw.Conn(4).WaitUnsubscribed(t.Context(), string(ticks)); err != nil {
			t.Error(err)
		}
	})
}

// The errors of a 2.0 server are the same to errors.Is as those of a 2.3.
func TestLegacyErrors(t *testing.T) {
	legacy(t, func(t *testing.T, gw *rivettest.Gateway, h *rivet.Handle) {
		a := gw.Actor("room")
		a.Handle("fail", func(context.Context, *rivettest.Request) (any, error) {
			return nil, rivettest.UserError("with_metadata", "with metadata", map[string]int{"n": 1})
		})
		a.Handle("broken", func(context.Context, *rivettest.Request) (any, error) { return nil, errors.New("secret detail") })
		c := open(t, h)
		for name, caller := range map[string]rivet.Caller{"HTTP": h, "connection": c} {
			_, err := rivet.Call[int](t.Context(), caller, "fail")
			e, ok := errors.AsType[*rivet.Error](err)
			var meta struct{ N int }
			if !ok || e.Group != "user" || e.Code != "with_metadata" || e.Message != "with metadata" || e.Decode(&meta) != nil || meta.N != 1 {
				t.Errorf("%s: got %+v", name, e)
			}
			if name == "HTTP" && ok && e.HTTPStatus != 400 {
				t.Errorf("status %d", e.HTTPStatus)
			}
			if !rivet.MaybeExecuted(err) {
				t.Errorf("%s: an action that failed has run", name)
			}
			if _, err := rivet.Call[int](t.Context(), caller, "missing"); !errors.Is(err, codec.ErrActionNotFound) || rivet.MaybeExecuted(err) {
				t.Errorf("%s: unknown action: %v", name, err)
			}
			if _, err := rivet.Call[int](t.Context(), caller, "broken"); !errors.Is(err, codec.ErrInternal) || !rivet.MaybeExecuted(err) {
				t.Errorf("%s: internal error: %v", name, err)
			}
			if _, err := hold.Call(t.Context(), caller, 1); !errors.Is(err, codec.ErrActionTimedOut) {
				t.Errorf("%s: action timeout: %v", name, err)
			}
		}
		if links := c.Stats().Links; links != 1 {
			t.Errorf("errors of calls cost %d links", links-1)
		}
		// Ids that are nobody's. 2.0 has no other word for it than an internal
		// error, so the connection can only go on trying or give up: it must
		// say which.
		if _, err := echo.Call(t.Context(), gw.Client(t).GetForID("room", "00000000000000ff"), 1); !errors.Is(err, codec.ErrInternal) {
			t.Errorf("missing id: %v", err)
		}
		// Queues came later.
		err := jobs.Send(t.Context(), h, 1)
		if e, ok := errors.AsType[*rivet.Error](err); !ok || e.HTTPStatus != 404 || rivet.MaybeExecuted(err) {
			t.Errorf("queue: %v", err)
		}
		if err := h.Destroy(t.Context()); err == nil {
			t.Error("2.0 destroys nothing by its API")
		}
		// A refused connection says so in a bare code.
		a.OnConnect(func(context.Context, *rivettest.Request) error { return rivettest.UserError("bad_token", "no", nil) })
		refused := open(t, h)
		err = refused.Ready(within(t, time.Minute))
		if !rivet.IsCode(err, "bad_token") || refused.Status() != conn.Closed || !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("refused with %v, status %v", err, refused.Status())
		}
		_, err = echo.Call(t.Context(), h, 1)
		if !rivet.IsCode(err, "bad_token") {
			t.Errorf("refused with %v", err)
		}
	})
}

// Raw HTTP and WebSockets of a 2.0 server.
func TestLegacyRaw(t *testing.T) {
	legacy(t, func(t *testing.T, gw *rivettest.Gateway, h *rivet.Handle) {
		gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		}))
		got, err := fetch(t.Context(), h, "PUT", "http://actor/a/b?x=1", "body")
		if err != nil || got != "PUT /a/b?x=1 body" {
			t.Errorf("fetch: %q, %v", got, err)
		}
		ws, err := h.WebSocket(t.Context(), "/chat?x=1")
		ask(t, err)
		ask(t, ws.Send(t.Context(), rivet.Binary([]byte{0, 1})))
		for m, err := range ws.Messages(t.Context()) {
			if err != nil || m.Text || !slices.Equal(m.Data, []byte{0, 1}) {
				t.Errorf("got %v, %v", m, err)
			}
			break
		}
		ask(t, ws.Close())
		if u := gw.Conn(0).URL; !strings.HasSuffix(u.Path, "/websocket/chat") || u.RawQuery != "x=1" {
			t.Errorf("opened %s", u)
		}
	})
}
