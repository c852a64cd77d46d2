package local

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/actor"
)

// lease is a generation's hold on an actor.
type lease struct {
	place  *place
	prefix []byte // of its keys in the store
	ended  atomic.Bool
	// alarmed says that the generation has set the alarm; the store's changes
	// alone use it.
	alarmed bool
}

var _ actor.Lease = (*lease)(nil)

// end makes the lease worthless. What it has submitted, but was not begun, is
// not done any more; whatever is submitted after end comes behind the rest.
func (l *lease) end() { l.ended.Store(true) }

func (l *lease) check() error {
	if l.ended.Load() {
		return actor.ErrLeaseEnded
	}
	return nil
}

func (l *lease) key(k []byte) []byte { return append(slices.Clip(l.prefix), k...) }

// LimitError says that a key, a value or a batch is larger than a Store takes.
type LimitError struct {
	What  string // such as "key"
	Size  int
	Limit int
}

// Error names the limit, never what was to be stored.
func (e *LimitError) Error() string {
	return fmt.Sprintf("local: %s of %d, the limit is %d", e.What, e.Size, e.Limit)
}

func checkSize(what string, size, limit int) error {
	if size > limit {
		return &LimitError{What: what, Size: size, Limit: limit}
	}
	return nil
}

// Get implements actor.Store.
func (l *lease) Get(ctx context.Context, keys ...[]byte) ([][]byte, error) {
	if err := errors.Join(l.check(), context.Cause(ctx)); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := checkSize("key bytes", len(k), actor.MaxKey); err != nil {
			return nil, err
		}
	}
	values := make([][]byte, len(keys))
	err := l.place.p.store.view(func(tx txn) error {
		for i, k := range keys {
			if v := tx.get(l.key(k)); v != nil {
				values[i] = append([]byte{}, v...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Apply implements actor.Store.
func (l *lease) Apply(ctx context.Context, b actor.Batch) error {
	if err := errors.Join(l.check(), context.Cause(ctx), checkBatch(b)); err != nil {
		return err
	}
	if len(b) == 0 {
		// It still returns behind what came before.
		return l.place.p.store.update(ctx, func(txn) error { return l.check() })
	}
	b, size := l.own(b)
	return l.place.p.store.submit(size, func(tx txn) error {
		if err := l.check(); err != nil {
			return err
		}
		for _, c := range b {
			var err error
			switch {
			case c.Value != nil:
				err = tx.put(c.Key, c.Value)
			case c.To != nil:
				err = tx.removeRange(c.Key, c.To)
			default:
				err = tx.remove(c.Key)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}).wait(ctx)
}

func checkBatch(b actor.Batch) error {
	if err := checkSize("changes in a batch", len(b), actor.MaxBatch); err != nil {
		return err
	}
	total := 0
	for _, c := range b {
		if c.Value != nil && len(c.To) > 0 {
			return errors.New("local: a change has both a value and an end of a range")
		}
		err := errors.Join(
			checkSize("key bytes", max(len(c.Key), len(c.To)), actor.MaxKey),
			checkSize("value bytes", len(c.Value), actor.MaxValue))
		if err != nil {
			return err
		}
		total += len(c.Key) + len(c.Value) + len(c.To)
	}
	return checkSize("bytes in a batch", total, actor.MaxBatchBytes)
}

// own returns the batch with the store's keys, in memory of its own, as it may
// be written when its maker has gone on.
func (l *lease) own(b actor.Batch) (kept actor.Batch, size int) {
	for _, c := range b {
		size += len(c.Key) + len(c.Value) + len(c.To) + 2*len(l.prefix)
	}
	room := make([]byte, 0, size)
	keep := func(parts ...[]byte) []byte {
		start := len(room)
		for _, p := range parts {
			room = append(room, p...)
		}
		return room[start:len(room):len(room)]
	}
	kept = make(actor.Batch, len(b))
	for i, c := range b {
		kept[i].Key = keep(l.prefix, c.Key)
		if c.Value != nil {
			kept[i].Value = keep(c.Value)
		}
		if len(c.To) > 0 {
			kept[i].To = keep(l.prefix, c.To)
		}
	}
	return kept, size
}

// A page of a List is what is read at once, as the file may not be able to grow
// meanwhile.
const (
	pageEntries = 256
	pageBytes   = 1 << 20
)

// List implements actor.Store.
func (l *lease) List(ctx context.Context, from, to []byte, limit int, reverse bool) iter.Seq2[actor.Entry, error] {
	start, end := l.key(from), l.key(to)
	if len(to) == 0 {
		end = successor(l.prefix)
	}
	return func(yield func(actor.Entry, error) bool) {
		if limit < 0 {
			yield(actor.Entry{}, errors.New("local: a negative limit"))
			return
		}
		from, to, left := start, end, limit
		for bytes.Compare(from, to) < 0 {
			page, more, err := l.page(ctx, from, to, left, reverse)
			if err != nil {
				yield(actor.Entry{}, err)
				return
			}
			if n := len(page); n > 0 && reverse {
				to = l.key(page[n-1].Key)
			} else if n > 0 {
				from = append(l.key(page[n-1].Key), 0)
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if !more || limit > 0 && len(page) == left {
				return
			}
			if limit > 0 {
				left -= len(page)
			}
		}
	}
}

// page returns the next entries, limit at most unless that is zero, with the
// actor's keys, and whether there may be more.
func (l *lease) page(ctx context.Context, from, to []byte, limit int, reverse bool) (page []actor.Entry, more bool, err error) {
	if err := errors.Join(l.check(), context.Cause(ctx)); err != nil {
		return nil, false, err
	}
	if limit == 0 || limit > pageEntries {
		limit = pageEntries
	}
	size := 0
	err = l.place.p.store.view(func(tx txn) error {
		tx.scan(from, to, reverse, func(k, v []byte) bool {
			if len(page) == limit || size > pageBytes {
				more = true
				return false
			}
			size += len(k) + len(v)
			page = append(page, actor.Entry{Key: append([]byte{}, k[len(l.prefix):]...), Value: append([]byte{}, v...)})
			return true
		})
		return nil
	})
	return page, more, err
}

// SetAlarm implements actor.Lease.
func (l *lease) SetAlarm(ctx context.Context, t time.Time) error {
	if err := errors.Join(l.check(), context.Cause(ctx)); err != nil {
		return err
	}
	entry, at := table(tableAlarm, l.place.id), millis(t)
	if !t.IsZero() && at <= 0 {
		at = 1 // before 1970: due in any case
	}
	return l.place.p.store.update(ctx, func(tx txn) error {
		if err := l.check(); err != nil {
			return err
		}
		l.alarmed = true
		if at == 0 {
			return tx.remove(entry)
		}
		return tx.put(entry, binary.BigEndian.AppendUint64(nil, uint64(at)))
	})
}

// Sleep implements actor.Lease.
func (l *lease) Sleep() { l.intend(func(pl *place) { pl.sleepy = true }) }

// Destroy implements actor.Lease.
func (l *lease) Destroy() { l.intend(func(pl *place) { pl.condemn() }) }

// Failed implements actor.Lease.
func (l *lease) Failed(err error) {
	if err == nil {
		err = errors.New("it failed for no reason")
	}
	l.intend(func(pl *place) {
		if pl.failed == nil {
			pl.failed = err
		}
	})
}

// intend notes what the generation wants, unless it is over.
func (l *lease) intend(f func(*place)) {
	pl := l.place
	pl.p.mu.Lock()
	defer pl.p.mu.Unlock()
	if pl.lease == l {
		f(pl)
		pl.kick()
	}
}
