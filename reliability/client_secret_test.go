package reliability_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// What tests of secrets hand to the client: all of them contain secret, which
// no encoding of URLs, headers or JSON changes.
const (
	secret       = "hunter2SECRET"
	secretToken  = "token-" + secret
	secretOther  = "other-" + secret // brought by metadata
	secretParams = "params-" + secret
	secretInput  = "input-" + secret
	secretArg    = "arg-" + secret
	secretHeader = "header-" + secret
)

// notebook keeps everything that people may come to read: logs at full
// verbosity, and what else is added.
type notebook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *notebook) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// add notes v as each of fmt's verbs prints it.
func (r *notebook) add(what string, v any) {
	fmt.Fprintf(r, "%s: %v | %+v | %#v | %q\n", what, v, v, v, fmt.Sprint(v))
}

// addError notes err with everything inside it.
func (r *notebook) addError(what string, err error) {
	if err == nil {
		return
	}
	r.add(what, err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		r.addError(what+" >", e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			r.addError(what+" >", err)
		}
	}
}

// options has a client tell r all it can.
func (r *notebook) options() []rivet.Option {
	all := &slog.HandlerOptions{Level: slog.Level(-100), AddSource: true}
	return []rivet.Option{
		rivet.WithLogger(slog.New(slog.NewMultiHandler(slog.NewTextHandler(r, all), slog.NewJSONHandler(r, all)))),
		rivet.WithPanicHandler(func(p any, stack []byte) { fmt.Fprintf(r, "panic %v %s\n", p, stack) }),
		rivet.WithObserver(rivet.Observer{
			Attempt:      func(i conn.AttemptInfo) { r.add("attempt", i); r.addError("attempt", i.Err) },
			Connected:    func(i conn.OpenInfo) { r.add("connected", i) },
			Disconnected: func(i conn.CloseInfo) { r.add("disconnected", i); r.addError("disconnected", i.Err) },
			Gap:          func(i conn.GapInfo) { r.add("gap", i); r.addError("gap", i.Reason) },
			Call:         func(i conn.CallInfo) { r.add("call", i); r.addError("call", i.Err) },
			Drop:         func(i conn.DropInfo) { r.add("drop", i) },
		}),
	}
}

// check fails the test when a secret was noted, in the clear or in base64.
func (r *notebook) check(t *testing.T, atLeast int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.text.String()
	if n := strings.Count(text, "\n"); n < atLeast {
		t.Errorf("only %d lines were noted, want %d: what was to be read?\n%s", n, atLeast, text)
	}
	forms := []string{secret}
	for shift := range 3 {
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		forms = append(forms, whole[4:len(whole)-4])
	}
	for line := range strings.Lines(text) {
		for _, form := range forms {
			if i := strings.Index(line, form); i >= 0 {
				t.Fatalf("secret in %.60s…%s", line, line[max(i-200, 0):min(i+100, len(line))])
			}
		}
	}
}

// secretive returns a handle of a client that has secrets of every kind, and
// tells r all about it.
func secretive(t *testing.T, gw *rivettest.Gateway, r *notebook, key rivet.Key, opts ...rivet.Option) (*rivet.Client, *rivet.Handle) {
	t.Helper()
	all := append(r.options(),
		rivet.WithToken(secretToken),
		rivet.WithHeaders(http.Header{"X-Api-Key": {secretHeader}, "Cookie": {"session=" + secretHeader}}),
	)
	client := gw.Client(t, append(all, opts...)...)
	return client, client.GetOrCreate("room", key,
		rivet.WithParams(map[string]string{"password": secretParams}), rivet.WithInput(map[string]string{"password": secretInput}))
}

// used fails the test when the gateway did not get the secrets: then it
// proves nothing that nobody else did.
func used(t *testing.T, gw *rivettest.Gateway, secrets ...string) {
	t.Helper()
	var sent strings.Builder
	for _, r := range gw.Requests(nil) {
		fmt.Fprintln(&sent, r.Path, r.Query, r.Header)
	}
	for _, a := range gw.Attempts() {
		fmt.Fprintln(&sent, a.URL, a.Header)
	}
	for _, s := range secrets {
		if !strings.Contains(sent.String(), s) {
			t.Errorf("%s was never sent", s)
		}
	}
}

