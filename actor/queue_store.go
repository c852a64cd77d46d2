package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// queues are the messages that an actor has been sent and has not completed.
// They are durable; what is in memory is their order, and the bodies that fit
// there. It is safe for concurrent use.
//
// A message is ready, or delivered, or it pauses after it was put back, or it
// is set aside as it cannot be decoded. Only the first makes any difference on
// disk: none. So whatever a generation leaves behind is ready in the next one.
type queues struct {
	store   Store
	journal *journal
	log     *slog.Logger
	// hold keeps the actor awake. It is called with mu held.
	hold func() (release func())
	// limit is how many messages there may be, and maxBody how long one.
	limit, maxBody int

	timers timers
	owner  sync.WaitGroup
	ended  chan struct{} // closed by close

	mu      sync.Mutex
	last    MessageID
	all     map[MessageID]*queued
	byName  map[string]*queue
	pauses  map[MessageID]respite
	cached  int // bytes of bodies in memory
	closing error
}

type queue struct {
	ready   []*queued      // by id
	waiters []chan *queued // who waits longest is first; of capacity 1
}

// respite is that of a message that was put back.
type respite struct {
	until time.Time
	stop  func()
}

// queueCache is how many bytes of bodies an actor keeps in memory.
const queueCache = 1 << 20

func newQueues(store Store, j *journal, log *slog.Logger, hold func() func(), limit, maxBody int) *queues {
	return &queues{
		store: store, journal: j, log: log, hold: hold, limit: limit, maxBody: maxBody,
		ended:  make(chan struct{}),
		all:    make(map[MessageID]*queued),
		byName: make(map[string]*queue),
		pauses: make(map[MessageID]respite),
	}
}

// load reads what the generation before has left. It comes before all else.
// A record that is damaged is logged and stays where it is.
func (qs *queues) load(ctx context.Context) error {
	from, to := []byte{keyQueue, queueHeads}, []byte{keyQueue, queueHeads + 1}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for e, err := range qs.store.List(ctx, from, to, 0, false) {
		if err != nil {
			return fmt.Errorf("read the queues: %w", err)
		}
		m, err := decodeQueued(e.Key, e.Value)
		if err != nil {
			qs.log.Error("a queue message is lost", "error", err)
			continue
		}
		qs.last = m.id
		qs.all[m.id] = m
		q := qs.queue(m.queue)
		q.ready = append(q.ready, m)
	}
	return nil
}

// queue returns the queue of a name; mu is held.
func (qs *queues) queue(name string) *queue {
	q := qs.byName[name]
	if q == nil {
		q = new(queue)
		qs.byName[name] = q
	}
	return q
}

// tidy forgets a queue that has nothing; mu is held. Clients may send to any
// name, so that names must not pile up.
func (qs *queues) tidy(name string) {
	if q := qs.byName[name]; q != nil && len(q.ready)+len(q.waiters) == 0 {
		delete(qs.byName, name)
	}
}

// enqueue stores a message and returns when it is on disk, or, if wait, when it
// is completed or timeout is over, zero for none. When ctx ends before, the
// error is its cause, and the message stays. It does not need a turn.
//
// The errors of a queue itself are for clients: queue.full,
// queue.message_too_large.
func (qs *queues) enqueue(ctx context.Context, name string, body codec.Value, wait bool, timeout time.Duration) (codec.QueueResult, error) {
	m, stored, err := qs.add(name, body, wait)
	if err != nil {
		return codec.QueueResult{}, err
	}
	if err := stored.wait(ctx); err != nil {
		return codec.QueueResult{}, err
	}
	qs.spare(m)
	if !wait {
		return codec.QueueResult{Status: "completed"}, nil
	}
	var over <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		over = t.C
	}
	select {
	case v := <-m.answer:
		return codec.QueueResult{Status: "completed", Response: v.Bytes()}, nil
	default:
	}
	select {
	case v := <-m.answer:
		return codec.QueueResult{Status: "completed", Response: v.Bytes()}, nil
	case <-over:
		return codec.QueueResult{Status: "timedOut"}, nil
	case <-ctx.Done():
		return codec.QueueResult{}, context.Cause(ctx)
	case <-qs.ended:
		return codec.QueueResult{}, qs.closing
	}
}

