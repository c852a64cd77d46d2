package reliability_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// A cancelled operation is reported as cancelled, at once, and not as an error
// of HTTP or of the server.
func TestBehaviour09_CancelledIsCancelled(t *testing.T) {
	mine := errors.New("user left")
	ways := []struct {
		name string
		ctx  func(context.Context) (ctx context.Context, end func())
		is   []error
		not  error
	}{
		{"cancel", func(ctx context.Context) (context.Context, func()) {
			return context.WithCancel(ctx)
		}, []error{context.Canceled}, context.DeadlineExceeded},
		{"cancel with a cause", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(mine) }
		}, []error{context.Canceled, mine}, context.DeadlineExceeded},
		{"deadline", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			return ctx, func() { <-ctx.Done(); cancel() }
		}, []error{context.DeadlineExceeded}, context.Canceled},
	}
	// Where the operation hangs.
	places := []struct {
		name string
		key  rivet.Key
		hang func(gw *rivettest.Gateway)
		// skips are operations that never come there.
		skips []string
		sent  bool // whether the call itself had been sent
	}{
		{"no answer", nil, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/gateway/", rivettest.Hang().Times(9))
			gw.ScriptHTTP("/actors", rivettest.Hang().Times(9))
			gw.Script(rivettest.Hang().Times(9))
		}, []string{"gateway URL"}, true},
		{"no actor yet", rivet.Key{"a,b"}, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/actors", rivettest.Hang().Times(9))
		}, nil, false},
		{"no metadata", nil, func(gw *rivettest.Gateway) {
			gw.ScriptHTTP("/metadata", rivettest.Hang().Times(9))
		}, nil, false},
		{"waiting to send again", nil, func(gw *rivettest.Gateway) {
			later := rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "later", nil)).Times(99)
			gw.ScriptHTTP("/gateway/", later)
			gw.ScriptHTTP("/actors", later)
			gw.Script(later)
		}, []string{"gateway URL", "create", "raw WebSocket"}, false},
	}
	for _, place := range places {
		for _, way := range ways {
			for _, op := range operations {
				if slices.Contains(place.skips, op.name) {
					continue
				}
				t.Run(place.name+"/"+way.name+"/"+op.name, func(t *testing.T) {
					bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
						equip(gw)
						client := gw.Client(t)
						if place.name != "no metadata" {
							_, err := client.Metadata(t.Context())
							ask(t, err)
						}
						place.hang(gw)
						ctx, end := way.ctx(t.Context())
						result := make(chan error, 1)
						go func() { result <- op.run(ctx, client, client.GetOrCreate("room", place.key)) }()
						if place.name == "waiting to send again" {
							pass(time.Second)
						}
						synctest.Wait()
						if len(gw.Requests(nil))+len(gw.Attempts()) < 1 {
							t.Fatal("nothing was sent")
						}
						end()
						began := time.Now()
						err := <-result
						if d := time.Since(began); d > 0 {
							t.Errorf("returned %v after the context had ended", d)
						}
						for _, is := range way.is {
							if !errors.Is(err, is) {
								t.Errorf("got %v, which is not %v", err, is)
							}
						}
						if errors.Is(err, way.not) {
							t.Errorf("got %v, which is %v too", err, way.not)
						}
						if _, ok := errors.AsType[*rivet.Error](err); ok && place.name != "waiting to send again" {
							t.Errorf("got %v, an error of the server's", err)
						}
						if ce, ok := errors.AsType[*rivet.CallError](err); ok != op.call && op.name != "create" {
							t.Errorf("got %T, is it a *CallError: %v, want %v", err, ok, op.call)
						} else if ok && ce.MaybeExecuted != place.sent {
							t.Errorf("MaybeExecuted %v, want %v", ce.MaybeExecuted, place.sent)
						}
					})
				})
			}
		}
	}

	t.Run("before it began", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			client := gw.Client(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(mine)
			for _, op := range operations {
				err := op.run(ctx, client, client.GetOrCreate("room", nil))
				if !errors.Is(err, context.Canceled) || !errors.Is(err, mine) || rivet.MaybeExecuted(err) {
					t.Errorf("%s: got %v, MaybeExecuted %v", op.name, err, rivet.MaybeExecuted(err))
				}
			}
			if sent := gw.Requests(nil); len(sent) > 0 || len(gw.Attempts()) > 0 {
				t.Errorf("sent: %+v and %d attempts to connect", sent, len(gw.Attempts()))
			}
		})
	})

	t.Run("default timeout", func(t *testing.T) {
		for _, op := range operations {
			if !op.bounded || op.name == "gateway URL" {
				continue
			}
			t.Run(op.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					client := gw.Client(t, rivet.WithCallTimeout(40*time.Second))
					_, err := client.Metadata(t.Context())
					ask(t, err)
					gw.ScriptHTTP("", rivettest.Hang().Times(9))
					began := time.Now()
					err = op.run(t.Context(), client, client.GetOrCreate("room", nil))
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 40*time.Second {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
					if op.call && !rivet.MaybeExecuted(err) {
						t.Error("a call that was sent cannot be known not to have run")
					}
				})
			})
		}
	})

	t.Run("while the body is read", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, "GET", "http://actor/", nil)
			ask(t, err)
			resp, err := room(t, gw).Do(req)
			ask(t, err)
			defer resp.Body.Close()
			got := make([]byte, 4)
			_, err = io.ReadFull(resp.Body, got)
			ask(t, err)
			time.AfterFunc(time.Second, cancel)
			if _, err := resp.Body.Read(got); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	})
}

