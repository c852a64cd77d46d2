package interop_test

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

const (
	increment    = rivet.Action[int, int]("increment")
	getCount     = rivet.Action[rivet.None, int]("getCount")
	countChanged = rivet.Event[int]("countChanged")
)

func TestActionsWithNoneOneAndSeveralArguments(t *testing.T) {
	type three struct {
		rivet.Positional
		A string
		B *int
		C []byte
	}
	everywhere(t, func(t *testing.T, on target) {
		both(t, on.actor(t, "echo"), func(t *testing.T, caller rivet.Caller) {
			if got := call[[]any](t, caller, "echo"); len(got) != 0 {
				t.Errorf("no argument: %v came back", got)
			}
			if n, err := rivet.Do(within(t), caller, rivet.Action[rivet.None, int]("count")); n != 0 || err != nil {
				t.Errorf("None: the actor counted %d arguments (%v)", n, err)
			}
			if n, err := rivet.Action[[]int, int]("count").Call(within(t), caller, []int{1, 2}); n != 1 || err != nil {
				t.Errorf("a slice: the actor counted %d arguments (%v)", n, err)
			}
			n := 7
			in := three{A: "x", B: &n, C: []byte{1}}
			if on.legacy && on.encoding == codec.CBOR {
				in.C = nil // RivetKit 2.0 would get a compat form
			}
			got, err := rivet.Action[three, three]("echo").Call(within(t), caller, in)
			if err == nil {
				// The actor returns the array of its arguments as one value.
				t.Errorf("an array decoded into positional fields of a result: %+v", got)
			}
			var back []any
			back, err = rivet.Action[three, []any]("echo").Call(within(t), caller, in)
			want := []any{"x", int64(7), any([]byte{1})}
			if in.C == nil {
				want[2] = nil
			}
			if err != nil || !reflect.DeepEqual(back, want) {
				t.Errorf("three fields: %#v, want %#v (%v)", back, want, err)
			}
		})
	})
}

func TestActionsWithoutResult(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		both(t, on.actor(t, "counter"), func(t *testing.T, caller rivet.Caller) {
			v, err := rivet.Call[rivet.Value](within(t), caller, "nothing")
			if err != nil || !v.IsUndefined() {
				t.Errorf("nothing() = %v, %v, want undefined", v, err)
			}
			if _, err := rivet.Do(within(t), caller, rivet.Action[rivet.None, rivet.None]("nothing")); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestNestedActions(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		both(t, on.actor(t, "counter"), func(t *testing.T, caller rivet.Caller) {
			if got := call[[]any](t, caller, "nested.deep.ping", "x"); !reflect.DeepEqual(got, []any{"pong", "x"}) {
				t.Errorf("nested.deep.ping = %v", got)
			}
		})
	})
}

// Calls made at once on one connection each get their own answer.
func TestConcurrentCalls(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		c := ready(t, on.actor(t, "echo"))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if got, err := rivet.Call[int](within(t), c, "one", i); got != i || err != nil {
					t.Errorf("one(%d) = %d, %v", i, got, err)
				}
			})
		}
		wg.Wait()
	})
}

