package actor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/rivet-go/rivet/codec"
)

// raw hands the request to the OnRequest hook, with the URL that RivetKit shows.
func (x *exchange) raw(target string) {
	f := x.in.b.hooks.request
	if f == nil {
		x.write(http.StatusNotFound, "", nil)
		return
	}
	// As RivetKit, which answers 400 elsewhere, also to an empty header.
	var params codec.Value
	if x.r.Header.Get("X-Rivet-Conn-Params") != "" {
		var err error
		if params, err = headerParams(x.r.Header); err != nil {
			x.fail(errors.New("malformed parameters"))
			return
		}
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
	r.URL, r.RequestURI = u, target
	x.r = r
	x.connectWith("OnRequest", params, func(c *Conn) { x.callRaw(f, c) })
}

// exchangeKey is where the context of a raw request has its exchange.
type exchangeKey struct{}

// callRaw calls the hook with a context that ends with the request and with the
// actor.
func (x *exchange) callRaw(f func(*scope, http.ResponseWriter, *http.Request), c *Conn) {
	in := x.in
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(context.Canceled)
	defer context.AfterFunc(in.ctx, func() { cancel(context.Cause(in.ctx)) })()
	ctx = contextWith{ctx, exchangeKey{}, func() any { return x }}
	sc := in.scopeOf(ctx, nil, c, chainOf(x.r.Header), "OnRequest")
	w := &watched{ResponseWriter: x.w}
	header := x.w.Header()
	before := header.Clone()
	err := in.protect(func() error { f(sc, w, x.r.WithContext(sc.ctx)); return nil })
	if err == nil {
		return
	}
	if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != http.ErrAbortHandler {
		in.report("hook", "OnRequest", err)
		if !w.begun {
			clear(header)
			maps.Copy(header, before)
			x.fail(err)
			return
		}
	}
	panic(http.ErrAbortHandler) // the documented way to cut an answer off
}

// WriteError answers a raw HTTP request as an action that fails with err would be
// answered: an error of UserError reaches the client whole, every other one is
// masked and logged. w and r are those of OnRequest, or what a handler that it
// calls has made of them; nothing must have been written yet. Clients of this
// library get it as a *rivet.Error.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e, masked := describe(err)
	enc := codec.JSON
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		enc, e.Actor = x.enc, x.in.ref
		if masked {
			x.in.report("hook", "OnRequest", err)
		}
	}
	write(w, statusOf(e), enc.ContentType(), codec.AppendHTTPError(nil, enc, e))
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
func (w *watched) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *watched) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack refuses, as there is a connection to take over only where the actor runs
// behind no gateway. It is here because http.ResponseController would look on
// behind Unwrap.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, fmt.Errorf("actor: OnRequest cannot take the connection over; OnWebSocket serves WebSockets: %w", http.ErrNotSupported)
}
