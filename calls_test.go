package rivet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

const (
	increment = rivet.Action[int, int]("increment")
	reset     = rivet.Action[rivet.None, rivet.None]("reset")
	whoami    = rivet.Action[rivet.None, string]("whoami")
	join      = rivet.Action[joinArgs, string]("join")
)

type joinArgs struct {
	rivet.Positional
	First, Second string
}

// newGateway returns a gateway with a counter.
func newGateway(t testing.TB, opts ...rivettest.Option) *rivettest.Gateway {
	noEnvTB(t)
	gw := rivettest.NewGateway(t, opts...)
	counter := gw.Actor("counter")
	count := 0
	rivettest.Handle(counter, increment, func(_ context.Context, _ *rivettest.Request, by int) (int, error) {
		count += by
		return count, nil
	})
	rivettest.Do(counter, reset, func(context.Context, *rivettest.Request) (rivet.None, error) {
		count = 0
		return rivet.None{}, nil
	})
	rivettest.Do(counter, whoami, func(_ context.Context, r *rivettest.Request) (string, error) {
		return r.ActorID, nil
	})
	rivettest.Handle(counter, join, func(_ context.Context, _ *rivettest.Request, in joinArgs) (string, error) {
		return in.First + "-" + in.Second, nil
	})
	counter.Handle("fail", func(context.Context, *rivettest.Request) (any, error) {
		return nil, rivettest.UserError("too_short", "Too short", map[string]any{"min": 3})
	})
	counter.Handle("nested.deep.echo", func(_ context.Context, r *rivettest.Request) (any, error) {
		var v any
		return v, r.Decode(&v)
	})
	return gw
}

func noEnvTB(t testing.TB) {
	if t, ok := t.(*testing.T); ok {
		noEnv(t)
	}
}

func TestCalls(t *testing.T) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(enc.String(), func(t *testing.T) {
			gw := newGateway(t)
			ctx := t.Context()
			h := gw.Client(t, rivet.WithEncoding(enc)).GetOrCreate("counter", rivet.Key{"a/b", "c"})
			if n, err := increment.Call(ctx, h, 5); n != 5 || err != nil {
				t.Errorf("increment: %d, %v", n, err)
			}
			if n, err := rivet.Call[int](ctx, h, "increment", 2); n != 7 || err != nil {
				t.Errorf("untyped: %d, %v", n, err)
			}
			if _, err := rivet.Do(ctx, h, reset); err != nil {
				t.Errorf("reset: %v", err)
			}
			if v, err := h.Action(ctx, "increment", 1); err != nil {
				t.Errorf("raw: %v", err)
			} else if n := 0; v.Decode(&n) != nil || n != 1 {
				t.Errorf("raw: %d", n)
			}
			if s, err := join.Call(ctx, h, joinArgs{First: "a", Second: "b"}); s != "a-b" || err != nil {
				t.Errorf("positional: %q, %v", s, err)
			}
			if v, err := rivet.CallArgs[rivet.Value](ctx, h, "increment", []any{1}, rivet.Idempotent()); err != nil || v.Encoding() != enc {
				t.Errorf("value: %v, %v", v, err)
			}

			_, err := rivet.Call[int](ctx, h, "fail")
			var e *rivet.Error
			if !errors.As(err, &e) || e.Group != "user" || e.Code != "too_short" || e.HTTPStatus != 500 || e.RayID == "" || e.Actor == nil {
				t.Fatalf("user error: %#v", err)
			}
			var meta struct{ Min int }
			if err := e.Decode(&meta); err != nil || meta.Min != 3 {
				t.Errorf("metadata: %+v, %v", meta, err)
			}
			if !rivet.IsCode(err, "too_short") || !rivet.IsCode(err, "user.too_short") || rivet.IsCode(err, "guard.too_short") {
				t.Error("IsCode does not tell")
			}
			if !rivet.MaybeExecuted(err) {
				t.Error("a user error says that the action ran")
			}
			var ce *rivet.CallError
			if !errors.As(err, &ce) || ce.Actor != h.String() || ce.Action != "fail" {
				t.Errorf("call error %+v", ce)
			}

			if _, err = h.Action(ctx, "nope"); !errors.Is(err, rivet.ErrActionNotFound) || rivet.MaybeExecuted(err) {
				t.Errorf("missing action: %v, maybe executed %v", err, rivet.MaybeExecuted(err))
			}
			if _, err := rivet.Call[string](ctx, h, "increment", 1); err == nil || !rivet.MaybeExecuted(err) {
				t.Errorf("a result of another type: %v", err)
			}
		})
	}
}

