package rivet

import (
	"context"
	"net/http"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// Invoke calls an action with one HTTP request and returns its result, not
// decoded yet. The call is sent again only when it provably did not reach the
// actor, for at most 10 s or until the deadline of ctx, or when it is marked
// Idempotent. Without a deadline WithCallTimeout bounds it.
//
// Every failure is a *CallError, which tells whether the actor may have run
// the action; see MaybeExecuted. Around hibernation the gateway itself may
// deliver a call twice.
func (h *Handle) Invoke(ctx context.Context, call *conn.Call) (codec.Value, error) {
	a := attempt{handle: h, action: call.Name, options: call.Options}
	out, err := a.run(ctx, h.begin, func() (string, []byte, error) {
		segment, ok := gateway.Segment(call.Name)
		if !ok {
			return "", nil, &ConfigError{Field: "action", Rule: "cannot have this name"}
		}
		enc := h.client.cfg.link.Encoding
		args, err := codec.AppendArgs(make([]byte, 0, 128), enc, call.Args)
		if err != nil {
			return "", nil, &callbackError{"encode the arguments", err}
		}
		return "/action/" + segment, codec.AppendActionCall(make([]byte, 0, len(args)+32), enc, args), nil
	})
	if err != nil {
		return codec.Value{}, err
	}
	enc := h.client.cfg.link.Encoding
	value, err := codec.DecodeActionResult(enc, out)
	if err != nil {
		return codec.Value{}, &CallError{Actor: h.String(), Action: call.Name, MaybeExecuted: true, Err: err}
	}
	return codec.RawValue(enc, value), nil
}

// attempt is one call over HTTP: what it is called and how it goes.
type attempt struct {
	handle   *Handle
	action   string
	options  conn.CallOptions
	sends    int
	executed bool
}

// run sends a POST to the path and body that prepare returns, and returns the
// body of the answer. It tells observer and log, and wraps errors.
func (a *attempt) run(ctx context.Context, begin func(context.Context) (context.Context, func(), error), prepare func() (string, []byte, error)) ([]byte, error) {
	start := time.Now()
	body, err := a.post(ctx, begin, prepare)
	h := a.handle
	if err != nil {
		err = &CallError{Actor: h.String(), Action: a.action, MaybeExecuted: a.executed, Err: err}
	}
	c := h.client
	took := time.Since(start)
	if observe := c.cfg.link.Observer.Call; observe != nil {
		observe(conn.CallInfo{Actor: h.String(), Action: a.action, Duration: took, Err: err, HTTP: true, Sends: a.sends})
	}
	if err != nil {
		c.log.DebugContext(ctx, "rivet: call failed", "actor", h.String(), "action", a.action, "took", took, "sends", a.sends, "err", err)
	}
	return body, err
}

func (a *attempt) post(ctx context.Context, begin func(context.Context) (context.Context, func(), error), prepare func() (string, []byte, error)) ([]byte, error) {
	h := a.handle
	c := h.client
	ctx, end, err := begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	path, body, err := prepare()
	if err != nil {
		return nil, err
	}
	if limit := c.cfg.link.WriteLimit; limit > 0 && len(body) > limit {
		return nil, &TooLargeError{Size: len(body), Limit: limit}
	}
	var out []byte
	err = c.retry(ctx, func() (v verdict, err error) {
		out, v, err = a.once(ctx, path, body)
		a.executed = a.executed || v.executed
		return v, err
	})
	return out, err
}

// once sends the call one time.
func (a *attempt) once(ctx context.Context, path string, body []byte) ([]byte, verdict, error) {
	h := a.handle
	c := h.client
	t, err := c.target(ctx)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	skip := h.set.skipReadyWait || a.options.SkipReadyWait
	url, err := h.route(ctx, t, path, "", skip)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	header, err := h.gatewayHeader(ctx, t, skip)
	if err != nil {
		return nil, unsent(err, h.addressing), err
	}
	enc := c.cfg.link.Encoding
	header.Set("Content-Type", enc.ContentType())
	header.Set(gateway.HeaderEncoding, enc.String())
	a.sends++
	r, err := c.exchange(ctx, request{method: http.MethodPost, url: url, header: header, body: body, limit: c.cfg.link.ReadLimit})
	if err == nil {
		err = r.failure(enc)
	}
	c.learn(t, err)
	if err != nil {
		return nil, judge(err, h.addressing, a.options.Idempotent), err
	}
	return r.body, verdict{}, nil
}
