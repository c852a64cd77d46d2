package rivettest

import (
	"context"
	"errors"
	"time"
)

// queue hands bytes to the writer; false when nothing more can be sent.
func (c *Conn) queue(data []byte, last bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queueLocked(data, last)
}

func (c *Conn) queueLocked(data []byte, last bool) bool {
	if c.ended || c.closing {
		return false
	}
	o := outgoing{data: data, last: last}
	if c.latency > 0 {
		o.due = time.Now().Add(c.latency)
	}
	c.closing = last
	c.out = append(c.out, o)
	c.queued++
	c.wake.Broadcast()
	return true
}

// send queues a message in the connection's manner of framing.
func (c *Conn) send(m *message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendLocked(m)
}

func (c *Conn) sendLocked(m *message) bool {
	if c.fragment > 0 && len(m.payload) > c.fragment {
		return c.queueLocked(appendFragments(nil, m.op, m.payload, c.fragment), false)
	}
	return c.queueLocked(m.frame, false)
}

// sendEvent sends an event if the client may have it, or closes the connection
// when it is over the limit, as RivetKit does.
func (c *Conn) sendEvent(m *message) bool {
	c.mu.Lock()
	fits := len(m.payload) <= c.gw.cfg.maxOutgoing
	sent := c.serving && fits && c.sendLocked(m)
	c.mu.Unlock()
	if !fits {
		c.closeWith("message", "outgoing_too_long")
	}
	return sent
}

// Emit sends an event to this connection if it has subscribed to it, and
// returns 1 then, else 0.
func (c *Conn) Emit(event string, args ...any) int {
	return c.gw.broadcast(func(o *Conn) bool { return o == c }, event, argsOf(args))
}

// EmitRaw sends an event whose argument array is encoded already, whether the
// client has subscribed to it or not. It reports whether the connection was
// still open.
func (c *Conn) EmitRaw(event string, args []byte) bool {
	return c.SendMessage(c.gw.server().AppendEvent(nil, c.Encoding, event, args))
}

// SendInit sends an Init message; the gateway has done so once already unless
// the script kept it from it. Calls and subscriptions are served from then on.
func (c *Conn) SendInit() bool {
	m := newMessage(c.opcode(), c.gw.server().AppendInit(nil, c.Encoding, c.ActorID, c.ID))
	sent := false
	c.set(func() { // at once: the client's first call may answer Init before this returns
		sent = c.sendLocked(m)
		c.serving = true
	})
	return sent
}

// Reply sends the reply to a call, for calls that the actor leaves unanswered
// or a second time.
func (c *Conn) Reply(id uint64, result any) bool {
	out, err := encode(c.Encoding, result)
	if err != nil {
		c.gw.tb.Errorf("rivettest: encode a reply: %v", err)
		return false
	}
	return c.SendMessage(c.gw.server().AppendActionResponse(nil, c.Encoding, id, out))
}

// ReplyError sends an Error message for a call.
func (c *Conn) ReplyError(id uint64, err error) bool {
	e := c.gw.describe(err, c.Encoding, c.inst)
	return c.SendMessage(c.gw.server().AppendError(nil, c.Encoding, e, id, true))
}

// SendError sends an Error message without an id, which concerns the whole
// connection; the connection stays open.
func (c *Conn) SendError(err error) bool {
	e := c.gw.describe(err, c.Encoding, c.inst)
	return c.SendMessage(c.gw.server().AppendError(nil, c.Encoding, e, 0, false))
}

// SendMessage sends payload, encoded or garbage, as one WebSocket message of
// the kind that the encoding uses.
func (c *Conn) SendMessage(payload []byte) bool { return c.send(newMessage(c.opcode(), payload)) }

// SendText and SendBinary send a message on a raw WebSocket.
func (c *Conn) SendText(text string) bool { return c.send(newMessage(OpText, []byte(text))) }

// SendBinary sends a binary message on a raw WebSocket.
func (c *Conn) SendBinary(data []byte) bool { return c.send(newMessage(OpBinary, data)) }