func TestGetOfMissingActor(t *testing.T) {
	gw := newGateway(t)
	c := gw.Client(t)
	for _, h := range []*rivet.Handle{c.Get("counter", rivet.Key{"no"}), c.Get("counter", rivet.Key{"n,o"})} {
		_, err := increment.Call(t.Context(), h, 1)
		if !errors.Is(err, rivet.ErrActorNotFound) || rivet.MaybeExecuted(err) {
			t.Errorf("%v: %v", h, err)
		}
		if _, err := h.Resolve(t.Context()); !errors.Is(err, rivet.ErrActorNotFound) {
			t.Errorf("resolve %v: %v", h, err)
		}
	}
	if n := len(gw.Requests(rivettest.IsCall("increment"))); n > 1 {
		t.Errorf("asked %d times; that there is no actor is an answer", n)
	}
}

// Whatever the body of an error is, something of it is kept.
func TestBehaviour24_ErrorsWhateverTheContentType(t *testing.T) {
	js := `{"group":"guard","code":"actor_ready_timeout","message":"m"}`
	cborBody := codec.AppendHTTPError(nil, codec.CBOR, &codec.Error{Group: "actor", Code: "aborted", Message: "m"})
	bareBody := codec.AppendHTTPError(nil, codec.BARE, &codec.Error{Group: "actor", Code: "aborted", Message: "m"})
	tests := []struct {
		name        string
		enc         codec.Encoding
		contentType string
		body        string
		group, code string
	}{
		{"JSON to a BARE call", codec.BARE, "application/json", strings.Replace(js, "actor_ready_timeout", "odd", 1), "guard", "odd"},
		{"JSON to a CBOR call", codec.CBOR, "application/json", strings.Replace(js, "actor_ready_timeout", "odd", 1), "guard", "odd"},
		{"JSON as text", codec.BARE, "text/plain", strings.Replace(js, "actor_ready_timeout", "odd", 1), "guard", "odd"},
		{"CBOR", codec.CBOR, "application/octet-stream", string(cborBody), "actor", "aborted"},
		{"BARE", codec.BARE, "application/octet-stream", string(bareBody), "actor", "aborted"},
		{"HTML", codec.BARE, "text/html", "<html>oops</html>", "http", ""},
		{"empty", codec.JSON, "", "", "http", ""},
	}
	for _, tt := range tests {
		for _, status := range []int{400, 404, 500, 502, 504} {
			t.Run(fmt.Sprintf("%s/%d", tt.name, status), func(t *testing.T) {
				r := &recorder{answer: func(seenRequest) (int, string, string) { return status, tt.contentType, tt.body }}
				h := newClient(t, r, rivet.WithEncoding(tt.enc)).GetOrCreate("a", nil)
				_, err := h.Action(t.Context(), "x")
				var e *rivet.Error
				if !errors.As(err, &e) || e.Group != tt.group || tt.code != "" && e.Code != tt.code || e.HTTPStatus != status {
					t.Fatalf("error %#v", err)
				}
				if maybe := tt.group != "http" || status >= 500; rivet.MaybeExecuted(err) != maybe {
					t.Errorf("may have been executed: %v, want %v", !maybe, maybe)
				}
				if n := len(r.requests()); n != 1 {
					t.Errorf("sent %d times", n)
				}
			})
		}
	}
}

