package actor

import (
	"errors"
	"slices"
	"sync"

	"github.com/rivet-go/rivet/codec"
)

// connReceiver takes the messages of a connection and puts them into the mailbox
// in their order.
type connReceiver struct {
	c    *Conn
	acks acks

	mu     sync.Mutex
	open   bool       // messages go to the mailbox
	early  []incoming // those that came while it is not open
	gone   bool       // the client has left while it is not open
	closed bool       // nothing is taken any more
}

// incoming is a message of a client.
type incoming struct {
	index uint64
	text  bool
	data  []byte
}

func newConnReceiver(c *Conn) *connReceiver { return &connReceiver{c: c, acks: acks{link: c.link}} }

// opened is told whether the connection may be used.
func (r *connReceiver) opened(err error) {
	c := r.c
	if err != nil {
		r.mu.Lock()
		r.closed, r.early = true, nil
		r.mu.Unlock()
		if errors.Is(err, errStopping) {
			c.refuse(errStopping.e)
			return
		}
		e, _ := describe(err)
		c.sendError(e, 0, false)
		c.refuse(e)
		return
	}
	c.send(codec.AppendInit(nil, c.enc, c.in.start.ID, c.id))
	c.in.conns.changed(c)
	c.in.saver.touch()
	r.resume()
}

// Message implements Receiver.
func (r *connReceiver) Message(index uint64, text bool, data []byte) bool {
	if !r.c.in.awake.hold() {
		return false
	}
	defer r.c.in.awake.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return true
	}
	r.acks.expect(index)
	if m := (incoming{index, text, data}); r.open {
		r.take(m)
	} else {
		r.early = append(r.early, m)
	}
	return true
}

// Closed implements Receiver.
func (r *connReceiver) Closed(int, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case r.open:
		r.closed = true
		r.c.in.disconnected(r.c)
	default:
		r.gone = true
	}
}

// resume takes what has come meanwhile, and from now on what comes. The caller
// holds the actor awake.
func (r *connReceiver) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.open = true
	for r.open && !r.closed {
		if len(r.early) == 0 {
			r.early = nil
			break
		}
		m := r.early[0]
		r.early[0] = incoming{}
		r.early = r.early[1:]
		r.take(m)
	}
	if r.gone && r.open && !r.closed {
		r.closed = true
		r.c.in.disconnected(r.c)
	}
}

// cut ends the connection for what the client has done. r.mu is held. What it has
// sent before that is still done.
func (r *connReceiver) cut(e *codec.Error) {
	if r.closed {
		return
	}
	r.closed, r.early = true, nil
	r.c.refuse(e)
	r.c.in.disconnected(r.c)
}

// take puts one message into the mailbox. r.mu is held, so that the order stays.
func (r *connReceiver) take(m incoming) {
	c, in := r.c, r.c.in
	if len(m.data) > in.b.set.maxIncoming {
		r.cut(errIncomingTooLong.e)
		return
	}
	var msg codec.Message
	err := codec.DecodeToServer(c.enc, m.data, &msg)
	if err == nil && m.text && c.enc.Binary() {
		err = errors.New("a text message in a binary encoding")
	}
	if err != nil {
		in.log.Warn("a client sent what is no message, and is disconnected", "conn", c.id, "error", err)
		r.cut(errNoMessage.e)
		return
	}
	if msg.Kind == codec.KindSubscription {
		r.subscribe(string(msg.Name), msg.Subscribe, m.index)
		return
	}
	begun := func() { r.acks.done(m.index) }
	id := msg.ID
	in.call(&call{
		conn: c, enc: c.enc, args: msg.Value,
		answer: func(output []byte, err error) {
			begun() // also what is answered before it had its turn
			c.answer(id, output, err)
		},
	}, string(msg.Name), begun)
}

// subscribe begins or ends a subscription behind the messages before it. While a
// guard decides, those after it wait, also when the guard gives its turn away.
func (r *connReceiver) subscribe(event string, on bool, index uint64) {
	c, in := r.c, r.c.in
	guard := in.b.events[event]
	guarded := guard != nil && on
	if guarded {
		r.open = false
	}
	in.awake.more()
	err := in.turns.push(item{
		urgent: true,
		refuse: func(error) { in.awake.release() },
		run: func(t *turn) {
			defer in.awake.release()
			r.acks.done(index)
			if !guarded {
				r.subscribed(event, on)
				return
			}
			err := errEnded
			defer func() {
				if err == nil {
					r.subscribed(event, on)
				} else {
					e, _ := describe(err)
					r.mu.Lock()
					r.cut(e)
					r.mu.Unlock()
				}
				r.resume()
			}()
			err = in.allowed(t, c, guard, "CanSubscribe")
		},
	})
	if err != nil {
		in.awake.release()
	}
}

// subscribed does what subscribe was asked for.
func (r *connReceiver) subscribed(event string, on bool) {
	in := r.c.in
	if !in.conns.subscribe(r.c, event, on) {
		r.mu.Lock()
		defer r.mu.Unlock()
		in.log.Warn("a client subscribes to too much, and is disconnected", "conn", r.c.id, "limit", maxSubscribed)
		r.cut(errSubscriptions.e)
		return
	}
	in.conns.changed(r.c)
	in.saver.touch()
}

// acks tells a link which messages need not be brought again to the next
// generation. Messages are dealt with in any order, but a link is told in that
// in which they came.
type acks struct {
	link Link

	mu      sync.Mutex
	pending []pendingAck // in order, from the oldest that is not dealt with
	few     [2]pendingAck
}

type pendingAck struct {
	index uint64
	done  bool
}

func (a *acks) expect(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) == 0 {
		a.pending = a.few[:0]
	}
	a.pending = append(a.pending, pendingAck{index: index})
}

// done says that a message has begun, or is answered. Further calls for it do
// nothing.
func (a *acks) done(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, found := slices.BinarySearchFunc(a.pending, index, func(p pendingAck, index uint64) int {
		switch {
		case p.index < index:
			return -1
		case p.index > index:
			return 1
		}
		return 0
	})
	if !found {
		return
	}
	a.pending[i].done = true
	n := 0
	for n < len(a.pending) && a.pending[n].done {
		n++
	}
	if n == 0 {
		return
	}
	last := a.pending[n-1].index
	if a.pending = a.pending[n:]; len(a.pending) == 0 {
		a.pending = nil
	}
	a.link.Ack(last)
}
