package stream

import (
	"context"
	"io"
	"iter"
	"reflect"
	"sync"
)

// Subscription is the consumer's typed end of a [Queue]. It is consumed by one
// of [Subscription.All], [Subscription.Batches], [Subscription.Next] and
// [Subscription.C] at a time: while a loop or the channel has it, the others
// are refused with [ErrInUse]. Next may be called by several goroutines, which
// then share the events. All other methods are safe for concurrent use, also
// from inside the loop.
//
// A subscription holds on to its source until it is closed. Every way out of a
// loop over All or Batches closes it; with Next and C it is up to the caller.
type Subscription[T any] struct {
	src source[T]
	l   *ledger

	lead chan struct{} // held by the one Next that waits for the queue
	next batch[T]      // what it fills

	mu      sync.Mutex
	batch   batch[T] // of the loop while there is one, else guarded by mu
	looping bool     // a loop or the channel consumes
	users   int      // calls of Next that found the batch empty
	refused bool     // C came while a loop was consuming
	inside  bool     // the channel's goroutine runs code of others
	ch      chan T
	quit    chan struct{} // closed to end the channel's goroutine
	gone    chan struct{} // closed when it has ended
	quitted bool
}

// Decoded returns the consumer's end of q, which must have no other. decode
// turns a queued event into a T, on the consumer's goroutine, into a dst that
// is zero; it must copy what it keeps, since the event is released when it
// returns. An error, or a panic, becomes a [*DecodeError] notice. decode must
// not use the subscription.
func Decoded[E, T any](q *Queue[E], decode func(e *E, dst *T) error) *Subscription[T] {
	return subscribe[T](newDecoder(q, decode), &q.ledger)
}

// Direct returns the consumer's end of a queue whose events are what the
// consumer is to receive, as they are. The queue must have no other.
func Direct[T any](q *Queue[T]) *Subscription[T] {
	most := batchSize(q.limit, reflect.TypeFor[T]().Size())
	return subscribe[T](&direct[T]{q: q, most: most}, &q.ledger)
}

func subscribe[T any](src source[T], l *ledger) *Subscription[T] {
	s := &Subscription[T]{src: src, l: l, lead: make(chan struct{}, 1)}
	s.batch.delivered = &l.delivered
	s.batch.reset()
	return s
}

// Failed returns a subscription that has ended with err, or cleanly if err is
// nil.
func Failed[T any](err error) *Subscription[T] {
	q := NewQueue(Config{}, Hooks[T]{})
	q.CloseWith(err)
	return Direct(q)
}

// Next waits for the next event and returns it, or an error instead of one:
//
//   - a notice (see [IsNotice]): call Next again;
//   - ctx.Err(), as soon as ctx has ended and also when there are events; the
//     subscription is as it was;
//   - [ErrInUse] while a loop or the channel of C consumes;
//   - the end, now and from then on: [io.EOF] if it is clean, [ErrClosed]
//     after Close, otherwise the error the source ended with.
func (s *Subscription[T]) Next(ctx context.Context) (T, error) {
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	s.mu.Lock()
	if !s.looping && s.batch.left() > 0 {
		v, err := s.batch.take()
		s.mu.Unlock()
		return v, err
	}
	s.mu.Unlock()
	return s.wait(ctx)
}

// wait is Next when the batch was empty.
func (s *Subscription[T]) wait(ctx context.Context) (v T, err error) {
	s.mu.Lock()
	if s.looping {
		s.mu.Unlock()
		return v, ErrInUse
	}
	s.users++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.users--
		s.mu.Unlock()
	}()

	select {
	case s.lead <- struct{}{}:
	case <-ctx.Done():
		return v, ctx.Err()
	}
	defer func() { <-s.lead }()
	for {
		s.mu.Lock()
		if s.batch.left() > 0 { // of a Next that led before
			v, err = s.batch.take()
			s.mu.Unlock()
			return v, err
		}
		s.batch.reset()
		s.next = s.batch // to decode without mu: nobody touches an empty batch
		s.mu.Unlock()

		found := s.src.fill(&s.next)

		s.mu.Lock()
		s.batch, s.next = s.next, batch[T]{}
		if s.l.closed.Load() {
			s.l.drop(s.batch.abandon())
		}
		s.mu.Unlock()
		switch found {
		case ended:
			if ctx.Err() != nil {
				return v, ctx.Err()
			}
			if err, _ = s.l.cause(); err == nil {
				err = io.EOF
			}
			return v, err
		case empty:
			select {
			case <-s.l.bell.token:
			case <-ctx.Done():
				return v, ctx.Err()
			}
		}
	}
}

