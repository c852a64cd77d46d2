package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// Errors keep group, code, message, metadata, ray id and status, whatever
// their content type says and whoever made them.
func TestBehaviour24_ErrorsWhateverTheContentType(t *testing.T) {
	type meta struct {
		Cups int      `json:"cups"`
		Of   []string `json:"of"`
	}
	data := meta{3, []string{"tea", "é"}}
	body := func(t *testing.T, enc codec.Encoding) []byte {
		t.Helper()
		encoded, err := codec.Marshal(enc, data)
		ask(t, err)
		return codec.AppendHTTPError(nil, enc, &codec.Error{
			Group: "user", Code: "teapot", Message: "short and stout", Metadata: codec.RawValue(enc, encoded),
		})
	}
	types := []string{"", "application/json", "application/json; charset=utf-8", "application/octet-stream", "application/cbor", "text/plain; charset=UTF-8", "text/html", "garbage"}
	statuses := []int{400, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 599}
	type answer struct {
		status      int
		contentType string
		body        []byte
	}
	// answering makes every answer of gw's but metadata that of a.
	answering := func(gw *rivettest.Gateway, a *answer) rivet.Option {
		return through(gw, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && req.URL.Path != "/metadata" {
				resp.Header.Set("X-Rivet-Ray-Id", "ray-7")
				resp.Header.Set("Content-Type", a.contentType)
				if a.contentType == "" {
					resp.Header.Del("Content-Type")
				}
				_ = resp.Body.Close()
				resp.StatusCode, resp.ContentLength, resp.Body = a.status, int64(len(a.body)), readCloser{bytes.NewReader(a.body)}
			}
			return resp, err
		})
	}
	calls := map[string]func(context.Context, *rivet.Handle) error{
		"action": func(ctx context.Context, h *rivet.Handle) error { _, err := echo.Call(ctx, h, 1); return err },
		"queue":  func(ctx context.Context, h *rivet.Handle) error { return jobs.Send(ctx, h, 1) },
	}
	management := map[string]func(context.Context, *rivet.Client) error{
		"resolve": func(ctx context.Context, c *rivet.Client) error {
			_, err := c.GetOrCreate("room", nil).Resolve(ctx)
			return err
		},
		"info":    func(ctx context.Context, c *rivet.Client) error { _, err := c.Get("room", nil).Info(ctx); return err },
		"create":  func(ctx context.Context, c *rivet.Client) error { _, err := c.Create(ctx, "room", nil); return err },
		"destroy": func(ctx context.Context, c *rivet.Client) error { return c.GetForID("room", "x").Destroy(ctx) },
		"list": func(ctx context.Context, c *rivet.Client) error {
			for _, err := range c.List(ctx, "room") {
				return err
			}
			return nil
		},
	}
	check := func(t *testing.T, err error, status int) {
		t.Helper()
		e, ok := errors.AsType[*rivet.Error](err)
		if !ok {
			t.Errorf("got %v", err)
			return
		}
		if e.Group != "user" || e.Code != "teapot" || e.Message != "short and stout" || e.RayID != "ray-7" || e.HTTPStatus != status {
			t.Errorf("got %+v", e)
		}
		var got meta
		if err := e.Decode(&got); err != nil || fmt.Sprint(got) != fmt.Sprint(data) {
			t.Errorf("metadata %+v, %v", got, err)
		}
		if !rivet.IsCode(err, "teapot") || !rivet.IsCode(err, "user.teapot") || rivet.IsCode(err, "auth.teapot") {
			t.Error("IsCode does not know it")
		}
	}
	for _, enc := range encodings {
		for _, made := range []codec.Encoding{enc, codec.JSON} { // by the actor, or by the gateway
			t.Run(enc.String()+" asked for, "+made.String()+" answered", func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					a := &answer{body: body(t, made)}
					h := room(t, gw, rivet.WithEncoding(enc), answering(gw, a))
					for _, contentType := range types {
						if made != codec.JSON && strings.Contains(contentType, "json") {
							continue // says what it is not
						}
						for _, status := range statuses {
							a.status, a.contentType = status, contentType
							for name, call := range calls {
								err := call(t.Context(), h)
								check(t, err, status)
								if !rivet.MaybeExecuted(err) {
									t.Errorf("%s: an error of the actor's own is none of an action that did not run", name)
								}
								if t.Failed() {
									t.Fatalf("%s with content type %q and status %d", name, contentType, status)
								}
							}
						}
					}
				})
			})
		}
	}
	t.Run("management", func(t *testing.T) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			a := &answer{body: body(t, codec.JSON)}
			client := gw.Client(t, answering(gw, a))
			for name, op := range management {
				for _, contentType := range types {
					for _, status := range statuses {
						a.status, a.contentType = status, contentType
						check(t, op(t.Context(), client), status)
						if t.Failed() {
							t.Fatalf("%s with content type %q and status %d", name, contentType, status)
						}
					}
				}
			}
		})
	})
	t.Run("handshake", func(t *testing.T) {
		for _, contentType := range []string{"", "application/json", "text/plain"} {
			for _, status := range statuses {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					gw.Script(rivettest.Answer(status, contentType, body(t, codec.JSON)).Times(2))
					h := room(t, gw)
					c := open(t, h)
					err := c.Ready(t.Context()) // user.* is final before Init
					_, raw := h.WebSocket(t.Context(), "/x")
					for what, err := range map[string]error{"connection": err, "raw WebSocket": raw} {
						e, ok := errors.AsType[*rivet.Error](err)
						if !ok || e.Code != "teapot" || e.HTTPStatus != status || e.Message != "short and stout" {
							t.Errorf("%s, status %d, type %q: got %v", what, status, contentType, err)
						}
					}
				})
			}
		}
	})

	// What is no error of the protocol is an error with the status.
	foreign := map[string]struct{ contentType, body string }{
		"HTML":               {"text/html", "<html><body>Bad &amp; broken</body></html>"},
		"empty":              {"", ""},
		"empty JSON":         {"application/json", ""},
		"JSON of others":     {"application/json", `{"error":"no"}`},
		"JSON, no object":    {"application/json", `[1]`},
		"cut JSON":           {"application/json", `{"group":"user","code":"teap`},
		"no code":            {"application/json", `{"group":"user","message":"x"}`},
		"binary":             {"application/octet-stream", "\x04\x00\xff\xff\xff\xff\xff\xff"},
		"larger than limits": {"text/html", strings.Repeat("<p>long</p>", 250_000)},
	}
	for name, f := range foreign {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					a := &answer{contentType: f.contentType, body: []byte(f.body)}
					client := gw.Client(t, rivet.WithEncoding(enc), answering(gw, a))
					all := statuses
					if len(f.body) > 1<<20 {
						all = []int{502}
					}
					for _, status := range all {
						a.status = status
						errs := map[string]error{}
						for name, call := range calls {
							errs[name] = call(t.Context(), client.GetOrCreate("room", nil))
						}
						for name, op := range management {
							errs[name] = op(t.Context(), client)
						}
						for name, err := range errs {
							e, ok := errors.AsType[*rivet.Error](err)
							if !ok || e.Group != "http" || e.Code != fmt.Sprintf("status_%d", status) || e.HTTPStatus != status || e.RayID != "ray-7" {
								t.Errorf("%s: got %.300v", name, err)
								continue
							}
							if n := len(err.Error()); n > 600 || strings.ContainsAny(err.Error(), "\n\r\x00") {
								t.Errorf("%s: message of %d bytes: %.700q", name, n, err)
							}
							// Of a timeout or a conflict nobody knows who reports it.
							maybe := status >= 500 || status == http.StatusRequestTimeout || status == http.StatusConflict
							if _, call := calls[name]; call && rivet.MaybeExecuted(err) != maybe {
								t.Errorf("%s, status %d: MaybeExecuted %v", name, status, rivet.MaybeExecuted(err))
							}
						}
					}
				})
			})
		})
	}
}

