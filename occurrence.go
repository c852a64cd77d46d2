package rivet

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// Events names several events of an actor that tell one story. They are
// consumed by one loop, in the order in which they arrive, each as an S:
//
//	var Story = rivet.OneOf(
//		rivet.Case(Joined, func(j Join) Entry { return Entry{j.Name, "came in"} }),
//		rivet.Case(Left, func(l Leave) Entry { return Entry{l.Name, "left"} }),
//	)
//
//	for entry, err := range Story.All(ctx, c) { … }
//
// [OneOf] and [AnyOf] make one. Its forms are those of an [Event] that carry
// errors, and On; its Stream has the others. It does not change, and may be
// shared. A mistake, such as no event or an event named twice, is the error with
// which its subscriptions end, a [*ConfigError].
type Events[S any] struct {
	names   []string
	decoder map[string]func(f *conn.Frame, dst *S) error
	err     error
}

// EventCase is a part of [OneOf]; see [Case].
type EventCase[S any] struct {
	name   string
	decode func(f *conn.Frame, dst *S) error
}

// OneOf returns the events of all cases as one. S is what the cases have in
// common: a struct that each of them fills, an interface that their results
// implement, or a func() to be called.
func OneOf[S any](cases ...EventCase[S]) Events[S] { return newEvents("OneOf", cases) }

// Case makes an S of each event e. f is a part of decoding: it runs on the
// consumer's goroutine, should be quick, and must not use the subscription; if
// it panics the consumer gets a *DecodeError.
func Case[T, S any](e Event[T], f func(T) S) EventCase[S] {
	if f == nil {
		return EventCase[S]{name: string(e)}
	}
	decoder := codec.DecoderFor[T]()
	return EventCase[S]{string(e), func(frame *conn.Frame, dst *S) error {
		var v T
		if err := decoder.DecodeArgs(frame.Encoding, frame.Args, &v); err != nil {
			return fmt.Errorf("event %q: %w", frame.Name, err)
		}
		*dst = f(v)
		return nil
	}}
}

// Occurrence is one of several events.
type Occurrence struct {
	// Event is the event's name.
	Event string
	// Value is its argument, with the type that the Event has: a T for an
	// Event[T].
	Value any
	// At is when it was received.
	At time.Time
}

// AnyEvent is an Event of any type, for [AnyOf].
type AnyEvent interface{ occurrence() EventCase[Occurrence] }

func (e Event[T]) occurrence() EventCase[Occurrence] {
	decoder := codec.DecoderFor[T]()
	return EventCase[Occurrence]{string(e), func(frame *conn.Frame, dst *Occurrence) error {
		var v T
		if err := decoder.DecodeArgs(frame.Encoding, frame.Args, &v); err != nil {
			return fmt.Errorf("event %q: %w", frame.Name, err)
		}
		*dst = Occurrence{frame.Name, v, time.Unix(0, frame.At)}
		return nil
	}}
}

// AnyOf returns events as one, for loops that switch on what has come:
//
//	for ev, err := range rivet.AnyOf(Joined, Left).All(ctx, c) {
//		…
//		switch v := ev.Value.(type) {
//		case Join:
//		case Leave:
//		}
//	}
//
// Events of one type are told apart by their names. [OneOf] needs no switch.
func AnyOf(events ...AnyEvent) Events[Occurrence] {
	cases := make([]EventCase[Occurrence], len(events))
	for i, e := range events {
		if e != nil {
			cases[i] = e.occurrence()
		}
	}
	return newEvents("AnyOf", cases)
}

func newEvents[S any](of string, cases []EventCase[S]) Events[S] {
	if len(cases) == 0 {
		return Events[S]{err: &ConfigError{Field: of, Rule: "names no event"}}
	}
	es := Events[S]{decoder: make(map[string]func(*conn.Frame, *S) error, len(cases))}
	for _, c := range cases {
		switch {
		case c.decode == nil && c.name == "":
			return Events[S]{err: &ConfigError{Field: of, Rule: "has a case without an event"}}
		case c.decode == nil:
			return Events[S]{err: &ConfigError{Field: of, Rule: fmt.Sprintf("has a case for event %q without a function", c.name)}}
		case es.decoder[c.name] != nil:
			return Events[S]{err: &ConfigError{Field: of, Rule: fmt.Sprintf("names event %q twice", c.name)}}
		}
		es.names = append(es.names, c.name)
		es.decoder[c.name] = c.decode
	}
	return es
}

// Subscribe subscribes to the events; see Event.Subscribe. They share one
// buffer, so that what is dropped when it is full is the oldest of all.
func (es Events[S]) Subscribe(c *conn.Conn, opts ...stream.Option) *stream.Subscription[S] {
	if es.err != nil {
		return stream.Failed[S](es.err)
	}
	return conn.SubscribeDecoded(c, es.names, func(f *conn.Frame, dst *S) error {
		return es.decoder[f.Name](f, dst)
	}, opts...)
}

// All ranges over the events as Event.All does.
func (es Events[S]) All(ctx context.Context, c *conn.Conn, opts ...stream.Option) iter.Seq2[S, error] {
	return es.Stream(c, opts...).All(ctx)
}

// Stream returns the events as a stream; see Event.Stream.
func (es Events[S]) Stream(c *conn.Conn, opts ...stream.Option) stream.Stream[S] {
	return stream.FromSubscription(func() *stream.Subscription[S] { return es.Subscribe(c, opts...) })
}

// On calls f for each of the events, in order, as Event.On does.
func (es Events[S]) On(c *conn.Conn, f func(S), opts ...stream.Option) (cancel func()) {
	return conn.Listen(c, es.Subscribe(c, opts...), f)
}
