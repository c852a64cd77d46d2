package interop_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
)

const (
	role      = rivet.Action[rivet.None, string]("role")
	adminOnly = rivet.Queue[string, rivet.None]("adminOnly")
)

func token(s string) rivet.ParamsOption { return rivet.WithParams(map[string]string{"token": s}) }

// TestAuthByParams lets members and admins in, by every route.
func TestAuthByParams(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		member := client.GetOrCreate("auth", key, token("secret"))
		admin := client.GetOrCreate("auth", key, token("admin"))
		for want, h := range map[string]*rivet.Handle{"member": member, "admin": admin} {
			both(t, h, func(t *testing.T, caller rivet.Caller) {
				if got, err := rivet.Do(within(t), caller, role); got != want || err != nil {
					t.Errorf("role = %q, %v, want %q", got, err, want)
				}
				_, err := rivet.Call[string](within(t), caller, "adminAction")
				if want == "admin" && err != nil || want == "member" && !rivet.IsCode(err, "user.forbidden") {
					t.Errorf("adminAction of a %s: %v", want, err)
				}
			})
		}
		// A connection's own params win.
		if got, err := rivet.Do(within(t), ready(t, member, token("admin")), role); got != "admin" || err != nil {
			t.Errorf("role = %q, %v, want that of the connection", got, err)
		}
		if on.legacy {
			return
		}
		if err := adminOnly.Send(within(t), admin, "job"); err != nil {
			t.Errorf("queue, admin: %v", err)
		}
		if err := adminOnly.Send(within(t), member, "job"); !errors.Is(err, rivet.ErrForbidden) || rivet.MaybeExecuted(err) {
			t.Errorf("queue, member: %v, may have run: %v", err, rivet.MaybeExecuted(err))
		}
	})
}

// TestBehaviour02_RefusalsAreFinal is refused by the actor's hooks, by every
// route: one attempt, and a typed error.
func TestBehaviour02_RefusalsAreFinal(t *testing.T) {
	type refusal struct {
		params any
		code   string // of RivetKit 2.3
		old    string // code of 2.0 on connections, which know no groups
		meta   string
	}
	refusals := map[string]refusal{
		"no params":  {nil, "user.bad_token", "bad_token", ""},
		"bad token":  {map[string]string{"token": "x"}, "user.bad_token", "bad_token", "x"},
		"hook fails": {map[string]string{"token": "crash"}, "rivetkit.internal_error", "internal_error", ""},
		"state":      {map[string]string{"token": "admin", "state": "fail"}, "user.no_state", "no_state", ""},
	}
	everywhere(t, func(t *testing.T, on target) {
		var attempts atomic.Int64
		client := on.client(t, rivet.WithObserver(rivet.Observer{Attempt: func(rivet.AttemptInfo) { attempts.Add(1) }}))
		key := newKey(t)
		if _, err := rivet.Do(within(t), client.GetOrCreate("auth", key, token("secret")), role); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for name, r := range refusals {
			h := client.GetOrCreate("auth", key, rivet.WithParams(r.params))
			code := r.code
			if on.legacy && r.old == "internal_error" {
				code = "internal.internal_error"
			}
			wg.Go(func() {
				_, err := rivet.Do(within(t), h, role)
				e, ok := errors.AsType[*rivet.Error](err)
				if !ok || e.Group+"."+e.Code != code {
					t.Errorf("%s, call: %v, want %s", name, err, code)
				}
				var meta struct{ Got *string }
				if r.old == "bad_token" && (e.Decode(&meta) != nil || (meta.Got != nil) != (r.meta != "") || meta.Got != nil && *meta.Got != r.meta) {
					t.Errorf("%s, call: metadata %v", name, e.Metadata)
				}
			})
			wg.Go(func() {
				c := h.Connect(context.Background())
				defer c.Close()
				_, err := rivet.Do(within(t), c, role)
				if !errors.Is(err, rivet.ErrClosed) || rivet.MaybeExecuted(err) {
					t.Errorf("%s, call on the connection: %v", name, err)
				}
				wait(t, c.Done())
				want := code
				if on.legacy {
					want = "." + r.old
				}
				e, ok := errors.AsType[*rivet.Error](c.Err())
				if !ok || e.Group+"."+e.Code != want || c.Status() != conn.Closed {
					t.Errorf("%s, connection: %v (%v), want %s", name, c.Err(), c.Status(), want)
				}
			})
			if !on.legacy && (name == "bad token" || name == "state") {
				wg.Go(func() {
					if err := adminOnly.Send(within(t), h, "job"); !rivet.IsCode(err, r.code) {
						t.Errorf("%s, queue: %v", name, err)
					}
				})
			}
		}
		wg.Wait()
		if n := attempts.Load(); n != int64(len(refusals)) {
			t.Errorf("%d attempts of %d connections", n, len(refusals))
		}
	})
}