// All returns a loop over events and notices, to be used once: each step is an
// event, or an error and no event. The loop goes on after a notice (see
// [IsNotice]); any other error is the last step. It ends without an error when
// the source ends cleanly, when the subscription is closed, and as soon as ctx
// has ended, whatever else has come to pass by then. However the loop is left,
// the subscription is closed then, also by a panic.
//
// An event that comes while the loop waits wakes it at once; under load it
// takes up to 64 events at a time.
func (s *Subscription[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if !s.enter() {
			yield(zero, ErrInUse)
			return
		}
		defer s.leave()
		mortal := ctx.Done() != nil
		b := &s.batch
		for {
			for b.pos < len(b.vals) {
				if s.l.closed.Load() || mortal && ctx.Err() != nil {
					return
				}
				i := b.pos
				if i == b.errAt {
					if !yield(b.take()) {
						return
					}
					continue
				}
				b.pos = i + 1
				if i&b.step == b.step {
					b.publish()
				}
				if !yield(b.vals[i], nil) {
					return
				}
			}
			if ok, err := s.refill(ctx); !ok {
				if err != nil {
					yield(zero, err)
				}
				return
			}
		}
	}
}

// Batches is All by the batch: each step is one or more events, or an error
// and none. The slice is valid until the next step. It waits no longer than
// All does: a batch is what has come by then, at most 64 events.
func (s *Subscription[T]) Batches(ctx context.Context) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		if !s.enter() {
			yield(nil, ErrInUse)
			return
		}
		defer s.leave()
		b := &s.batch
		for {
			for b.left() > 0 {
				if s.l.closed.Load() || ctx.Err() != nil {
					return
				}
				if b.errAt == b.pos {
					if _, err := b.take(); !yield(nil, err) {
						return
					}
					continue
				}
				end := min(b.errAt, len(b.vals))
				run := b.vals[b.pos:end:end]
				b.pos = end
				b.publish()
				if !yield(run, nil) {
					return
				}
			}
			if ok, err := s.refill(ctx); !ok {
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

// enter makes the caller the only consumer, if there is none.
func (s *Subscription[T]) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looping || s.users > 0 {
		return false
	}
	s.looping = true
	return true
}

// leave ends a loop and closes s.
func (s *Subscription[T]) leave() {
	s.src.close()
	s.mu.Lock()
	n := s.batch.abandon()
	s.looping = false
	s.mu.Unlock()
	s.l.drop(n)
}

// refill waits for the next batch of a loop. Without one the loop ends, with
// err as its last step if that is not nil.
func (s *Subscription[T]) refill(ctx context.Context) (ok bool, err error) {
	if len(s.batch.vals) > 0 {
		s.batch.publish()
	}
	s.batch.reset()
	for {
		if ctx.Err() != nil {
			return false, nil
		}
		switch s.src.fill(&s.batch) {
		case got:
			return true, nil
		case ended:
			if s.l.closed.Load() || ctx.Err() != nil {
				return false, nil
			}
			err, _ := s.l.cause()
			return false, err
		}
		select {
		case <-s.l.bell.token:
		case <-ctx.Done():
		}
	}
}

// Err returns nil while events may come, and after a clean end; after Close
// [ErrClosed]; otherwise the error the source ended with, once the consumer
// has come to the end. It is [ErrInUse] if C was refused.
func (s *Subscription[T]) Err() error {
	err, reached := s.l.cause()
	if reached {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused {
		return ErrInUse
	}
	return nil
}

// Stats returns the counters. It does not block. While a loop works through a
// burst, Delivered moves in steps of eight.
func (s *Subscription[T]) Stats() Stats { return s.l.stats() }

// Close ends s: what is left is dropped, a waiting Next returns [ErrClosed],
// loops end before their next step. It returns nil. Calling it again does
// nothing. It may be called from anywhere, also from inside the loop or from
// the producer. It waits for the goroutine of C, except when that is inside
// the decoder or a hook, where Close may have been called: then that goroutine
// ends as soon as it gets out.
func (s *Subscription[T]) Close() error {
	s.src.close()

	s.mu.Lock()
	n := 0
	if !s.looping {
		n = s.batch.abandon()
	}
	if s.quit != nil && !s.quitted {
		s.quitted = true
		close(s.quit)
	}
	ch, gone, inside := s.ch, s.gone, s.inside
	s.mu.Unlock()

	s.l.drop(n)
	if gone != nil && !inside {
		<-gone
		s.discard(ch)
	}
	return nil
}
