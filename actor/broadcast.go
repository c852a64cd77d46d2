package actor

import (
	"errors"
	"fmt"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// SendOption changes whom an event goes to.
type SendOption interface{ applySend(*sending) }

type sendOption func(*sending)

func (f sendOption) applySend(s *sending) { f(s) }

type sending struct{ except []*Conn }

// Except leaves connections out of a Broadcast. Nil is no connection.
func Except(conns ...*Conn) SendOption {
	return sendOption(func(s *sending) { s.except = append(s.except, conns...) })
}

// Broadcast sends an event to all connections that have subscribed to it. It does
// not wait for clients: what one does not take in time is kept, up to SendBuffer
// bytes, and a slower one is disconnected.
//
// Each connection gets what was sent to it in that order, replies of actions
// included. A value that cannot be encoded for some of the connections, or is
// larger than MaxMessage, goes to none of these and is an error, which also goes
// to the log. Broadcast is safe for concurrent use; it encodes v once for each
// encoding that somebody listens in.
func Broadcast[T any](c Owned, e rivet.Event[T], v T, opts ...SendOption) error {
	var s sending
	for _, o := range opts {
		if o != nil {
			o.applySend(&s)
		}
	}
	return c.instance().broadcast(string(e), func() []any { return codec.Args(v) }, s.except)
}

// Send sends an event to one connection, as Broadcast does, if that has
// subscribed to it; else it does nothing.
func Send[T any](c *Conn, e rivet.Event[T], v T) error {
	if c == nil || c.link == nil || !c.in.conns.subscribed(c, string(e)) {
		return nil
	}
	f, err := c.in.event(c.enc, string(e), codec.Args(v))
	if err != nil {
		return c.in.notSent(string(e), err)
	}
	c.in.rt.count.events.Add(1)
	c.in.rt.count.deliveries.Add(1)
	_ = c.link.Send(f) // a link that failed tells by Closed
	return nil
}

func (in *Instance) broadcast(event string, args func() []any, except []*Conn) error {
	var frames [encodings]*Frame
	var errs []error
	// Encoding calls methods of the user's, so no lock is held for it. Who
	// subscribes meanwhile, in an encoding that nobody had, was not there yet.
	for enc, listens := range in.conns.listens(event) {
		if !listens {
			continue
		}
		f, err := in.event(codec.Encoding(enc), event, args())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		frames[enc] = f
	}
	if frames != [encodings]*Frame{} {
		in.rt.count.events.Add(1)
		in.rt.count.deliveries.Add(uint64(in.conns.send(event, &frames, except)))
	}
	return in.notSent(event, errors.Join(errs...))
}

func (in *Instance) notSent(event string, err error) error {
	if err == nil {
		return nil
	}
	in.log.Error("cannot send an event", "event", event, "error", err)
	return fmt.Errorf("actor: send event %q: %w", event, err)
}

// event returns the message that brings an event.
func (in *Instance) event(enc codec.Encoding, name string, args []any) (*Frame, error) {
	encoded, err := codec.AppendArgs(nil, enc, args)
	if err != nil {
		return nil, err
	}
	data := codec.AppendEvent(nil, enc, name, encoded)
	if len(data) > in.b.set.maxOutgoing {
		return nil, fmt.Errorf("it has %d bytes, which is over the limit of %d set by MaxMessage", len(data), in.b.set.maxOutgoing)
	}
	return NewFrame(!enc.Binary(), data), nil
}