// add puts a message behind all others. It does not block.
func (qs *queues) add(name string, body codec.Value, wait bool) (*queued, *commit, error) {
	data := body.Bytes()
	if len(data) > qs.maxBody {
		return nil, nil, fault("queue", "message_too_large",
			fmt.Sprintf("Queue message too large (%d bytes). Limit is %d bytes.", len(data), qs.maxBody), map[string]int{"size": len(data), "limit": qs.maxBody})
	}
	if len(name) > MaxKey {
		return nil, nil, fault("queue", "message_invalid", fmt.Sprintf("Queue name too long (%d bytes). Limit is %d bytes.", len(name), MaxKey), nil)
	}
	now := time.Now()
	m := &queued{queue: name, enc: body.Encoding(), at: now.Truncate(time.Microsecond), body: slices.Clone(data), inRAM: true}
	if wait {
		m.answer = make(chan codec.Value, 1)
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	switch {
	case qs.closing != nil:
		return nil, nil, qs.closing
	case len(qs.all) >= qs.limit:
		return nil, nil, fault("queue", "full", fmt.Sprintf("Queue is full. Limit is %d messages.", qs.limit), map[string]int{"limit": qs.limit})
	}
	// Ids are the time, so that one does not come again when all messages of
	// a generation are gone.
	m.id = max(qs.last+1, MessageID(max(now.UnixMicro(), 0)))
	qs.last = m.id
	qs.all[m.id] = m
	qs.cached += len(m.body)
	stored := qs.journal.add(Batch{
		{Key: queueKey(queueHeads, m.id), Value: m.appendHead(nil)},
		{Key: queueKey(queueBodies, m.id), Value: append([]byte{}, m.body...)},
	})
	// It may be delivered before it is on disk: what its completion writes
	// goes behind it, and a crash takes both.
	qs.offer(m)
	return m, stored, nil
}

// offer makes a message ready, or gives it to who has waited longest; mu is
// held.
func (qs *queues) offer(m *queued) {
	q := qs.queue(m.queue)
	if len(q.waiters) > 0 {
		w := q.waiters[0]
		q.waiters = slices.Delete(q.waiters, 0, 1)
		w <- m
		return
	}
	i, _ := slices.BinarySearchFunc(q.ready, m.id, func(r *queued, id MessageID) int { return cmp.Compare(r.id, id) })
	q.ready = slices.Insert(q.ready, i, m)
}

// spare drops the body of a message that is on disk, if there are too many in
// memory.
func (qs *queues) spare(m *queued) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.cached > queueCache && m.inRAM {
		qs.forget(m)
	}
}

// forget drops a body from memory; mu is held.
func (qs *queues) forget(m *queued) {
	if m.inRAM {
		qs.cached -= len(m.body)
		m.body, m.inRAM = nil, false
	}
}

// ErrSettled is returned for a message that was completed or released before.
var ErrSettled = errors.New("actor: the message was completed or released before")

// complete takes a message off its queue and returns when that is on disk; then
// it gives the value to a sender that waits.
func (qs *queues) complete(ctx context.Context, d *delivery, v codec.Value) error {
	batch, err := qs.remove(d)
	if err != nil {
		return err
	}
	return qs.removed(ctx, d, qs.journal.add(batch), func() {
		if d.answer != nil {
			d.answer <- v
		}
	})
}

// remove settles a message and returns what takes it off the disk. The caller
// stores that and calls removed.
func (qs *queues) remove(d *delivery) (Batch, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	switch {
	case d.settled:
		return nil, ErrSettled
	case qs.closing != nil:
		return nil, qs.closing
	}
	d.settled = true
	delete(qs.all, d.id)
	qs.forget(d.queued)
	qs.owner.Add(1)
	return Batch{{Key: queueKey(queueHeads, d.id)}, {Key: queueKey(queueBodies, d.id)}}, nil
}

