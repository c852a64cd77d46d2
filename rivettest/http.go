package rivettest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rivet-go/rivet/codec"
)

// maxBody is the largest HTTP body that the gateway passes on.
const maxBody = 20 << 20

// exchange is one HTTP request being answered.
type exchange struct {
	g     *Gateway
	w     http.ResponseWriter
	r     *http.Request
	rt    route
	enc   codec.Encoding
	body  []byte
	inst  *Instance
	actor *Actor
	ray   string
	amend func(func(*HTTPRequest))
}

// serve is the one door for everything that arrives.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	if !g.enter() {
		panic(http.ErrAbortHandler) // the documented way to cut the connection
	}
	defer g.tasks.Done()
	if isUpgrade(r) {
		g.serveSocket(w, r)
		return
	}
	x := &exchange{g: g, w: w, r: r, rt: g.route(r, nil), ray: g.ray()}
	if err := x.read(); err != nil {
		if errors.As(err, new(*failure)) {
			x.fail(err)
		}
		return
	}
	if step, ok := g.takeHTTPStep(r.URL.EscapedPath()); ok {
		x.amend(func(rec *HTTPRequest) { rec.Step = step.name })
		if x.play(step) {
			return
		}
	}
	x.answer()
}

// read takes the body in, but for raw requests to an actor, and records the
// request.
func (x *exchange) read() error {
	r := x.r
	rec := HTTPRequest{
		At: time.Now(), Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Host: r.Host,
	}
	x.enc = codec.JSON
	if enc, err := codec.ParseEncoding(r.Header.Get("X-Rivet-Encoding")); err == nil {
		x.enc = enc
	}
	var err error
	if !x.raw() {
		x.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err == nil && len(x.body) > maxBody {
			err = guardError("invalid_request_body", "Request body too large.")
		}
		rec.Body = x.body
		x.describe(&rec)
	}
	x.amend = x.g.recordRequest(rec)
	return err
}

// describe decodes what the record tells of an action or queue message.
func (x *exchange) describe(rec *HTTPRequest) {
	if x.rt.kind != routeActor {
		return
	}
	if name, ok := pathName(x.rt.path, "/action/"); ok {
		rec.Action = name
		if args, err := codec.DecodeActionCall(x.enc, x.body); err == nil {
			rec.Args = codec.RawValue(x.enc, args)
		}
	}
	if _, ok := pathName(x.rt.path, "/queue/"); ok {
		if q, err := codec.DecodeQueueSend(x.enc, x.body); err == nil {
			rec.Queue = &q
		}
	}
}

// pathName returns the one percent-decoded segment behind prefix.
func pathName(path, prefix string) (string, bool) {
	segment, ok := strings.CutPrefix(path, prefix)
	if !ok || segment == "" || strings.Contains(segment, "/") {
		return "", false
	}
	name, err := url.PathUnescape(segment)
	return name, err == nil
}

// raw reports whether this is a request for the actor's own HTTP handler.
func (x *exchange) raw() bool {
	return x.rt.kind == routeActor && (x.rt.path == "/request" || strings.HasPrefix(x.rt.path, "/request/"))
}

// answer does what the real gateway, API and actor do.
func (x *exchange) answer() {
	switch x.rt.kind {
	case routeMetadata:
		x.writeJSON(http.StatusOK, x.g.metadataAnswer())
	case routeActors:
		x.serveAPI()
	case routeActor:
		x.serveActor()
	default:
		x.fail(Error("api", "not_found", "Not found.", nil))
	}
}

