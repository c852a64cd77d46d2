package actor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rivet-go/rivet/codec"
)

// connReceiver takes the messages of a connection and puts them into the mailbox
// in their order.
type connReceiver struct {
	c *Conn

	mu     sync.Mutex
	open   bool       // messages go to the mailbox
	early  []incoming // those that came before
	closed bool       // by the client, or refused
}

// incoming is a message of a client.
type incoming struct {
	index uint64
	data  []byte
}

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
	r := &connReceiver{c: c}
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

// offered reads what a handshake says in its subprotocols.
func offered(req *http.Request) (params codec.Value, enc codec.Encoding, bad *closing) {
	enc = codec.JSON
	for _, header := range req.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(header, ",") {
			p = strings.TrimSpace(p)
			if name, ok := strings.CutPrefix(p, "rivet_encoding."); ok {
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
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// connecting runs the hooks for a connection and calls then with their error,
// which has been logged if it is masked, in a turn or not. It returns at once,
// and holds the actor awake until then has returned.
func (in *Instance) connecting(c *Conn, then func(error)) {
	h := &in.b.hooks
	done := func(err error) {
		if err != nil {
			if _, masked := describe(err); masked {
				in.report("hook", "of connecting", err)
			}
		}
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
	late := errCallbackTimedOut(name, in.b.set.connectTimeout.Milliseconds())
	ctx, cancel := context.WithTimeoutCause(in.ctx, in.b.set.connectTimeout, late)
	result := make(chan error, 1)
	in.spawn(name, func() {
		defer cancel()
		err := errEnded
		defer func() { result <- err }()
		cc := &ConnectContext{Context: in.scopeOf(ctx, nil, nil, "", name).ctx, Self: Self{in}, conn: c}
		err = in.protect(func() error { return f(cc) })
	})
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-result: // it ended by itself, which cancels
		return err
	default:
		return context.Cause(ctx)
	}
}

// admit puts a connection into the table in a turn, and asks OnConnect.
func (in *Instance) admit(c *Conn, done func(error)) {
	var once atomic.Bool
	tell := func(err error) bool {
		first := once.CompareAndSwap(false, true)
		if first {
			done(err)
		}
		return first
	}
	refuse := func(err error) { tell(err) }
	run := func(t *turn) {
		in.conns.add(c)
		f := in.b.hooks.connect
		if f == nil {
			if !tell(nil) {
				in.conns.remove(c)
			}
			return
		}
		late := errCallbackTimedOut("OnConnect", in.b.set.connectTimeout.Milliseconds())
		ctx, cancel := context.WithTimeoutCause(in.ctx, in.b.set.connectTimeout, late)
		defer cancel()
		stop := context.AfterFunc(ctx, func() { tell(context.Cause(ctx)) })
		defer stop()
		err := errEnded
		defer func() {
			in.endTurn(t)
			if !tell(err) || err != nil {
				in.conns.remove(c)
			}
		}()
		err = in.protect(func() error { return f(in.scopeOf(ctx, t, c, "", "OnConnect"), c) })
	}
	if err := in.turns.push(item{urgent: true, run: run, refuse: refuse}); err != nil {
		refuse(err)
	}
}

// disconnected takes a connection away, in a turn, and tells OnDisconnect.
func (in *Instance) disconnected(c *Conn) {
	in.awake.more()
	err := in.turns.push(item{
		urgent: true,
		refuse: func(error) { in.awake.release() }, // the next generation tells
		run: func(t *turn) {
			defer in.awake.release()
			if !in.conns.remove(c) {
				return
			}
			if c.stored != 0 {
				in.conns.changed(c)
			}
			f := in.b.hooks.disconnect
			if f == nil {
				in.saver.touch()
				return
			}
			defer in.endTurn(t)
			if err := in.protect(func() error { f(in.scopeOf(in.ctx, t, c, "", "OnDisconnect"), c); return nil }); err != nil {
				in.report("hook", "OnDisconnect", err)
			}
		},
	})
	if err != nil {
		in.awake.release()
	}
}

// opened is told whether the connection may be used.
func (r *connReceiver) opened(err error) {
	c := r.c
	if err != nil {
		r.mu.Lock()
		r.closed, r.early = true, nil
		r.mu.Unlock()
		if errors.Is(err, errStopping) {
			c.link.Close(1011, "actor.stopping")
			return
		}
		e, _ := describe(err)
		c.sendError(e, 0, false)
		c.refuse(e)
		return
	}
	c.send(codec.AppendInit(nil, c.enc, c.in.start.ID, c.id))
	c.in.conns.changed(c)
	c.in.saver.touch()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.early {
		c.in.awake.more()
		r.take(m)
		c.in.awake.release()
	}
	r.early, r.open = nil, true
	if r.closed {
		c.in.disconnected(c)
	}
}

// Message implements Receiver.
func (r *connReceiver) Message(index uint64, _ bool, data []byte) bool {
	if !r.c.in.awake.hold() {
		return false
	}
	defer r.c.in.awake.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case r.open:
		r.take(incoming{index, data})
	default:
		r.early = append(r.early, incoming{index, data})
	}
	return true
}

// Closed implements Receiver.
func (r *connReceiver) Closed(int, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if r.open {
		r.c.in.disconnected(r.c)
	}
}

// take puts one message into the mailbox. r.mu is held, so that the order stays.
func (r *connReceiver) take(m incoming) {
	c, in := r.c, r.c.in
	fail := func(code, reason string) {
		r.closed = true
		c.link.Ack(m.index)
		c.link.Close(1011, code+"."+reason)
		in.disconnected(c)
	}
	if len(m.data) > in.b.set.maxIncoming {
		fail("message", "incoming_too_long")
		return
	}
	var msg codec.Message
	if err := codec.DecodeToServer(c.enc, m.data, &msg); err != nil {
		in.log.Warn("a client sent what is no message", "error", err)
		fail("actor", "invalid_request")
		return
	}
	begun := func() { c.link.Ack(m.index) }
	if msg.Kind == codec.KindSubscription {
		r.subscribe(string(msg.Name), msg.Subscribe, begun)
		return
	}
	id := msg.ID
	in.call(&call{
		conn: c, enc: c.enc, args: msg.Value,
		answer: func(output []byte, err error) { c.answer(id, output, err) },
	}, string(msg.Name), begun)
}

// subscribe begins or ends a subscription behind the messages before it.
func (r *connReceiver) subscribe(event string, on bool, begun func()) {
	c, in := r.c, r.c.in
	in.awake.more()
	err := in.turns.push(item{
		urgent: true,
		refuse: func(error) { in.awake.release() },
		run: func(t *turn) {
			defer in.awake.release()
			begun()
			if f := in.b.events[event]; f != nil && on {
				if err := in.allowed(t, c, f, "CanSubscribe"); err != nil {
					e, _ := describe(err)
					c.refuse(e)
					return
				}
			}
			in.conns.subscribe(c, event, on)
			in.conns.changed(c)
			in.saver.touch()
		},
	})
	if err != nil {
		in.awake.release()
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

// answer sends the answer of call id.
func (c *Conn) answer(id uint64, output []byte, err error) {
	if err == nil {
		data := codec.AppendActionResponse(nil, c.enc, id, output)
		if len(data) <= c.in.b.set.maxOutgoing {
			c.send(data)
			return
		}
		err = errOutgoingTooLong
	}
	e, _ := describe(err)
	e.Actor = c.in.ref
	c.sendError(e, id, true)
}

var errOutgoingTooLong = fault("message", "outgoing_too_long", "Outgoing message too long", nil)
