package conn

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

// topic is one event that has local subscriptions; they share one
// subscription on the server. A topic is replaced, not changed, when its feeds
// change; what belongs to the server's side is in *standing.
type topic struct {
	name    string
	feeds   []*feed
	outlets []outlet // where these get their events from
	*standing
}

// standing is what is known of a topic's subscription on the server.
type standing struct {
	seen    atomic.Uint64 // generation of the link that brought the latest event
	sentGen uint64        // generation of the link it was last sent on; Conn.mu
	sentAt  time.Time     // when that was; Conn.mu
	trusted bool          // it was permitted once; see acquit; Conn.mu
	suspect bool          // to be tried alone, after the others; Conn.mu
}

// Subscribe subscribes to events, which arrive in the order of the server in
// one loop. It does not wait: the request goes out before any call that is
// made afterwards, and again on each new link; once more on the same link when
// it may have met an actor asleep, as the engine loses some of these. Several subscriptions to one
// event share one on the server. Without the server's permission the
// subscription ends with a *SubscriptionError. The copies of the arguments
// that the events hold are the caller's; those of small events that came close
// to each other share up to 2 KiB of memory.
//
// Options that do not fit, and no event at all, end the subscription with an
// error that says so.
func (c *Conn) Subscribe(events []string, opts ...stream.Option) *stream.Subscription[Event] {
	var copies copier
	return SubscribeDecoded(c, events, func(f *Frame, ev *Event) error {
		*ev = Event{Name: f.Name, Args: copies.copy(f.Args), Encoding: f.Encoding}
		return nil
	}, opts...)
}

// SubscribeDecoded is Subscribe with a decoder from frames to T, which runs on
// the consumer's goroutine and must not keep f.Args.
func SubscribeDecoded[T any](c *Conn, events []string, decode func(f *Frame, dst *T) error, opts ...stream.Option) *stream.Subscription[T] {
	cfg, err := stream.NewConfig(opts...)
	if err != nil {
		return stream.Failed[T](fmt.Errorf("rivet: subscribing to %q: %w", events, err))
	}
	names, err := c.distinct(events)
	if err != nil {
		return stream.Failed[T](err)
	}
	f := newCopies(c, names, cfg)
	if err := c.subscribe(&f.feed); err != nil {
		return stream.Failed[T](err)
	}
	return stream.Decoded(f.queue, decode)
}

// SubscribeTyped is Subscribe to one event whose arguments are a T, as
// codec.Decoder has it. Events that cannot be decoded are notices, each a
// *stream.DecodeError.
//
// Subscriptions to one event as one T share what they can. A single one decodes
// on its consumer's goroutine; while there are several, each event is decoded
// once, on the reader's, if the decoder of T is Shareable, and otherwise copied
// once and decoded by each. The buffers and the pace are everyone's own. A
// buffer's bytes are those of the encoded arguments, or of the value with its
// strings, and a few for each event; what is shared counts in each buffer.
func SubscribeTyped[T any](c *Conn, event string, opts ...stream.Option) *stream.Subscription[T] {
	events := []string{event}
	cfg, err := stream.NewConfig(opts...)
	if err != nil {
		return stream.Failed[T](fmt.Errorf("rivet: subscribing to %q: %w", events, err))
	}
	if _, err := c.distinct(events); err != nil {
		return stream.Failed[T](err)
	}
	m := newMember[T](c, event, cfg)
	if err := c.subscribe(&m.feed); err != nil {
		return stream.Failed[T](err)
	}
	return stream.Decoded(m.queue, m.decode)
}

// distinct returns the events to subscribe to, each once, if they can be.
func (c *Conn) distinct(events []string) ([]string, error) {
	names := make([]string, 0, len(events))
	for _, name := range events {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("rivet: subscribing on %s: no event named", c.cfg.Actor)
	}
	for _, name := range names {
		if err := c.checkSize(codec.AppendSubscription(nil, c.cfg.Encoding, name, true)); err != nil {
			return nil, fmt.Errorf("rivet: subscribing on %s: %w", c.cfg.Actor, err)
		}
	}
	return names, nil
}

