package conn

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"
)

// historyLen is how many steps of the status machine are kept for Debug and
// for rangers over Statuses that fall behind.
const historyLen = 64

// machine publishes the states of one connection. Only the supervisor and
// end take steps; nothing leaves Closed.
type machine struct {
	mu      sync.Mutex
	steps   []State // the last historyLen of them
	first   int     // how many steps came before steps[0]
	changed chan struct{}
	onStep  func(State) // called with each step, in order; only queues
}

func newMachine(onStep func(State)) *machine {
	return &machine{
		steps:   []State{{Status: Idle, Since: time.Now()}},
		changed: make(chan struct{}),
		onStep:  onStep,
	}
}

// set takes a step, unless the machine is closed, and reports whether it did.
func (m *machine) set(s State) bool {
	s.Since = time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps[len(m.steps)-1].Status == Closed {
		return false
	}
	if len(m.steps) == historyLen {
		m.steps = append(m.steps[:0:0], m.steps[1:]...)
		m.first++
	}
	m.steps = append(m.steps, s)
	close(m.changed)
	m.changed = make(chan struct{})
	m.onStep(s)
	return true
}

func (m *machine) now() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steps[len(m.steps)-1]
}

func (m *machine) history() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]State(nil), m.steps...)
}

// after returns the first step that is kept from position pos on, the
// position behind it, and a channel that is closed at the next step; ok is
// false when there is no step yet.
func (m *machine) after(pos int) (s State, next int, changed <-chan struct{}, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pos = max(pos, m.first)
	if pos >= m.first+len(m.steps) {
		return State{}, pos, m.changed, false
	}
	return m.steps[pos-m.first], pos + 1, m.changed, true
}

// last returns the position of the current state.
func (m *machine) last() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first + len(m.steps) - 1
}

// Status returns the current status.
func (c *Conn) Status() Status { return c.machine.now().Status }

// State returns the current step of the status machine.
func (c *Conn) State() State { return c.machine.now() }

// Statuses ranges over the current state and each one after it, in order. The
// loop ends after Closed, or with ctx. A loop that is more than 64 steps late
// skips the oldest.
func (c *Conn) Statuses(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		pos := c.machine.last()
		for {
			s, next, changed, ok := c.machine.after(pos)
			pos = next
			if ok {
				if !yield(s) || s.Status == Closed {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Ready waits until the connection is connected. It returns nil then, and Err
// once the connection is closed. If ctx ends first, it returns ctx's error, with
// why the latest attempt failed in one tree.
func (c *Conn) Ready(ctx context.Context) error {
	var cause error
	for s := range c.Statuses(ctx) {
		cause = s.Cause
		switch s.Status {
		case Connected:
			return nil
		case Closed:
			return c.Err()
		}
	}
	if cause != nil {
		return fmt.Errorf("%w (last failure: %w)", contextError(ctx), cause)
	}
	return contextError(ctx)
}
