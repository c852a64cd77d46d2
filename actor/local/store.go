package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A disk is an ordered map from bytes to bytes, in a file or in memory.
type disk interface {
	// view runs f on what is there. f is short: while it runs, the file may not
	// be able to grow.
	view(f func(tx txn) error) error
	// update runs f and makes what it has changed durable, all at once. When f
	// fails nothing is changed, if f has not written before it failed. One
	// goroutine calls it.
	update(f func(tx txn) error) error
	// close returns when no view runs any more.
	close() error
	// name is where the data is, for errors.
	name() string
}

// txn is a view of a disk, or a change to it. What it hands out is valid until
// it ends, and must not be changed; what it is given to store is its own.
type txn interface {
	get(key []byte) []byte // nil when there is none
	put(key, value []byte) error
	remove(key []byte) error
	// removeRange removes what is from a key up to, but without, another.
	removeRange(from, to []byte) error
	// scan calls f with what is from a key up to, but without, another, in
	// order or backwards, until f returns false. f does not write.
	scan(from, to []byte, reverse bool, f func(key, value []byte) bool)
}

// A store makes the changes of everybody durable, in the order in which they
// came: what waits while one transaction is being written goes into the next
// one together. Its goroutine is there only while there is something to write.
type store struct {
	disk  disk
	owner sync.WaitGroup

	mu      sync.Mutex
	queue   []*change
	writing bool
	closed  bool
}

// change is a function that is to run in a transaction, or has run. It checks
// first and writes then: once it has written it fails only when the transaction
// does. err is set before done is closed.
type change struct {
	run  func(tx txn) error
	size int // about how many bytes it writes
	done chan struct{}
	err  error
}

var errNothing = errors.New("nothing was changed")

// A transaction is in memory until it is written, so it has bounds, behind which
// there is at most one more change.
const (
	maxGroup      = 4096
	maxGroupBytes = 16 << 20
)

func openStore(d disk) *store { return &store{disk: d} }

// submit queues a change of about that many bytes and does not block.
func (s *store) submit(size int, run func(tx txn) error) *change {
	c := &change{run: run, size: size, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.err = errShutDown
		close(c.done)
		return c
	}
	s.queue = append(s.queue, c)
	if !s.writing {
		s.writing = true
		s.owner.Go(s.write)
	}
	return c
}

// wait returns when the change is durable or has failed, or when ctx has ended,
// with its cause; the change is made all the same then.
func (c *change) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	default:
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *store) update(ctx context.Context, run func(tx txn) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.submit(0, run).wait(ctx)
}

// view runs f on what is there. f is short.
func (s *store) view(f func(tx txn) error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return errShutDown
	}
	return s.disk.view(f)
}

func (s *store) write() {
	for {
		group := s.next()
		if len(group) == 0 {
			return
		}
		err := s.disk.update(func(tx txn) error {
			seen := &writes{txn: tx}
			for _, c := range group {
				c.err = c.run(seen)
				if errors.Is(c.err, ErrDamaged) {
					c.err = fmt.Errorf("local: %s: %w", s.disk.name(), c.err)
				}
				if seen.err != nil {
					return seen.err
				}
			}
			if !seen.any {
				return errNothing // and nothing to sync
			}
			return nil
		})
		for _, c := range group {
			if err != nil && !errors.Is(err, errNothing) {
				c.err = err
			}
			close(c.done)
		}
	}
}

func (s *store) next() []*change {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < min(len(s.queue), maxGroup) && size < maxGroupBytes {
		size += s.queue[n].size
		n++
	}
	group := s.queue[:n:n]
	s.queue = s.queue[n:]
	if len(group) == 0 {
		s.queue, s.writing = nil, false
	}
	return group
}

// close writes what waits, refuses what comes, and closes the disk.
func (s *store) close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.owner.Wait()
	if again {
		return nil
	}
	return s.disk.close()
}

// writes notices whether a transaction has written, and whether that failed.
type writes struct {
	txn
	any bool
	err error
}

func (w *writes) note(err error) error {
	w.any = true
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *writes) put(key, value []byte) error       { return w.note(w.txn.put(key, value)) }
func (w *writes) remove(key []byte) error           { return w.note(w.txn.remove(key)) }
func (w *writes) removeRange(from, to []byte) error { return w.note(w.txn.removeRange(from, to)) }
