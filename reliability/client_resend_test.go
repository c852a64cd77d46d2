package reliability_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// afterwards are answers that may follow an action that has run.
var afterwards = func() map[string]rivettest.Step {
	steps := map[string]rivettest.Step{
		"reset":     rivettest.Reset(),
		"HTML 502":  rivettest.Status(502, "<html>Bad Gateway</html>"),
		"HTML 503":  rivettest.Status(503, "<html>Unavailable</html>"),
		"HTML 504":  rivettest.Status(504, "<html>Timeout</html>"),
		"empty 500": rivettest.Answer(500, "", nil),
	}
	for _, code := range []string{
		"guard.gateway_response_start_timeout", "guard.actor_stopped_while_waiting", "guard.tunnel_request_aborted",
		"guard.tunnel_message_timeout", "guard.tunnel_response_closed", "guard.service_unavailable", "guard.upstream_error",
		"guard.request_timeout", "guard.retry_attempts_exceeded",
		"actor.dropped_reply", "actor.stopping", "actor.stopped", "actor.aborted", "actor.shutdown_timeout",
		"core.internal_error",
	} {
		group, name, _ := strings.Cut(code, ".")
		steps[code] = rivettest.Fail(rivettest.Error(group, name, "test", nil))
	}
	return steps
}()

// before are answers that prove that the actor was not reached, and that
// asking again soon may help.
var before = func() map[string]rivettest.Step {
	steps := map[string]rivettest.Step{}
	for _, code := range []string{
		"guard.actor_ready_timeout", "guard.actor_runner_failed", "guard.rate_limit",
		"actor.starting", "actor.not_ready", "actor.restarting", "actor.not_configured",
		"actor.destroyed_while_waiting_for_ready", "pegboard.route_resolve_query_timeout",
	} {
		group, name, _ := strings.Cut(code, ".")
		steps[code] = rivettest.Fail(rivettest.Error(group, name, "test", nil))
	}
	return steps
}()

// posts are the ways to have something done once by the actor.
var posts = []struct {
	name string
	send func(ctx context.Context, h *rivet.Handle, opts ...rivet.CallOption) error
}{
	{"action", func(ctx context.Context, h *rivet.Handle, opts ...rivet.CallOption) error {
		_, err := charge.Call(ctx, h, 1, opts...)
		return err
	}},
	{"queue", func(ctx context.Context, h *rivet.Handle, opts ...rivet.CallOption) error {
		return jobs.Send(ctx, h, 1, opts...)
	}},
}

