package stream

// Hooks connect a [Queue] to its producer. All are optional. None is called
// with a lock held.
type Hooks[E any] struct {
	// Size returns the bytes that e holds on to. It must return the same for
	// as long as e waits, must be quick, and must not touch the queue: it runs
	// inside Push and while the consumer takes its next batch.
	Size func(e *E) int

	// Release takes back events that the consumer has decoded, or that were
	// dropped: each event that Push took charge of comes back exactly once, but
	// for those that [Direct] has handed to the consumer as they are. It is
	// called on the goroutine of whichever side was done with them, so that
	// two calls may run at a time. The slice is only valid during the call.
	Release func(batch []E)

	// Closed is called once, on the goroutine that called Close or left the
	// loop, when the consumer closes the queue before the producer has ended
	// it. The producer stops producing for this queue then.
	Closed func()

	// Unheard is told each notice that a consumer cannot receive because it
	// reads from the channel of C. It is called on the channel's goroutine.
	Unheard func(notice error)
}

// Queue is the bounded buffer between one producer and one consumer. Push,
// PushSized and PushWait are for one goroutine at a time; everything else may be
// called from any goroutine. [Decoded] gives the consumer its end.
//
// A queue starts without memory for events, grows up to its limits as events
// come, and gives memory of a burst back once the consumer has caught up.
type Queue[E any] struct {
	hooks Hooks[E]
	ledger

	// Guarded by ledger.mu. Event number i (see ledger.head) is at
	// ring[i&(len(ring)-1)]; len(ring) is zero or a power of two.
	ring   []E
	peak   int // most events in it since the consumer last waited
	bursts int // eight for each time that was a lot, less one for each other

	// Of the producer: what Push has dropped and will release.
	scrap []E
}

// NewQueue returns an empty queue. Zero limits in cfg mean the defaults.
func NewQueue[E any](cfg Config, hooks Hooks[E]) *Queue[E] {
	q := &Queue[E]{hooks: hooks}
	q.init(cfg)
	return q
}

// Push hands over batch without blocking and returns how many events the
// queue took charge of: it has kept them, or dropped them by its policy. It
// returns less than len(batch) under [Block] when the buffer is full, under
// [Fail] when that has just ended the queue, and when the queue has ended
// before; the caller stays in charge of the rest. The slice is the caller's
// again when Push returns.
func (q *Queue[E]) Push(batch []E) int {
	if len(batch) == 0 {
		return 0
	}
	size := 0
	if q.hooks.Size != nil {
		for i := range batch {
			size += q.hooks.Size(&batch[i])
		}
	}
	return q.PushSized(batch, size)
}

// PushSized is Push for a producer that hands the same events to many queues
// and has added up their sizes once: size is the sum of what [Hooks].Size
// returns for them.
func (q *Queue[E]) PushSized(batch []E, size int) int {
	if len(batch) == 0 {
		return 0
	}
	q.mu.Lock()
	if q.ended {
		q.mu.Unlock()
		return 0
	}
	taken := len(batch)
	if q.depth()+taken <= q.limit && q.bytes+size <= q.limitBytes {
		q.add(batch, size)
	} else {
		taken = q.squeeze(batch)
	}
	q.received += uint64(taken)
	wake := q.unpark()
	q.mu.Unlock()

	if wake {
		q.bell.ring()
	}
	if len(q.scrap) > 0 {
		q.hooks.Release(q.scrap)
		clear(q.scrap)
		q.scrap = q.scrap[:0]
		if cap(q.scrap) > keepRing {
			q.scrap = nil
		}
	}
	return taken
}

// PushWait is Push for a producer that may wait. Under [Block] it goes on with
// the rest as the consumer makes room, until all is taken, the queue has ended
// or done is closed, and returns how many were taken. Under the other policies
// it never waits.
func (q *Queue[E]) PushWait(done <-chan struct{}, batch []E) int {
	taken := q.Push(batch)
	if q.policy != Block {
		return taken
	}
	for taken < len(batch) {
		q.mu.Lock()
		ended := q.ended
		q.mu.Unlock()
		if ended {
			break
		}
		select {
		case <-q.room:
		case <-done:
			return taken
		}
		taken += q.Push(batch[taken:])
	}
	return taken
}