// A closed client stays closed: nothing that is asked of it, or of what came
// from it, does anything but fail with ErrClosed.
func TestBehaviour21_ClosedStaysClosed(t *testing.T) {
	closed := func(t *testing.T, what string, err error) {
		t.Helper()
		if !errors.Is(err, rivet.ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", what, err)
		}
	}
	ends := map[string]func(t *testing.T, c *rivet.Client){
		"Close": func(t *testing.T, c *rivet.Client) { ask(t, c.Close()) },
		"Shutdown": func(t *testing.T, c *rivet.Client) {
			ask(t, c.Shutdown(t.Context()))
		},
		"both, twice": func(t *testing.T, c *rivet.Client) {
			for range 2 {
				ask(t, c.Close())
				ask(t, c.Shutdown(t.Context()))
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				client := gw.Client(t)
				h := client.GetOrCreate("room", nil)
				ctx := t.Context()
				c := open(t, h)
				ready(t, c)
				shared, release := client.Shared(h)
				ask(t, shared.Ready(ctx))
				ws, err := h.WebSocket(ctx, "/x")
				ask(t, err)
				sub := ticks.Subscribe(c)
				subscribed(t, gw.Conn(0), ticks)
				end(t, client)

				// What was open is closed, on both sides.
				ask(t, gw.WaitOpenConns(ctx, 0))
				closed(t, "connection", c.Err())
				closed(t, "shared connection", shared.Err())
				closed(t, "raw WebSocket", ws.Err())
				closed(t, "raw WebSocket, Send", ws.Send(ctx, rivet.Text("x")))
				_, err = sub.Next(ctx)
				closed(t, "subscription", err)
				release()

				// And nothing is opened again.
				requests, attempts := len(gw.Requests(nil)), len(gw.Attempts())
				for _, op := range operations {
					closed(t, op.name, op.run(ctx, client, h))
					closed(t, op.name+" of a new handle", op.run(ctx, client, client.Get("room", rivet.Key{"new"})))
					closed(t, op.name+" by id", op.run(ctx, client, client.GetForID("room", gw.Instance("room").ID())))
				}
				_, err = client.Metadata(ctx)
				closed(t, "metadata", err)
				for what, dead := range map[string]*conn.Conn{"old": c, "new": open(t, h), "shared": first(client.Shared(h))} {
					closed(t, what+" connection: Err", dead.Err())
					closed(t, what+" connection: Ready", dead.Ready(ctx))
					_, err := echo.Call(ctx, dead, 1)
					closed(t, what+" connection: call", err)
					if rivet.MaybeExecuted(err) {
						t.Errorf("%s connection: a call that was never sent may have run", what)
					}
					_, err = ticks.Once(ctx, dead)
					closed(t, what+" connection: Once", err)
					_, err = ticks.Subscribe(dead).Next(ctx)
					closed(t, what+" connection: Subscribe", err)
					closed(t, what+" connection: All", loopEnd(t, what+" connection: All", ticks.All(ctx, dead)))
					dead.Reconnect()
					if dead.Status() != conn.Closed {
						t.Errorf("%s connection is %v", what, dead.Status())
					}
				}
				pass(time.Hour)
				if r, a := len(gw.Requests(nil)), len(gw.Attempts()); r != requests || a != attempts {
					t.Errorf("%d requests and %d attempts were made after the end", r-requests, a-attempts)
				}
			})
		})
	}

	t.Run("with everything under way", func(t *testing.T) {
		for _, op := range operations {
			if op.name == "gateway URL" {
				continue
			}
			t.Run(op.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					client := gw.Client(t)
					_, err := client.Metadata(t.Context())
					ask(t, err)
					gw.ScriptHTTP("", rivettest.Hang().Times(9))
					gw.Script(rivettest.Hang().Times(9))
					result := make(chan error, 1)
					go func() { result <- op.run(t.Context(), client, client.GetOrCreate("room", nil)) }()
					synctest.Wait()
					began := time.Now()
					ask(t, client.Close())
					err = <-result
					closed(t, op.name, err)
					if d := time.Since(began); d > 0 {
						t.Errorf("ended %v after Close", d)
					}
					if op.call && !rivet.MaybeExecuted(err) {
						t.Error("a call that was sent cannot be known not to have run")
					}
				})
			})
		}
	})

	t.Run("while a body is read", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}))
			client := gw.Client(t)
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://actor/", nil)
			ask(t, err)
			resp, err := client.GetOrCreate("room", nil).Do(req)
			ask(t, err)
			defer resp.Body.Close()
			time.AfterFunc(time.Second, func() { _ = client.Close() })
			_, err = resp.Body.Read(make([]byte, 1))
			closed(t, "body", err)
		})
	})
}

func first[A, B any](a A, _ B) A { return a }
