package stream

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	minRing    = 8   // slots of the first ring
	keepRing   = 256 // slots that an idle queue may keep
	maxNotices = 64  // notices that wait, besides lags and gaps
)

// state is what a consumer finds in a queue.
type state uint8

const (
	got   state = iota // events or a notice
	empty              // nothing yet
	ended              // nothing any more
)

// Stats counts the events of one queue. At any quiet moment Received is
// Delivered + Dropped + Depth.
type Stats struct {
	Received  uint64 // events that the queue took charge of
	Delivered uint64 // events handed to the consumer, including undecodable ones
	Dropped   uint64 // events dropped by the policy, or left when the consumer closed

	Depth     int // events on their way: in the buffer, and in the batch the consumer works on
	HighWater int // the most events that were in the buffer at a time
	Bytes     int // size of the events in the buffer, where the producer measures it

	Lags      uint64 // LagError notices that the consumer has come to
	Gaps      uint64 // gaps of the source, told or not
	Undecoded uint64 // events that were skipped because they could not be decoded
}

// ledger is the part of a queue that does not depend on the type of its
// events: positions, counters, notices and the end. Nothing blocks while mu is
// held, and no code of others but Hooks.Size runs under it.
type ledger struct {
	policy     Policy
	gaps       bool
	limit      int
	limitBytes int

	bell bell          // for the consumer: look again
	room chan struct{} // a token for the producer in PushWait

	closed    atomic.Bool   // by the consumer
	delivered atomic.Uint64 // written by the consumer; see Subscription.deliver

	mu         sync.Mutex
	head, tail uint64 // numbers of the next event to drain and of the next to come
	bytes      int
	received   uint64
	dropped    uint64
	highWater  int
	lagCount   uint64
	gapCount   uint64
	undecoded  uint64

	lost    uint64   // dropped right before head and not yet told
	notices []placed // by place, in order
	others  int      // how many of them are neither lag nor gap
	foldAt  int      // how many of them are reason to fold

	ended   bool  // nothing comes any more
	err     error // why; nil is a clean end
	reached bool  // the consumer has seen the end
	waiting bool  // the consumer wants a token
	blocked bool  // the producer wants a token

	handed func() int // events in the channel of C, counted as delivered too early
}

// placed is a notice and the number of the event it comes before.
type placed struct {
	before uint64
	lag    uint64 // a LagError of that many events, if not zero
	err    error  // otherwise
}

func (l *ledger) init(cfg Config) {
	l.policy, l.gaps = cfg.Overflow, cfg.Gaps
	l.limit, l.limitBytes = cfg.Buffer, cfg.BufferBytes
	if l.limit < 1 {
		l.limit = DefaultBuffer
	}
	if l.limitBytes < 1 {
		l.limitBytes = DefaultBufferBytes
	}
	if l.policy == Latest {
		l.limit = 1
	}
	l.bell.init()
	l.room = make(chan struct{}, 1)
}

// signal leaves a token in c unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func ceilPow2(n int) int { return 1 << bits.Len(uint(n-1)) }

// The methods below are called with mu held.

func (l *ledger) depth() int { return int(l.tail - l.head) }

// unpark reports whether the consumer waits and there is something for it; the
// caller then leaves the token, after it has given mu back.
func (l *ledger) unpark() bool {
	if !l.waiting || l.head == l.tail && l.lost == 0 && len(l.notices) == 0 && !l.ended {
		return false
	}
	l.waiting = false
	return true
}

// end ends the queue, the first time.
func (l *ledger) end(err error) {
	if !l.ended {
		l.ended, l.err = true, err
	}
}

// untilNotice returns how many events come before the next notice.
func (l *ledger) untilNotice() int {
	if len(l.notices) > 0 {
		return min(l.depth(), int(l.notices[0].before-l.head))
	}
	return l.depth()
}

// lag notes that n events were lost behind what has been pushed so far.
func (l *ledger) lag(n uint64) {
	for i := len(l.notices) - 1; i >= 0 && l.notices[i].before == l.tail; i-- {
		if l.notices[i].lag > 0 {
			l.notices[i].lag += n
			return
		}
	}
	l.place(placed{lag: n})
}

// gap notes a gap behind what has been pushed so far.
func (l *ledger) gap(g *GapError) {
	if i := len(l.notices) - 1; i >= 0 && l.notices[i].before == l.tail {
		if first, ok := l.notices[i].err.(*GapError); ok {
			l.notices[i].err = mergeGaps(first, g)
			return
		}
	}
	l.place(placed{err: g})
}

