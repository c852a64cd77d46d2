package actor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

type login struct {
	Name string `json:"name"`
}

type guarded struct{ Calls int }

// rejection is what a test makes the hooks of guardedActor do.
type rejection struct {
	hook string
	err  error
	slow bool // the hook waits until its context is done
}

// guardedActor notes every hook and handler that runs.
func guardedActor(n *notes, r *rejection, opts ...actor.DefinitionOption) actor.Actor {
	at := func(ctx context.Context, hook string, req *http.Request, more string) error {
		n.add("%s %s %s%s", hook, req.Method, req.URL.Path, more)
		if r.hook != hook {
			return nil
		}
		if r.slow {
			<-ctx.Done()
			return ctx.Err()
		}
		return r.err
	}
	return actor.Define("guarded", func(d *actor.Definition[guarded]) {
		actor.OnBeforeConnect(d, func(c *actor.ConnectContext, p login) error {
			return at(c, "OnBeforeConnect", c.Request(), " "+p.Name)
		})
		member := actor.CreateConnState(d, func(c *actor.ConnectContext, p login) (login, error) {
			return p, at(c, "CreateConnState", c.Request(), "")
		})
		conns := func(s actor.Self, c *actor.Conn) string {
			n, has := 0, false
			for conn := range s.Conns() {
				n++
				has = has || conn == c
			}
			return fmt.Sprintf(" conns=%d has=%v state=%s", n, has, member.Of(c).Name)
		}
		d.OnConnect(func(c *actor.Context[guarded], conn *actor.Conn) error {
			return at(c, "OnConnect", conn.Request(), conns(c.Self, conn))
		})
		d.OnDisconnect(func(c *actor.Context[guarded], conn *actor.Conn) {
			n.add("OnDisconnect%s", conns(c.Self, conn))
		})
		actor.Handle(d, rivet.Action[rivet.None, int]("hit"), func(c *actor.Context[guarded], _ rivet.None) (int, error) {
			n.add("hit%s", conns(c.Self, c.Conn()))
			c.State.Calls++
			return c.State.Calls, nil
		})
		d.OnRequest(func(c *actor.Context[guarded], w http.ResponseWriter, req *http.Request) {
			n.add("OnRequest %s %s%s", req.Method, req.URL, conns(c.Self, c.Conn()))
			_, _ = w.Write([]byte("raw"))
		})
		d.OnWebSocket(func(c *actor.Context[guarded], ws *actor.WebSocket) error {
			n.add("OnWebSocket %s%s", c.Conn().Request().URL.Path, conns(c.Self, c.Conn()))
			return nil
		})
	}, opts...)
}

// serve answers one request of a client in JSON.
func serve(in *actor.Instance, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[http.CanonicalHeaderKey(header[i])] = []string{header[i+1]}
	}
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	return w
}

func answer(w *httptest.ResponseRecorder) string {
	return fmt.Sprintf("%d %s", w.Code, sorted(w.Body.String()))
}

// TestHooksOfEveryRoute holds the order of the hooks against what RivetKit does:
// the same on every route that reaches the actor, unknown actions included.
func TestHooksOfEveryRoute(t *testing.T) {
	const params = "X-Rivet-Conn-Params"
	hooks := func(method, path string, between ...string) []string {
		const last = "OnDisconnect conns=0 has=false state=ann"
		return append(append([]string{
			"OnBeforeConnect " + method + " " + path + " ann",
			"CreateConnState " + method + " " + path,
			"OnConnect " + method + " " + path + " conns=1 has=true state=ann",
		}, between...), last)
	}
	synctest.Test(t, func(t *testing.T) {
		var n notes
		b := newBench(t, guardedActor(&n, &rejection{}))
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		ask := func(method, path string) string {
			w := serve(in, method, path, "{}", params, `{"name":"ann"}`)
			synctest.Wait()
			return answer(w)
		}
		if got := ask("POST", "/action/hit"); got != `200 {"output":1}` {
			t.Error(got)
		}
		equal(t, "action", n.take(), hooks("POST", "/action/hit", "hit conns=1 has=true state=ann")...)
		if got := ask("POST", "/action/nope"); !strings.HasPrefix(got, "404 ") {
			t.Error(got)
		}
		equal(t, "unknown action", n.take(), hooks("POST", "/action/nope")...)
		if got := ask("GET", "/request/foo?x=1"); got != "200 raw" {
			t.Error(got)
		}
		equal(t, "raw request", n.take(), hooks("GET", "/foo", "OnRequest GET http://127.0.0.1/foo?x=1 conns=1 has=true state=ann")...)

		s := newSocket("s1", "/websocket/bar", "rivet_encoding.bare", "rivet_conn_params.%7B%22name%22%3A%22ann%22%7D")
		r := in.Open(s)
		synctest.Wait()
		r.Closed(1005, "")
		synctest.Wait()
		equal(t, "raw WebSocket", n.take(), hooks("GET", "/websocket/bar", "OnWebSocket /websocket/bar conns=1 has=true state=ann")...)
		equal(t, "raw WebSocket gets", s.got(), "close 1000")

		s = newSocket("s2", "/connect", "rivet_conn_params.%7B%22name%22%3A%22ann%22%7D")
		r = in.Open(s)
		r.Message(1, true, call(0, "hit", "[]"))
		synctest.Wait()
		r.Closed(1000, "")
		synctest.Wait()
		equal(t, "connection", n.take(), hooks("GET", "/connect", "hit conns=1 has=true state=ann")...)
		equal(t, "connection gets", s.got(), gotInit, gotReply(0, "2"))

		for _, path := range []string{"/", "/health", "/metadata", "/nowhere", "/action", "/queue", "/connect", "/websocket/x"} {
			ask("GET", path)
			ask("POST", path)
		}
		ask("GET", "/action/hit")
		ask("GET", "/queue/jobs")
		equal(t, "routes without hooks", n.take())
	})
}

