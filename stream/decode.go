package stream

import (
	"fmt"
	"math"
	"reflect"
	"sync/atomic"
)

const (
	batchEvents = 64        // events in a consumer's private batch, at most
	batchSlots  = 8 << 10   // bytes of its slots, unless one slot is larger
	batchBytes  = 256 << 10 // bytes its events hold on to, unless one event is larger
)

// source is a queue whose type of events has been erased: what a Subscription
// needs of it beside the ledger. It costs one call a batch.
type source[T any] interface {
	// fill puts what comes next into b, which has been reset, without
	// blocking. After empty, the ledger's bell says when to look again.
	fill(b *batch[T]) state
	close()
	unheard(notice error)
}

// batch is what a consumer works on: a run of events, of which some may have
// turned out to be errors, or a single notice.
type batch[T any] struct {
	vals   []T
	pos    int
	errs   []failure // by place; each stands in for vals[at]
	errAt  int       // place of errs[0], or beyond the batch
	notice bool      // errs[0] is all there is, and no event

	delivered *atomic.Uint64 // the ledger's
	base      uint64         // its value before this batch
	step      int            // it moves with every event (0) or every eighth (7)
}

type failure struct {
	at  int
	err error
}

func (b *batch[T]) left() int { return len(b.vals) - b.pos }

// unread returns how many of what is left are events.
func (b *batch[T]) unread() int {
	if b.notice {
		return 0
	}
	return b.left()
}

// reset empties b and lets go of what it held.
func (b *batch[T]) reset() {
	if len(b.vals) > 0 {
		clear(b.vals)
		b.vals = b.vals[:0]
	}
	if len(b.errs) > 0 {
		clear(b.errs)
		b.errs = b.errs[:0]
	}
	b.pos, b.errAt, b.notice = 0, math.MaxInt, false
}

// prepare gives b, which is empty, n slots. A burst pays for the counter's
// atomic write once in eight events; at most that is how far Stats is behind.
func (b *batch[T]) prepare(n int) {
	if cap(b.vals) < n {
		b.vals = make([]T, ceilPow2(n))
	}
	b.start(b.vals[:n])
}

// start makes vals what b delivers.
func (b *batch[T]) start(vals []T) {
	b.vals = vals
	b.base = b.delivered.Load()
	b.step = 0
	if len(vals) > 16 {
		b.step = 7
	}
}

// setNotice makes a batch of one notice.
func (b *batch[T]) setNotice(err error) {
	b.prepare(1)
	b.notice = true
	b.base-- // it is no event, yet moves pos
	b.fail(0, err)
}

func (b *batch[T]) fail(at int, err error) {
	if len(b.errs) == 0 {
		b.errAt = at
	}
	b.errs = append(b.errs, failure{at, err})
	var zero T
	b.vals[at] = zero
}

// take returns the next of what is left.
func (b *batch[T]) take() (T, error) {
	i := b.pos
	b.pos++
	if i&b.step == b.step || b.pos == len(b.vals) {
		b.publish()
	}
	if i == b.errAt {
		return b.vals[i], b.takeErr()
	}
	return b.vals[i], nil
}

func (b *batch[T]) takeErr() error {
	err := b.errs[0].err
	b.errs[0] = failure{}
	b.errs = b.errs[1:]
	b.errAt = math.MaxInt
	if len(b.errs) > 0 {
		b.errAt = b.errs[0].at
	} else {
		b.errs = nil
	}
	return err
}

// publish counts what has been taken as delivered.
func (b *batch[T]) publish() { b.delivered.Store(b.base + uint64(b.pos)) }

// abandon counts what has been taken as delivered, empties b and returns how
// many events were left.
func (b *batch[T]) abandon() int {
	n := b.unread()
	if len(b.vals) > 0 && (b.pos > 0 || !b.notice) { // base is one short for a notice
		b.publish()
	}
	b.reset()
	return n
}

// decoder is the consumer's end of a Queue[E]: it turns batches of E into
// batches of T.
type decoder[E, T any] struct {
	q      *Queue[E]
	decode func(e *E, dst *T) error
	raw    []E
	most   int
}

func newDecoder[E, T any](q *Queue[E], decode func(e *E, dst *T) error) *decoder[E, T] {
	slot := max(reflect.TypeFor[E]().Size(), reflect.TypeFor[T]().Size())
	return &decoder[E, T]{q: q, decode: decode, most: batchSize(q.limit, slot)}
}

// batchSize returns how many events a consumer takes at a time.
func batchSize(limit int, slot uintptr) int {
	return max(1, min(batchEvents, limit, batchSlots/max(int(slot), 1)))
}

func (d *decoder[E, T]) fill(b *batch[T]) state {
	raw, state, notice := d.q.drain(d.raw, d.most, batchBytes)
	d.raw = raw
	if notice != nil {
		b.setNotice(notice)
		return state
	}
	if len(raw) == 0 {
		return state
	}
	b.prepare(len(raw))
	// Deferred for the sake of a decoder that ends its goroutine.
	defer func() {
		d.q.release(raw)
		clear(raw)
	}()
	for i := 0; i < len(raw); {
		i = d.run(raw, b, i)
	}
	if n := len(b.errs); n > 0 {
		d.q.countUndecoded(n)
	}
	return state
}

// run decodes raw[i:] and returns how far it came, which is not to the end if
// decode panicked. That is an error of one event like any other: there may be
// nobody above to recover it on the goroutine of C.
func (d *decoder[E, T]) run(raw []E, b *batch[T], from int) (i int) {
	i = from
	defer func() {
		if p := recover(); p != nil {
			err, ok := p.(error)
			if !ok {
				err = fmt.Errorf("%v", p)
			}
			b.fail(i, &DecodeError{Err: fmt.Errorf("decoder panicked: %w", err)})
			i++
		}
	}()
	for ; i < len(raw); i++ {
		if err := d.decode(&raw[i], &b.vals[i]); err != nil {
			notice, ok := err.(*DecodeError)
			if !ok {
				notice = &DecodeError{Err: err}
			}
			b.fail(i, notice)
		}
	}
	return i
}

func (d *decoder[E, T]) close() { d.q.Close() }

func (d *decoder[E, T]) unheard(notice error) { d.q.unheard(notice) }

// direct is the consumer's end of a Queue[T] whose events need no decoding.
type direct[T any] struct {
	q    *Queue[T]
	most int
}

func (d *direct[T]) fill(b *batch[T]) state {
	vals, state, notice := d.q.drain(b.vals, d.most, batchBytes)
	switch {
	case notice != nil:
		b.setNotice(notice)
	case len(vals) > 0:
		b.start(vals)
	}
	return state
}

func (d *direct[T]) close() { d.q.Close() }

func (d *direct[T]) unheard(notice error) { d.q.unheard(notice) }