// A call that may have run is not sent again on the quiet.
func TestBehaviour10_NoSilentResend(t *testing.T) {
	for _, post := range posts {
		for name, step := range afterwards {
			t.Run(post.name+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					gw.ScriptHTTP("/gateway/", rivettest.Run(step).Times(50))
					err := post.send(t.Context(), room(t, gw))
					if err == nil || !rivet.MaybeExecuted(err) {
						t.Errorf("got %v, MaybeExecuted %v", err, rivet.MaybeExecuted(err))
					}
					pass(time.Hour)
					if n := len(gw.Requests(toActor)); n != 1 {
						t.Errorf("sent %d times", n)
					}
				})
			})
			t.Run(post.name+", idempotent/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					h := room(t, gw)
					gw.ScriptHTTP("/gateway/", rivettest.Run(step).Times(2))
					ask(t, post.send(t.Context(), h, rivet.Idempotent()))
					if n := len(gw.Requests(toActor)); n != 3 {
						t.Errorf("sent %d times, want 3", n)
					}
					// It gives up in time, and does not hammer.
					gw.ScriptHTTP("/gateway/", rivettest.Run(step).Times(1000))
					began := time.Now()
					err := post.send(t.Context(), h, rivet.Idempotent())
					if err == nil || !rivet.MaybeExecuted(err) {
						t.Errorf("got %v, MaybeExecuted %v", err, rivet.MaybeExecuted(err))
					}
					if d := time.Since(began); d < 5*time.Second || d > 10*time.Second {
						t.Errorf("gave up after %v, want about 10 s", d)
					}
					if n := len(gw.Requests(toActor)) - 3; n < 4 || n > 60 {
						t.Errorf("sent %d times", n)
					}
				})
			})
		}
		for name, step := range before {
			t.Run(post.name+", not reached/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					equip(gw)
					h := room(t, gw)
					gw.ScriptHTTP("/gateway/", step.Times(3))
					ask(t, post.send(t.Context(), h))
					if n := len(gw.Requests(toActor)); n != 4 {
						t.Errorf("sent %d times, want 4", n)
					}
					gw.ScriptHTTP("/gateway/", step.Times(1000))
					began := time.Now()
					err := post.send(t.Context(), h)
					if err == nil || rivet.MaybeExecuted(err) {
						t.Errorf("got %v, MaybeExecuted %v", err, rivet.MaybeExecuted(err))
					}
					if d := time.Since(began); d < 5*time.Second || d > 10*time.Second {
						t.Errorf("gave up after %v, want about 10 s", d)
					}
					// With a deadline of the caller's own it takes until then.
					ctx := within(t, 30*time.Second)
					began = time.Now()
					err = post.send(ctx, h)
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 30*time.Second || rivet.MaybeExecuted(err) {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
					if _, ok := errors.AsType[*rivet.Error](err); !ok {
						t.Errorf("%v does not say what the last answer was", err)
					}
				})
			})
		}
		t.Run(post.name+", nobody listens", func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				h := room(t, gw)
				ask(t, post.send(t.Context(), h))
				gw.Down()
				time.AfterFunc(4*time.Second, gw.Up)
				ask(t, post.send(t.Context(), h))
				gw.Down()
				began := time.Now()
				err := post.send(t.Context(), h)
				if d := time.Since(began); err == nil || rivet.MaybeExecuted(err) || d > 10*time.Second {
					t.Errorf("after %v: %v, MaybeExecuted %v", d, err, rivet.MaybeExecuted(err))
				}
				if n := len(gw.Requests(toActor)); n != 2 {
					t.Errorf("sent %d times, want 2", n)
				}
			})
		})
	}

	t.Run("cut answer", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.ScriptHTTP("/action/", rivettest.CutBody())
			_, err := charge.Call(t.Context(), room(t, gw), 1)
			if err == nil || !rivet.MaybeExecuted(err) || len(rivettest.Calls(gw, charge)) != 1 {
				t.Errorf("got %v after %d calls", err, len(rivettest.Calls(gw, charge)))
			}
		})
	})
	t.Run("garbage", func(t *testing.T) {
		inEach(t, func(t *testing.T, enc codec.Encoding) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gw.ScriptHTTP("/action/", rivettest.Run(rivettest.Answer(200, enc.ContentType(), []byte("\xff\xff<html>"))).Times(9))
				h := room(t, gw, rivet.WithEncoding(enc))
				_, err := charge.Call(t.Context(), h, 1)
				if err == nil || !rivet.MaybeExecuted(err) || len(rivettest.Calls(gw, charge)) != 1 {
					t.Errorf("got %v after %d calls", err, len(rivettest.Calls(gw, charge)))
				}
			})
		})
	})

	// What net/http would do by itself with a connection that it has used
	// before, and with headers that tell it that it may.
	reused := map[string]struct {
		header http.Header
		send   func(ctx context.Context, h *rivet.Handle) error
	}{
		"action": {nil, func(ctx context.Context, h *rivet.Handle) error { return posts[0].send(ctx, h) }},
		"queue":  {nil, func(ctx context.Context, h *rivet.Handle) error { return posts[1].send(ctx, h) }},
		"action with an idempotency key": {http.Header{"Idempotency-Key": {"k"}}, func(ctx context.Context, h *rivet.Handle) error {
			return posts[0].send(ctx, h)
		}},
		"action with an experimental idempotency key": {http.Header{"X-Idempotency-Key": {"k"}}, func(ctx context.Context, h *rivet.Handle) error {
			return posts[0].send(ctx, h)
		}},
		"raw POST": {nil, func(ctx context.Context, h *rivet.Handle) error {
			_, err := fetch(ctx, h, "POST", "http://actor/", "body")
			return err
		}},
		"raw POST with an idempotency key": {http.Header{"Idempotency-Key": {"k"}}, func(ctx context.Context, h *rivet.Handle) error {
			_, err := fetch(ctx, h, "POST", "http://actor/", "body")
			return err
		}},
		"raw DELETE": {nil, func(ctx context.Context, h *rivet.Handle) error {
			_, err := fetch(ctx, h, "DELETE", "http://actor/", "")
			return err
		}},
	}
	// GET, HEAD and OPTIONS are safe by HTTP's own rules, and net/http may send
	// them again on its own, once.
	t.Run("connection used before/raw GET", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			equip(gw)
			h := room(t, gw)
			_, err := fetch(t.Context(), h, "GET", "http://actor/", "")
			ask(t, err)
			synctest.Wait()
			gw.ScriptHTTP("/gateway/", rivettest.Run(rivettest.Reset()).Times(9))
			_, err = fetch(t.Context(), h, "GET", "http://actor/", "")
			if err == nil || !rivet.MaybeExecuted(err) {
				t.Errorf("got %v, MaybeExecuted %v", err, rivet.MaybeExecuted(err))
			}
			if n := len(gw.Requests(toActor)); n > 3 {
				t.Errorf("sent %d times", n)
			}
		})
	})
	for name, r := range reused {
		t.Run("connection used before/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				h := room(t, gw, rivet.WithHeaders(r.header))
				ask(t, r.send(t.Context(), h)) // which leaves a connection to be used again
				synctest.Wait()
				gw.ScriptHTTP("/gateway/", rivettest.Run(rivettest.Reset()))
				err := r.send(t.Context(), h)
				if err == nil || !rivet.MaybeExecuted(err) {
					t.Errorf("got %v, MaybeExecuted %v", err, rivet.MaybeExecuted(err))
				}
				if n := len(gw.Requests(toActor)); n != 2 {
					t.Errorf("sent %d times, want 2", n)
				}
			})
		})
		t.Run("connection closed before/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				equip(gw)
				h := room(t, gw, rivet.WithHeaders(r.header))
				ask(t, r.send(t.Context(), h))
				synctest.Wait()
				gw.Restart()
				synctest.Wait()
				ask(t, r.send(t.Context(), h))
				if n := len(gw.Requests(toActor)); n != 2 {
					t.Errorf("sent %d times, want 2", n)
				}
			})
		})
	}
}