// place puts p behind what has been pushed so far. There is at most one lag
// and one gap for each event that waits, and few others, but for those whose
// event was dropped: they are folded now and then.
func (l *ledger) place(p placed) {
	if len(l.notices) >= max(l.foldAt, maxNotices) {
		l.fold()
		l.foldAt = 2 * len(l.notices)
	}
	p.before = l.tail
	l.notices = append(l.notices, p)
}

// mergeGaps returns one gap for two. It makes a new one: others may hold
// either.
func mergeGaps(first, last *GapError) *GapError {
	return &GapError{Down: first.Down, Up: last.Up, Reason: last.Reason}
}

// fold merges the lags, and the gaps, that have come to the same place, before
// the event at head, because the events between them were dropped.
func (l *ledger) fold() {
	here := 0
	for here < len(l.notices) && l.notices[here].before <= l.head {
		here++
	}
	if here < 2 {
		return
	}
	lag, gap := -1, -1
	kept := l.notices[:0]
	for _, p := range l.notices[:here] {
		g, ok := p.err.(*GapError)
		switch {
		case p.lag > 0 && lag >= 0:
			kept[lag].lag += p.lag
			continue
		case ok && gap >= 0:
			kept[gap].err = mergeGaps(kept[gap].err.(*GapError), g)
			continue
		case p.lag > 0:
			lag = len(kept)
		case ok:
			gap = len(kept)
		}
		kept = append(kept, p)
	}
	l.notices = slices.Delete(l.notices, len(kept), here)
}

// nextNotice takes the notice that comes before the event at head, or returns
// nil. Events lost at the head are told first, and notices of one kind whose
// places have become one are told as one.
func (l *ledger) nextNotice() error {
	here := len(l.notices) > 0 && l.notices[0].before <= l.head
	if l.lost == 0 && !here {
		return nil
	}
	if here {
		l.fold()
	}
	if l.lost > 0 {
		sum := l.lost
		l.lost = 0
		for i, p := range l.notices {
			if p.before > l.head {
				break
			}
			if p.lag > 0 {
				sum += p.lag
				l.notices = slices.Delete(l.notices, i, i+1)
				break
			}
		}
		l.lagCount++
		return &LagError{Dropped: sum}
	}
	first := l.notices[0]
	l.notices[0] = placed{}
	if l.notices = l.notices[1:]; len(l.notices) == 0 {
		l.notices, l.foldAt = nil, 0
	}
	if first.lag > 0 {
		l.lagCount++
		return &LagError{Dropped: first.lag}
	}
	if _, ok := first.err.(*GapError); !ok {
		l.others--
	}
	return first.err
}

// The methods below take mu themselves.

// notice places err behind what was pushed so far.
func (l *ledger) notice(err error) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	if _, ok := err.(*DecodeError); ok {
		l.undecoded++
	}
	switch g, ok := err.(*GapError); {
	case ok && !l.gaps:
		l.gapCount++
	case ok:
		l.gapCount++
		l.gap(g)
	case l.others >= maxNotices:
		l.received++
		l.dropped++
		l.lag(1)
	default:
		l.others++
		l.place(placed{err: err})
	}
	wake := l.unpark()
	l.mu.Unlock()
	if wake {
		l.bell.ring()
	}
}

// drop counts events that the consumer had drained and did not deliver.
func (l *ledger) drop(n int) {
	if n > 0 {
		l.mu.Lock()
		l.dropped += uint64(n)
		l.mu.Unlock()
	}
}

// undeliver is drop for events that were already counted as delivered.
func (l *ledger) undeliver(n int) {
	l.mu.Lock()
	l.dropped += uint64(n)
	l.delivered.Add(-uint64(n))
	l.mu.Unlock()
}

func (l *ledger) countUndecoded(n int) {
	l.mu.Lock()
	l.undecoded += uint64(n)
	l.mu.Unlock()
}

// park asks for a token when something comes, unless an event is there.
func (l *ledger) park() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = l.head == l.tail
	return l.waiting
}

// hand makes n the number of events that are in a channel.
func (l *ledger) hand(n func() int) {
	l.mu.Lock()
	l.handed = n
	l.mu.Unlock()
}

// cause returns why the queue ended and whether the consumer has seen it.
func (l *ledger) cause() (err error, reached bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err, l.reached
}

func (l *ledger) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits := 0
	if l.handed != nil {
		waits = l.handed()
	}
	delivered := l.delivered.Load()
	delivered -= min(delivered, uint64(waits))
	return Stats{
		Received:  l.received,
		Delivered: delivered,
		Dropped:   l.dropped,
		Depth:     int(l.received - l.dropped - delivered),
		HighWater: l.highWater,
		Bytes:     l.bytes,
		Lags:      l.lagCount,
		Gaps:      l.gapCount,
		Undecoded: l.undecoded,
	}
}
