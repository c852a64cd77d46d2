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

// Group is one event of many connections, which come and go, in one loop:
//
//	scores := rivet.MergeEvents(ScoreChanged)
//	defer scores.Close()
//	for _, c := range conns {
//		scores.Add(c)
//	}
//	for score, err := range scores.All(ctx) {
//		…
//		show(score.Info.Key, score.Value)
//	}
//
// It starts no goroutine. Each connection has a subscription with a buffer of
// its own; a batch of each that has something is taken in turn, so that a busy
// actor does not keep a quiet one waiting. The order within each connection is
// kept, that between them is about that of arrival.
//
// There is one consumer at a time: a loop over All, or a consumption of Stream;
// a second one ends with stream.ErrInUse. When the consumer leaves, the
// subscriptions stay, with what waits in them, for the next one. The caller
// must Close the group.
//
// All methods are safe for concurrent use, also from inside the loop.
type Group[T any] struct {
	event Event[T]
	opts  []stream.Option
	in    *stream.FanIn[Sourced[T]]
}

// Sourced is an event of a [Group] and where it comes from.
type Sourced[T any] struct {
	// Info names the actor, with the name and key that the connection was made
	// with, and the ids of its latest link.
	Info conn.Info
	// At is when the event was received.
	At time.Time
	// Value is the event's argument.
	Value T
}

// SourceError is a notice (see stream.IsNotice): a connection of a [Group] has
// ended for good, or its subscription has, and is removed. The others go on.
type SourceError struct {
	// Info names the actor, as in [Sourced].
	Info conn.Info
	// Err is why: that of the connection's Err, or of the subscription.
	Err error
}

// Error names the actor and gives the reason.
func (e *SourceError) Error() string {
	return fmt.Sprintf("rivet: no more events of %s: %v", actorLabel(e.Info), e.Err)
}

// Unwrap returns the reason.
func (e *SourceError) Unwrap() error { return e.Err }

// Notice reports true: the other connections go on.
func (e *SourceError) Notice() bool { return true }

// MergeEvents returns a group without connections for event. opts are those of
// each subscription.
func MergeEvents[T any](event Event[T], opts ...stream.Option) *Group[T] {
	return &Group[T]{event: event, opts: opts, in: stream.NewFanIn[Sourced[T]]()}
}

// Add subscribes to the event on c, as Event.Subscribe does: it returns at
// once, and calls made on c afterwards come after the subscription. It may be
// called before and while the group is consumed. When c has ended for good the
// consumer receives a [*SourceError], after the last event of c.
//
// remove ends the subscription and drops what waits in it; the connection stays
// open. It waits for nothing. Once it has returned no event of c is delivered
// any more, but for one that the consumer has in its hands. A connection that
// is added twice is there twice.
func (g *Group[T]) Add(c *conn.Conn) (remove func()) {
	decoder := codec.DecoderFor[T]()
	sub := conn.SubscribeDecoded(c, []string{string(g.event)}, func(f *conn.Frame, dst *Sourced[T]) error {
		dst.Info, dst.At = c.Info(), time.Unix(0, f.At)
		if err := decoder.DecodeArgs(f.Encoding, f.Args, &dst.Value); err != nil {
			return fmt.Errorf("event %q of %s: %w", f.Name, actorLabel(dst.Info), err)
		}
		return nil
	}, g.opts...)
	return g.in.Add(sub, func(err error) error {
		if err == nil {
			return nil
		}
		return &SourceError{Info: c.Info(), Err: err}
	})
}

// Len returns the number of connections.
func (g *Group[T]) Len() int { return g.in.Len() }

// All returns a loop over the events of all connections and the notices, until
// Close or the end of ctx, which end it without an error. It waits while there
// are no connections. It may be used again.
func (g *Group[T]) All(ctx context.Context) iter.Seq2[Sourced[T], error] { return g.in.All(ctx) }

// Stream returns All as a stream. It needs no goroutine, also where streams are
// merged.
func (g *Group[T]) Stream() stream.Stream[Sourced[T]] { return g.in.Stream() }

// Close ends all subscriptions, the consumer, and those to come. The
// connections stay open. It waits for nothing, returns nil, and may be called
// again.
func (g *Group[T]) Close() error { return g.in.Close() }

// actorLabel names the actor of a connection: by its key if it has one.
func actorLabel(info conn.Info) string {
	if len(info.Key) > 0 {
		return label(info.Name, info.Key, "")
	}
	return label(info.Name, nil, info.ActorID)
}