// trackedBody is a body that tells whether it was closed, which net/http may do
// a moment after the response.
type trackedBody struct {
	io.Reader
	closed *atomic.Int32
}

func (b trackedBody) Close() error { b.closed.Add(1); return nil }

// A raw request with a body is sent again only when the body can be had again,
// and then with the same body.
func TestBehaviour39_BodyIsNeededToSendAgain(t *testing.T) {
	const body = "the whole body"
	// gateway returns one whose actor notes the bodies that it gets.
	gateway := func(gw *rivettest.Gateway) *[]string {
		var got []string
		gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, err := io.ReadAll(r.Body)
			got = append(got, r.Method+" "+string(data))
			if err != nil {
				got = append(got, err.Error())
			}
			w.WriteHeader(http.StatusTeapot)
		}))
		return &got
	}
	request := func(t *testing.T, method string, again bool) (*http.Request, *atomic.Int32) {
		t.Helper()
		closed := new(atomic.Int32)
		req, err := http.NewRequestWithContext(t.Context(), method, "http://actor/x", nil)
		ask(t, err)
		req.Body = trackedBody{strings.NewReader(body), closed}
		req.ContentLength = int64(len(body))
		if again {
			req.GetBody = func() (io.ReadCloser, error) { return trackedBody{strings.NewReader(body), closed}, nil }
		}
		return req, closed
	}
	for name, step := range before {
		t.Run("refused, body cannot be had again/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				got := gateway(gw)
				gw.ScriptHTTP("/request", step.Times(9))
				req, closed := request(t, "POST", false)
				resp, err := room(t, gw).Do(req)
				ask(t, err) // the refusal is the response
				defer resp.Body.Close()
				if resp.StatusCode < 400 {
					t.Errorf("status %d", resp.StatusCode)
				}
				if n := len(gw.Requests(toActor)); n != 1 || len(*got) != 0 {
					t.Errorf("sent %d times, the actor got %q", n, *got)
				}
				synctest.Wait()
				if closed.Load() == 0 {
					t.Error("the body was not closed")
				}
			})
		})
		if !strings.HasPrefix(name, "guard.") {
			continue // the actor's own word is the response
		}
		for _, client := range []string{"Do", "Transport"} {
			t.Run("refused, body can be had again/"+client+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					got := gateway(gw)
					gw.ScriptHTTP("/request", step.Times(3))
					req, closed := request(t, "POST", true)
					do := room(t, gw).Do
					if client == "Transport" {
						do = (&http.Client{Transport: room(t, gw).Transport()}).Do
					}
					resp, err := do(req)
					ask(t, err)
					defer resp.Body.Close()
					if resp.StatusCode != http.StatusTeapot || !slices.Equal(*got, []string{"POST " + body}) {
						t.Errorf("status %d, the actor got %q", resp.StatusCode, *got)
					}
					if n := len(gw.Requests(toActor)); n != 4 {
						t.Errorf("sent %d times, want 4", n)
					}
					synctest.Wait()
					if n := closed.Load(); n != 4 {
						t.Errorf("%d of 4 bodies were closed", n)
					}
				})
			})
		}
	}
	for name, step := range afterwards {
		t.Run("may have run/"+name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				got := gateway(gw)
				gw.ScriptHTTP("/request", rivettest.Run(step).Times(9))
				req, _ := request(t, "PUT", true)
				resp, err := room(t, gw).Do(req)
				if err == nil {
					_ = resp.Body.Close()
				} else if !rivet.MaybeExecuted(err) {
					t.Errorf("got %v, which is said not to have run", err)
				}
				pass(time.Hour)
				if !slices.Equal(*got, []string{"PUT " + body}) {
					t.Errorf("the actor got %q, want the request once", *got)
				}
			})
		})
	}
	t.Run("no body", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			got := gateway(gw)
			gw.ScriptHTTP("/request", before["guard.actor_ready_timeout"].Times(3))
			req, err := http.NewRequestWithContext(t.Context(), "DELETE", "http://actor/x", nil)
			ask(t, err)
			resp, err := room(t, gw).Do(req)
			ask(t, err)
			defer resp.Body.Close()
			if !slices.Equal(*got, []string{"DELETE "}) || len(gw.Requests(toActor)) != 4 {
				t.Errorf("the actor got %q after %d requests", *got, len(gw.Requests(toActor)))
			}
		})
	})
	t.Run("GetBody fails", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gateway(gw)
			gw.ScriptHTTP("/request", before["guard.actor_ready_timeout"].Times(9))
			req, _ := request(t, "POST", true)
			req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("file is gone") }
			resp, err := room(t, gw).Do(req)
			ask(t, err) // the refusal is what there is to say
			defer resp.Body.Close()
			if resp.StatusCode != 503 || len(gw.Requests(toActor)) != 1 {
				t.Errorf("status %d after %d requests", resp.StatusCode, len(gw.Requests(toActor)))
			}
		})
	})
	t.Run("body is streamed, not kept", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			arrived := make(chan string)
			gw.Actor("room").OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 5)
				for {
					if _, err := io.ReadFull(r.Body, buf); err != nil {
						return
					}
					arrived <- string(buf)
				}
			}))
			read, write := io.Pipe()
			go func() {
				for range 3 {
					_, _ = write.Write([]byte("piece"))
					if got := <-arrived; got != "piece" { // before the next one is written
						t.Errorf("got %q", got)
					}
				}
				_ = write.Close()
			}()
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://actor/x", read)
			ask(t, err)
			resp, err := room(t, gw).Do(req)
			ask(t, err)
			ask(t, resp.Body.Close())
		})
	})
	t.Run("closed when nothing is sent", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			client := gw.Client(t)
			for name, h := range map[string]*rivet.Handle{
				"no metadata":  gw.Client(t).GetOrCreate("room", nil),
				"bad key":      client.GetOrCreate("room", rivet.Key{"\xff"}),
				"no params":    client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return nil, errors.New("no") })),
				"missing room": client.Get("room", rivet.Key{"a,b"}),
			} {
				gw.ClearScripts()
				if name == "no metadata" {
					gw.ScriptHTTP("/metadata", rivettest.Status(401, ""))
				}
				req, closed := request(t, "POST", true)
				if _, err := h.Do(req); err == nil || closed.Load() == 0 {
					t.Errorf("%s: got %v, body closed %d times", name, err, closed.Load())
				}
			}
			if n := len(gw.Requests(toActor)); n != 0 {
				t.Errorf("sent %d times", n)
			}
		})
	})
	t.Run("nobody listens", func(t *testing.T) {
		for _, again := range []bool{false, true} {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				got := gateway(gw)
				h := room(t, gw)
				_, err := h.Resolve(t.Context())
				ask(t, err)
				gw.Down()
				synctest.Wait() // until the client has noticed
				time.AfterFunc(3*time.Second, gw.Up)
				req, closed := request(t, "POST", again)
				resp, err := h.Do(req)
				if err == nil {
					ask(t, resp.Body.Close())
				}
				synctest.Wait()
				if (err == nil) != again || rivet.MaybeExecuted(err) || closed.Load() == 0 || (len(*got) == 1) != again {
					t.Errorf("GetBody %v: got %v, the actor got %q, closed %d times", again, err, *got, closed.Load())
				}
			})
		}
	})
}
