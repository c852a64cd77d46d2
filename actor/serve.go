package actor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
// until the answer is written, whether the client waits for it or not. It panics
// with http.ErrAbortHandler when OnRequest has failed in the middle of its answer,
// which has to be cut off then.
//
// Routes and answers are those of RivetKit 2.3.19.
func (in *Instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{in: in, w: w, r: r, enc: codec.JSON}
	if name := r.Header.Get("X-Rivet-Encoding"); name != "" {
		if enc, err := codec.ParseEncoding(name); err == nil {
			x.enc = enc
		}
	}
	h := w.Header()
	values := [...]string{in.start.ID, strconv.FormatUint(in.start.Generation, 10), in.ref.Key} // in one piece of memory
	h["X-Rivet-Actor"], h["X-Rivet-Actor-Generation"] = values[0:1:1], values[1:2:2]
	if !strings.ContainsFunc(in.ref.Key, func(r rune) bool { return unicode.IsControl(r) || r > unicode.MaxASCII }) {
		h["X-Rivet-Actor-Key"] = values[2:3:3] // else it is no header
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
			x.write(http.StatusOK, "text/plain; charset=utf-8", []byte(rootText))
		})
	case path == "/health":
		x.method(path, http.MethodGet, func() { x.write(http.StatusOK, "text/plain; charset=utf-8", []byte("ok")) })
	case path == "/metadata":
		x.method(path, http.MethodGet, func() {
			h.Set("Referrer-Policy", "no-referrer")
			x.write(http.StatusOK, "application/json", []byte(`{"runtime":"rivetkit","type":"local","version":"`+KitVersion+`"}`))
		})
	case path == "/inspector" || strings.HasPrefix(path, "/inspector/"):
		// There is none, so no token is the right one.
		x.write(http.StatusUnauthorized, "application/json", []byte(inspectorText))
	default:
		x.fail(fault("actor", "not_found", fmt.Sprintf("Actor route '%s' was not found.", path),
			map[string]any{"id": path, "resource": "route"}))
	}
}

// KitVersion is the version of RivetKit whose answers a host gives.
const KitVersion = "2.3.19"

// Answers of RivetKit that programs may look for.
const (
	rootText      = "This is an RivetKit actor.\n\nLearn more at https://rivetkit.org"
	inspectorText = `{"group":"inspector","code":"unauthorized","message":"Inspector request requires a valid bearer token","metadata":null}`
)

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
		return nil, errMalformed // the client has gone, or sends less than it said
	}
	if len(data) > limit {
		return nil, errIncomingTooLong
	}
	return data, nil
}

// connect is connectWith the parameters that the request has.
func (x *exchange) connect(what string, f func(*Conn)) {
	params, err := headerParams(x.r.Header)
	if err != nil {
		x.fail(err)
		return
	}
	x.connectWith(what, params, f)
}

// connectWith runs the hooks that guard every route, for a connection of the
// request's own, and f in between. What is the request, for people.
func (x *exchange) connectWith(what string, params codec.Value, f func(*Conn)) {
	in := x.in
	if in.b.hooks.connect != nil { // which takes a turn before the call does
		if err := in.lasting(chainOf(x.r.Header), what); err != nil {
			x.fail(err)
			return
		}
	}
	c := &Conn{id: newConnID(), enc: x.enc, params: params, req: x.r, in: in}
	if h := &in.b.hooks; h.beforeConnect == nil && h.connState == nil && h.connect == nil {
		in.conns.add(c)
		defer in.disconnected(c)
		f(c)
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

// headerParams reads the connection parameters of a request.
func headerParams(h http.Header) (codec.Value, error) {
	values, given := h["X-Rivet-Conn-Params"]
	if !given {
		return codec.Value{}, nil
	}
	if len(values) != 1 || !json.Valid([]byte(values[0])) {
		return codec.Value{}, errMalformed
	}
	text := []byte(values[0])
	if !utf8.Valid(text) {
		// JavaScript's fetch sends each character up to U+00FF as the byte of that
		// number. RivetKit 2.3.19 takes such params for none.
		runes := make([]rune, len(text))
		for i, b := range text {
			runes[i] = rune(b)
		}
		text = []byte(string(runes))
	}
	return codec.RawValue(codec.JSON, text), nil
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

// fail answers with an error, in the encoding of the request.
func (x *exchange) fail(err error) {
	e, _ := describe(err)
	e.Actor = x.in.ref
	x.write(statusOf(e), x.enc.ContentType(), codec.AppendHTTPError(nil, x.enc, e))
}

func (x *exchange) write(status int, contentType string, body []byte) {
	write(x.w, status, contentType, body)
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
