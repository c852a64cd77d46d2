package actor

import (
	"errors"
	"sync"
	"sync/atomic"
)

// errMailboxFull is what push returns over the limit.
var errMailboxFull = errors.New("mailbox is full")

// A mailbox runs what one actor has to do: one turn at a time, in the order in
// which it came. While it is empty it has no goroutine; the first item starts
// one, which drains it and ends.
type mailbox struct {
	limit int            // of items that wait; 0 is none
	owner sync.WaitGroup // counts the goroutines
	count uint64         // of turns; for the goroutine that drains
	// current is the id of the turn that is held, 0 for none.
	current atomic.Uint64

	mu       sync.Mutex
	items    []item // those from head on wait
	head     int
	draining bool
	closed   error
}

// item is a function that wants a turn, or a turn that wants to go on.
type item struct {
	// run does the work. It must not panic.
	run func(*turn)
	// refuse is called in place of run, without a turn, when the mailbox is
	// closed before. It must not block.
	refuse func(error)
	// call, if it is set, stands for both: begin and refused.
	call   *call
	resume *turn
	// urgent items are the runtime's own and not counted against the limit.
	urgent bool
}

// push appends an item. It never blocks: over the limit the error is
// errMailboxFull, and afterwards the one that the mailbox was closed with.
func (m *mailbox) push(it item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if it.resume == nil {
		if m.closed != nil {
			return m.closed
		}
		if m.limit > 0 && !it.urgent && len(m.items)-m.head >= m.limit {
			return errMailboxFull
		}
	}
	if m.head > 0 && len(m.items) == cap(m.items) {
		n := copy(m.items, m.items[m.head:])
		clear(m.items[n:])
		m.items, m.head = m.items[:n], 0
	}
	m.items = append(m.items, it)
	if !m.draining {
		m.draining = true
		m.startDrain()
	}
	return nil
}

// next takes the oldest item. When there is none, the caller drains no longer.
func (m *mailbox) next() (item, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.head == len(m.items) {
		m.draining, m.head = false, 0
		clear(m.items)
		if m.items = m.items[:0]; cap(m.items) > mailboxKeeps {
			m.items = nil
		}
		return item{}, false
	}
	it := m.items[m.head]
	m.items[m.head] = item{}
	m.head++
	return it, true
}

// mailboxKeeps is how many slots an empty mailbox keeps for the next burst.
const mailboxKeeps = 32

// close refuses all further items, and those that wait, before it returns: whoever
// waits behind a turn that does not end is not kept waiting. Turns that were
// given away still come back.
func (m *mailbox) close(err error) { m.last(err, nil) }

// last closes the mailbox and, unless run is nil, gives one more turn, behind
// those that come back meanwhile. It does nothing when it was closed before.
func (m *mailbox) last(err error, run func(*turn)) {
	for _, it := range m.shut(err, run) {
		if it.call != nil {
			it.call.refused(err)
		} else {
			it.refuse(err)
		}
	}
}

// shut is last, but for telling those that are refused.
func (m *mailbox) shut(err error, run func(*turn)) (refused []item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed != nil {
		return nil
	}
	m.closed = err
	kept := m.items[:m.head]
	for _, it := range m.items[m.head:] {
		if it.resume == nil {
			refused = append(refused, it)
		} else {
			kept = append(kept, it)
		}
	}
	clear(m.items[len(kept):])
	m.items = kept
	if run != nil {
		m.items = append(m.items, item{run: run})
		if !m.draining {
			m.draining = true
			m.startDrain()
		}
	}
	return refused
}

// wait returns when no goroutine of the mailbox is left: when everything has
// run that was pushed, given-away turns included.
func (m *mailbox) wait() { m.owner.Wait() }

// startDrain has another goroutine drain.
func (m *mailbox) startDrain() {
	m.owner.Add(1)
	go m.drainer()
}

func (m *mailbox) drainer() {
	defer m.owner.Done()
	m.drain()
}

// drain runs items until there are none.
func (m *mailbox) drain() {
	for {
		it, ok := m.next()
		if !ok {
			return
		}
		if it.resume != nil {
			it.resume.lend()
		} else if !m.runTurn(it) {
			return // another goroutine has taken over
		}
	}
}

// runTurn gives an item its turn and reports whether the caller still drains.
func (m *mailbox) runTurn(it item) (drains bool) {
	m.count++
	t := &turn{box: m, id: m.count}
	t.hold()
	returned := false
	defer func() {
		switch {
		case t.granted != nil: // it was given away at least once
			t.giveBack()
		case returned:
			t.release()
			drains = true
		default: // runtime.Goexit, which ends this goroutine
			t.release()
			m.startDrain()
		}
	}()
	if it.call != nil {
		it.call.begin(t)
	} else {
		it.run(t)
	}
	returned = true
	return
}