// TestRefusals has each hook refuse in each way, on each route.
func TestRefusals(t *testing.T) {
	ways := []struct {
		name          string
		rejection     rejection
		http          string // body after the actor's reference
		frame, reason string
	}{
		{"user", rejection{err: fmt.Errorf("wrapped: %w", actor.UserError("refused", "no entry", map[string]int{"n": 1}))},
			`"code":"refused","group":"user","message":"no entry","metadata":{"n":1}}`,
			`"code":"refused","group":"user","message":"no entry","metadata":{"n":1}}}}`, "user.refused"},
		{"plain", rejection{err: errors.New("secret")},
			`"code":"internal_error","group":"rivetkit","message":"An internal error occurred"}`,
			`"code":"internal_error","group":"rivetkit","message":"An internal error occurred"}}}`, "rivetkit.internal_error"},
		{"slow", rejection{slow: true},
			`"code":"callback_timed_out","group":"actor","message":"An internal error occurred"}`,
			`"code":"callback_timed_out","group":"actor","message":"actor websocket connection setup timed out after 5000 ms"}}}`, "actor.callback_timed_out"},
	}
	for _, way := range ways {
		for i, hook := range []string{"OnBeforeConnect", "CreateConnState", "OnConnect"} {
			t.Run(way.name+" "+hook, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var n notes
					r := way.rejection
					r.hook = hook
					log, option := logged()
					b := newBench(t, guardedActor(&n, &r), option)
					in := b.mustStart(t)
					defer b.stop(t, in, actor.Sleeping)
					wantBody := `500 {"actor":{"actorId":"<id>","generation":1,"key":"k"},` + way.http
					for _, route := range []string{"POST /action/hit", "GET /request/foo"} {
						method, path, _ := strings.Cut(route, " ")
						begin := time.Now()
						if got := answer(serve(in, method, path, "{}")); got != wantBody {
							t.Errorf("%s: got %s", route, got)
						}
						if r.slow && time.Since(begin) != 5*time.Second {
							t.Errorf("%s: answered after %v", route, time.Since(begin))
						}
						synctest.Wait()
						if got := n.take(); len(got) != i+1 {
							t.Errorf("%s: ran %q", route, got)
						}
					}
					raw, conn := newSocket("s1", "/websocket"), newSocket("s2", "/connect")
					rr, rc := in.Open(raw), in.Open(conn)
					rc.Message(1, true, call(0, "hit", "[]"))
					<-time.After(10 * time.Second) // one OnConnect is behind the other
					synctest.Wait()
					equal(t, "raw WebSocket", raw.got(), "close 1011 "+way.reason)
					equal(t, "connection", conn.got(), `{"body":{"tag":"Error","val":{"actionId":null,`+way.frame, "close 1011 "+way.reason)
					rr.Closed(1011, way.reason)
					rc.Closed(1011, way.reason)
					synctest.Wait()
					if got := n.take(); len(got) != 2*(i+1) {
						t.Errorf("sockets: ran %q", got)
					}
					logs := map[string]string{"plain": "secret", "slow": "takes too long"}[way.name]
					if n := strings.Count(log.String(), logs); logs != "" && (n != 4 || strings.Count(log.String(), "name="+hook) != 4) || logs == "" && log.String() != "" {
						t.Errorf("the log has:\n%s", log)
					}
					// Nobody who was refused counts as connected.
					r.hook = ""
					serve(in, "POST", "/action/hit", "{}")
					synctest.Wait()
					if got := n.take(); len(got) != 5 || !strings.HasPrefix(got[2], "OnConnect POST /action/hit conns=1 ") {
						t.Errorf("then: ran %q", got)
					}
				})
			})
		}
	}
}