// Notice puts a notice (see [IsNotice]) behind what was pushed so far. Notices
// take no room in the buffer: gaps with no event between them are merged, and
// a consumer that lets more than 64 other notices wait finds the surplus
// counted as dropped events. A gap is only counted if the queue was made
// without [Gaps]. An error that is not a notice ends the queue as CloseWith
// does; nil does nothing.
func (q *Queue[E]) Notice(err error) {
	switch {
	case err == nil:
	case IsNotice(err):
		q.notice(err)
	default:
		q.CloseWith(err)
	}
}

// CloseWith ends the queue from the producer's side: the consumer drains what
// is left and then sees err; nil is a clean end. Once the queue has ended,
// from either side, it changes nothing.
func (q *Queue[E]) CloseWith(err error) {
	q.mu.Lock()
	q.end(err)
	wake := q.unpark()
	q.mu.Unlock()
	if wake {
		q.bell.ring()
	}
	signal(q.room)
}

// Close ends the queue from the consumer's side; what is left is dropped. It
// does not block, and calls after the first do nothing.
func (q *Queue[E]) Close() {
	q.mu.Lock()
	if q.closed.Load() {
		q.mu.Unlock()
		return
	}
	first := !q.ended
	q.end(ErrClosed)
	q.closed.Store(true)
	q.reached = true
	front, back := q.spans(q.depth())
	q.dropped += uint64(len(front) + len(back))
	q.head, q.bytes, q.ring = q.tail, 0, nil
	q.lost, q.notices = 0, nil
	q.waiting = false
	q.mu.Unlock()

	q.bell.ring()
	signal(q.room)
	q.release(front)
	q.release(back)
	if first && q.hooks.Closed != nil {
		q.hooks.Closed()
	}
}

// Stats returns the counters. It does not block.
func (q *Queue[E]) Stats() Stats { return q.stats() }

// add appends batch, which fits and is size bytes. q.mu is held.
func (q *Queue[E]) add(batch []E, size int) {
	n := q.depth()
	if n+len(batch) > len(q.ring) {
		q.grow(n + len(batch))
	}
	at := int(q.tail & uint64(len(q.ring)-1))
	rest := copy(q.ring[at:], batch)
	copy(q.ring, batch[rest:])
	q.tail += uint64(len(batch))
	q.bytes += size
	q.peak = max(q.peak, n+len(batch))
	q.highWater = max(q.highWater, q.peak)
}

// squeeze pushes event by event, as the policy says, and returns how many
// were taken charge of. q.mu is held.
func (q *Queue[E]) squeeze(batch []E) int {
	for i := range batch {
		size := q.size(&batch[i])
		for !q.fits(size) && (q.policy == DropOldest || q.policy == Latest) {
			q.dropHead()
		}
		switch {
		case q.fits(size):
			q.add(batch[i:i+1], size)
		case q.policy == DropNewest:
			q.dropped++
			q.lag(1)
			q.discard(&batch[i])
		case q.policy == Block:
			q.blocked = true
			return i
		default: // Fail
			q.end(&OverflowError{Buffer: q.limit, BufferBytes: q.limitBytes})
			return i
		}
	}
	return len(batch)
}

// fits reports whether an event of that size has room. One that is larger than
// the limit has room when it is alone. q.mu is held.
func (q *Queue[E]) fits(size int) bool {
	n := q.depth()
	return n == 0 || n < q.limit && q.bytes+size <= q.limitBytes
}

// dropHead drops the event that has waited longest. q.mu is held.
func (q *Queue[E]) dropHead() {
	e := &q.ring[q.head&uint64(len(q.ring)-1)]
	q.bytes -= q.size(e)
	q.discard(e)
	var zero E
	*e = zero
	q.head++
	q.dropped++
	if q.policy != Latest { // which asks for this, and is not told
		q.lost++
	}
}

