package stream

import (
	"context"
	"math"
	"sync"
)

// LatestBy returns the stream in which, while the consumer is busy, only the
// newest value of each key waits: of ten thousand prices a slow consumer gets
// the present one of every share. A value takes the place of the one of its key
// that waits, so that keys come in the order in which they first waited. To
// skip what is out of date is what it is for, and is not told. A consumer that
// keeps up gets every value.
//
// One goroutine consumes s, without ever waiting for the consumer, and calls
// key; it has ended before the consumption of the stream has. Memory is bounded
// by the number of different keys. Notices keep their place among the keys. The
// stream ends with s, after what waits.
func LatestBy[T any, K comparable](s Stream[T], key func(T) K) Stream[T] {
	if key == nil {
		return noFunc[T]("LatestBy")
	}
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		w := &newestByKey[K, T]{waiting: make(map[K]*keyed[K, T])}
		q := NewQueue(Config{Buffer: math.MaxInt, BufferBytes: math.MaxInt, Gaps: true}, Hooks[*keyed[K, T]]{})
		d := newDecoder(q, w.take)
		d.most = 1 // what the consumer has taken is not replaced any more
		return fed(ctx, q, subscribe[T](d, &q.ledger), out, func(ctx context.Context, _ fateFunc) {
			var one [1]*keyed[K, T]
			s.drive(ctx, observer[T]{
				next: func(v T) bool {
					if one[0] = w.put(key(v), v); one[0] == nil {
						return !q.closed.Load()
					}
					return q.Push(one[:]) == 1
				},
				notice: func(err error) bool {
					q.Notice(err)
					return !q.closed.Load()
				},
				end: q.CloseWith,
			})
		})
	}}
}

// keyed is a value that waits.
type keyed[K comparable, T any] struct {
	key   K
	value T
}

// newestByKey is what waits, beside the queue that has its order.
type newestByKey[K comparable, T any] struct {
	mu      sync.Mutex
	waiting map[K]*keyed[K, T]
	free    []*keyed[K, T]
}

// put replaces the value that waits for k, or returns what is to be queued.
func (w *newestByKey[K, T]) put(k K, v T) *keyed[K, T] {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.waiting[k]; e != nil {
		e.value = v
		return nil
	}
	var e *keyed[K, T]
	if n := len(w.free); n > 0 {
		e = w.free[n-1]
		w.free = w.free[:n-1]
	} else {
		e = new(keyed[K, T])
	}
	e.key, e.value = k, v
	if k == e.key { // not so for NaN, which a map would keep for good
		w.waiting[k] = e
	}
	return e
}

// take is the decoder of the queue.
func (w *newestByKey[K, T]) take(e **keyed[K, T], dst *T) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	*dst = (*e).value
	delete(w.waiting, (*e).key)
	if len(w.free) < keepRing {
		**e = keyed[K, T]{}
		w.free = append(w.free, *e)
	}
	return nil
}
