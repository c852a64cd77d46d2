package broadcast

import (
	"fmt"
	"net"
	"sync/atomic"

	"github.com/rivet-go/rivet/internal/ws"
)

// member is one connection of a crowd. It reads in a goroutine of its own, and
// does as little as it can about it: it counts events, and looks at the number of
// one of them for each frame.
type member struct {
	crowd *crowd
	conn  net.Conn
	next  func() ([]byte, error) // blocks for what comes next, whole events

	phase *phase
	got   uint64 // events of the phase
	sum   uint64 // of their numbers, where they come anyhow
	mark  uint64 // at which it reports
	times []int64
}

// phase is what a crowd does for a while: the events that it expects, and how far
// all are. Phases change only when nothing is on its way.
type phase struct {
	kind  kind
	every uint64 // events, after which each member reports

	arrived [8]atomic.Int32 // members that have reported, for the newest reports
	all     chan struct{}   // has a token for each time that all have
}

type kind int

const (
	listen  kind = iota // wait for the first event, of any number
	settle              // wait for the one with lastNumber
	ordered             // numbers from 0 on
	anyhow              // the same in any order
	timed               // numbers are the time of sending
)

// read reads until the connection ends.
func (m *member) read() error {
	for {
		sent, err := m.next()
		if err != nil {
			return fmt.Errorf("after %d events: %w", m.got, err)
		}
		n := count(sent)
		if n == 0 {
			continue // a ping, or an answer to what was asked for
		}
		if p := m.crowd.phase.Load(); p != m.phase {
			m.phase, m.got, m.sum, m.mark = p, 0, 0, p.every
		}
		if m.phase.kind == ordered {
			if err := m.batch(sent, n); err != nil {
				return err
			}
			continue
		}
		for range n {
			var number uint64
			if number, sent, err = first(sent); err != nil {
				return err
			}
			if err := m.event(number); err != nil {
				return err
			}
		}
	}
}

// batch takes n events, of which it holds the first against what is due.
func (m *member) batch(sent []byte, n int) error {
	number, _, err := first(sent)
	if err != nil {
		return err
	}
	if number != m.got {
		return fmt.Errorf("event %d comes in place of %d", number, m.got)
	}
	m.got += uint64(n)
	m.report()
	return nil
}

// event takes one event.
func (m *member) event(number uint64) error {
	switch m.phase.kind {
	case listen:
		if m.got > 0 {
			return nil
		}
		m.got++
	case settle:
		if number != lastNumber {
			return nil
		}
		m.got++
	case anyhow:
		m.sum += number
		m.got++
	default:
		now, err := clock()
		if err != nil {
			return err
		}
		m.times = append(m.times, int64(now-number))
		m.got++
	}
	m.report()
	return nil
}

// report tells of marks that were passed.
func (m *member) report() {
	p := m.phase
	for m.got >= m.mark {
		at := &p.arrived[m.mark/p.every%uint64(len(p.arrived))]
		m.mark += p.every
		if at.Add(1) == int32(len(m.crowd.members)) {
			at.Store(0)
			select {
			case p.all <- struct{}{}:
			default: // nobody waits that long
			}
		}
	}
}

// frames returns what comes in the frames of a WebSocket.
func frames(hs *ws.Handshake) func() ([]byte, error) {
	r := ws.NewReader(hs.Conn, hs.Early, ws.ReaderConfig{Role: ws.Client})
	return func() ([]byte, error) {
		m, err := r.Next()
		if err != nil {
			return nil, err
		}
		if m.Op == ws.OpClose {
			code, reason, _ := ws.ParseClose(m.Payload)
			return nil, fmt.Errorf("the server has closed with %d %q", code, reason)
		}
		return m.Payload, nil
	}
}