func (x *exchange) serveActor() {
	inst, actor, err := x.g.resolve(x.rt)
	if inst != nil {
		x.amend(func(rec *HTTPRequest) { rec.Actor, rec.Key, rec.ActorID = inst.name, inst.key, inst.id })
	}
	if err != nil {
		x.fail(err)
		return
	}
	x.inst, x.actor = inst, actor
	h := x.w.Header()
	if !x.g.cfg.legacy {
		h.Set("X-Rivet-Actor", inst.id)
		h.Set("X-Rivet-Actor-Generation", strconv.FormatUint(inst.generation, 10))
		if key := serializeKey(inst.key); !strings.ContainsFunc(key, unicode.IsControl) {
			h.Set("X-Rivet-Actor-Key", key) // else it is no header
		}
	}
	action, isAction := pathName(x.rt.path, "/action/")
	queue, isQueue := pathName(x.rt.path, "/queue/")
	switch {
	case x.raw():
		x.serveRaw()
	case isAction:
		x.serveAction(action)
	case isQueue && x.g.cfg.legacy:
		x.writeText(http.StatusNotFound, "Not Found (RivetKit)")
	case isQueue:
		x.serveQueue(queue)
	case x.rt.path == "/":
		x.writeText(http.StatusOK, "This is a RivetKit actor.")
	case x.rt.path == "/health":
		x.writeText(http.StatusOK, "ok")
	case x.rt.path == "/metadata":
		x.writeJSON(http.StatusOK, map[string]any{"runtime": "rivetkit", "type": "local", "version": x.g.version()})
	default:
		e := x.g.describe(Error("actor", "not_found", "Not found.", map[string]any{"resource": "route", "id": x.rt.path}), x.enc, nil)
		e.Actor = &codec.ActorRef{ID: inst.id, Generation: inst.generation, Key: serializeKey(inst.key), HasKey: true}
		x.writeError(e, false)
	}
}

func (x *exchange) serveAction(name string) {
	if x.r.Method != http.MethodPost {
		x.fail(Error("actor", "method_not_allowed", "Method not allowed.", nil))
		return
	}
	r, err := x.request(name)
	if err != nil {
		x.fail(err)
		return
	}
	args, err := codec.DecodeActionCall(x.enc, x.body)
	switch {
	case len(x.body) > x.g.cfg.maxIncoming:
		err = Error("message", "incoming_too_long", "Incoming message too long.", nil)
	case err != nil || x.g.tooNew(x.enc, x.body):
		err = Error("core", "internal_error", internalMessage, nil)
	default:
		err = x.actor.admit(r)
	}
	if err != nil {
		x.failActor(err)
		return
	}
	r.Args = codec.RawValue(x.enc, args)
	type result struct {
		out any
		err error
	}
	done := make(chan result, 1)
	x.actor.execute(r, func(out any, err error) { done <- result{out, err} })
	res := <-done
	var data []byte
	if err = res.err; err == nil {
		data, err = encode(x.enc, res.out)
	}
	body := x.g.server().AppendActionResult(nil, x.enc, data)
	if err == nil && len(body) > x.g.cfg.maxOutgoing {
		err = Error("message", "outgoing_too_long", "Outgoing message too long.", nil)
	}
	if err != nil {
		x.failActor(err)
		return
	}
	x.write(http.StatusOK, x.enc.ContentType(), body)
}

// request builds what handlers and hooks see.
func (x *exchange) request(action string) (*Request, error) {
	r := &Request{
		ActorName: x.inst.name, ActorID: x.inst.id, Key: x.inst.key,
		Action: action, Header: x.r.Header.Clone(),
		actor: x.actor, inst: x.inst, gone: x.r.Context().Done(),
	}
	if enc := x.r.Header.Get("X-Rivet-Encoding"); x.g.cfg.legacy && enc != "" && enc != x.enc.String() {
		return nil, &codec.Error{Group: "encoding", Code: "invalid", Message: "Invalid encoding.", HTTPStatus: http.StatusBadRequest}
	}
	if text := x.r.Header.Get("X-Rivet-Conn-Params"); text != "" {
		if !validJSON(text) {
			return nil, &codec.Error{Group: "core", Code: "internal_error", Message: internalMessage, HTTPStatus: http.StatusBadRequest}
		}
		r.Params = codec.RawValue(codec.JSON, []byte(text))
	}
	return r, nil
}

func validJSON(text string) bool { return json.Valid([]byte(text)) }

// serveRaw hands the request to the actor's own handler, with the URL that
// RivetKit shows it.
func (x *exchange) serveRaw() {
	x.actor.mu.Lock()
	h := x.actor.onRequest
	x.actor.mu.Unlock()
	if h == nil {
		x.write(http.StatusNotFound, "", nil)
		return
	}
	target := "/" + strings.TrimPrefix(strings.TrimPrefix(x.rt.path, "/request"), "/")
	if x.rt.query != "" {
		target += "?" + x.rt.query
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		x.fail(Error("core", "internal_error", internalMessage, nil))
		return
	}
	u.Scheme, u.Host = "http", "127.0.0.1"
	r := x.r.Clone(x.r.Context())
	r.URL, r.Host, r.RequestURI = u, u.Host, target
	r.Header.Set("X-Rivet-Ray-Id", x.ray)
	x.w.Header().Set("X-Rivet-Ray-Id", x.ray)
	h.ServeHTTP(x.w, r)
}