// Tokens, parameters and inputs are not logged, not even where they come from
// metadata and at full verbosity, nor are the URLs that hold them.
func TestBehaviour38_SecretsStayOutOfLogs(t *testing.T) {
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			to := second(t, gw, "there.invalid:80")
			gw.SetMetadata(map[string]any{"clientEndpoint": "http://there.invalid", "clientNamespace": "ns-b", "clientToken": secretOther})
			r := new(notebook)
			client, h := secretive(t, gw, r, nil, rivet.WithEncoding(enc))
			for _, op := range operations {
				if op.name == "create" || op.name == "destroy" {
					continue
				}
				ask(t, op.run(t.Context(), client, h))
			}
			c := open(t, h)
			ready(t, c)
			sub := ticks.Subscribe(c)
			subscribed(t, to.Conn(len(to.Conns())-1), ticks)
			n, err := echo.Call(t.Context(), c, 1)
			want(t, n, err, 1)
			// Failures, which is when most is logged.
			to.ScriptHTTP("/action/", rivettest.Status(502, "<html>"), rivettest.Reset(), rivettest.Run(rivettest.CutBody()),
				rivettest.Fail(rivettest.Error("api", "unauthorized", "no", nil)))
			for range 4 {
				_, err := echo.Call(t.Context(), h, 1)
				r.addError("call", err)
			}
			to.Script(rivettest.Status(401, ""), rivettest.Status(503, "<html>"), rivettest.NoInit(), rivettest.CloseBeforeInit(1011, "guard.actor_ready_timeout"))
			to.Conn(len(to.Conns()) - 1).Drop()
			pass(2 * time.Minute)
			r.add("debug", c.Debug())
			for s := range c.Statuses(t.Context()) {
				r.add("state", s)
				break
			}
			sub.Close()
			ask(t, c.Close())
			ask(t, client.Close())
			used(t, gw, secretToken)
			used(t, to, secretOther, secretParams, secretHeader)
			r.check(t, 30)
		})
	})
}

// Where a token cannot travel but in the URL, the URL stays out as well.
func TestBehaviour38_TokenInTheURL(t *testing.T) {
	bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		r := new(notebook)
		_, h := secretive(t, gw, r, nil, rivet.WithToken("t/ @"+secretToken))
		page := fmt.Sprintf("<html>Cannot GET /gateway/room/connect?rvt-namespace=default&rvt-token=%s or /gateway/id@%s/connect</html>", secretToken, secretToken)
		gw.Script(rivettest.Status(502, page), rivettest.Status(503, page), rivettest.Redirect(307, "https://elsewhere.invalid/?rvt-token="+secretToken),
			rivettest.Handshake(func(h http.Header) { h.Set("Sec-WebSocket-Accept", "wrong") }))
		c := open(t, h)
		ready(t, c)
		if u := gw.Conn(len(gw.Conns()) - 1).URL; !strings.Contains(u.RawQuery, secretToken) {
			t.Errorf("the token is not in %s", u)
		}
		gw.Script(rivettest.Status(502, page), rivettest.Redirect(307, "https://elsewhere.invalid/?rvt-token="+secretToken))
		for range 2 {
			_, err := h.WebSocket(t.Context(), "/x?token="+secretArg)
			if err == nil {
				t.Error("opened")
			}
			r.addError("raw WebSocket", err)
		}
		r.add("debug", c.Debug())
		ask(t, c.Close())
		r.check(t, 10)
	})
}

