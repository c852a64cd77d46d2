package conn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// caughtUp is how long a reader that was held has to be free for the next time
// to count as another stall.
const caughtUp = 100 * time.Millisecond

// read is the link's reader. It never runs user code and never waits, except
// for the socket and for subscriptions with the policy Block. It returns nil
// when it has handed the end of the link to the writer.
func (l *link) read(ctx, quit context.Context) error {
	defer l.flush(quit)
	for {
		if !l.r.Buffered() {
			// A batch never waits for the socket.
			l.flush(quit)
			l.at = 0
		}
		m, err := l.r.Next()
		if err != nil {
			return l.readError(ctx, err)
		}
		if l.at == 0 {
			l.at = time.Now().UnixNano()
		}
		switch m.Op {
		case ws.OpText, ws.OpBinary:
			if err := l.message(quit, m.Payload); err != nil {
				l.c.counters.malformed.Add(1)
				return l.breakOff(1007, fmt.Errorf("message from the server: %w", err))
			}
		case ws.OpPing:
			l.answer(control{op: ws.OpPong, payload: append([]byte(nil), m.Payload...)})
		case ws.OpPong:
			l.timing.pong.Store(true)
		case ws.OpClose:
			return l.peerClose(m.Payload)
		}
	}
}

// message handles one message of the protocol.
func (l *link) message(quit context.Context, payload []byte) error {
	c := l.c
	c.seq++
	if l.spoke.Load() != l.at {
		l.spoke.Store(l.at)
	}
	if name, args, ok := codec.ScanEvent(c.cfg.Encoding, payload); ok {
		l.event(quit, name, args)
		return nil
	}
	var m codec.Message
	if err := codec.DecodeToClient(c.cfg.Encoding, payload, &m); err != nil {
		return err
	}
	switch m.Kind {
	case codec.KindEvent:
		l.event(quit, m.Name, m.Value)
	case codec.KindActionResponse:
		l.flush(quit) // events that the call caused come before its reply
		l.reply(m.ID, outcome{value: codec.RawValue(c.cfg.Encoding, append([]byte(nil), m.Value...)), seq: c.seq})
	case codec.KindError:
		l.flush(quit)
		if m.HasID {
			l.reply(m.ID, outcome{err: m.Err, maybe: Classify(m.Err, c.cfg.Addressing).Reached != ReachedNo})
		} else if l.up.Load() {
			c.onError.fire(&c.callbacks, m.Err)
		} else {
			l.refusal = m.Err
		}
	case codec.KindInit:
		if l.up.Load() {
			c.counters.unexpected.Add(1)
		} else {
			l.open(m.ActorID, m.ConnectionID)
		}
	}
	return nil
}

// event gives an event to the subscriptions that want it.
func (l *link) event(quit context.Context, name, args []byte) {
	t := l.c.table()[string(name)]
	if t == nil || !l.up.Load() {
		l.c.counters.unwanted.Add(1)
		return
	}
	l.timing.events++
	if t.seen.Load() != l.gen {
		t.seen.Store(l.gen)
	}
	fr := Frame{Name: t.name, Args: args, At: l.at, Seq: l.c.seq, Encoding: l.c.cfg.Encoding}
	var all intake
	for _, o := range t.outlets {
		got := o.add(fr)
		if got == notYet {
			l.flush(quit)
			got = o.add(fr)
		}
		if got&begun != 0 {
			l.dirty = append(l.dirty, o)
		}
		all |= got
	}
	if all&full != 0 {
		l.flush(quit)
	}
}

// flush hands the collected batches to their queues. Those under Block that
// are full are waited for last, so that they hold up nobody else's batch. They
// lose nothing when the link is lost meanwhile, only when the connection ends.
func (l *link) flush(quit context.Context) {
	if len(l.dirty) == 0 {
		return
	}
	l.c.counters.events.Add(l.timing.events)
	l.timing.events = 0
	held := l.dirty[:0]
	for _, o := range l.dirty {
		if !o.flush() {
			held = append(held, o)
		}
	}
	if len(held) > 0 {
		l.hold(held, quit)
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
}

// hold waits for queues that are full.
func (l *link) hold(full []outlet, quit context.Context) {
	// A loop that is slower than the events lets go for moments only, and no
	// reply gets through in these: that is one stall.
	if now := time.Now().UnixNano(); now-l.freed > int64(caughtUp) {
		l.stalled.Store(now)
	}
	l.held.Store(true)
	l.c.poke() // the writer watches the time
	for _, o := range full {
		o.hold(quit.Done())
	}
	l.heard.Store(true) // the pong that could not be read has its time again
	l.held.Store(false)
	l.freed = time.Now().UnixNano()
}

// reply gives the call with that id its outcome. Replies to calls that have
// one already, and to none, are counted.
func (l *link) reply(id uint64, o outcome) {
	c := l.c
	c.mu.Lock()
	p := c.calls[id]
	if p == nil || p.state != callSent {
		c.mu.Unlock()
		c.counters.unexpected.Add(1)
		return
	}
	c.settle(p)
	renewed := len(c.late) > 0 && c.answered(l, id)
	c.mu.Unlock()
	p.done <- o
	if renewed {
		c.poke()
	}
}

// answer queues a control frame, which overtakes all messages.
func (l *link) answer(f control) {
	l.mu.Lock()
	if n := len(l.control); n > 0 && f.op == ws.OpPong && l.control[n-1].op == ws.OpPong {
		l.control[n-1] = f // only the latest ping needs an answer
	} else {
		l.control = append(l.control, f)
	}
	l.mu.Unlock()
	l.c.poke()
}

// readError is the reader's end by err.
func (l *link) readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var broken *ws.ProtocolError
	if errors.As(err, &broken) {
		l.c.counters.malformed.Add(1)
		return l.breakOff(broken.Code, err)
	}
	return fmt.Errorf("connection dropped: %w", err)
}

// peerClose answers the server's close frame.
func (l *link) peerClose(payload []byte) error {
	code, reason, err := ws.ParseClose(payload)
	if err != nil {
		l.c.counters.malformed.Add(1)
		answer := ws.CloseProtocolError
		if broken, ok := errors.AsType[*ws.ProtocolError](err); ok {
			answer = broken.Code // 1007 for a reason that is not UTF-8
		}
		return l.breakOff(answer, err)
	}
	ce := &CloseError{Code: int(code), Reason: reason}
	// 2.0.x sends a code without a group, which any word looks like; only with
	// 1011 is it one.
	if group, name, ray, ok := codec.ParseCloseReason(reason); ok && (group != "" || code == 1011) {
		ce.RayID = ray
		ce.Err = &codec.Error{Group: group, Code: name, Message: "the server closed the connection", RayID: ray}
	}
	return l.breakOff(code, ce)
}

// breakOff sends a close frame with code and ends the link with cause: through
// the writer, or at once when the writer has said goodbye before.
func (l *link) breakOff(code uint16, cause error) error {
	l.mu.Lock()
	l.closing = cause
	l.control = append(l.control, control{op: ws.OpClose, code: code})
	l.mu.Unlock()
	l.peerClosed.Store(true)
	if l.closeSent.Load() {
		return cause
	}
	l.c.poke()
	return nil
}