// A call that may have run is sent once, unless it is idempotent.
func TestBehaviour10_NoSilentResend(t *testing.T) {
	tests := []struct {
		name string
		step rivettest.Step
	}{
		{"response did not begin", rivettest.Run(rivettest.Fail(rivettest.Error("guard", "gateway_response_start_timeout", "m", nil)))},
		{"reply dropped", rivettest.Run(rivettest.Fail(rivettest.Error("actor", "dropped_reply", "m", nil)))},
		{"unavailable", rivettest.Run(rivettest.Fail(rivettest.Error("guard", "service_unavailable", "m", nil)))},
		{"tunnel closed", rivettest.Run(rivettest.Fail(rivettest.Error("guard", "tunnel_response_closed", "m", nil)))},
		{"HTML 502", rivettest.Run(rivettest.Status(502, "<html>bad gateway</html>"))},
		{"cut off", rivettest.CutBody()},
		{"reset", rivettest.Reset()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			gw := newGateway(t)
			gw.ScriptHTTP("/action/", tt.step)
			h := gw.Client(t).GetOrCreate("counter", nil)
			_, err := increment.Call(t.Context(), h, 1)
			if err == nil || !rivet.MaybeExecuted(err) {
				t.Errorf("call: %v, maybe executed %v", err, rivet.MaybeExecuted(err))
			}
			if n := len(gw.Requests(rivettest.IsCall("increment"))); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
		t.Run(tt.name+", idempotent", func(t *testing.T) {
			gw := newGateway(t)
			gw.ScriptHTTP("/action/", tt.step, tt.step)
			h := gw.Client(t).GetOrCreate("counter", nil)
			if _, err := increment.Call(t.Context(), h, 1, rivet.Idempotent()); err != nil {
				t.Errorf("call: %v", err)
			}
			if n := len(gw.Requests(rivettest.IsCall("increment"))); n != 3 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

// A call that provably did not run is sent again.
func TestResendWhenNotDelivered(t *testing.T) {
	for _, e := range []error{
		rivettest.Error("actor", "starting", "m", nil),
		rivettest.Error("guard", "actor_ready_timeout", "m", nil),
		rivettest.Error("actor", "destroyed_while_waiting_for_ready", "m", nil),
	} {
		gw := newGateway(t)
		gw.ScriptHTTP("/action/", rivettest.Fail(e), rivettest.Fail(e))
		if n, err := increment.Call(t.Context(), gw.Client(t).GetOrCreate("counter", nil), 1); n != 1 || err != nil {
			t.Errorf("%v: %d, %v", e, n, err)
		}
	}
	t.Run("nobody listens for a while", func(t *testing.T) {
		gw := newGateway(t)
		var dials atomic.Int32
		c, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if n := dials.Add(1); n == 1 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return gw.Dial(ctx, network, addr)
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n, err := increment.Call(t.Context(), c.GetOrCreate("counter", nil), 1); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n := dials.Load(); n < 2 {
			t.Errorf("%d dials", n)
		}
	})
}

func TestResendBudget(t *testing.T) {
	noEnv(t)
	tests := []struct {
		name     string
		deadline time.Duration
		from, to time.Duration
	}{
		{"without a deadline", 0, 5 * time.Second, 10 * time.Second},
		{"with a deadline", 30 * time.Second, 30 * time.Second, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
				dial := func(context.Context, string, string) (net.Conn, error) { return nil, refused }
				c, err := rivet.NewClient(rivet.WithDialer(dial))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				_, err = increment.Call(ctx, c.GetOrCreate("counter", nil), 1)
				took := time.Since(start)
				if took < tt.from || took > tt.to {
					t.Errorf("gave up after %v, want %v to %v", took, tt.from, tt.to)
				}
				var op *net.OpError
				if !errors.As(err, &op) || rivet.MaybeExecuted(err) {
					t.Errorf("error %v, maybe executed %v", err, rivet.MaybeExecuted(err))
				}
				if tt.deadline > 0 && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v does not tell that time was up", err)
				}
			})
		})
	}
}

func TestDefaultCallTimeout(t *testing.T) {
	noEnv(t)
	for _, timeout := range []time.Duration{-1, time.Second, 0} {
		synctest.Test(t, func(t *testing.T) {
			gw := newGateway2(t, rivettest.InMemory())
			gw.ScriptHTTP("/action/", rivettest.Hang())
			var opts []rivet.Option
			if timeout >= 0 {
				opts = append(opts, rivet.WithCallTimeout(timeout))
			}
			want := timeout
			if timeout < 0 {
				want = 65 * time.Second
			}
			h := gw.Client(t, opts...).GetOrCreate("counter", nil)
			ctx := t.Context()
			if timeout == 0 { // none: only the caller's own ends it
				var cancel context.CancelFunc
				want = time.Hour
				ctx, cancel = context.WithTimeout(ctx, want)
				defer cancel()
			}
			start := time.Now()
			_, err := increment.Call(ctx, h, 1)
			if took := time.Since(start); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
			if !errors.Is(err, context.DeadlineExceeded) || !rivet.MaybeExecuted(err) {
				t.Errorf("error %v, maybe executed %v", err, rivet.MaybeExecuted(err))
			}
		})
	}
}

// newGateway2 is newGateway without a change of the environment, which a
// bubble does not allow.
func newGateway2(t testing.TB, opts ...rivettest.Option) *rivettest.Gateway {
	gw := rivettest.NewGateway(t, opts...)
	rivettest.Handle(gw.Actor("counter"), increment, func(_ context.Context, _ *rivettest.Request, by int) (int, error) {
		return by, nil
	})
	return gw
}

// A cancelled call is reported as such, and whether it may have run.
func TestBehaviour09_CancelledCallIsReportedAsCancelled(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		gw := newGateway(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := increment.Call(ctx, gw.Client(t).GetOrCreate("counter", nil), 1)
		if !errors.Is(err, context.Canceled) || rivet.MaybeExecuted(err) {
			t.Errorf("%v, maybe executed %v", err, rivet.MaybeExecuted(err))
		}
		if n := len(gw.Requests(nil)); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
	for _, cause := range []error{nil, errors.New("shutting down")} {
		t.Run("under way", func(t *testing.T) {
			gw := newGateway(t)
			gw.ScriptHTTP("/action/", rivettest.Hang())
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				_, _ = gw.WaitRequests(t.Context(), 1, rivettest.IsCall("increment"))
				cancel(cause)
			}()
			_, err := increment.Call(ctx, gw.Client(t).GetOrCreate("counter", nil), 1)
			if !errors.Is(err, context.Canceled) || !rivet.MaybeExecuted(err) || cause != nil && !errors.Is(err, cause) {
				t.Errorf("%v, maybe executed %v", err, rivet.MaybeExecuted(err))
			}
		})
	}
	t.Run("while looking for the actor", func(t *testing.T) {
		gw := newGateway(t)
		gw.ScriptHTTP("/actors", rivettest.Hang())
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, _ = gw.WaitRequests(t.Context(), 1, func(r rivettest.HTTPRequest) bool { return r.Path == "/actors" })
			cancel()
		}()
		_, err := increment.Call(ctx, gw.Client(t).GetOrCreate("counter", rivet.Key{"a,b"}), 1)
		if !errors.Is(err, context.Canceled) || rivet.MaybeExecuted(err) {
			t.Errorf("%v, maybe executed %v", err, rivet.MaybeExecuted(err))
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newGateway(t)
	for status, maybe := range map[int]bool{301: true, 302: true, 303: true, 307: false, 308: false} {
		gw := newGateway(t)
		gw.ScriptHTTP("/action/", rivettest.Redirect(status, "http://user:secret@"+strings.TrimPrefix(elsewhere.Endpoint(), "http://")+"/x?token=secret"))
		_, err := increment.Call(t.Context(), gw.Client(t, rivet.WithToken("secret")).GetOrCreate("counter", nil), 1)
		var re *rivet.RedirectError
		if !errors.As(err, &re) || re.Status != status || "http://"+re.Host != elsewhere.Endpoint() {
			t.Fatalf("%d: %v", status, err)
		}
		if rivet.MaybeExecuted(err) != maybe {
			t.Errorf("%d: maybe executed %v", status, !maybe)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q quotes more than the host", err)
		}
	}
	if n := len(elsewhere.Requests(nil)); n != 0 {
		t.Errorf("the target of the redirects got %d requests", n)
	}
}

func TestBodyLimits(t *testing.T) {
	gw := newGateway(t)
	gw.Actor("counter").Handle("big", func(_ context.Context, r *rivettest.Request) (any, error) {
		return strings.Repeat("x", 100<<10), nil
	})
	h := gw.Client(t, rivet.WithReadLimit(64<<10)).GetOrCreate("counter", nil)
	_, err := h.Action(t.Context(), "big")
	if err == nil || !strings.Contains(err.Error(), "WithReadLimit") || !rivet.MaybeExecuted(err) {
		t.Errorf("large answer: %v", err)
	}
	_, err = h.Action(t.Context(), "echo", strings.Repeat("x", 64<<10))
	var tooLarge *rivet.TooLargeError
	if !errors.As(err, &tooLarge) || rivet.MaybeExecuted(err) {
		t.Errorf("large call: %v", err)
	}
	if n := len(gw.Requests(rivettest.IsCall("echo"))); n != 0 {
		t.Error("the large call was sent")
	}
}

func TestObserverSeesCalls(t *testing.T) {
	gw := newGateway(t)
	gw.ScriptHTTP("/action/", rivettest.Fail(rivettest.Error("actor", "starting", "m", nil)))
	var seen []rivet.CallInfo
	h := gw.Client(t, rivet.WithObserver(rivet.Observer{Call: func(i rivet.CallInfo) { seen = append(seen, i) }})).GetOrCreate("counter", rivet.Key{"k"})
	_, _ = increment.Call(t.Context(), h, 1)
	_, want := h.Action(t.Context(), "fail")
	if len(seen) != 2 {
		t.Fatalf("%d calls observed", len(seen))
	}
	if a := seen[0]; a.Actor != "counter[k]" || a.Action != "increment" || a.Sends != 2 || !a.HTTP || a.Err != nil || a.Duration <= 0 {
		t.Errorf("first %+v", a)
	}
	if a := seen[1]; a.Sends != 1 || a.Err != want {
		t.Errorf("second %+v", a)
	}
}

// A kept-alive connection that the server has closed meanwhile must cost the
// caller nothing when nothing was written on it, and must never make
// net/http send an action twice.
func TestKeptAliveConnections(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testKeptAlive(t, "X-Tenant") })
	// net/http takes these for a permission to repeat.
	t.Run("idempotency key", func(t *testing.T) { testKeptAlive(t, "Idempotency-Key") })
}

func testKeptAlive(t *testing.T, header string) {
	gw := newGateway(t)
	noEnv(t)
	c, err := rivet.NewClient(rivet.WithEndpoint(gw.Endpoint()), rivet.WithHeaders(http.Header{header: {"x"}})) // the client's own transport
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := c.GetOrCreate("counter", nil)
	for i := range 20 {
		if _, err := increment.Call(t.Context(), h, 1); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			gw.ScriptHTTP("/action/", rivettest.Run(rivettest.Reset()))
			before := len(gw.Requests(rivettest.IsCall("increment")))
			_, err := increment.Call(t.Context(), h, 1)
			if err == nil || !rivet.MaybeExecuted(err) {
				t.Fatalf("reset: %v", err)
			}
			if n := len(gw.Requests(rivettest.IsCall("increment"))) - before; n != 1 {
				t.Fatalf("sent %d times", n)
			}
		}
	}
}
