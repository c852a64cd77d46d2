package actor

import (
	"context"
	"fmt"
	"slices"
)

// A delivery is a message in the hands of a handler.
type delivery struct {
	*queued
	body    []byte
	attempt int
	release func() // of the hold
	settled bool   // guarded by queues.mu
}

// tryNext delivers the first message that is ready, nil if there is none.
func (qs *queues) tryNext(ctx context.Context, name string) (*delivery, error) {
	for {
		qs.mu.Lock()
		if qs.closing != nil {
			qs.mu.Unlock()
			return nil, qs.closing
		}
		q := qs.byName[name]
		if q == nil || len(q.ready) == 0 {
			qs.mu.Unlock()
			return nil, nil
		}
		m := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		qs.tidy(name)
		release := qs.hold()
		qs.mu.Unlock()
		d, err := qs.deliver(ctx, m, release)
		if d != nil || err != nil {
			return d, err
		}
	}
}

// next delivers the first message that is ready, and waits for it until ctx
// ends; then the error is its cause. blocking is called around a wait.
func (qs *queues) next(ctx context.Context, name string, blocking func(wait func() error) error) (*delivery, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		d, err := qs.tryNext(ctx, name)
		if d != nil || err != nil {
			return d, err
		}
		err = blocking(func() (err error) {
			d, err = qs.await(ctx, name)
			return err
		})
		if d != nil || err != nil {
			return d, err
		}
	}
}

// await waits for a message; both results may be nil: then look again.
func (qs *queues) await(ctx context.Context, name string) (*delivery, error) {
	qs.mu.Lock()
	q := qs.queue(name)
	if qs.closing != nil || len(q.ready) > 0 {
		qs.mu.Unlock()
		return nil, qs.closing
	}
	w := make(chan *queued, 1)
	q.waiters = append(q.waiters, w)
	qs.mu.Unlock()

	var m *queued
	select {
	case m = <-w:
	case <-ctx.Done():
	case <-qs.ended:
	}
	qs.mu.Lock()
	if m == nil {
		if i := slices.Index(q.waiters, w); i >= 0 {
			q.waiters = slices.Delete(q.waiters, i, i+1)
			qs.tidy(name)
		} else if m = <-w; ctx.Err() != nil || qs.closing != nil {
			qs.offer(m) // it came too late
			m = nil
		}
	}
	if m == nil {
		defer qs.mu.Unlock()
		if qs.closing != nil {
			return nil, qs.closing
		}
		return nil, context.Cause(ctx)
	}
	release := qs.hold()
	qs.mu.Unlock()
	return qs.deliver(ctx, m, release)
}

// deliver counts the attempt and gets the body. Both results are nil when the
// message has none, which is damage and is logged, or was discarded.
func (qs *queues) deliver(ctx context.Context, m *queued, release func()) (*delivery, error) {
	qs.mu.Lock()
	body, has := m.body, m.inRAM
	qs.mu.Unlock()
	if !has {
		found, err := qs.store.Get(ctx, queueKey(queueBodies, m.id))
		if err != nil {
			qs.mu.Lock()
			qs.offer(m)
			qs.mu.Unlock()
			release()
			return nil, fmt.Errorf("actor: read a message of queue %q: %w", m.queue, err)
		}
		body = found[0]
		has = body != nil
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	switch {
	case qs.all[m.id] != m: // it was discarded meanwhile
		release()
		return nil, nil
	case !has:
		qs.log.Error("a queue message is lost", "error", fmt.Errorf("actor: the stored queue message %d is damaged: it has no body", m.id))
		m.aside = true
		release()
		return nil, nil
	}
	m.held = true
	m.attempts++
	// Nobody waits for this one: at worst a crash makes the count too low.
	qs.journal.add(Batch{{Key: queueKey(queueHeads, m.id), Value: m.appendHead(nil)}})
	return &delivery{queued: m, body: body, attempt: int(m.attempts), release: release}, nil
}
