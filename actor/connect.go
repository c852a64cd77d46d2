package actor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// Open takes a new socket, whose handshake has been answered. Hold the instance
// meanwhile. It does not block.
func (in *Instance) Open(l Link) Receiver {
	req := l.Request()
	path := req.URL.Path
	raw := path == "/websocket" || strings.HasPrefix(path, "/websocket/")
	if !raw && path != "/connect" {
		l.Close(1011, "actor.not_found")
		return refused{}
	}
	params, enc, err := offered(req)
	if err != nil {
		l.Close(err.code, err.reason)
		return refused{}
	}
	c := &Conn{id: newConnID(), enc: enc, params: params, link: l, req: req, in: in}
	if raw {
		return in.openRaw(c)
	}
	c.events = make(map[string]struct{})
	r := newConnReceiver(c)
	in.connecting(c, r.opened)
	return r
}

// refused is the receiver of a link that has been closed.
type refused struct{}

func (refused) Message(uint64, bool, []byte) bool { return true }
func (refused) Closed(int, string)                {}

// closing is a code and a reason to close a link with.
type closing struct {
	code   int
	reason string
}

// offered reads what a handshake says in its subprotocols. Of encodings the
// first counts, as with RivetKit.
func offered(req *http.Request) (params codec.Value, enc codec.Encoding, bad *closing) {
	enc = codec.JSON
	chosen := false
	for _, header := range req.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(header, ",") {
			p = strings.TrimSpace(p)
			if name, ok := strings.CutPrefix(p, "rivet_encoding."); ok && !chosen {
				chosen = true
				var err error
				if enc, err = codec.ParseEncoding(name); err != nil {
					return params, enc, &closing{1003, "actor.unsupported_websocket_encoding"}
				}
			}
			if text, ok := strings.CutPrefix(p, "rivet_conn_params."); ok {
				// A form value, in which + is a blank, as RivetKit reads it.
				text, err := url.QueryUnescape(text)
				if err != nil || !json.Valid([]byte(text)) {
					return params, enc, &closing{1011, "guard.websocket_closed_before_open"}
				}
				params = codec.RawValue(codec.JSON, []byte(text))
			}
		}
	}
	return params, enc, nil
}

// newConnID returns a random UUID, of version 4.
func newConnID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := make([]byte, 0, 36)
	for i, part := range [...][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			id = append(id, '-')
		}
		id = hex.AppendEncode(id, part)
	}
	return string(id)
}

// connecting runs the hooks for a connection and calls then with their error,
// which has been logged if it is masked, in a turn or not. It does not wait, and
// holds the actor awake until then has returned.
func (in *Instance) connecting(c *Conn, then func(error)) {
	h := &in.b.hooks
	done := func(err error) {
		then(err)
		in.awake.release()
	}
	in.awake.more()
	if h.beforeConnect == nil && h.connState == nil {
		in.admit(c, done)
		return
	}
	in.spawn("connect", func() {
		err := in.beforeConnect(c)
		if err != nil {
			done(err)
			return
		}
		in.admit(c, done)
	})
}

// beforeConnect runs the hooks that need no turn.
func (in *Instance) beforeConnect(c *Conn) error {
	h := &in.b.hooks
	if f := h.beforeConnect; f != nil {
		if err := in.limited(c, "OnBeforeConnect", f); err != nil {
			return err
		}
	}
	if h.connState == nil {
		return nil
	}
	var state any
	err := in.limited(c, "CreateConnState", func(cc *ConnectContext) (err error) {
		state, err = h.connState.create(cc)
		return err
	})
	if err == nil {
		c.state = state
	}
	return err
}

// limited calls a hook and waits for it, as long as ConnectTimeout says. Then it
// goes on by itself, with its context done.
func (in *Instance) limited(c *Conn, name string, f func(*ConnectContext) error) error {
	late := errConnectTimedOut(c, in.b.set.connectTimeout)
	ctx, cancel := context.WithTimeoutCause(in.ctx, in.b.set.connectTimeout, late)
	result := make(chan error, 1)
	in.spawn(name, func() {
		defer cancel()
		err := errEnded
		defer func() { result <- err }()
		cc := &ConnectContext{Context: in.scopeOf(ctx, nil, nil, "", name).ctx, Self: Self{in}, conn: c}
		err = in.protect(func() error { return f(cc) })
	})
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		select {
		case err = <-result: // it ended by itself, which cancels
		default:
			err = context.Cause(ctx)
		}
	}
	return in.refusal(ctx, name, err)
}

