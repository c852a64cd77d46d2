package local

import "github.com/rivet-go/rivet/actor"

// socket is a client's WebSocket, which may outlive generations. Calls of bind
// and unbind for one socket follow one another.
type socket interface {
	actor.Link
	// bind says that a generation has the socket: bring to r again what was not
	// acked, then what comes. A socket that has ended calls r.Closed. It does
	// not wait for the actor.
	bind(r actor.Receiver)
	// unbind says that the generation is stopping: bring nothing more to its
	// receiver, keep what comes, and call places.wake when there is something to
	// bring, now or later. When it returns no call of the receiver is under way.
	unbind()
	// shut closes the socket for the driver's own reasons, such as 1011 and
	// guard.actor_wake_retries_exceeded. It returns at once.
	shut(code int, reason string)
}

// open gives a new socket, whose handshake has been answered, to in, which the
// caller holds: it calls in.Open and binds the socket. It does not block. From
// then on the socket belongs to the actor, until detach.
func (p *places) open(id string, in instance, s socket) {
	p.mu.Lock()
	pl := p.resident[id]
	p.mu.Unlock()
	if pl == nil {
		s.shut(1011, "guard.actor_stopped_while_waiting_for_websocket_open")
		return
	}
	pl.binding.Lock()
	defer pl.binding.Unlock()
	p.mu.Lock()
	current := pl.in == in && p.resident[id] == pl
	stopping := pl.stopping
	if current {
		if pl.sockets == nil {
			pl.sockets = make(map[string]socket)
		}
		pl.sockets[s.ID()] = s
	}
	p.mu.Unlock()
	if !current {
		s.shut(1011, "guard.actor_stopped_while_waiting_for_websocket_open")
		return
	}
	r := in.Open(s)
	switch {
	case r == nil: // the instance has closed it
		p.detach(id, s.ID())
	case stopping:
		s.unbind()
	default:
		s.bind(r)
	}
}

// detach says that a socket has ended. When its client has ended it while it
// was not bound, wake is called, too, so that the actor hears of that.
func (p *places) detach(id, linkID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl := p.resident[id]
	if pl == nil {
		return
	}
	delete(pl.sockets, linkID)
	if !pl.busy && pl.in == nil && len(pl.sockets) == 0 && !pl.insist && pl.doom == nil {
		delete(p.resident, id)
	}
}
