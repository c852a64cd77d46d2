package local

import (
	"runtime"
	"sync"
	"time"
)

// writers are the goroutines that write to the sockets of a front: few, for all
// of them, which exist while there is something to write. They never wait for a
// client: what a socket does not take at once is left to a goroutine of its own.
type writers struct {
	limit int
	owner *sync.WaitGroup

	mu      sync.Mutex
	first   *link // of those that wait for a writer, in a list by link.next
	last    *link
	waiting int
	running int
	spare   *writer // that of the last goroutine that ended; nil for none
}

// writer is what a goroutine of writers works with.
type writer struct {
	trial trial
	batch batch
}

// perWriter is how many links wait for each writer before there is one more.
const perWriter = 16

func newWriters(owner *sync.WaitGroup) *writers {
	return &writers{limit: runtime.GOMAXPROCS(0), owner: owner}
}

// add has a writer see to l, which no other does. The caller is somebody whom
// owner waits for.
func (w *writers) add(l *link) {
	w.mu.Lock()
	start := w.running < w.limit && w.waiting >= w.running*perWriter
	if start {
		w.running++
	}
	w.put(l)
	var mine *writer
	if start {
		mine, w.spare = w.spare, nil
	}
	w.mu.Unlock()
	if start {
		w.owner.Add(1)
		go w.run(mine)
	}
}

func (w *writers) put(l *link) {
	if w.first == nil {
		w.first = l
	} else {
		w.last.next = l
	}
	w.last = l
	w.waiting++
}

// next returns the link that waits longest, having put back the one that a
// goroutine had, if that has more to write. When there is none, the goroutine
// ends, and leaves mine.
func (w *writers) next(mine *writer, back *link) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	if back != nil {
		w.put(back)
	}
	l := w.first
	if l == nil {
		w.running--
		w.spare = mine
		return nil
	}
	w.first, l.next = l.next, nil
	w.waiting--
	return l
}

func (w *writers) run(mine *writer) {
	defer w.owner.Done()
	if mine == nil {
		mine = new(writer)
		mine.trial.init()
	}
	var back *link
	for l := w.next(mine, nil); l != nil; l = w.next(mine, back) {
		if back = nil; l.try(mine) {
			back = l
		}
	}
}

// try writes what there is, without waiting, and reports whether there is more.
func (l *link) try(w *writer) (more bool) {
	o, b := &l.out, &w.batch
	o.mu.Lock()
	o.take(b)
	o.mu.Unlock()
	w.trial.socket = l.raw
	err := b.write(w.trial.write)
	w.trial.socket = nil
	if err == errWouldBlock {
		l.f.sockets.Add(1)
		go l.flush(b.rest())
		return false
	}
	size := b.size
	b.reset()
	o.mu.Lock()
	defer o.mu.Unlock()
	l.wrote(size, err)
	if more = o.due(); !more {
		l.idle()
	}
	return more
}

// startFlush has what there is written. The lock is held. The reader, which the
// front waits for, has not ended, so that the front can wait for this, too.
func (l *link) startFlush() {
	o := &l.out
	if o.flushing || o.closeSent || o.stopped {
		return
	}
	o.flushing = true
	if l.raw != nil {
		l.f.writers.add(l)
		return
	}
	l.f.sockets.Add(1)
	go l.flush(&batch{})
}

// flush writes b, then what there is, and waits for the client.
func (l *link) flush(b *batch) {
	defer l.f.sockets.Done()
	o := &l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.head == len(b.pieces) {
		o.take(b)
	}
	for {
		if now := time.Now(); o.deadline.Sub(now) < writeTimeout/2 {
			o.deadline = now.Add(writeTimeout)
			_ = l.conn.SetWriteDeadline(o.deadline)
		}
		o.mu.Unlock()
		err := b.write(l.conn.Write)
		size := b.size
		b.reset()
		o.mu.Lock()
		l.wrote(size, err)
		if !o.due() {
			break
		}
		o.take(b)
	}
	if l.raw != nil && o.closeWith == nil {
		// What is over is over for those that do not wait, too.
		o.deadline = time.Time{}
		_ = l.conn.SetWriteDeadline(o.deadline)
	}
	l.idle()
}

// wrote notes that frames of so many bytes were written, or not. The lock is held.
func (l *link) wrote(size int, err error) {
	o := &l.out
	o.size -= size
	if err == nil {
		return
	}
	if o.closeWith == nil {
		l.setClose([]byte{})
	}
	o.closeSent = true // as far as that is possible
	o.drop()
	o.size = 0
	_ = l.conn.Close()
}

// idle is called when there is nothing more to write. The lock is held.
func (l *link) idle() {
	o := &l.out
	o.flushing = false
	switch {
	case !o.closeSent:
	case o.answered:
		_ = l.conn.Close()
	default:
		_ = l.conn.SetReadDeadline(time.Now().Add(linger))
	}
}
