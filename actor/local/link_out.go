package local

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

// outbox is what a link has to send. It holds no buffer of its own: frames are
// shared by all links that have to send them.
type outbox struct {
	closing atomic.Bool // closeWith is set

	mu        sync.Mutex
	frames    [][]byte
	spare     [][]byte // for the next frames
	size      int      // bytes of frames, and of those being written
	pong      []byte   // answer to the newest ping, nil for none
	flushing  bool
	stopped   bool // the reader has ended; only the close frame is still sent
	deadline  time.Time
	closeWith []byte // the last frame, nil for none
	closeSent bool
	answered  bool // the client has sent its close frame
	code      int  // of ours, with its reason
	why       string
	ours      bool // it was we who began to close
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
	if size := o.size + len(wire); o.size > 0 && size > l.f.rt.SendBuffer() {
		l.cut()
		o.mu.Unlock()
		l.f.slow.cut(l.in.actor(), size)
		return errLinkEnded
	}
	o.frames = append(o.frames, wire)
	o.size += len(wire)
	l.startFlush()
	o.mu.Unlock()
	return nil
}

// cut closes a link whose client does not read. What waits for it is thrown
// away; the lock is held.
func (l *link) cut() {
	o := &l.out
	o.frames, o.spare, o.pong = nil, nil, nil
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

// startFlush has a goroutine write what there is. The lock is held. The
// reader, which the front waits for, has not ended, so that this can be
// counted.
func (l *link) startFlush() {
	if o := &l.out; !o.flushing && !o.closeSent && !o.stopped {
		o.flushing = true
		l.f.sockets.Add(1)
		go l.flush()
	}
}

func (l *link) flush() {
	defer l.f.sockets.Done()
	o := &l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.closeSent && (len(o.frames) > 0 || o.pong != nil || o.closeWith != nil) {
		batch, size, pong, last := o.frames, o.size, o.pong, o.closeWith
		o.frames, o.spare, o.pong = o.spare, nil, nil
		o.closeSent = last != nil
		if now := time.Now(); o.deadline.Sub(now) < writeTimeout/2 {
			o.deadline = now.Add(writeTimeout)
			_ = l.conn.SetWriteDeadline(o.deadline)
		}
		o.mu.Unlock()
		err := l.write(pong, batch, last)
		clear(batch)
		o.mu.Lock()
		o.size -= size
		if cap(batch) <= maxSpare {
			o.spare = batch[:0]
		}
		if err != nil {
			if o.closeWith == nil {
				l.setClose([]byte{})
			}
			o.closeSent = true // as far as that is possible
			o.frames, o.spare, o.pong, o.size = nil, nil, nil, 0
			_ = l.conn.Close()
		}
	}
	o.flushing = false
	switch {
	case !o.closeSent:
	case o.answered:
		_ = l.conn.Close()
	default:
		_ = l.conn.SetReadDeadline(time.Now().Add(linger))
	}
}

const (
	// maxSpare is how many frames a quiet link has room for.
	maxSpare = 32
	// smallFrame is the largest frame that is copied to go out together with
	// others, and gatherSize how much goes out at once then, in bytes.
	smallFrame = 8 << 10
	gatherSize = 64 << 10
)

// gathers holds buffers for writing.
var gathers = sync.Pool{New: func() any { return new([]byte) }}

// write sends a pong, frames, and a close frame, as far as they are there, in
// few writes.
func (l *link) write(pong []byte, frames [][]byte, last []byte) error {
	if len(frames) == 1 && pong == nil && last == nil {
		_, err := l.conn.Write(frames[0])
		return err
	}
	p := gathers.Get().(*[]byte)
	defer gathers.Put(p)
	b := (*p)[:0]
	defer func() { *p = b[:0] }()
	send := func() error {
		if len(b) == 0 {
			return nil
		}
		_, err := l.conn.Write(b)
		b = b[:0]
		return err
	}
	b = append(b, pong...)
	for _, frame := range frames {
		if len(frame) > smallFrame || len(b)+len(frame) > gatherSize {
			if err := send(); err != nil {
				return err
			}
		}
		if len(frame) > smallFrame {
			if _, err := l.conn.Write(frame); err != nil {
				return err
			}
			continue
		}
		b = append(b, frame...)
	}
	b = append(b, last...)
	return send()
}
