package local

import (
	"bytes"
	"sync"

	"github.com/rivet-go/rivet/actor"
)

// Limits of what a link keeps for the next generation, beyond which it does
// not read on, so that the client feels it.
const (
	maxKept      = 1024    // messages
	maxKeptBytes = 4 << 20 // unless it is one message alone
)

// inbox is what has come over a link and was not acked. The generation that
// has the link gets all of it, in order.
type inbox struct {
	mu   sync.Mutex
	cond sync.Cond // of room, and of the end of pumping

	actorID  string
	opened   bool // the actor has been told of the link
	receiver actor.Receiver

	kept  []message // those from head on, with the indexes acked+1 and so on
	head  int
	bytes int
	chunk []byte // where small messages are kept, nil when none is
	acked uint64
	sent  uint64 // index of the newest that receiver has

	pumping bool // somebody calls receiver
	ended   bool
	told    bool // receiver knows that
	code    int
	reason  string
}

type message struct {
	text bool
	data []byte
}

// actor returns the id of the actor, empty while it is not known.
func (in *inbox) actor() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.actorID
}

// bind is socket's.
func (l *link) bind(r actor.Receiver) {
	in := &l.in
	in.mu.Lock()
	in.receiver, in.sent, in.told = r, in.acked, false
	in.mu.Unlock()
	in.pump(l)
}

// unbind is socket's.
func (l *link) unbind() {
	in := &l.in
	in.mu.Lock()
	in.receiver = nil
	for in.pumping {
		in.cond.Wait()
	}
	wake := in.waits()
	id := in.actorID
	in.mu.Unlock()
	if wake {
		l.f.places.wake(id)
	}
}

// receive takes a message in, whose data is the reader's. It blocks while too
// much is kept.
func (in *inbox) receive(l *link, text bool, data []byte) {
	in.mu.Lock()
	for n := len(in.kept) - in.head; n > 0 && (n >= maxKept || in.bytes+len(data) > maxKeptBytes); n = len(in.kept) - in.head {
		if l.out.closing.Load() {
			in.mu.Unlock()
			return // nobody wants it any more
		}
		in.cond.Wait()
	}
	in.kept = append(in.kept, message{text, in.keep(data)})
	in.bytes += len(data)
	wake := in.opened && in.receiver == nil && !in.pumping
	id := in.actorID
	in.mu.Unlock()
	if wake {
		l.f.places.wake(id)
		return
	}
	in.pump(l)
}

const (
	chunkSize = 4 << 10
	// smallMessage is the largest message that shares a chunk with others.
	smallMessage = 1 << 10
)

// chunks holds the chunks of links that keep nothing.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// keep copies data, into memory that is used again if it can.
func (in *inbox) keep(data []byte) []byte {
	if len(data) > smallMessage {
		return bytes.Clone(data)
	}
	if in.chunk == nil || cap(in.chunk)-len(in.chunk) < len(data) {
		// A chunk that is full goes with the last message in it.
		in.chunk = chunks.Get().(*[chunkSize]byte)[:0]
	}
	n := len(in.chunk)
	in.chunk = append(in.chunk, data...)
	return in.chunk[n:len(in.chunk):len(in.chunk)]
}

// ack forgets the messages up to index, as far as they have come.
func (in *inbox) ack(index uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.acked < index && in.head < len(in.kept) {
		m := &in.kept[in.head]
		in.bytes -= len(m.data)
		*m = message{}
		in.head++
		in.acked++
	}
	in.sent = max(in.sent, in.acked)
	switch {
	case in.head < len(in.kept):
		if in.head > len(in.kept)/2 {
			n := copy(in.kept, in.kept[in.head:])
			clear(in.kept[n:])
			in.kept, in.head = in.kept[:n], 0
		}
	default:
		if in.kept, in.head = in.kept[:0], 0; cap(in.kept) > maxSpare {
			in.kept = nil
		}
		if in.chunk != nil {
			chunks.Put((*[chunkSize]byte)(in.chunk[:chunkSize]))
			in.chunk = nil
		}
	}
	in.cond.Broadcast()
}

// stir has a reader that waits for room look again.
func (in *inbox) stir() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cond.Broadcast()
}

// end notes that nothing comes any more.
func (in *inbox) end(code int, reason string) (actorID string, opened bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended, in.code, in.reason = true, code, reason
	in.cond.Broadcast()
	return in.actorID, in.opened
}

// waits reports whether there is something to bring to the next generation: what
// was kept, or of a link that has ended only that. mu is locked.
func (in *inbox) waits() bool {
	switch {
	case in.receiver != nil:
		return false
	case in.ended:
		return !in.told
	}
	return len(in.kept) > in.head
}

// pump calls the receiver with what it has not got yet, unless somebody does
// that already.
func (in *inbox) pump(l *link) {
	in.mu.Lock()
	if in.pumping {
		in.mu.Unlock()
		return
	}
	in.pumping = true
	refused := false
	for in.receiver != nil {
		r := in.receiver
		next := in.head + int(in.sent-in.acked)
		if next == len(in.kept) {
			if !in.ended || in.told {
				break
			}
			in.told = true
			code, reason := in.code, in.reason
			in.mu.Unlock()
			r.Closed(code, reason)
			in.mu.Lock()
			continue
		}
		m := in.kept[next]
		index, data := in.sent+1, bytes.Clone(m.data)
		in.mu.Unlock()
		ok := r.Message(index, m.text, data)
		in.mu.Lock()
		switch {
		case in.receiver != r: // another generation, which gets it again, or none
		case ok:
			in.sent = max(in.sent, index)
		default:
			in.receiver, refused = nil, true
		}
	}
	in.pumping = false
	in.cond.Broadcast()
	id, wake := in.actorID, refused && in.waits()
	in.mu.Unlock()
	if wake {
		l.f.places.wake(id)
	}
}