// SendFrame sends one frame of any kind; fin is false for all frames of a
// message but its last.
func (c *Conn) SendFrame(fin bool, op Opcode, payload []byte) bool {
	return c.queue(appendFrame(nil, fin, op, payload), false)
}

// SendRaw writes bytes to the network as they are: half a frame, many frames
// at once, or no frame at all. The bytes must not be changed afterwards.
func (c *Conn) SendRaw(data []byte) bool { return c.queue(data, false) }

// Close sends a close frame behind everything sent so far and closes the
// socket once the client has answered it. Codes 0, 1005 and 1006 send a frame
// without code. It does not wait; see [Conn.Done].
func (c *Conn) Close(code int, reason string) {
	c.queue(appendFrame(nil, true, OpClose, closeBody(code, reason)), true)
}

// Flush waits until everything sent so far was handed to the network.
func (c *Conn) Flush(ctx context.Context) error {
	c.mu.Lock()
	target := c.queued
	c.mu.Unlock()
	return c.until(ctx, c.gone, func() bool { return c.written >= target })
}

// reply answers a call in the connection's manner of replying.
func (c *Conn) reply(id uint64, payload []byte) {
	c.mu.Lock()
	mute, unknown, duplicate := c.mute, c.unknown, c.duplicate
	var release [][]byte
	if c.reorder > 1 && !mute {
		c.held = append(c.held, payload)
		if len(c.held) >= c.reorder {
			release, c.held = c.held, nil
		}
	}
	holding := c.reorder > 1
	c.mu.Unlock()
	switch {
	case mute:
		return
	case holding:
		for i := len(release) - 1; i >= 0; i-- {
			c.SendMessage(release[i])
		}
		return
	case unknown:
		c.Reply(id+1<<32, "nobody asked")
	}
	c.SendMessage(payload)
	if duplicate {
		c.SendMessage(payload)
	}
}

// writeLoop writes what is queued, everything that is due in one write, until
// the connection ends.
func (c *Conn) writeLoop() {
	defer c.end()
	var spare []outgoing
	var buf []byte
	for {
		c.mu.Lock()
		for !c.ended && (len(c.out) == 0 || c.pauseWrites) {
			c.wake.Wait()
		}
		if c.ended {
			c.mu.Unlock()
			return
		}
		all := c.out
		c.out = spare[:0]
		c.mu.Unlock()

		for batch := all; len(batch) > 0; {
			if wait := time.Until(batch[0].due); !batch[0].due.IsZero() && wait > 0 && !c.sleep(wait) {
				return
			}
			now := time.Now()
			n := 0
			buf = buf[:0]
			for n < len(batch) && (n == 0 || !batch[n].due.After(now)) && len(buf) < 64<<10 {
				buf = append(buf, batch[n].data...)
				n++
			}
			last := batch[n-1].last
			if _, err := c.net.Write(buf); err != nil {
				return
			}
			if !c.wrote(n, last) {
				return
			}
			batch = batch[n:]
		}
		clear(all)
		spare = all
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}

// wrote counts n messages as written; false when the close handshake is
// complete.
func (c *Conn) wrote(n int, last bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written += uint64(n)
	c.changed()
	if !last {
		return true
	}
	if c.answeredClose {
		return false
	}
	// The reader ends the connection, with the client's close frame or without.
	_ = c.net.SetReadDeadline(time.Now().Add(closeWait))
	return true
}

// Receive returns the next message on a raw WebSocket, in order. It fails when
// the connection ends.
func (c *Conn) Receive(ctx context.Context) (m Message, err error) {
	err = c.until(ctx, c.gone, func() bool {
		if len(c.unread) == 0 {
			return false
		}
		m, c.unread[0] = c.unread[0], Message{}
		c.unread = c.unread[1:]
		return true
	})
	if errors.Is(err, errGatewayClosed) {
		err = errors.New("rivettest: connection ended")
	}
	return m, err
}