// removed returns when the commit is durable, or when ctx ends. Once it is
// durable, then is called, also later.
func (qs *queues) removed(ctx context.Context, d *delivery, gone *commit, then func()) error {
	finish := func() {
		defer qs.owner.Done()
		defer d.release()
		if gone.err == nil {
			then()
		}
	}
	select {
	case <-gone.done:
		finish()
		return gone.err
	case <-ctx.Done():
		go func() { // which wait waits for
			<-gone.done
			finish()
		}()
		return context.Cause(ctx)
	}
}

// putBack makes a message ready again in its old place, after a pause.
func (qs *queues) putBack(d *delivery, after time.Duration) error {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if d.settled {
		return ErrSettled
	}
	d.settled, d.held = true, false
	defer d.release()
	switch {
	case qs.closing != nil:
		// The next generation has it.
	case after <= 0:
		qs.offer(d.queued)
	default:
		stop := qs.timers.after(after, func() {
			qs.mu.Lock()
			defer qs.mu.Unlock()
			if _, ok := qs.pauses[d.id]; ok && qs.closing == nil {
				delete(qs.pauses, d.id)
				qs.offer(d.queued)
			}
		})
		qs.pauses[d.id] = respite{time.Now().Add(after), stop}
	}
	return nil
}

// untried is putBack for a message that no handler has seen: this was no attempt.
func (qs *queues) untried(d *delivery) {
	qs.mu.Lock()
	d.attempts--
	qs.journal.add(Batch{{Key: queueKey(queueHeads, d.id), Value: d.appendHead(nil)}})
	qs.mu.Unlock()
	_ = qs.putBack(d, 0)
}

// setAside lets go of a message that cannot be delivered. It stays where it is,
// for the next generation.
func (qs *queues) setAside(d *delivery) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	d.settled, d.held, d.aside = true, false, true
	d.release()
}

// discard takes a message off its queue that is not delivered.
func (qs *queues) discard(ctx context.Context, id MessageID) (bool, error) {
	qs.mu.Lock()
	m := qs.all[id]
	if m == nil || m.held || qs.closing != nil {
		defer qs.mu.Unlock()
		return false, qs.closing
	}
	delete(qs.all, id)
	qs.forget(m)
	if q := qs.byName[m.queue]; q != nil {
		if i := slices.Index(q.ready, m); i >= 0 {
			q.ready = slices.Delete(q.ready, i, i+1)
			qs.tidy(m.queue)
		}
	}
	if p, ok := qs.pauses[id]; ok {
		p.stop()
		delete(qs.pauses, id)
	}
	gone := qs.journal.add(Batch{{Key: queueKey(queueHeads, id)}, {Key: queueKey(queueBodies, id)}})
	qs.mu.Unlock()
	return true, gone.wait(ctx)
}

// backlog is when the first message of a queue is or becomes ready, zero if
// there is none. What is delivered counts: it is in the queue until completed.
func (qs *queues) backlog(name string) (t time.Time) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	for id, m := range qs.all {
		if m.queue != name || m.aside {
			continue
		}
		at := m.at
		if p, ok := qs.pauses[id]; ok {
			at = p.until
		}
		if t.IsZero() || at.Before(t) {
			t = at
		}
	}
	return t
}

// close ends all waiting, of senders and receivers, with err, and returns when
// nothing runs any more but what the journal does. Messages stay on disk.
func (qs *queues) close(err error) {
	qs.mu.Lock()
	if qs.closing == nil {
		qs.closing = err
		close(qs.ended)
		for id, p := range qs.pauses {
			p.stop()
			delete(qs.pauses, id)
		}
	}
	qs.mu.Unlock()
	qs.timers.wait()
}

// wait returns when nothing of it runs any more; the journal has ended.
func (qs *queues) wait() { qs.owner.Wait() }