// fail answers with an error, in JSON when it is the gateway's.
func (x *exchange) fail(err error) {
	e := x.g.describe(err, codec.JSON, nil)
	if x.inst == nil || ofGateway(e) {
		x.writeError(e, true)
		return
	}
	x.failActor(err)
}

// failActor answers with an error of the actor, in the request's encoding.
func (x *exchange) failActor(err error) {
	e := x.g.describe(err, x.enc, x.inst)
	if e.Group == "core" && e.HTTPStatus == 0 {
		e.HTTPStatus = http.StatusBadRequest // undecodable
	}
	x.writeError(e, ofGateway(e))
}

func (x *exchange) writeError(e *codec.Error, gateway bool) {
	enc := x.enc
	if gateway && !x.g.cfg.legacy {
		enc = codec.JSON
		x.w.Header().Set("X-Rivet-Error", e.Group+"."+e.Code)
	}
	contentType := enc.ContentType()
	if x.g.cfg.legacy {
		contentType = "text/plain; charset=UTF-8"
	}
	x.write(x.g.statusOf(e), contentType, x.g.server().AppendHTTPError(nil, enc, e))
}

func (x *exchange) writeJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		x.g.tb.Errorf("rivettest: encode an answer: %v", err)
	}
	x.write(status, "application/json", body)
}

func (x *exchange) writeText(status int, text string) {
	x.write(status, "text/plain; charset=UTF-8", []byte(text))
}

func (x *exchange) write(status int, contentType string, body []byte) {
	h := x.w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if !x.g.cfg.legacy {
		h.Set("X-Rivet-Ray-Id", x.ray)
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

// play does what a step says; false when the request is to be answered as
// usual.
func (x *exchange) play(step Step) bool {
	var answer *buffered // the true one
	if step.run || step.cut {
		w := x.w
		answer = &buffered{}
		x.w = answer
		x.answer()
		x.w = w
	}
	if x.g.interfere(x.w, x.r, step) {
		return true
	}
	switch {
	case step.err != nil:
		if inst, _, err := x.g.resolve(x.rt); err == nil && x.rt.kind == routeActor {
			x.inst = inst
		}
		x.fail(step.err)
	case step.cut:
		x.sendHalf(answer)
	case step.run: // once, so that this is its answer
		maps.Copy(x.w.Header(), answer.Header())
		x.w.WriteHeader(answer.code())
		_, _ = x.w.Write(answer.body.Bytes())
	default:
		return false
	}
	return true
}

// interfere does what a step says that concerns sockets and requests alike;
// false when they go on.
func (g *Gateway) interfere(w http.ResponseWriter, r *http.Request, step Step) bool {
	if step.delay > 0 {
		timer := time.NewTimer(step.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-g.ctx.Done():
		}
	}
	switch {
	case step.refuse || step.reset:
		if conn, _, err := hijack(w); err == nil {
			conn.reset()
		}
	case step.hang:
		if conn, _, err := hijack(w); err == nil {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	case step.answer != nil:
		for name, values := range step.answer.header {
			w.Header()[name] = values
		}
		if step.answer.header.Get("Content-Type") == "" {
			w.Header()["Content-Type"] = nil // no sniffing
		}
		w.WriteHeader(step.answer.status)
		_, _ = w.Write(step.answer.body)
	default:
		return false
	}
	return true
}

// sendHalf sends an answer up to the middle of its body.
func (x *exchange) sendHalf(answer *buffered) {
	conn, _, err := hijack(x.w)
	if err != nil {
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", answer.code(), http.StatusText(answer.code()))
	answer.Header().Set("Content-Length", strconv.Itoa(answer.body.Len()))
	_ = answer.Header().Write(&b)
	b.WriteString("\r\n")
	b.Write(answer.body.Bytes()[:answer.body.Len()/2])
	_, _ = conn.Write(b.Bytes())
	_ = conn.Close()
}

// buffered keeps an answer instead of sending it.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header {
	if b.header == nil {
		b.header = make(http.Header)
	}
	return b.header
}

func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

func (b *buffered) code() int {
	if b.status == 0 {
		return http.StatusOK
	}
	return b.status
}