// TestMalformedParams: what carries no parameters is refused before any hook.
func TestMalformedParams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		b := newBench(t, guardedActor(&n, &rejection{}))
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		for _, bad := range []string{"", "x", "{", "%7B%7D", "{}x"} {
			got := answer(serve(in, "POST", "/action/hit", "{}", "X-Rivet-Conn-Params", bad))
			if !strings.HasPrefix(got, "400 ") || !strings.Contains(got, `"code":"internal_error","group":"core"`) {
				t.Errorf("action with %q: %s", bad, got)
			}
			if bad == "" { // none, for a raw request
				continue
			}
			got = answer(serve(in, "GET", "/request", "", "X-Rivet-Conn-Params", bad))
			if !strings.HasPrefix(got, "500 ") || !strings.Contains(got, `"code":"internal_error","group":"rivetkit"`) {
				t.Errorf("raw request with %q: %s", bad, got)
			}
		}
		for _, bad := range []string{"", "x", "%zz", "%7B"} {
			s := newSocket("s", "/connect", "rivet_conn_params."+bad)
			in.Open(s)
			synctest.Wait()
			equal(t, bad, s.got(), "close 1011 guard.websocket_closed_before_open")
		}
		equal(t, "hooks", n.take())
		if w := serve(in, "GET", "/request", "", "X-Rivet-Conn-Params", ""); w.Code != 200 {
			t.Errorf("raw request with an empty header: %s", answer(w))
		}
		// No parameters at all, null, and members that nobody asked for are fine.
		for _, good := range []string{"null", "{}", `{"name":"\u00e9","x":1}`} {
			if got := answer(serve(in, "POST", "/action/hit", "", "X-Rivet-Conn-Params", good)); strings.HasPrefix(got, "200") {
				t.Errorf("an empty body with %s: %s", good, got)
			}
			if w := serve(in, "POST", "/action/hit", "{}", "X-Rivet-Conn-Params", good); w.Code != 200 {
				t.Errorf("%s: %s", good, answer(w))
			}
		}
		if w := serve(in, "POST", "/action/hit", "{}", "X-Rivet-Conn-Params", `{"name":5}`); w.Code != 400 || !strings.Contains(w.Body.String(), `"code":"invalid_request"`) {
			t.Errorf("parameters of a wrong type: %s", answer(w))
		}
	})
}

// TestParamsOfBrowsers: in a header fetch writes characters up to U+00FF as one
// byte each, other programs as UTF-8, and those in the know as ASCII.
func TestParamsOfBrowsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notes
		b := newBench(t, guardedActor(&n, &rejection{}))
		in := b.mustStart(t)
		defer b.stop(t, in, actor.Sleeping)
		for _, params := range []string{"{\"name\":\"Zo\xeb \xff\"}", `{"name":"Zoë ÿ"}`, `{"name":"Zo\u00eb \u00ff"}`} {
			if w := serve(in, "POST", "/action/hit", "{}", "X-Rivet-Conn-Params", params); w.Code != 200 {
				t.Errorf("%q: %s", params, answer(w))
			}
			if seen := fmt.Sprint(n.take()); !strings.Contains(seen, "state=Zoë ÿ") {
				t.Errorf("%q: %s", params, seen)
			}
		}
	})
}

// TestHookOfBusyActor: an actor whose turn is taken admits connections all the
// same when there is no OnConnect, and otherwise only for so long.
func TestHookOfBusyActor(t *testing.T) {
	for _, hooked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			var n notes
			b := newBench(t, actor.Define("busy", func(d *actor.Definition[guarded]) {
				actor.Do(d, rivet.Action[rivet.None, rivet.None]("block"), func(*actor.Context[guarded], rivet.None) error {
					<-release
					return nil
				})
				if hooked {
					d.OnConnect(func(*actor.Context[guarded], *actor.Conn) error { n.add("OnConnect"); return nil })
				}
			}))
			in := b.mustStart(t)
			defer b.stop(t, in, actor.Sleeping)
			s := newSocket("s1", "/connect")
			r := in.Open(s)
			r.Message(1, true, call(0, "block", "[]"))
			synctest.Wait()
			n.take()
			s2 := newSocket("s2", "/connect")
			in.Open(s2)
			<-time.After(time.Minute)
			synctest.Wait()
			if hooked {
				got := s2.got()
				if len(got) != 2 || !strings.Contains(got[0], `"code":"overloaded"`) || got[1] != "close 1011 actor.overloaded" {
					t.Errorf("it got %q", got)
				}
			} else {
				equal(t, "it got", s2.got(), gotInit)
			}
			close(release)
			synctest.Wait()
			equal(t, "hooks", n.take())
		})
	}
}
