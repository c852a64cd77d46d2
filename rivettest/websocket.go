package rivettest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rivet-go/rivet/codec"
)

func isUpgrade(r *http.Request) bool {
	return headerHas(r.Header, "Upgrade", "websocket")
}

func headerHas(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for v := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(v), token) {
				return true
			}
		}
	}
	return false
}

// offered returns the subprotocols of a handshake.
func offered(h http.Header) (protocols []string) {
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for v := range strings.SplitSeq(line, ",") {
			protocols = append(protocols, strings.TrimSpace(v))
		}
	}
	return protocols
}

// serveSocket upgrades a request and serves the connection to its end.
func (g *Gateway) serveSocket(w http.ResponseWriter, r *http.Request) {
	step, attempt := g.takeSocketStep(r)
	if g.interfere(w, r, step) {
		return
	}
	if problem := badHandshake(r); problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	conn, early, err := hijack(w)
	if err != nil {
		return
	}
	c := newConn(g, conn, bufio.NewReader(io.MultiReader(bytes.NewReader(early), conn)))
	c.Header, c.URL, c.Protocols = r.Header.Clone(), cloneURL(r.URL), offered(r.Header)
	rt := g.route(r, c.Protocols)
	refusal := c.open(rt)
	if refusal == nil {
		refusal = step.err
	}
	if _, err := conn.Write(handshakeResponse(r, step.handshake)); err != nil {
		_ = conn.Close()
		return
	}
	g.register(c, attempt)
	if step.before != nil {
		step.before(c)
	}
	if !g.spawn(c.writeLoop) || !g.spawn(func() { c.start(refusal, step) }) {
		c.end()
		return
	}
	c.readLoop()
}

// badHandshake checks what RFC 6455 asks of a client, section 4.2.1.
func badHandshake(r *http.Request) string {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case r.Method != http.MethodGet:
		return "handshake is not a GET"
	case !headerHas(r.Header, "Connection", "Upgrade"):
		return "Connection does not name Upgrade"
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return "Sec-WebSocket-Version is not 13"
	case err != nil || len(key) != 16:
		return "Sec-WebSocket-Key is not 16 bytes in base64"
	}
	return ""
}

// handshakeResponse is the 101; the subprotocol is "rivet" whatever was
// offered.
func handshakeResponse(r *http.Request, change func(http.Header)) []byte {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	h := http.Header{}
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	h.Set("Sec-WebSocket-Protocol", "rivet")
	if change != nil {
		change(h)
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b)
	b.WriteString("\r\n")
	return b.Bytes()
}

// open reads what the handshake asks for. What is wrong with it is reported
// later, in a close frame: the gateway upgrades first.
func (c *Conn) open(rt route) error {
	var err error
	c.Encoding, c.Params, err = readProtocols(c.Protocols)
	path, _, _ := strings.Cut(rt.path, "?")
	c.Raw = path == "/websocket" || strings.HasPrefix(path, "/websocket/")
	c.ActorName, c.Key = rt.want.name, rt.want.key
	if rt.kind != routeActor || !c.Raw && path != "/connect" {
		return guardError("websocket_not_supported", "WebSocket not supported here.")
	}
	if rt.refuse == nil && err != nil {
		return err
	}
	inst, actor, failed := c.gw.resolve(rt)
	if inst != nil {
		c.inst, c.ActorName, c.ActorID, c.Key = inst, inst.name, inst.id, inst.key
	}
	c.actor = actor
	return failed
}

// readProtocols reads encoding and parameters from the subprotocols.
func readProtocols(protocols []string) (enc codec.Encoding, params codec.Value, err error) {
	enc = codec.JSON
	for _, p := range protocols {
		if name, ok := strings.CutPrefix(p, "rivet_encoding."); ok {
			parsed, bad := codec.ParseEncoding(name)
			if bad != nil {
				err = Error("actor", "unsupported_websocket_encoding", bad.Error(), nil)
				continue
			}
			enc = parsed
		}
		if text, ok := strings.CutPrefix(p, "rivet_conn_params."); ok {
			// A form value: a plus sign is a blank.
			decoded, bad := url.QueryUnescape(text)
			params = codec.RawValue(codec.JSON, []byte(decoded))
			if bad != nil || !validJSON(decoded) {
				err = guardError("websocket_closed_before_open", "Bad connection parameters.")
			}
		}
	}
	return enc, params, err
}

// start opens the connection in the actor, or refuses it.
func (c *Conn) start(refusal error, step Step) {
	defer close(c.opened)
	if refusal == nil {
		refusal = c.admit()
	}
	if refusal != nil {
		c.refuse(refusal)
		return
	}
	if c.Raw {
		c.startRaw(step)
		return
	}
	if !step.noInit {
		c.SendInit()
	}
	if step.after != nil {
		c.gw.spawn(func() { step.after(c) })
	}
}

func (c *Conn) admit() error {
	err := c.actor.admit(c.request(""))
	var f *failure
	var wire *codec.Error
	if err != nil && !errors.As(err, &f) && !errors.As(err, &wire) {
		// Over a connection RivetKit sends the text of a private error.
		return Error("rivetkit", "internal_error", err.Error(), nil)
	}
	return err
}

// refuse reports why a connection is not opened: the actor by an Error message
// and a close frame, the gateway by the close frame alone.
func (c *Conn) refuse(err error) {
	e := c.gw.describe(err, c.Encoding, c.inst)
	if e.Group == "actor" && e.Code == "unsupported_websocket_encoding" {
		c.Close(1003, c.gw.closeReason(e))
		return
	}
	if !ofGateway(e) && e.Group != "core" && !c.gw.cfg.legacy && !c.Raw {
		c.SendMessage(c.gw.server().AppendError(nil, c.Encoding, e, 0, false))
	}
	c.Close(1011, c.gw.closeReason(e))
}

