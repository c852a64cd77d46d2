package conn

import (
	"slices"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// callState says who may still decide the outcome of a pending call.
type callState uint8

const (
	callQueued callState = iota // in the outbox: not written, can be withdrawn
	callSent                    // claimed by the writer of the link with sentGen
	callDone                    // has its outcome
)

// outcome is the one end of a call.
type outcome struct {
	value codec.Value
	err   error
	maybe bool   // the actor may have run it
	seq   uint64 // the reply's place among the messages read
}

// pending is a call between Invoke and its outcome. Its fields but done are
// guarded by Conn.mu: whoever takes it out of callQueued or callSent under
// the lock owns its outcome, so there is exactly one.
type pending struct {
	id         uint64
	state      callState
	idempotent bool
	sends      int
	maybe      bool // it was written since it was last known not to have run
	sentGen    uint64
	sentAt     time.Time
	frame      []byte       // kept for another link when idempotent
	done       chan outcome // room for one
}

// item is one message that waits to be written: a call, or a subscription
// request (call is nil), which is meaningful on the current link only.
type item struct {
	frame []byte
	call  *pending
}

// outbox is the FIFO in front of the writer, guarded by Conn.mu.
type outbox struct {
	items     []item
	head      int
	calls     int           // of them, not withdrawn
	withdrawn int           // of them: calls that somebody has given up
	room      chan struct{} // closed when calls drops below the limit and somebody waits
}

func (o *outbox) push(it item) {
	if it.call != nil {
		o.calls++
	}
	if o.head > 256 && o.head > len(o.items)/2 {
		o.items = slices.Delete(o.items, 0, o.head)
		o.head = 0
	}
	o.items = append(o.items, it)
}

// pushFront puts its in front of everything, in order.
func (o *outbox) pushFront(its []item) {
	for _, it := range its {
		if it.call != nil {
			o.calls++
		}
	}
	o.items = append(its, o.items[o.head:]...)
	o.head = 0
}

// pop returns the next message that is still wanted.
func (o *outbox) pop() (item, bool) {
	for o.head < len(o.items) {
		it := o.items[o.head]
		o.items[o.head] = item{}
		o.head++
		if it.call != nil && it.call.state != callQueued {
			o.withdrawn--
			continue
		}
		if it.call != nil {
			o.calls--
			o.wake()
		}
		return it, true
	}
	if cap(o.items) > 1024 {
		o.items = nil // do not keep what a burst needed
	}
	o.items, o.head = o.items[:0], 0
	return item{}, false
}

// withdraw takes a queued call back. Its entry stays until pop skips it or,
// as nothing pops while the connection is down, most of them are like it.
func (o *outbox) withdraw(p *pending) {
	p.state = callDone
	o.calls--
	o.withdrawn++
	if o.withdrawn > 256 && o.withdrawn > (len(o.items)-o.head)/2 {
		o.keep(func(it item) bool { return it.call == nil || it.call.state == callQueued })
	}
	o.wake()
}

// dropSubscriptions forgets the subscription requests of a link that is gone.
func (o *outbox) dropSubscriptions() {
	o.keep(func(it item) bool { return it.call != nil && it.call.state == callQueued })
}

// keep drops all other entries, those of withdrawn calls among them.
func (o *outbox) keep(wanted func(item) bool) {
	kept := make([]item, 0, o.calls)
	for _, it := range o.items[o.head:] {
		if wanted(it) {
			kept = append(kept, it)
		}
	}
	o.items, o.head, o.withdrawn = kept, 0, 0
}

func (o *outbox) wake() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// waitRoom returns the channel that tells of room.
func (o *outbox) waitRoom() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}
