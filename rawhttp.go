package rivet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Do sends a request to the actor's HTTP handler (onRequest) and returns its
// response as it is, whatever the status; redirects are not followed. Path and
// query of the URL are kept, its scheme and host do not matter: use
// "http://actor/history". Method, headers and body are the caller's, except
// for the headers of the protocol; parameters and token are added. Bodies are
// streamed both ways. The caller closes the response's body.
//
// No timeout but the request's own context applies. The request is sent again
// only when it provably did not reach the actor, and has no body or a GetBody;
// net/http may besides repeat a GET, HEAD, OPTIONS or TRACE whose connection,
// used before, was lost without an answer.
// An error is a *CallError; a refusal by the gateway itself comes as a response,
// with its code in the header X-Rivet-Error.
func (h *Handle) Do(req *http.Request) (*http.Response, error) {
	resp, executed, err := h.roundTrip(req)
	if err != nil {
		return nil, &CallError{Actor: h.String(), Action: "request", MaybeExecuted: executed, Err: err}
	}
	return resp, nil
}

// Transport returns an http.RoundTripper to the actor's HTTP handler, for an
// http.Client or a reverse proxy. It does what Do does. Mind that a client
// that follows a redirect to another host comes back to the actor.
func (h *Handle) Transport() http.RoundTripper { return transport{h} }

type transport struct{ handle *Handle }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.handle.Do(req) }

func (h *Handle) roundTrip(req *http.Request) (_ *http.Response, executed bool, err error) {
	body := &rawBody{req: req, next: req.Body}
	defer body.drop()
	ctx, end, err := h.beginUnbounded(req.Context())
	if err != nil {
		return nil, false, err
	}
	open := false // whether the response's body ends it
	defer func() {
		if !open {
			end()
		}
	}()
	if req.URL == nil {
		return nil, false, &ConfigError{Field: "request", Rule: "has no URL"}
	}
	path, err := actorPath("/request", req.URL)
	if err != nil {
		return nil, false, err
	}
	var resp *http.Response
	err = h.client.retry(ctx, func() (v verdict, err error) {
		if resp != nil {
			discard(resp)
		}
		resp, v, err = h.rawOnce(ctx, req, path, body)
		executed = executed || v.executed
		v.resend = v.resend && body.again()
		return v, err
	})
	if refusal := (*gatewayRefusal)(nil); errors.As(err, &refusal) && resp != nil && ctx.Err() == nil {
		err = nil // no further try: the refusal is the response
	}
	if err != nil {
		if resp != nil {
			discard(resp)
		}
		return nil, executed, err
	}
	resp.Body = endingBody(ctx, resp.Body, end)
	resp.Request = req
	open = true
	return resp, false, nil
}

// gatewayRefusal is a response that says that the actor was not reached.
type gatewayRefusal struct{ err *codec.Error }

func (e *gatewayRefusal) Error() string { return e.err.Error() }
func (e *gatewayRefusal) Unwrap() error { return e.err }

// rawOnce sends the request one time. A refusal of the gateway that allows
// another try is an error beside the response.
func (h *Handle) rawOnce(ctx context.Context, req *http.Request, path string, body *rawBody) (*http.Response, verdict, error) {
	c := h.client
	t, err := c.target(ctx)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	url, err := h.route(ctx, t, path, "", h.set.skipReadyWait)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	header, err := h.gatewayHeader(ctx, t, h.set.skipReadyWait)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	out, err := http.NewRequestWithContext(traced, req.Method, url, nil)
	if err != nil {
		return nil, verdict{}, &ConfigError{Field: "request", Rule: "has an invalid method"}
	}
	out.Header = mergeRaw(req.Header, header)
	out.ContentLength, out.TransferEncoding, out.Trailer = req.ContentLength, req.TransferEncoding, req.Trailer
	sent, read := body.take()
	out.Body = sent
	resp, err := c.do(out)
	if err != nil {
		err = transportError(ctx, err)
		if !connected.Load() && !read.Load() && c.own != nil {
			err = &notSentError{err}
		}
		c.learn(t, err)
		return nil, judge(err, h.addressing, false), err
	}
	if refusal := refusalOf(resp); refusal != nil {
		c.learn(t, refusal)
		if v := judge(refusal, h.addressing, false); v.resend {
			return resp, v, &gatewayRefusal{refusal}
		}
	}
	return resp, verdict{}, nil
}

// mergeRaw returns the caller's headers with those of the protocol, and with
// the client's where the caller has none. Headers by which the gateway would
// be led elsewhere do not pass.
func mergeRaw(caller, ours http.Header) http.Header {
	h := caller.Clone()
	if h == nil {
		h = http.Header{}
	}
	for name := range h {
		switch http.CanonicalHeaderKey(name) {
		case gateway.HeaderTarget, gateway.HeaderActor, gateway.HeaderToken, gateway.HeaderSkipReadyWait, gateway.HeaderParams:
			delete(h, name)
		}
	}
	for name, values := range ours {
		if _, has := h[name]; !has {
			h[name] = values
		}
	}
	return h
}

// refusalOf returns what the gateway itself answered, nil when the actor did.
func refusalOf(resp *http.Response) *codec.Error {
	id := resp.Header.Get(gateway.HeaderError)
	if id == "" || resp.Header.Get(gateway.HeaderActor) != "" {
		return nil
	}
	group, code, _ := strings.Cut(id, ".")
	return &codec.Error{Group: group, Code: code, HTTPStatus: resp.StatusCode, RayID: resp.Header.Get(gateway.HeaderRayID)}
}

// discard makes the connection of a response usable again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// rawBody is the caller's body, which a RoundTripper closes in any case. What
// was handed to net/http may be read and closed by it at any time afterwards,
// so that another try needs another body.
type rawBody struct {
	req  *http.Request
	next io.ReadCloser // to be sent next; nil when there is none
	gone bool          // was handed over
}

// take hands over the body and tells whether it was read.
func (b *rawBody) take() (io.ReadCloser, *atomic.Bool) {
	read := new(atomic.Bool)
	body := b.next
	if body == nil || body == http.NoBody {
		return body, read
	}
	b.next, b.gone = nil, true
	return &sentBody{body, read}, read
}

// again gets the body ready for another try, and reports whether it could.
func (b *rawBody) again() bool {
	if !b.gone {
		return true
	}
	if b.req.GetBody == nil {
		return false
	}
	fresh, err := b.req.GetBody()
	if err != nil {
		return false
	}
	b.next, b.gone = fresh, false
	return true
}

// drop closes what was not handed over.
func (b *rawBody) drop() {
	if b.next != nil {
		_ = b.next.Close()
	}
}

// sentBody tells when it is read.
type sentBody struct {
	io.ReadCloser
	read *atomic.Bool
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	return b.ReadCloser.Read(p)
}

// endingBody calls end once the body is closed or read to its end. A body of a
// protocol switch stays writable.
func endingBody(ctx context.Context, body io.ReadCloser, end func()) io.ReadCloser {
	b := &responseBody{body, ctx, end}
	if w, ok := body.(io.Writer); ok {
		return struct {
			*responseBody
			io.Writer
		}{b, w}
	}
	return b
}

type responseBody struct {
	io.ReadCloser
	ctx context.Context
	end func()
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		if err != io.EOF {
			err = transportError(b.ctx, err)
		}
		b.end()
	}
	return n, err
}

func (b *responseBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