// refusal returns what a client is told when a hook that guards connections has
// ended with err, and logs what it is not told. A hook that only reports that its
// time was over is told from one that refuses.
func (in *Instance) refusal(ctx context.Context, name string, err error) error {
	switch cause := context.Cause(ctx); {
	case isTimeout(cause):
		in.log.Warn("a client is refused: a hook takes too long", "name", name, "limit", in.b.set.connectTimeout)
		return cause
	case err != nil && cause == errStopping:
		return errStopping
	case err != nil:
		if _, masked := describe(err); masked {
			in.report("hook", name, err)
		}
	}
	return err
}

// admit puts a connection into the table, and asks OnConnect in a turn. That
// begins before the time of an action is over, or never.
func (in *Instance) admit(c *Conn, done func(error)) {
	f := in.b.hooks.connect
	if f == nil {
		in.conns.add(c)
		done(nil)
		return
	}
	const (
		waiting int32 = iota
		begun
		told
	)
	var at atomic.Int32
	patience := time.AfterFunc(in.b.set.actionTimeout, func() {
		if at.CompareAndSwap(waiting, told) {
			done(errOverloaded(in.b.set.mailbox, "OnConnect"))
		}
	})
	refuse := func(err error) {
		patience.Stop()
		if at.CompareAndSwap(waiting, told) {
			done(err)
		}
	}
	err := in.turns.push(item{urgent: true, refuse: refuse, run: func(t *turn) {
		patience.Stop()
		if !at.CompareAndSwap(waiting, begun) {
			return
		}
		in.conns.add(c)
		late := errConnectTimedOut(c, in.b.set.connectTimeout)
		ctx, cancel := context.WithTimeoutCause(in.ctx, in.b.set.connectTimeout, late)
		defer cancel()
		stop := context.AfterFunc(ctx, func() {
			if at.CompareAndSwap(begun, told) {
				done(in.refusal(ctx, "OnConnect", context.Cause(ctx)))
			}
		})
		defer stop()
		err := errEnded
		defer func() {
			in.endTurn(t)
			if !at.CompareAndSwap(begun, told) {
				in.conns.remove(c)
				return
			}
			err = in.refusal(ctx, "OnConnect", err)
			if err != nil {
				in.conns.remove(c)
			}
			done(err)
		}()
		err = in.protect(func() error { return f(in.scopeOf(ctx, t, c, "", "OnConnect"), c) })
	}})
	if err != nil {
		refuse(err)
	}
}

// disconnected takes a connection away, in a turn, and tells OnDisconnect.
func (in *Instance) disconnected(c *Conn) {
	if c.link == nil && !c.gone && in.b.hooks.disconnect == nil {
		in.conns.remove(c)
		return
	}
	in.awake.more()
	err := in.turns.push(item{
		urgent: true,
		refuse: func(error) { in.awake.release() }, // the next generation tells
		run: func(t *turn) {
			defer in.awake.release()
			if c.gone || in.conns.remove(c) {
				in.part(in.ctx, t, c)
			}
		},
	})
	if err != nil {
		in.awake.release()
	}
}

// part tells OnDisconnect, in turn t, of a connection that is not in the table
// any more.
func (in *Instance) part(ctx context.Context, t *turn, c *Conn) {
	if c.stored != 0 {
		in.conns.changed(c)
		in.saver.touch()
	}
	f := in.b.hooks.disconnect
	if f == nil {
		return
	}
	defer in.endTurn(t)
	if err := in.protect(func() error { f(in.scopeOf(ctx, t, c, "", "OnDisconnect"), c); return nil }); err != nil {
		in.report("hook", "OnDisconnect", err)
	}
}

// dismiss closes all connections, in turn t, of an actor that is destroyed: there
// is no next generation to tell OnDisconnect.
func (in *Instance) dismiss(ctx context.Context, t *turn) {
	for c := range in.conns.all() {
		c.Disconnect("")
		if in.conns.remove(c) {
			in.part(ctx, t, c)
		}
	}
}

// allowed asks a guard in turn t.
func (in *Instance) allowed(t *turn, c *Conn, f func(*scope) (bool, error), name string) error {
	defer in.endTurn(t)
	err := in.protect(func() error {
		ok, err := f(in.scopeOf(in.ctx, t, c, "", name))
		if err == nil && !ok {
			err = errForbidden
		}
		return err
	})
	if err != nil {
		if _, masked := describe(err); masked {
			in.report("hook", name, err)
		}
	}
	return err
}
