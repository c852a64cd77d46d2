package conn

import (
	"slices"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// renewAfter is when a subscription is sent again although nothing tells that
// the actor is awake: the first time has woken it.
const renewAfter = 2 * time.Second

// wideAwake is how long after its latest message an actor is taken to be awake.
// One that puts itself to sleep has been seen asleep within 100 ms.
const wideAwake = 5 * time.Millisecond

// late is a subscription sent on a link that was open already. The actor may
// have been asleep, and the engine (2.3.19) loses a few in a hundred of the
// subscriptions that wake one, without a trace. They are sent once more, which
// the server does not mind, when the actor is awake for certain.
type late struct {
	name  string
	call  uint64    // a reply to this call or a later one proves the actor awake
	again time.Time // when not to wait for that any longer
}

// doubt notes that a subscription was sent late, if the actor may be asleep;
// Conn.mu is held.
func (c *Conn) doubt(l *link, name string, now time.Time) {
	if now.UnixNano()-l.spoke.Load() < int64(wideAwake) {
		return
	}
	c.late = append(c.late, late{name: name, call: c.nextID.Load(), again: now.Add(renewAfter)})
}

// renewLate sends those again of which done says so, unless an event has come
// meanwhile or nobody wants them any more. It reports whether there is
// something for the writer. Conn.mu is held.
func (c *Conn) renewLate(l *link, done func(*late) bool) (sent bool) {
	c.late = slices.DeleteFunc(c.late, func(s late) bool {
		if !done(&s) {
			return false
		}
		i := c.topicIndex(s.name)
		if i < 0 {
			return true
		}
		if t := c.topics[i]; c.link == l && t.sentGen == l.gen && t.seen.Load() != l.gen {
			// Without a new sentAt: it is as old as it is for judge.
			c.out.push(item{frame: codec.AppendSubscription(nil, c.cfg.Encoding, t.name, true)})
			sent = true
		}
		return true
	})
	return sent
}

// answered renews what was sent before the call with that id, whose reply has
// come. Conn.mu is held.
func (c *Conn) answered(l *link, id uint64) (sent bool) {
	return c.renewLate(l, func(s *late) bool { return id >= s.call })
}

// renew renews what is due by the clock.
func (l *link) renew(now time.Time) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewLate(l, func(s *late) bool { return !now.Before(s.again) })
}

// renewAt is when the next renewal is due, zero for never; Conn.mu is held.
func (c *Conn) renewAt() time.Time {
	if len(c.late) == 0 {
		return time.Time{}
	}
	return c.late[0].again
}
