package receive

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/lxzan/gws"
)

// coder is a loop over coder/websocket, with one buffer for all messages in place
// of Read, which makes one for each.
func coder(take func([]byte, *tally) error) receiver {
	return func(ctx context.Context, x *exchange) error {
		c, _, err := websocket.Dial(ctx, x.connectURL(), &websocket.DialOptions{Subprotocols: x.protocols()})
		if err != nil {
			return err
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		if _, _, err := c.Read(ctx); err != nil { // the first message is no event
			return err
		}
		kind := websocket.MessageText
		if x.enc.Binary() {
			kind = websocket.MessageBinary
		}
		if err := c.Write(ctx, kind, x.subscription()); err != nil {
			return err
		}
		t := x.tally(1)
		for buf := new(bytes.Buffer); ; {
			_, r, err := c.Reader(ctx)
			if err == nil {
				buf.Reset()
				_, err = buf.ReadFrom(r)
			}
			if err == nil {
				err = take(buf.Bytes(), t)
			}
			if err != nil {
				return clean(ctx, err)
			}
		}
	}
}

// gwsLoop is lxzan/gws, with a read buffer of 64 KiB; its messages come from a
// pool and go back to it.
func gwsLoop(take func([]byte, *tally) error) receiver {
	return func(ctx context.Context, x *exchange) error {
		h := &gwsHandler{take: take, t: x.tally(1)}
		c, _, err := gws.NewClient(h, &gws.ClientOption{
			Addr:           "ws" + strings.TrimPrefix(x.connectURL(), "http"),
			RequestHeader:  http.Header{"Sec-Websocket-Protocol": {strings.Join(x.protocols(), ", ")}},
			ReadBufferSize: 64 << 10,
		})
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { _ = c.NetConn().Close() })()
		op := gws.OpcodeText
		if x.enc.Binary() {
			op = gws.OpcodeBinary
		}
		if err := c.WriteMessage(op, x.subscription()); err != nil {
			return err
		}
		c.ReadLoop()
		return clean(ctx, h.err)
	}
}

type gwsHandler struct {
	gws.BuiltinEventHandler
	take   func([]byte, *tally) error
	t      *tally
	opened bool // the first message, which is no event, has come
	err    error
}

func (h *gwsHandler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	if !h.opened {
		h.opened = true
		return
	}
	if err := h.take(m.Bytes(), h.t); err != nil {
		h.err = errors.Join(h.err, err)
		_ = c.NetConn().Close()
	}
}

func (h *gwsHandler) OnClose(_ *gws.Conn, err error) { h.err = errors.Join(h.err, err) }