// TestAuthThatIsSlow takes longer than a hook may. A call has failed then; a
// connection tries again, for the next time may be faster. RivetKit 2.0 calls
// it an internal error, which is final.
func TestAuthThatIsSlow(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		want := "actor.callback_timed_out"
		if on.legacy {
			want = "internal.internal_error"
		}
		h := on.actor(t, "auth", rivet.WithParams(map[string]string{"token": "admin", "state": "slow"}))
		failed := make(chan error, 16)
		c := connect(t, h)
		defer c.OnError(func(err error) { failed <- err })()
		if _, err := rivet.Do(within(t), h, role); !rivet.IsCode(err, want) {
			t.Errorf("call: %v, want %s", err, want)
		}
		_, code, _ := strings.Cut(want, ".")
		waitFor(t, func() bool {
			select {
			case err := <-failed:
				return rivet.IsCode(err, code)
			default:
				return false
			}
		})
		if on.legacy {
			wait(t, c.Done())
		} else if c.Err() != nil {
			t.Errorf("the connection has given up: %v", c.Err())
		}
	})
}

// Raw WebSockets pass by the same hooks. (RivetKit 2.3 answers 404 to requests
// for an actor without a handler before it asks them.)
func TestAuthOfRawWebSockets(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		ws, err := client.GetOrCreate("auth", key, token("x")).WebSocket(within(t), "x")
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		for range ws.Messages(within(t)) {
		}
		serverError(t, ws.Err(), "user.bad_token")
	})
}

// TestBehaviour18_ZeroParamsAreParams has the actor tell the params it got.
func TestBehaviour18_ZeroParamsAreParams(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		client, key := on.client(t), newKey(t)
		var wg sync.WaitGroup
		for _, p := range []struct {
			params any
			want   string
		}{
			{0, "number:0"}, {"", "string:"}, {false, "boolean:false"}, {nil, "null"},
			{map[string]any{"name": "é世🦀 +%,\"()*'"}, "{name:string:é世🦀 +%,\"()*'}"},
		} {
			h := client.GetOrCreate("chat", key, rivet.WithParams(p.params))
			type me struct{ Params any }
			wg.Go(func() {
				if got, err := rivet.Call[me](within(t), h, "me"); err != nil || describe(got.Params) != p.want {
					t.Errorf("HTTP: %s, want %s (%v)", describe(got.Params), p.want, err)
				}
			})
			wg.Go(func() {
				c := h.Connect(context.Background())
				defer c.Close()
				if got, err := rivet.Call[me](within(t), c, "me"); err != nil || describe(got.Params) != p.want {
					t.Errorf("connection: %s, want %s (%v)", describe(got.Params), p.want, err)
				}
			})
		}
		wg.Wait()
	})
}

// TestBehaviour19_ParamsAreFresh counts how often the params are asked for; the
// actor tells which it saw.
func TestBehaviour19_ParamsAreFresh(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		var asked atomic.Int64
		h := on.actor(t, "chat", rivet.WithParamsFunc(func(context.Context) (any, error) {
			return map[string]string{"name": strconv.FormatInt(asked.Add(1), 10)}, nil
		}))
		type me struct{ State struct{ Name string } }
		for _, want := range []string{"1", "2"} {
			if got := call[me](t, h, "me").State.Name; got != want {
				t.Errorf("call: params of %s, want %s", got, want)
			}
		}
		c := ready(t, h)
		if got := call[me](t, c, "me").State.Name; got != "3" {
			t.Errorf("connection: params of %s, want 3", got)
		}
		c.Reconnect()
		if got := call[me](t, c, "me").State.Name; got != "4" && got != "3" {
			t.Errorf("reconnected: params of %s, want 4", got)
		}
		waitFor(t, func() bool { return c.Stats().Links == 2 && call[me](t, c, "me").State.Name == "4" })
	})
}