// subscribe enters f into the topics of its names.
func (c *Conn) subscribe(f *feed) error {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	if c.link != nil {
		f.joined = c.link.gen
	}
	for _, name := range f.names {
		i := c.topicIndex(name)
		if i < 0 {
			c.topics = append(c.topics, &topic{name: name, feeds: []*feed{f}, outlets: f.seat.enter(nil), standing: &standing{}})
			if c.link != nil {
				c.send(c.link, c.topics[len(c.topics)-1])
				c.doubt(c.link, name, time.Now())
			}
			continue
		}
		old := c.topics[i]
		feeds := append(slices.Clip(old.feeds), f)
		c.topics[i] = &topic{name: name, feeds: feeds, outlets: f.seat.enter(old.outlets), standing: old.standing}
	}
	c.routes.Store(nil)
	c.mu.Unlock()
	c.poke()
	return nil
}

func (c *Conn) topicIndex(name string) int {
	return slices.IndexFunc(c.topics, func(t *topic) bool { return t.name == name })
}

// send queues the subscription of t on the link l; Conn.mu is held.
func (c *Conn) send(l *link, t *topic) {
	t.sentGen, t.sentAt = l.gen, time.Now()
	c.out.push(item{frame: codec.AppendSubscription(nil, c.cfg.Encoding, t.name, true)})
}

// table returns the topics by name, for the reader. Changes drop the table, and
// it is made anew when an event comes, so that many changes in a row cost one.
func (c *Conn) table() map[string]*topic {
	if routes := c.routes.Load(); routes != nil {
		return *routes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	routes := make(map[string]*topic, len(c.topics))
	for _, t := range c.topics {
		routes[t.name] = t
	}
	c.routes.Store(&routes)
	return routes
}

// unsubscribe takes f out of its topics, and drops those on the server that
// have no feed left.
func (c *Conn) unsubscribe(f *feed) {
	f.gone.Store(true)
	c.mu.Lock()
	if c.err == nil {
		c.detach(f)
		c.routes.Store(nil)
	}
	c.mu.Unlock()
	c.poke()
}

// detach is unsubscribe under Conn.mu, without dropping the table.
func (c *Conn) detach(f *feed) {
	for _, name := range f.names {
		i := c.topicIndex(name)
		if i < 0 {
			continue
		}
		old := c.topics[i]
		if !slices.Contains(old.feeds, f) {
			continue
		}
		outlets := f.seat.leave(old.outlets)
		if feeds := without(old.feeds, f); len(feeds) > 0 {
			c.topics[i] = &topic{name: name, feeds: feeds, outlets: outlets, standing: old.standing}
			continue
		}
		c.topics = append(c.topics[:i:i], c.topics[i+1:]...)
		if c.link != nil && old.sentGen == c.link.gen {
			c.remember(old)
			c.out.push(item{frame: codec.AppendSubscription(nil, c.cfg.Encoding, name, false)})
		}
	}
}

// takeFeeds empties the table; Conn.mu is held.
func (c *Conn) takeFeeds() []*feed {
	feeds := c.allFeeds()
	c.topics = nil
	c.routes.Store(nil)
	return feeds
}

// allFeeds lists every feed once; Conn.mu is held.
func (c *Conn) allFeeds() []*feed {
	var feeds []*feed
	known := make(map[*feed]bool)
	for _, t := range c.topics {
		for _, f := range t.feeds {
			if !known[f] {
				known[f] = true
				feeds = append(feeds, f)
			}
		}
	}
	return feeds
}

// Renew sends the subscriptions to events again on the current link, which the
// server does not mind. It does nothing for events that are not subscribed to
// and while the connection is down. A call made afterwards comes after them.
func (c *Conn) Renew(events ...string) {
	c.mu.Lock()
	if c.link != nil {
		for _, t := range c.topics {
			if t.sentGen == c.link.gen && slices.Contains(events, t.name) {
				c.send(c.link, t)
			}
		}
	}
	c.mu.Unlock()
	c.poke()
}

// LogNotice logs a notice (see stream.IsNotice) for a consumer that has no way
// to be told of it, such as a callback.
func (c *Conn) LogNotice(err error) {
	// On a goroutine of ours, which a handler of the program's must not take down.
	c.callbacks.guard(func() { c.log.Warn("events lost", "actor", c.cfg.Actor, "error", err) })
}
