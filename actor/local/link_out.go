package local

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

// outbox is what a link has to send. A frame that waits alone, that is large, or
// that is behind much else is shared by all links that have to send it. Small
// ones are copied behind each other, to go out in one write: that costs less
// than a list of them.
type outbox struct {
	closing atomic.Bool // closeWith is set

	mu        sync.Mutex
	first     []byte   // the oldest frame, unless it was copied
	copied    *[]byte  // frames behind first, from buffers; nil for none
	frames    [][]byte // those behind the copied ones
	size      int      // bytes of all of them, and of those being written
	pong      []byte   // answer to the newest ping, nil for none
	flushing  bool     // somebody writes, or is about to
	stopped   bool     // the reader has ended; only the close frame is still sent
	deadline  time.Time
	closeWith []byte // the last frame, nil for none
	closeSent bool
	answered  bool // the client has sent its close frame
	code      int  // of ours, with its reason
	why       string
	ours      bool // it was we who began to close
}

const (
	// maxSpare is how many frames a quiet link has room for.
	maxSpare = 32
	// maxCopied is the largest frame that is copied, and copyRoom how many bytes
	// of them a link has: what waits for a slow client is shared.
	maxCopied = 1 << 10
	copyRoom  = 32 << 10
)

// push appends a frame. The lock is held.
func (o *outbox) push(wire []byte) {
	o.size += len(wire)
	switch {
	case o.first == nil && o.copied == nil && len(o.frames) == 0:
		o.first = wire
	case len(o.frames) > 0, len(wire) > maxCopied, o.copied != nil && len(*o.copied)+len(wire) > copyRoom:
		o.frames = append(o.frames, wire)
	default:
		if o.copied == nil {
			o.copied = buffers.Get().(*[]byte)
			if len(o.first) <= maxCopied {
				*o.copied = append(*o.copied, o.first...)
				o.first = nil
			}
		}
		*o.copied = append(*o.copied, wire...)
	}
}

// due reports whether there is something to write. The lock is held.
func (o *outbox) due() bool {
	return !o.closeSent && (o.first != nil || o.copied != nil || len(o.frames) > 0 || o.pong != nil || o.closeWith != nil)
}

// take moves what there is into b, which is empty. The lock is held.
func (o *outbox) take(b *batch) {
	b.add(o.pong)
	b.add(o.first)
	if b.copied = o.copied; b.copied != nil {
		b.add(*b.copied)
	}
	b.pieces = append(b.pieces, o.frames...)
	b.add(o.closeWith)
	b.size = o.size
	o.closeSent = o.closeWith != nil
	o.pong, o.first, o.copied = nil, nil, nil
	clear(o.frames)
	if o.frames = o.frames[:0]; cap(o.frames) > maxSpare {
		o.frames = nil
	}
}

// drop throws away what waits. The lock is held.
func (o *outbox) drop() {
	if o.copied != nil {
		recycle(o.copied)
	}
	o.pong, o.first, o.copied, o.frames = nil, nil, nil, nil
}

// Send is actor.Link's.
func (l *link) Send(f *actor.Frame) error {
	wire := f.Wire()
	o := &l.out
	o.mu.Lock()
	if o.stopped || o.closeWith != nil {
		o.mu.Unlock()
		return errLinkEnded
	}
	if size := o.size + len(wire); o.size > 0 && size > l.f.sendBuffer {
		l.cut()
		o.mu.Unlock()
		l.f.slow.cut(l.in.actor(), size)
		return errLinkEnded
	}
	o.push(wire)
	l.startFlush()
	o.mu.Unlock()
	return nil
}

// cut closes a link whose client does not read. What waits for it is thrown
// away; the lock is held.
func (l *link) cut() {
	o := &l.out
	o.drop()
	const group = "guard.websocket_pending_limit_reached"
	o.code, o.why, o.ours = int(ws.CloseInternalError), group, true
	l.setClose(closeFrame(o.code, group+"#"+l.ray))
	// What is being written has to be through soon; the end of reading ends also
	// the write of the close frame.
	now := time.Now()
	_ = l.conn.SetWriteDeadline(now.Add(linger))
	_ = l.conn.SetReadDeadline(now.Add(2 * linger))
	l.startFlush()
}

// setClose takes nothing more but frame. The lock is held.
func (l *link) setClose(frame []byte) {
	l.out.closeWith = frame
	l.out.closing.Store(true)
	l.in.stir()
}

// pong answers a ping, in place of earlier answers that are still to be sent.
func (l *link) pong(payload []byte) {
	// It fails for payloads over 125 bytes, which the reader refuses.
	frame, _ := ws.AppendFrame(nil, ws.OpPong, payload)
	o := &l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closeWith == nil {
		o.pong = frame
		l.startFlush()
	}
}

// finish sends frame as the last one, unless there is one already.
func (l *link) finish(code int, reason string, frame []byte) {
	o := &l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped || o.closeWith != nil {
		return
	}
	o.code, o.why, o.ours = code, reason, true
	l.setClose(frame)
	l.startFlush()
}

// answerClose notes that the client has closed. True means that ours is on its
// way already and the connection can end; else the answer is sent first.
func (l *link) answerClose(frame []byte) bool {
	o := &l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answered = true
	if o.closeSent && !o.flushing {
		return true
	}
	if o.closeWith == nil {
		l.setClose(frame)
		l.startFlush()
	}
	return false
}

// reason is how we have closed the socket; false when that was not us.
func (o *outbox) reason() (code int, reason string, ours bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.code, o.why, o.ours
}

// stop takes nothing more.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}