// The errors that actors and gateways really send arrive whole, over HTTP and
// over connections.
func TestBehaviour24_ErrorsOfActors(t *testing.T) {
	type meta struct {
		List []any   `json:"list"`
		F    float64 `json:"f"`
	}
	data := meta{[]any{int64(1), nil, true, "x"}, 1.5}
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			a := gw.Actor("room")
			a.Handle("fail", func(context.Context, *rivettest.Request) (any, error) {
				return nil, rivettest.UserError("with_metadata", "with metadata", data)
			})
			h := room(t, gw, rivet.WithEncoding(enc))
			c := open(t, h)
			for name, caller := range map[string]rivet.Caller{"HTTP": h, "connection": c} {
				_, err := rivet.Call[int](t.Context(), caller, "fail")
				e, ok := errors.AsType[*rivet.Error](err)
				if !ok || e.Group != "user" || e.Code != "with_metadata" || e.Message != "with metadata" {
					t.Fatalf("%s: got %v", name, err)
				}
				var got meta
				if err := e.Decode(&got); err != nil || fmt.Sprint(got) != fmt.Sprint(data) {
					t.Errorf("%s: metadata %+v, %v", name, got, err)
				}
				if e.Actor == nil || e.Actor.ID != gw.Instance("room", "a").ID() || e.Actor.Key != "a" || e.Actor.Generation != 1 {
					t.Errorf("%s: actor %+v", name, e.Actor)
				}
				if (e.RayID != "") != (name == "HTTP") || (e.HTTPStatus == 500) != (name == "HTTP") {
					t.Errorf("%s: ray %q, status %d", name, e.RayID, e.HTTPStatus)
				}
				if ce, ok := errors.AsType[*rivet.CallError](err); !ok || !ce.MaybeExecuted || ce.Action != "fail" || ce.Actor != "room[a]" {
					t.Errorf("%s: got %+v", name, ce)
				}
				_, err = rivet.Call[int](t.Context(), caller, "missing")
				if !errors.Is(err, codec.ErrActionNotFound) || errors.Is(err, codec.ErrActorNotFound) || rivet.MaybeExecuted(err) {
					t.Errorf("%s: unknown action: %v", name, err)
				}
			}
			// A refused connection has the actor's own reason, and metadata.
			a.OnConnect(func(context.Context, *rivettest.Request) error { return rivettest.UserError("banned", "go away", data) })
			refused := open(t, h)
			err := refused.Ready(t.Context())
			e, ok := errors.AsType[*rivet.Error](err)
			if !ok || e.Code != "banned" || e.Message != "go away" || !errors.Is(err, rivet.ErrClosed) {
				t.Fatalf("refused with %v", err)
			}
			var got meta
			if err := e.Decode(&got); err != nil || fmt.Sprint(got) != fmt.Sprint(data) {
				t.Errorf("refused: metadata %+v, %v", got, err)
			}
			// The gateway's own refusals carry the ray id.
			a.OnConnect(nil)
			gw.Script(rivettest.CloseBeforeInit(1011, "guard.query_invalid_params#ray-9"))
			err = open(t, h).Ready(t.Context())
			if e, ok := errors.AsType[*rivet.Error](err); !ok || e.Group != "guard" || e.Code != "query_invalid_params" || e.RayID != "ray-9" {
				t.Errorf("refused by the gateway with %v", err)
			}
			// And over HTTP they are JSON whatever was asked for.
			_, err = echo.Call(t.Context(), gw.Client(t, rivet.WithEncoding(enc)).Get("room", rivet.Key{"nobody"}), 1)
			if e, ok := errors.AsType[*rivet.Error](err); !ok || !errors.Is(err, codec.ErrActorNotFound) || e.RayID == "" || e.HTTPStatus != 404 {
				t.Errorf("got %v", err)
			}
		})
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// An answer that is a success but opens no WebSocket, as a login page behind a
// proxy is, is an error too.
func TestBehaviour24_SuccessThatOpensNothing(t *testing.T) {
	bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Status(200, "<html>Please log in</html>"), rivettest.Status(200, "<html>Please log in</html>"))
		h := room(t, gw)
		ws, err := h.WebSocket(t.Context(), "/x")
		if err == nil || ws != nil || !strings.Contains(err.Error(), "200") {
			t.Errorf("got %v, %v", ws, err)
		}
		c := open(t, h)
		ready(t, c)
		causes := pastCauses(c)
		if len(causes) != 1 || !strings.Contains(causes[0].Error(), "200") {
			t.Errorf("got %v", causes)
		}
	})
}