// discard keeps e for Push to release once the lock is free.
func (q *Queue[E]) discard(e *E) {
	if q.hooks.Release != nil {
		q.scrap = append(q.scrap, *e)
	}
}

// drain moves up to most events, but not much more than mostBytes, into buf
// and returns it. When a notice is next it returns that alone; when there is
// nothing, whether the queue has ended or, if not, that it has marked the
// consumer as waiting for the bell.
func (q *Queue[E]) drain(buf []E, most, mostBytes int) (events []E, state state, notice error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed.Load() {
		return buf[:0], ended, nil
	}
	if notice := q.nextNotice(); notice != nil {
		return buf[:0], got, notice
	}
	n := min(most, q.untilNotice())
	if n == 0 {
		if q.ended {
			q.reached = true
			return buf[:0], ended, nil
		}
		q.waiting = true
		q.shrink()
		return buf[:0], empty, nil
	}
	if q.hooks.Size != nil {
		n = q.weigh(n, mostBytes)
	}
	if cap(buf) < n {
		buf = make([]E, ceilPow2(n))
	}
	buf = buf[:n]
	front, back := q.spans(n)
	copy(buf[copy(buf, front):], back)
	clear(front)
	clear(back)
	q.head += uint64(n)
	if q.blocked {
		q.blocked = false
		signal(q.room)
	}
	return buf, got, nil
}

// weigh takes the first events, at most n, off the byte count until they are
// more than limit bytes and returns how many they are. q.mu is held.
func (q *Queue[E]) weigh(n, limit int) int {
	if n == q.depth() && q.bytes <= limit {
		q.bytes = 0
		return n
	}
	size := 0
	for i := range n {
		s := q.hooks.Size(&q.ring[(q.head+uint64(i))&uint64(len(q.ring)-1)])
		if i > 0 && size+s > limit {
			n = i
			break
		}
		size += s
	}
	q.bytes -= size
	return n
}

// spans returns the first n waiting events as they lie in the ring.
func (q *Queue[E]) spans(n int) (front, back []E) {
	if n == 0 {
		return nil, nil
	}
	at := int(q.head & uint64(len(q.ring)-1))
	if end := at + n; end > len(q.ring) {
		return q.ring[at:], q.ring[:end-len(q.ring)]
	}
	return q.ring[at : at+n], nil
}

func (q *Queue[E]) size(e *E) int {
	if q.hooks.Size == nil {
		return 0
	}
	return q.hooks.Size(e)
}

func (q *Queue[E]) release(batch []E) {
	if len(batch) > 0 && q.hooks.Release != nil {
		q.hooks.Release(batch)
	}
}

// shrink gives a large ring back when the consumer has caught up, unless the
// like of it was needed every few times of late: then it would only be made
// again. q.mu is held, and the ring is empty.
func (q *Queue[E]) shrink() {
	if q.peak > keepRing {
		q.bursts = min(q.bursts+8, 64)
	} else {
		q.bursts = max(q.bursts-1, 0)
	}
	q.peak = 0
	if len(q.ring) > keepRing && q.bursts <= 16 {
		q.ring = nil
	}
}

func (q *Queue[E]) unheard(notice error) {
	if q.hooks.Unheard != nil {
		q.hooks.Unheard(notice)
	}
}

// grow makes room for n events in all. q.mu is held.
func (q *Queue[E]) grow(n int) {
	ring := make([]E, max(ceilPow2(n), minRing))
	mask := uint64(len(ring) - 1)
	front, back := q.spans(q.depth())
	at := int(q.head & mask)
	for _, part := range [...][]E{front, back} {
		c := copy(ring[at:], part)
		copy(ring, part[c:])
		at = (at + len(part)) & int(mask)
	}
	q.ring = ring
}
