package reliability_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// jobs is the queue of a room that equip has added to; its messages are
// completed with themselves.
const jobs = rivet.Queue[int, int]("jobs")

// equip adds to the room what HTTP reaches: the queue, and handlers of raw
// requests and WebSockets that return what they get.
func equip(gw *rivettest.Gateway) *rivettest.Actor {
	a := gw.Actor("room")
	rivettest.Consume(a, jobs, func(_ context.Context, _ *rivettest.QueueMessage, n int) (int, error) { return n, nil })
	a.OnRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // or the rest is thrown away
		_, _ = io.Copy(w, r.Body)
	}))
	a.OnWebSocket(func(ctx context.Context, c *rivettest.Conn) {
		for {
			m, err := c.Receive(ctx)
			if err != nil {
				return
			}
			if m.Kind == rivettest.TextMessage {
				c.SendText(string(m.Data))
			} else {
				c.SendBinary(m.Data)
			}
		}
	})
	return a
}

// operation is one thing that clients do, from its first request to its last.
type operation struct {
	name string
	// call tells whether its failures are *rivet.CallError.
	call bool
	// bounded tells whether the default call timeout applies.
	bounded bool
	run     func(ctx context.Context, c *rivet.Client, h *rivet.Handle) error
}

// operations are all that a client can do, once each.
var operations = []operation{
	{"action", true, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := echo.Call(ctx, h, 1)
		return err
	}},
	{"queue", true, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		return jobs.Send(ctx, h, 1)
	}},
	{"queue and wait", true, false, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := jobs.SendWait(ctx, h, 1)
		return err
	}},
	{"fetch", true, false, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := fetch(ctx, h, "POST", "http://actor/path?x=1", "body")
		return err
	}},
	{"raw WebSocket", false, false, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		ws, err := h.WebSocket(ctx, "/path?x=1")
		if err != nil {
			return err
		}
		if err := ws.Send(ctx, rivet.Text("hello")); err != nil {
			return err
		}
		for m, err := range ws.Messages(ctx) {
			if err != nil {
				return err
			}
			if string(m.Data) != "hello" {
				return errors.New("test: another message came back: " + string(m.Data))
			}
			break
		}
		return ws.Close()
	}},
	{"connection", false, false, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		c := h.Connect(ctx)
		defer c.Close()
		if err := c.Ready(ctx); err != nil {
			return err
		}
		_, err := echo.Call(ctx, c, 1)
		return err
	}},
	{"gateway URL", false, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := h.GatewayURL(ctx, "/request/path")
		return err
	}},
	{"resolve", false, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := h.Resolve(ctx)
		return err
	}},
	{"info", false, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		_, err := h.Info(ctx)
		return err
	}},
	{"list", false, true, func(ctx context.Context, c *rivet.Client, _ *rivet.Handle) error {
		for _, err := range c.List(ctx, "room") {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{"create", false, true, func(ctx context.Context, c *rivet.Client, _ *rivet.Handle) error {
		h, err := c.Create(ctx, "room", rivet.Key{"made"})
		if err != nil {
			return err
		}
		_, err = echo.Call(ctx, h, 1)
		return err
	}},
	{"destroy", false, true, func(ctx context.Context, _ *rivet.Client, h *rivet.Handle) error {
		return h.Destroy(ctx)
	}},
}

// fetch sends a raw request and returns the body of the answer.
func fetch(ctx context.Context, h *rivet.Handle, method, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := h.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}

// roundTripper is an http.RoundTripper made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// through sends the requests of a client of gw through f, which has them
// delivered by next.
func through(gw *rivettest.Gateway, f func(req *http.Request, next http.RoundTripper) (*http.Response, error)) rivet.Option {
	next := gw.HTTPClient().Transport
	return rivet.WithHTTPClient(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		return f(req, next)
	})})
}

// toActor matches requests to actors, whichever they do there.
func toActor(r rivettest.HTTPRequest) bool { return strings.HasPrefix(r.Path, "/gateway/") }

// toAPI matches requests of the engine's API with a method.
func toAPI(method string) func(rivettest.HTTPRequest) bool {
	return func(r rivettest.HTTPRequest) bool {
		return r.Method == method && (r.Path == "/actors" || strings.HasPrefix(r.Path, "/actors/"))
	}
}

// only returns the one request that matches.
func only(t *testing.T, gw *rivettest.Gateway, match func(rivettest.HTTPRequest) bool) rivettest.HTTPRequest {
	t.Helper()
	all := gw.Requests(match)
	if len(all) != 1 {
		t.Fatalf("%d requests arrived, want 1", len(all))
	}
	return all[0]
}

// pastCauses are why attempts and links of c have ended so far.
func pastCauses(c *conn.Conn) (causes []error) {
	for _, s := range c.Debug().History {
		if s.Status == conn.Disconnected || s.Status == conn.Closed {
			causes = append(causes, s.Cause)
		}
	}
	return causes
}

// ask fails the test when an operation does.
func ask(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
