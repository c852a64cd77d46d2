package actor

import (
	"net/http"
	"sync/atomic"

	"github.com/rivet-go/rivet/codec"
)

// Conn is a client's connection to an actor, or the one of its own that a single
// request has. There is one *Conn for each, so pointers may be compared; when
// the actor has slept there is another one with the same id. Its methods are safe
// for concurrent use, also after the connection has ended.
type Conn struct {
	id     string
	enc    codec.Encoding
	params codec.Value // in JSON
	link   Link        // nil for a request
	req    *http.Request
	in     *Instance

	state   any         // a *CS of CreateConnState; for turns
	touched atomic.Bool // state was handed out since it was stored
	stored  uint64      // fingerprint of what is stored, 0 for nothing; for turns

	gone bool // its link was no more when the generation began

	events     map[string]struct{} // guarded by the table
	subscribed int                 // bytes of their names
}

// ID names the connection. The client knows the same id.
func (c *Conn) ID() string { return c.id }

// Transient reports whether c belongs to a single request, over HTTP or a raw
// WebSocket, and not to a client that is connected: it gets no events and ends
// with the request. Presence counts the others.
func (c *Conn) Transient() bool { return c.events == nil }

// Request is the HTTP request that opened the connection, or that it belongs to.
// Its body must not be read. It is nil in OnDisconnect for a connection that has
// ended while the actor slept.
func (c *Conn) Request() *http.Request { return c.req }

// Disconnect ends the connection behind everything that was sent before. The
// client sees close code 1000 and the reason, of which 123 bytes go over the
// wire, and may connect again: to keep somebody out, refuse the connection. It
// returns at once, and does nothing for a single request.
func (c *Conn) Disconnect(reason string) {
	// Once the generation is over, the link is the next one's.
	if c.link != nil && c.in.conns.has(c) {
		c.link.Close(1000, reason)
	}
}

// send sends a message, if there is where to.
func (c *Conn) send(data []byte) {
	if c.link != nil {
		_ = c.link.Send(NewFrame(!c.enc.Binary(), data)) // a link that failed tells by Closed
	}
}

// sendError sends an error, of a call when hasID.
func (c *Conn) sendError(e *codec.Error, id uint64, hasID bool) {
	c.send(codec.AppendError(nil, c.enc, e, id, hasID))
}

// refuse ends a connection with an error.
func (c *Conn) refuse(e *codec.Error) {
	if c.link != nil {
		c.link.Close(1011, e.Group+"."+e.Code)
	}
}

// answer sends the answer of call id.
func (c *Conn) answer(id uint64, output []byte, err error) {
	limit := c.in.b.set.maxOutgoing
	if err == nil {
		if data := codec.AppendActionResponse(nil, c.enc, id, output); len(data) <= limit {
			c.send(data)
			return
		}
		err = errOutgoingTooLong
	}
	e, _ := describe(err)
	if err != errOutgoingTooLong {
		e.Actor = c.in.ref // RivetKit does not name the actor there
	}
	data := codec.AppendError(nil, c.enc, e, id, true)
	if len(data) > limit { // for its message or metadata
		data = codec.AppendError(nil, c.enc, errOutgoingTooLong.e, id, true)
	}
	c.send(data)
}