func (c *Conn) startRaw(step Step) {
	c.actor.mu.Lock()
	serve := c.actor.onWebSocket
	c.actor.mu.Unlock()
	if step.after != nil {
		c.gw.spawn(func() { step.after(c) })
	}
	if serve == nil {
		return
	}
	c.gw.spawn(func() {
		ctx, cancel := context.WithCancel(c.gw.ctx)
		defer cancel()
		defer c.Close(1000, "")
		_, _ = c.actor.protect(func() (any, error) {
			serve(ctx, c)
			return nil, nil
		})
	})
}

// readLoop reads until the connection ends.
func (c *Conn) readLoop() {
	defer c.end()
	for c.readPause() {
		op, payload, err := c.in.next()
		if err != nil {
			var bad *frameError
			if errors.As(err, &bad) {
				c.record(Message{Kind: MalformedMessage, Err: err})
				c.Close(bad.code, bad.reason)
				_ = c.Flush(c.gw.ctx)
			}
			return
		}
		if !c.readPause() {
			return
		}
		switch op {
		case OpPing:
			c.record(Message{Kind: PingMessage, Data: payload})
			c.pong(payload)
		case OpPong:
			c.record(Message{Kind: PongMessage, Data: payload})
		case OpClose:
			c.closed(payload)
			return
		default:
			<-c.opened
			c.receive(op, payload)
		}
	}
}

func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	silent := c.noPongs
	c.mu.Unlock()
	if !silent {
		c.SendFrame(true, OpPong, payload)
	}
}

// closed answers the client's close frame and waits until the answer is out.
func (c *Conn) closed(payload []byte) {
	m := Message{Kind: CloseMessage, Data: payload, Code: 1005}
	if len(payload) >= 2 {
		m.Code, m.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
	c.set(func() { c.answeredClose = true })
	c.record(m)
	code := m.Code
	c.Close(code, "")
	_ = c.Flush(c.gw.ctx)
}

// receive handles one message of the client.
func (c *Conn) receive(op Opcode, payload []byte) {
	if c.Raw {
		kind := TextMessage
		if op == OpBinary {
			kind = BinaryMessage
		}
		c.record(Message{Kind: kind, Data: payload})
		return
	}
	if len(payload) > c.gw.cfg.maxIncoming {
		c.record(Message{Kind: MalformedMessage, Data: payload, Err: fmt.Errorf("message of %d bytes", len(payload))})
		c.closeWith("message", "incoming_too_long")
		return
	}
	var m codec.Message
	err := codec.DecodeToServer(c.Encoding, payload, &m)
	if err == nil && c.gw.tooNew(c.Encoding, payload) {
		err = errors.New("message is newer than the server")
	}
	if err == nil && m.Kind == codec.KindActionRequest {
		err = c.gw.checkLegacyID(c.Encoding, payload)
	}
	if err != nil {
		c.record(Message{Kind: MalformedMessage, Data: payload, Err: err})
		c.closeWith("actor", "invalid_request")
		return
	}
	name := string(m.Name)
	args := codec.RawValue(c.Encoding, m.Value)
	c.mu.Lock()
	serving := c.serving
	c.mu.Unlock()
	switch {
	case m.Kind == codec.KindActionRequest:
		c.record(Message{Kind: ActionMessage, ID: m.ID, Name: name, Args: args, Data: payload})
		if serving {
			c.call(m.ID, name, args)
		}
	case m.Subscribe && serving:
		c.subscribe(name, payload)
	case m.Subscribe:
		c.record(Message{Kind: SubscribeMessage, Name: name, Data: payload})
	default:
		c.record(Message{Kind: UnsubscribeMessage, Name: name, Data: payload})
	}
}

func (c *Conn) closeWith(group, code string) {
	e := &codec.Error{Group: group, Code: code}
	if c.gw.cfg.legacy {
		c.gw.describeLegacy(e)
	}
	c.Close(1011, c.gw.closeReason(e))
}

func (c *Conn) request(action string) *Request {
	return &Request{
		ActorName: c.ActorName, ActorID: c.ActorID, Key: c.Key,
		Action: action, Params: c.Params, Header: c.Header, Conn: c,
		actor: c.actor, inst: c.inst, gone: c.gone,
	}
}

func (c *Conn) subscribe(event string, payload []byte) {
	c.actor.mu.Lock()
	allow := c.actor.onSubscribe
	c.actor.mu.Unlock()
	if allow != nil {
		_, err := c.actor.protect(func() (any, error) { return nil, allow(c.gw.ctx, c.request(event)) })
		if err != nil {
			c.set(func() { c.serving = false })
			c.record(Message{Kind: SubscribeMessage, Name: event, Data: payload})
			c.closeWith("auth", "forbidden")
			return
		}
	}
	c.record(Message{Kind: SubscribeMessage, Name: event, Data: payload})
}

func (c *Conn) call(id uint64, action string, args codec.Value) {
	r := c.request(action)
	r.Args = args
	c.actor.execute(r, func(out any, err error) {
		if errors.Is(err, errGatewayClosed) {
			return
		}
		var payload []byte
		if err == nil {
			var data []byte
			if data, err = encode(c.Encoding, out); err == nil {
				payload = c.gw.server().AppendActionResponse(nil, c.Encoding, id, data)
			}
		}
		if err == nil && len(payload) > c.gw.cfg.maxOutgoing {
			err = Error("message", "outgoing_too_long", "Outgoing message too long.", nil)
		}
		if err != nil {
			e := c.gw.describe(err, c.Encoding, c.inst)
			payload = c.gw.server().AppendError(nil, c.Encoding, e, id, true)
		}
		c.reply(id, payload)
	})
}