// failures are the ways for requests and for handshakes to fail.
var failures = map[string]func(gw *rivettest.Gateway){
	"nothing": func(*rivettest.Gateway) {},
	"down":    func(gw *rivettest.Gateway) { gw.Down() },
	"reset":   both(rivettest.Reset()),
	"hang":    both(rivettest.Hang()),
	"401":     both(rivettest.Fail(rivettest.Error("api", "unauthorized", "no", nil))),
	"403":     both(rivettest.Status(403, `{"group":"auth","code":"forbidden","message":"no"}`)),
	"404":     both(rivettest.Fail(rivettest.Error("actor", "not_found", "no", nil))),
	"502":     both(rivettest.Status(502, "<html>Bad Gateway: GET http://gw/gateway/room/connect?rvt-token="+secretToken+"&rvt-input=x</html>")),
	"garbage": both(rivettest.Answer(200, "application/json", []byte(`{"`))),
	"redirect": both(rivettest.Redirect(307,
		"https://user:"+secretToken+"@elsewhere.invalid/"+secretToken+"?rvt-token="+secretToken+"#"+secretToken)),
	"strange redirect": both(rivettest.Redirect(302, "%zz"+secretToken)),
	"not ready":        both(rivettest.Fail(rivettest.Error("guard", "actor_ready_timeout", "later", nil))),
	"user error":       both(rivettest.Fail(rivettest.UserError("no", "no", map[string]string{"password": secretArg}))),
	"cut": func(gw *rivettest.Gateway) {
		gw.ScriptHTTP("/gateway/", rivettest.CutBody().Times(20))
		gw.ScriptHTTP("/actors", rivettest.CutBody().Times(20))
		gw.Script(rivettest.DropMidFrame().Times(20))
	},
	"bad handshake": func(gw *rivettest.Gateway) {
		gw.Script(
			rivettest.Handshake(func(h http.Header) { h.Set("Sec-WebSocket-Accept", secretToken) }),
			rivettest.Handshake(func(h http.Header) { h.Set("Sec-WebSocket-Protocol", "rivet_token."+secretToken) }),
			rivettest.Handshake(func(h http.Header) { h.Set("Sec-WebSocket-Extensions", "permessage-deflate") }),
			rivettest.Garbage([]byte("\xff\xff")), rivettest.Oversize(1<<40), rivettest.NoInit(),
		)
	},
}

func both(s rivettest.Step) func(*rivettest.Gateway) {
	return func(gw *rivettest.Gateway) {
		gw.ScriptHTTP("", s.Times(40))
		gw.Script(s.Times(20))
	}
}

