package conn

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// counters are what Stats reports of the whole life of a connection.
type counters struct {
	attempts, links, gaps, events, unwanted, unexpected, malformed atomic.Uint64
}

// Stats is a snapshot of a connection's counters.
type Stats struct {
	// Attempts counts tries to connect, Links those that were connected.
	Attempts, Links uint64
	// Gaps counts subscriptions that a reconnect may have cost events.
	Gaps uint64
	// Events counts those received for a subscription, once each however many
	// subscriptions there are; Unwanted those that nobody listened to.
	Events, Unwanted uint64
	// Unexpected counts replies to no call and repeated opening messages,
	// Malformed the messages that ended a link.
	Unexpected, Malformed uint64
	// CallsQueued wait to be written, CallsInFlight for their reply.
	CallsQueued, CallsInFlight int
	// Subscriptions counts local subscriptions, Topics those on the server.
	Subscriptions, Topics int
	// CallbacksDropped counts callbacks that were given up because one before
	// them did not return.
	CallbacksDropped uint64
}

// Stats returns the counters.
func (c *Conn) Stats() Stats {
	s := Stats{
		Attempts:         c.counters.attempts.Load(),
		Links:            c.counters.links.Load(),
		Gaps:             c.counters.gaps.Load(),
		Events:           c.counters.events.Load(),
		Unwanted:         c.counters.unwanted.Load(),
		Unexpected:       c.counters.unexpected.Load(),
		Malformed:        c.counters.malformed.Load(),
		CallbacksDropped: c.callbacks.dropped.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.CallsQueued = c.out.calls
	s.CallsInFlight = len(c.calls) - c.out.calls
	s.Subscriptions = len(c.allFeeds())
	s.Topics = len(c.topics)
	return s
}

// Snapshot is what Debug shows. It holds no parameters, tokens or URLs, but
// names, the key of the actor, and errors: what a server says, and which host
// could not be dialled.
type Snapshot struct {
	Actor   string
	Info    Info
	Stats   Stats
	State   State
	Err     error
	History []State // the latest steps of the status machine, oldest first
	Events  []EventSnapshot
	Up      time.Duration // of the current link
}

// EventSnapshot is one subscribed event.
type EventSnapshot struct {
	Name          string
	Subscriptions int
}

// String returns the snapshot in some ten lines, and one for each step of the
// history.
func (s Snapshot) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v since %s\n", s.Actor, s.State.Status, s.State.Since.Format(time.RFC3339))
	if s.Info.ActorID != "" {
		fmt.Fprintf(&b, "actor %s, connection %s\n", s.Info.ActorID, s.Info.ConnectionID)
	}
	if s.Err != nil {
		fmt.Fprintf(&b, "error: %v\n", s.Err)
	}
	n := s.Stats
	fmt.Fprintf(&b, "links: %d of %d attempts, %d gaps; up for %v\n", n.Links, n.Attempts, n.Gaps, s.Up.Round(time.Microsecond))
	fmt.Fprintf(&b, "events: %d, and %d that nobody wanted; %d subscriptions, %d on the server\n", n.Events, n.Unwanted, n.Subscriptions, n.Topics)
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  %q × %d\n", e.Name, e.Subscriptions)
	}
	fmt.Fprintf(&b, "calls: %d queued, %d in flight\n", n.CallsQueued, n.CallsInFlight)
	fmt.Fprintf(&b, "oddities: %d unexpected, %d malformed, %d callbacks dropped\n", n.Unexpected, n.Malformed, n.CallbacksDropped)
	b.WriteString("history:\n")
	for _, h := range s.History {
		fmt.Fprintf(&b, "  %s %v", h.Since.Format("15:04:05.000"), h.Status)
		if h.Attempt != 0 {
			fmt.Fprintf(&b, ", attempt %d", h.Attempt)
		}
		if h.Wait != 0 {
			fmt.Fprintf(&b, ", waits %v", h.Wait.Round(time.Millisecond))
		}
		if h.Cause != nil {
			fmt.Fprintf(&b, ": %v", h.Cause)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Debug returns a snapshot of the connection for people to read.
func (c *Conn) Debug() Snapshot {
	s := Snapshot{
		Actor:   c.cfg.Actor,
		Info:    c.Info(),
		Stats:   c.Stats(),
		State:   c.State(),
		Err:     c.Err(),
		History: c.machine.history(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.topics {
		s.Events = append(s.Events, EventSnapshot{Name: t.name, Subscriptions: len(t.feeds)})
	}
	if c.link != nil {
		s.Up = time.Since(c.link.connectedAt)
	}
	return s
}