// TestBehaviour24_ErrorsOfActors goes through every way in which an action
// fails, and what a caller learns of it.
func TestBehaviour24_ErrorsOfActors(t *testing.T) {
	type metadata struct {
		N      int     `json:"n"`
		F      float64 `json:"f"`
		S      string  `json:"s"`
		List   []any   `json:"list"`
		Nested struct {
			A struct{ B string } `json:"a"`
		} `json:"nested"`
	}
	wantMeta := metadata{N: 1, F: 1.5, S: "héllo", List: []any{int64(1), nil, true}}
	wantMeta.Nested.A.B = "c"

	everywhere(t, func(t *testing.T, on target) {
		internal, unknown, timeout := "rivetkit.internal_error", "actor.action_not_found", "actor.action_timed_out"
		if on.legacy {
			internal, unknown, timeout = "internal.internal_error", "action.not_found", "action.timed_out"
		}
		h := on.actor(t, "errors")
		both(t, h, func(t *testing.T, caller rivet.Caller) {
			http := caller == rivet.Caller(h)
			for _, f := range []struct {
				action   string
				args     []any
				code     string
				message  string
				is       error
				executed bool
			}{
				{"user", []any{"in words"}, "user.user_error", "in words", nil, true},
				{"userCode", []any{"too_many"}, "user.too_many", "code too_many", nil, true},
				{"userMeta", nil, "user.with_metadata", "with metadata", nil, true},
				{"internal", nil, internal, "", rivet.ErrInternal, true},
				{"throwString", nil, internal, "", rivet.ErrInternal, true},
				{"nope", nil, unknown, "", rivet.ErrActionNotFound, false},
				{"slow", []any{20_000}, timeout, "", rivet.ErrActionTimedOut, true},
			} {
				_, err := rivet.Call[rivet.Value](within(t), caller, f.action, f.args...)
				ce, ok := errors.AsType[*rivet.CallError](err)
				if !ok || ce.Action != f.action || ce.MaybeExecuted != f.executed {
					t.Errorf("%s: %#v, want a CallError, may have run: %v", f.action, err, f.executed)
					continue
				}
				if on.legacy && http && f.action == "throwString" {
					serverError(t, err, "http.status_500") // a page, not an error of the protocol
					continue
				}
				e := serverError(t, err, f.code)
				if f.message != "" && e.Message != f.message {
					t.Errorf("%s: message %q", f.action, e.Message)
				}
				if f.is != nil && !errors.Is(err, f.is) {
					t.Errorf("%s: %v is not %v", f.action, err, f.is)
				}
				if (e.HTTPStatus != 0) != http {
					t.Errorf("%s: HTTP status %d", f.action, e.HTTPStatus)
				}
				if on.legacy != (e.Actor == nil) {
					t.Errorf("%s: actor %+v", f.action, e.Actor)
				}
				if http && !on.legacy && e.RayID == "" {
					t.Errorf("%s: no ray id", f.action)
				}
				if f.action == "userMeta" {
					var meta metadata
					if err := e.Decode(&meta); err != nil || !reflect.DeepEqual(meta, wantMeta) {
						t.Errorf("metadata %+v, want %+v (%v)", meta, wantMeta, err)
					}
				}
			}
			// The actor and the connection are none the worse for it.
			if got := call[int](t, caller, "slow", 0); got != 0 {
				t.Errorf("afterwards slow(0) = %d", got)
			}
		})
	})
}

// TestUnserializableAnswers has an action return a function: that is the call's
// error, not the connection's.
func TestUnserializableAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		both(t, on.actor(t, "errors"), func(t *testing.T, caller rivet.Caller) {
			v, err := rivet.Call[rivet.Value](within(t), caller, "unserializable")
			if on.legacy && on.encoding == codec.JSON {
				if err != nil || !v.IsUndefined() { // what JSON.stringify makes of it
					t.Errorf("%v, %v, want undefined", v, err)
				}
			} else if !errors.Is(err, rivet.ErrInternal) || !rivet.MaybeExecuted(err) {
				t.Errorf("%v, %v, want an internal error", v, err)
			}
			if got := call[int](t, caller, "slow", 1); got != 1 {
				t.Errorf("afterwards slow(1) = %d", got)
			}
		})
	})
}

// TestBehaviour40_CallsFromHandlers uses everything from inside a handler.
func TestBehaviour40_CallsFromHandlers(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		c := ready(t, on.actor(t, "counter"))
		got := make(chan int, 1)
		second := make(chan int, 16)
		var cancel func()
		var once sync.Once
		cancel = countChanged.On(c, func(n int) {
			once.Do(func() {
				// The call's event comes while its caller is on the way.
				n, err := increment.Call(t.Context(), c, 10)
				if err != nil {
					t.Error(err)
				}
				cancel()
				countChanged.On(c, func(n int) { second <- n })
				got <- n
			})
		})
		if _, err := increment.Call(within(t), c, 1); err != nil {
			t.Fatal(err)
		}
		if n := receive(t, got); n != 11 {
			t.Errorf("the handler's call = %d, want 11", n)
		}
		if _, err := increment.Call(within(t), c, 100); err != nil {
			t.Fatal(err)
		}
		if n := receive(t, second); n != 111 {
			t.Errorf("the handler's subscription received %d, want 111", n)
		}
		// And closing from inside of one.
		done := make(chan error, 1)
		countChanged.On(c, func(int) { done <- c.Close() })
		_, err := increment.Call(within(t), c, 1000)
		if err != nil && !errors.Is(err, rivet.ErrClosed) {
			t.Error(err)
		}
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
		if c.Status() != conn.Closed {
			t.Errorf("status %v after Close", c.Status())
		}
	})
}
