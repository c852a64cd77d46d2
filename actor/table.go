package actor

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/rivet-go/rivet/codec"
)

// encodings is how many there are; they count from zero.
const encodings = int(codec.JSON) + 1

// table is the connections of an actor, and who has subscribed to what. It is
// safe for concurrent use.
type table struct {
	mu       sync.RWMutex
	conns    roster[*Conn]
	audience map[string]*audience
	dirty    map[*Conn]struct{} // whose record in the store is out of date
	over     bool
}

// audience is who has subscribed to one event, by the encoding to send it in.
type audience [encodings]roster[*Conn]

// roster keeps elements in a slice, for loops over it, and knows where each is.
type roster[E comparable] struct {
	list []E
	at   map[E]int
}

func (s *roster[E]) add(e E) bool {
	if _, has := s.at[e]; has {
		return false
	}
	if s.at == nil {
		s.at = make(map[E]int)
	}
	s.at[e] = len(s.list)
	s.list = append(s.list, e)
	return true
}

// remove puts the last element in the place of e.
func (s *roster[E]) remove(e E) bool {
	i, has := s.at[e]
	if !has {
		return false
	}
	last := len(s.list) - 1
	moved := s.list[last]
	s.list[i], s.at[moved] = moved, i
	clear(s.list[last:])
	s.list = s.list[:last]
	delete(s.at, e)
	return true
}

// all yields the connections there are when the loop begins.
func (t *table) all() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		t.mu.RLock()
		conns := slices.Clone(t.conns.list)
		t.mu.RUnlock()
		for _, c := range conns {
			if !yield(c) {
				return
			}
		}
	}
}

func (t *table) add(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	if t.conns.add(c) {
		c.in.rt.count.connections.Add(1)
	}
	for event := range c.events {
		t.join(c, event)
	}
}

// remove takes c and its subscriptions away; false when it is not there.
func (t *table) remove(c *Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.conns.remove(c) {
		return false
	}
	c.in.rt.count.connections.Add(-1)
	for event := range c.events {
		t.leave(c, event)
	}
	return true
}

// maxSubscribed bounds the names of all events that a connection has subscribed
// to, in bytes, so that no client fills the memory, and its record fits the store.
const maxSubscribed = 64 << 10

// subscribe begins or ends a subscription of a connection that is there. False
// means that it has too many.
func (t *table) subscribe(c *Conn, event string, on bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, here := t.conns.at[c]
	_, has := c.events[event]
	switch cost := len(event) + 16; {
	case !here || has == on:
	case !on:
		c.subscribed -= cost
		delete(c.events, event)
		t.leave(c, event)
	case c.subscribed+cost > maxSubscribed:
		return false
	default:
		c.subscribed += cost
		c.events[event] = struct{}{}
		t.join(c, event)
	}
	return true
}

func (t *table) join(c *Conn, event string) {
	a := t.audience[event]
	if a == nil {
		a = new(audience)
		if t.audience == nil {
			t.audience = make(map[string]*audience)
		}
		t.audience[event] = a
	}
	a[c.enc].add(c)
}

func (t *table) leave(c *Conn, event string) {
	a := t.audience[event]
	if a == nil {
		return
	}
	a[c.enc].remove(c)
	for i := range a {
		if len(a[i].list) > 0 {
			return
		}
	}
	delete(t.audience, event)
}

// subscribed reports whether c is there and gets event.
func (t *table) subscribed(c *Conn, event string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	a := t.audience[event]
	if a == nil {
		return false
	}
	_, has := a[c.enc].at[c]
	return has
}

// eventsOf returns what c has subscribed to, sorted.
func (t *table) eventsOf(c *Conn) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.events))
}

// changed notes that c is to be stored anew.
func (t *table) changed(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dirty == nil {
		t.dirty = make(map[*Conn]struct{})
	}
	t.dirty[c] = struct{}{}
}

// unsaved returns, in a turn, the batches that bring the store up to date.
func (t *table) unsaved() (all []Batch) {
	t.mu.Lock()
	dirty := t.dirty
	t.dirty = nil
	if dirty == nil {
		dirty = make(map[*Conn]struct{})
	}
	for _, c := range t.conns.list {
		if c.link != nil && c.touched.Swap(false) {
			dirty[c] = struct{}{}
		}
	}
	t.mu.Unlock()
	var b Batch
	for c := range dirty {
		change := Change{Key: connKey(c.id)}
		if t.has(c) {
			data, err := c.record()
			if err != nil {
				c.in.log.Error("cannot save a connection", "error", err)
				continue
			}
			if fp := fingerprint(data); fp == c.stored {
				continue
			} else {
				c.stored = fp
			}
			change.Value = data
		} else if c.stored == 0 {
			continue // never got to the store
		} else {
			c.stored = 0
		}
		if len(change.Value) > MaxValue {
			c.in.log.Error("cannot save a connection: its state is too large", "bytes", len(change.Value), "limit", MaxValue)
			continue
		}
		if len(b) == MaxBatch || b.size()+len(change.Value)+MaxKey > MaxBatchBytes {
			all, b = append(all, b), nil
		}
		b = append(b, change)
	}
	if len(b) > 0 {
		all = append(all, b)
	}
	return all
}

func (t *table) has(c *Conn) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, has := t.conns.at[c]
	return has
}

// closeAll closes the links of all connections.
func (t *table) closeAll(code int, reason string) {
	for c := range t.all() {
		if c.link != nil {
			c.link.Close(code, reason)
		}
	}
}

// end empties the table for good, when the generation is over: what still runs
// must not reach links that are the next one's.
func (t *table) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.conns.list {
		c.in.rt.count.connections.Add(-1)
	}
	t.over, t.conns, t.audience, t.dirty = true, roster[*Conn]{}, nil, nil
}

// listens tells in which encodings somebody has subscribed to event.
func (t *table) listens(event string) (in [encodings]bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if a := t.audience[event]; a != nil {
		for enc := range a {
			in[enc] = len(a[enc].list) > 0
		}
	}
	return in
}

// send hands the frame of its encoding to each subscriber of event but for some,
// and returns how many there were. The lock is held meanwhile, so that who leaves
// gets nothing afterwards.
func (t *table) send(event string, frames *[encodings]*Frame, except []*Conn) (sent int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	a := t.audience[event]
	if a == nil {
		return 0
	}
	for enc, f := range frames {
		if f == nil {
			continue
		}
		for _, c := range a[enc].list {
			if len(except) == 0 || !slices.Contains(except, c) {
				_ = c.link.Send(f) // a link that failed tells by Closed
				sent++
			}
		}
	}
	return sent
}
