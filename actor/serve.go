package actor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/rivet-go/rivet/codec"
)

// exchange is one HTTP request to an actor.
type exchange struct {
	in  *Instance
	w   http.ResponseWriter
	r   *http.Request
	enc codec.Encoding
}

// ServeHTTP answers a request to the actor. The URL's path and query are as the
// actor is to see them, so /action/, /queue/, /request, /metadata, /health or
// the root; the header has X-Rivet-Ray-Id. Hold the instance meanwhile. It blocks
// until the answer is written, and longer than the request's context only for
// handlers of raw requests.
//
// Routes and answers are those of RivetKit 2.3.19.
func (in *Instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{in: in, w: w, r: r, enc: codec.JSON}
	if enc, err := codec.ParseEncoding(r.Header.Get("X-Rivet-Encoding")); err == nil {
		x.enc = enc
	}
	h := w.Header()
	h.Set("X-Rivet-Actor", in.start.ID)
	h.Set("X-Rivet-Actor-Generation", strconv.FormatUint(in.start.Generation, 10))
	if !strings.ContainsFunc(in.ref.Key, func(r rune) bool { return unicode.IsControl(r) || r > unicode.MaxASCII }) {
		h.Set("X-Rivet-Actor-Key", in.ref.Key) // else it is no header
	}
	path := r.URL.EscapedPath()
	action, isAction := segment(path, "/action/")
	queue, isQueue := segment(path, "/queue/")
	switch {
	case path == "/request" || strings.HasPrefix(path, "/request/"):
		x.raw(strings.TrimPrefix(path, "/request"))
	case isAction:
		x.method(path, http.MethodPost, func() { x.action(action) })
	case isQueue:
		x.method(path, http.MethodPost, func() { x.queue(queue) })
	case path == "/" || path == "":
		x.method(path, http.MethodGet, func() {
			x.write(http.StatusOK, "text/plain; charset=utf-8", []byte("This is a Rivet Actor.\n"))
		})
	case path == "/health":
		x.method(path, http.MethodGet, func() { x.write(http.StatusOK, "text/plain; charset=utf-8", []byte("ok")) })
	case path == "/metadata":
		x.method(path, http.MethodGet, func() {
			x.write(http.StatusOK, "application/json", []byte(`{"runtime":"rivetkit","type":"local","version":"`+KitVersion+`"}`))
		})
	default:
		x.fail(fault("actor", "not_found", fmt.Sprintf("Actor route '%s' was not found.", path),
			map[string]any{"id": path, "resource": "route"}))
	}
}

// KitVersion is the version of RivetKit whose answers a host gives.
const KitVersion = "2.3.19"

// segment returns the one percent-decoded segment behind prefix.
func segment(path, prefix string) (string, bool) {
	s, ok := strings.CutPrefix(path, prefix)
	if !ok || s == "" || strings.Contains(s, "/") {
		return "", false
	}
	name, err := url.PathUnescape(s)
	return name, err == nil
}

func (x *exchange) method(path, want string, f func()) {
	if x.r.Method != want {
		x.fail(fault("actor", "method_not_allowed", "Method not allowed", map[string]any{"method": x.r.Method, "path": path}))
		return
	}
	f()
}

