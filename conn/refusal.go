package conn

import (
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

// The server answers a subscription that it does not permit by closing the
// whole connection, and does not say which one it was; one that it permits it
// does not answer at all. So a subscription proves itself by an event, or by
// standing for a while, and those that have not are suspects.
const (
	// probation is how long a suspect is tried alone, at least: the check may
	// take longer, as refusals show.
	probation    = 2 * time.Second
	maxProbation = 30 * time.Second
	// patience is how long a subscription has to stand that is not tried alone.
	patience = 5 * time.Second
)

// SubscriptionError ends a subscription that the server does not permit. The
// server answers one such request by closing the whole connection, so the
// connection finds out which one it was, leaves it out, and goes on.
type SubscriptionError struct {
	Event string
	Err   error // the server's reason, a *codec.Error auth.forbidden
}

func (e *SubscriptionError) Error() string {
	return fmt.Sprintf("rivet: subscription to %q refused: %v", e.Event, e.Err)
}

// Unwrap returns the server's reason.
func (e *SubscriptionError) Unwrap() error { return e.Err }

// refusedSubscription reports whether the server closed the link because of a
// subscription.
func (l *link) refusedSubscription(err error) bool {
	var ce *CloseError
	return l.connected() && errors.As(err, &ce) && ce.Err != nil && errors.Is(ce.Err, codec.ErrForbidden)
}

// judge learns from the end of the link l which subscriptions are permitted,
// and, when one of them was why it ended, which one is not: that one is ended,
// with err as its reason. When there are several suspects they are marked, to
// be tried one by one on the next link. It reports whether a subscription was
// the reason.
func (c *Conn) judge(l *link, err error) bool {
	if !l.connected() {
		return false
	}
	refused := l.refusedSubscription(err)
	c.mu.Lock()
	fresh, old := c.acquit(l)
	if !refused {
		c.mu.Unlock()
		return false
	}
	guilty, found := c.charge(l, fresh, old)
	if guilty == nil {
		c.mu.Unlock()
		return found
	}
	for _, f := range guilty.feeds {
		c.detach(f)
	}
	c.routes.Store(nil)
	c.mu.Unlock()
	reason := &SubscriptionError{Event: guilty.name, Err: err}
	for _, f := range guilty.feeds {
		f.gone.Store(true)
		f.queue.CloseWith(reason)
	}
	c.callbacks.push(func() { c.log.Warn("subscription refused", "actor", c.cfg.Actor, "event", guilty.name) })
	c.onError.fire(&c.callbacks, reason)
	return true
}

// acquit trusts the topics that l, which is down, has carried for long enough.
// It returns those that brought no event on it: fresh ones, which have proved
// nothing yet, and old ones. Conn.mu is held.
func (c *Conn) acquit(l *link) (fresh, old []*topic) {
	for _, t := range c.topics {
		if t.sentGen != l.gen {
			continue
		}
		need := c.probation
		if !t.suspect {
			need = max(need, patience)
		}
		seen := t.seen.Load() == l.gen
		if seen || c.lostAt.Sub(t.sentAt) >= need {
			t.trusted, t.suspect = true, false
		}
		switch {
		case seen:
		case t.trusted:
			old = append(old, t)
		default:
			fresh = append(fresh, t)
		}
	}
	return fresh, old
}

// charge returns the topic that the server has refused on l, if only one can
// be it, and else marks the suspects; found is false when there are none.
// Conn.mu is held.
func (c *Conn) charge(l *link, fresh, old []*topic) (guilty *topic, found bool) {
	// A subscription that was given up meanwhile may be it as well.
	left := c.leftGen == l.gen && c.lostAt.Sub(c.leftAt) < max(patience, c.probation)
	suspects := fresh
	switch {
	case len(fresh) > 0:
	case left:
		return nil, true // most likely
	default:
		suspects, old = old, nil // what was permitted once may be no longer
	}
	sure := len(suspects) == 1 && !left
	for _, t := range old {
		sure = sure && c.lostAt.Sub(t.sentAt) >= c.probation
	}
	if sure {
		return suspects[0], true
	}
	for _, t := range suspects {
		t.suspect, t.trusted = true, false
		c.probation = max(c.probation, min(2*c.lostAt.Sub(t.sentAt), maxProbation))
	}
	return nil, len(suspects) > 0
}

// remember notes that a topic was dropped before it proved itself on the link.
// Conn.mu is held.
func (c *Conn) remember(t *topic) {
	if t.seen.Load() != t.sentGen && (c.leftGen != t.sentGen || t.sentAt.After(c.leftAt)) {
		c.leftGen, c.leftAt = t.sentGen, t.sentAt
	}
}

// probe sends the next suspect and says when the one after it is due, zero for
// never. What came while the suspect waited for its turn is missing as well.
func (l *link) probe(now time.Time) (next time.Time) {
	c := l.c
	var feeds []*feed
	var up time.Time
	c.mu.Lock()
	for len(l.probes) > 0 && next.IsZero() {
		name := l.probes[0]
		l.probes = l.probes[1:]
		if i := c.topicIndex(name); i >= 0 && c.link == l && c.topics[i].sentGen != l.gen {
			t := c.topics[i]
			c.send(l, t)
			feeds, up, next = t.feeds, t.sentAt, now.Add(c.probation)
		}
	}
	c.mu.Unlock()
	for _, f := range feeds {
		l.gap(f, &stream.GapError{Down: l.lost.Down, Up: up, Reason: l.lost.Reason})
	}
	return next
}
