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

	events map[string]struct{} // guarded by the table
}

// ID names the connection. The client knows the same id.
func (c *Conn) ID() string { return c.id }

// Request is the HTTP request that opened the connection, or that it belongs to.
// Its body must not be read.
func (c *Conn) Request() *http.Request { return c.req }

// Disconnect ends the connection behind everything that was sent before. The
// client sees close code 1000 and the reason, of which 123 bytes go over the
// wire, and may connect again: to keep somebody out, refuse the connection. It
// returns at once, and does nothing for a single request.
func (c *Conn) Disconnect(reason string) {
	if c.link != nil {
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