// body reads what the actor's own protocol allows.
func (x *exchange) body() ([]byte, error) {
	limit := x.in.b.set.maxIncoming
	data, err := io.ReadAll(io.LimitReader(x.r.Body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if len(data) > limit {
		return nil, fault("message", "incoming_too_long", "Incoming message too long", nil)
	}
	return data, nil
}

// connect runs the hooks that guard every route, for a connection of the
// request's own, and f in between. What is the request, for people.
func (x *exchange) connect(what string, f func(*Conn)) {
	in := x.in
	// The connection takes a turn before the call does.
	c, err := x.conn()
	if err = cmp.Or(err, in.cycle(chainOf(x.r.Header), what)); err != nil {
		x.fail(err)
		return
	}
	outcome := make(chan error, 1)
	in.connecting(c, func(err error) { outcome <- err })
	if err := <-outcome; err != nil {
		x.fail(err)
		return
	}
	defer in.disconnected(c)
	f(c)
}

func (x *exchange) conn() (*Conn, error) {
	c := &Conn{id: newConnID(), enc: x.enc, req: x.r, in: x.in}
	if text := x.r.Header.Get("X-Rivet-Conn-Params"); text != "" {
		if !json.Valid([]byte(text)) {
			return nil, errMalformed
		}
		c.params = codec.RawValue(codec.JSON, []byte(text))
	}
	return c, nil
}

func (x *exchange) action(name string) {
	body, err := x.body()
	if err != nil {
		x.fail(err)
		return
	}
	args, err := codec.DecodeActionCall(x.enc, body)
	if err != nil {
		x.fail(errMalformed)
		return
	}
	type result struct {
		output []byte
		err    error
	}
	x.connect(name, func(c *Conn) {
		done := make(chan result, 1)
		x.in.call(&call{
			conn: c, enc: x.enc, args: args, chain: chainOf(x.r.Header),
			answer: func(output []byte, err error) { done <- result{output, err} },
		}, name, func() {})
		res := <-done
		if res.err == nil {
			body := codec.AppendActionResult(nil, x.enc, res.output)
			if len(body) <= x.in.b.set.maxOutgoing {
				x.write(http.StatusOK, x.enc.ContentType(), body)
				return
			}
			res.err = errOutgoingTooLong
		}
		x.fail(res.err)
	})
}

func (x *exchange) queue(name string) {
	x.fail(fault("queue", "complete_not_configured", "not built yet", nil))
}

// raw hands the request to the OnRequest hook, with the URL that RivetKit shows.
func (x *exchange) raw(target string) {
	f := x.in.b.hooks.request
	if f == nil {
		x.write(http.StatusNotFound, "", nil)
		return
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if x.r.URL.RawQuery != "" || x.r.URL.ForceQuery {
		target += "?" + x.r.URL.RawQuery
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		x.fail(errMalformed)
		return
	}
	u.Scheme, u.Host = "http", "127.0.0.1"
	r := x.r.Clone(x.r.Context())
	r.URL, r.Host, r.RequestURI = u, u.Host, target
	x.r = r
	x.connect("OnRequest", func(c *Conn) { x.callRaw(f, c) })
}

// callRaw calls the hook with a context that ends with the request and with the
// actor.
func (x *exchange) callRaw(f func(*scope, http.ResponseWriter, *http.Request), c *Conn) {
	in := x.in
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(context.Canceled)
	defer context.AfterFunc(in.ctx, func() { cancel(context.Cause(in.ctx)) })()
	sc := in.scopeOf(ctx, nil, c, chainOf(x.r.Header), "OnRequest")
	w := &watched{ResponseWriter: x.w}
	err := in.protect(func() error { f(sc, w, x.r.WithContext(sc.ctx)); return nil })
	if err == nil {
		return
	}
	if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != http.ErrAbortHandler {
		in.report("hook", "OnRequest", err)
		if !w.begun {
			x.fail(err)
			return
		}
	}
	panic(http.ErrAbortHandler) // the documented way to cut an answer off
}

// watched knows whether an answer has begun.
type watched struct {
	http.ResponseWriter
	begun bool
}

func (w *watched) WriteHeader(status int) {
	w.begun = w.begun || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what was written so far.
func (w *watched) Flush() {
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// fail answers with an error, in the encoding of the request.
func (x *exchange) fail(err error) {
	e, _ := describe(err)
	e.Actor = x.in.ref
	x.write(statusOf(e), x.enc.ContentType(), codec.AppendHTTPError(nil, x.enc, e))
}

func (x *exchange) write(status int, contentType string, body []byte) {
	h := x.w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}