// No secret is in anything that people read: logs at full verbosity, errors
// and what is in them, what the observer is told, debug snapshots, and what
// fmt makes of a client, a handle or an option.
func TestSecurity_SecretsAreNotShown(t *testing.T) {
	for name, fail := range failures {
		for _, key := range []rivet.Key{{"a"}, {"a,b"}} {
			t.Run(name+"/"+key.String(), func(t *testing.T) {
				inEach(t, func(t *testing.T, enc codec.Encoding) {
					bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
						equip(gw)
						gw.Actor("room").Handle("measure", func(context.Context, *rivettest.Request) (any, error) { return secretArg, nil })
						r := new(notebook)
						client, h := secretive(t, gw, r, key, rivet.WithEncoding(enc))
						if _, err := client.Metadata(t.Context()); err != nil {
							t.Fatal(err)
						}
						fail(gw)
						for _, op := range operations {
							ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
							r.addError(op.name, op.run(ctx, client, h))
							cancel()
						}
						ctx := within(t, time.Minute)
						c := open(t, h)
						c.OnError(func(err error) { r.addError("OnError", err) })
						sub := ticks.Subscribe(c)
						for what, caller := range map[string]rivet.Caller{"HTTP": h, "connection": c} {
							_, err := rivet.Call[int](ctx, caller, "measure", secretArg) // a text for an int
							r.addError(what+": decode", err)
							_, err = rivet.Call[int](ctx, caller, "echo", map[string]any{"password": secretArg}, func() {})
							r.addError(what+": encode", err)
							_, err = rivet.Call[int](ctx, caller, "echo", secretArg+strings.Repeat("x", 1<<20))
							r.addError(what+": too large", err)
						}
						r.addError("send", h.Send(ctx, "jobs", secretArg))
						gw.Emit(string(ticks), secretArg) // a text for an int
						_, err := sub.Next(within(t, time.Second))
						r.addError("event", err)
						r.add("debug", c.Debug())
						r.add("state", c.State())
						r.add("info", c.Info())
						r.add("stats", c.Stats())
						r.add("handle", h)
						shared, release := client.Shared(h)
						r.add("client", client)
						release()
						sub.Close()
						r.addError("closed", errors.Join(c.Close(), shared.Close(), client.Close()))
						r.addError("Err", c.Err())
						r.addError("Err", sub.Err())
						if name == "nothing" {
							used(t, gw, secretToken, secretParams, secretHeader)
						}
						r.check(t, 40)
					})
				})
			})
		}
	}
	t.Run("functions", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			equip(gw)
			r := new(notebook)
			clients := map[string][]rivet.Option{
				"token":        {rivet.WithTokenFunc(func(context.Context) (string, error) { return "bad\n" + secretToken, nil })},
				"header value": {rivet.WithHeadersFunc(func(context.Context) (http.Header, error) { return http.Header{"X": {"bad\n" + secretHeader}}, nil })},
				"own header": {rivet.WithHeadersFunc(func(context.Context) (http.Header, error) {
					return http.Header{"X-Rivet-Token": {secretToken}}, nil
				})},
			}
			for name, opts := range clients {
				client := gw.Client(t, append(r.options(), opts...)...)
				for _, op := range operations {
					err := op.run(within(t, 5*time.Second), client, client.GetOrCreate("room", nil))
					if err == nil {
						t.Errorf("%s, %s: no error", name, op.name)
					}
					r.addError(name, err)
				}
			}
			client := gw.Client(t, r.options()...)
			h := client.GetOrCreate("room", nil, rivet.WithParamsFunc(func(context.Context) (any, error) {
				return map[string]any{"password": secretParams, "f": func() {}}, nil
			}))
			for _, op := range operations {
				r.addError("params", op.run(within(t, 5*time.Second), client, h))
			}
			for _, h := range []*rivet.Handle{
				client.GetOrCreate("room", nil, rivet.WithParams(map[string]any{"password": secretParams, "f": func() {}})),
				client.GetOrCreate("room", nil, rivet.WithInput(map[string]any{"password": secretInput, "f": func() {}})),
			} {
				_, err := echo.Call(t.Context(), h, 1)
				if err == nil {
					t.Error("no error")
				}
				r.addError("handle", err)
			}
			r.check(t, 30)
		})
	})
	t.Run("options", func(t *testing.T) {
		r := new(notebook)
		for name, o := range map[string]any{
			"WithParams":   rivet.WithParams(secretParams),
			"WithInput":    rivet.WithInput(secretInput),
			"WithToken":    rivet.WithToken(secretToken),
			"WithEndpoint": rivet.WithEndpoint("http://ns:" + secretToken + "@h"),
			"WithHeaders":  rivet.WithHeaders(http.Header{"X": {secretHeader}}),
		} {
			r.add(name, o)
		}
		r.check(t, 5)
	})
	t.Run("configuration", func(t *testing.T) {
		r := new(notebook)
		for _, endpoint := range []string{
			"http://ns:" + secretToken + "@h:port", "http://ns:" + secretToken + "%zz@h", "ftp://ns:" + secretToken + "@h",
			"http://ns:" + secretToken + "@", "http://:" + secretToken + "@h", "http://h?token=" + secretToken, "http://h#" + secretToken,
			"http://ns:" + secretToken + "@h\x7f", "http://ns:" + secretToken + "@[::1", "ns:" + secretToken + "@h", secretToken,
			"http://ns:" + secretToken + "%ff@h", "http://ns:" + secretToken + " @h",
		} {
			_, err := rivet.NewClient(rivet.WithEndpoint(endpoint), rivet.WithNamespace("also"))
			if err == nil {
				t.Errorf("%s was accepted", endpoint)
			}
			r.addError("endpoint", err)
			t.Setenv("RIVET_TOKEN", secretToken)
			_, err = rivet.NewClient(rivet.WithEndpoint("http://ns:" + secretOther + "@h"))
			r.addError("twice", err)
		}
		for _, o := range []rivet.Option{
			rivet.WithToken("a\n" + secretToken), rivet.WithHeaders(http.Header{"X": {"\n" + secretHeader}}),
			rivet.WithHeaders(http.Header{"Authorization\n": {secretHeader}}),
		} {
			_, err := rivet.NewClient(o)
			r.addError("option", err)
			if err == nil {
				t.Error("accepted")
			}
		}
		r.check(t, 20)
	})
}
