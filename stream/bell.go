package stream

import (
	"slices"
	"sync"
	"sync/atomic"
)

// bell is how a producer wakes the one consumer that waits. Alone it leaves a
// token in a channel; hung on a ready list, it puts its queue there instead, so
// that one consumer waits for many queues without a goroutine for each.
type bell struct {
	token chan struct{} // buffered, one
	line  atomic.Pointer[line]
}

// line connects a bell to the ready list it rings for.
type line struct {
	list  *ready
	entry *member
}

func (b *bell) init() { b.token = make(chan struct{}, 1) }

func (b *bell) ring() {
	if l := b.line.Load(); l != nil {
		l.list.add(l.entry)
		return
	}
	signal(b.token)
}

// hang makes b ring for e on list. It has to come before anyone waits for b.
func (b *bell) hang(list *ready, e *member) { b.line.Store(&line{list, e}) }

// unhang makes b leave tokens again.
func (b *bell) unhang() { b.line.Store(nil) }

// ready lists those of many members that have something to do. Any goroutine
// adds; one consumer takes.
type ready struct {
	bell

	mu      sync.Mutex
	list    []*member
	waiting bool // the consumer has found nothing
}

// member is one pump of a group.
type member struct {
	pump   pump
	listed bool        // is on the list; guarded by ready.mu
	due    atomic.Bool // has been added since its last step
	held   bool        // is not to be stepped; the consumer's
	gone   bool        // has been closed; the consumer's
}

// add puts e on the list unless it is there.
func (r *ready) add(e *member) {
	r.mu.Lock()
	e.due.Store(true)
	if e.listed {
		r.mu.Unlock()
		return
	}
	e.listed = true
	r.list = append(r.list, e)
	wake := r.waiting
	r.waiting = false
	r.mu.Unlock()
	if wake {
		r.ring()
	}
}

// drop takes those off the list that are gone.
func (r *ready) drop(gone func(*member) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(e *member) bool {
		if !gone(e) {
			return false
		}
		e.listed = false
		return true
	})
}

// take moves the whole list into buf. When it is empty the bell will ring.
func (r *ready) take(buf []*member) []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.list {
		e.listed = false
	}
	r.waiting = len(r.list) == 0
	clear(buf)
	buf, r.list = r.list, buf[:0]
	return buf
}
