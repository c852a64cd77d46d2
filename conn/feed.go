package conn

import (
	"slices"
	"sync/atomic"

	"github.com/rivet-go/rivet/stream"
)

// feed is what all local subscriptions have in common; see copies and member.
type feed struct {
	conn  *Conn
	names []string
	gaps  bool // the loop wants *stream.GapError
	queue interface {
		Notice(err error)
		CloseWith(err error)
		Stats() stream.Stats
	}
	seat   seat
	gone   atomic.Bool // the consumer has left, or the feed was ended
	joined uint64      // generation of the first link it was live on; guarded by Conn.mu

	dropped uint64 // of which the observer has been told; the reader's
}

// seat is where a feed gets the events of a topic from. Both return the list
// after the change and leave the given one as it was; Conn.mu is held.
type seat interface {
	enter(outlets []outlet) []outlet
	leave(outlets []outlet) []outlet
}

// flushEvery bounds the batches that the reader collects.
const flushEvery = 64

// outlet is where the reader puts the events of a topic, and pushes them on in
// batches.
type outlet interface {
	// add takes an event. What fr.Args alias is the reader's again afterwards.
	add(fr Frame) intake
	// flush pushes what waits, without blocking, and reports whether the queues
	// took all of it. Those that did not, which the policies Block and Fail
	// allow, are for hold.
	flush() bool
	// hold waits until the queues have taken the rest, have ended, or done is
	// closed.
	hold(done <-chan struct{})
}

// intake is what became of an event in an outlet.
type intake uint8

const (
	notYet intake = 0         // nothing: what waits has to be flushed first
	added  intake = 1 << iota // it waits for the flush,
	begun                     // as the first one,
	full                      // and the flush is due
)

// taken is the intake of an event with which n wait.
func taken(n int) intake {
	got := added
	if n == 1 {
		got |= begun
	}
	if n >= flushEvery {
		got |= full
	}
	return got
}

// without returns list without x, and list itself as it was.
func without[E comparable](list []E, x E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == x })
}

// observeDrops reports what the queue has dropped since the last report, if
// anybody wants to know.
func (f *feed) observeDrops() {
	obs := f.conn.cfg.Observer.Drop
	if obs == nil {
		return
	}
	dropped := f.queue.Stats().Dropped
	if dropped == f.dropped || f.gone.Load() {
		return
	}
	info := DropInfo{Actor: f.conn.cfg.Actor, Events: f.names, Dropped: dropped - f.dropped}
	f.dropped = dropped
	f.conn.callbacks.push(func() { obs(info) })
}
