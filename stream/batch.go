package stream

import (
	"fmt"
	"slices"
	"time"
)

// Batch returns the values of s in slices: one when there are size values for
// it, or when wait has passed since its first, whichever is earlier. With a
// wait of 0 it is by size alone. Each slice is the receiver's own. If size is
// less than 1 or wait negative the stream fails with an [*OptionError].
//
// It runs on the consumer's goroutine. With a wait it has one timer, and a
// source that has to be run gets a goroutine, which is at most [MergeAhead]
// values ahead and has ended when the consumption has. Batch keeps the order,
// also that of notices: what has come before one is handed on before it, so
// that no batch spans a loss. It ends with s, at once: what it holds, less than
// size values, is handed on first.
func Batch[T any](s Stream[T], size int, wait time.Duration) Stream[[]T] {
	switch {
	case size < 1:
		return FromError[[]T](&OptionError{"Batch", fmt.Errorf("%d is less than 1 value", size)})
	case wait < 0:
		return FromError[[]T](&OptionError{"Batch", fmt.Errorf("%v is negative", wait)})
	case wait == 0:
		return pipedUntil(s, func(out observer[[]T], quit func(error) bool) observer[T] {
			var held slab[T]
			return observer[T]{
				next: func(v T) bool {
					held.add(v)
					return len(held.values) < size || out.next(held.take())
				},
				notice: func(err error) bool {
					return held.release(out.next) && out.notice(err)
				},
				end: func(err error) {
					if held.release(out.next) {
						quit(err)
					}
				},
			}
		})
	}
	return timed(s, func(c *clock, out observer[[]T]) timedStage[T] {
		var held slab[T]
		flush := func() bool { return held.release(out.next) }
		return timedStage[T]{
			next: func(v T) bool {
				held.add(v)
				switch len(held.values) {
				case size:
					return out.next(held.take())
				case 1:
					c.restart(wait)
				}
				return true
			},
			notice: func(err error) bool { return flush() && out.notice(err) },
			due:    flush, // perhaps of what has gone since
			flush:  flush,
		}
	})
}

// slab collects values in memory that it uses again, to give them away in
// slices of just their size.
type slab[T any] struct{ values []T }

func (b *slab[T]) add(v T) { b.values = append(b.values, v) }

// take returns the values, which are the caller's from then on, or nil.
func (b *slab[T]) take() []T {
	n := len(b.values)
	if n == 0 {
		return nil
	}
	full := slices.Clone(b.values)
	if n > keepRing || cap(b.values) <= keepRing {
		clear(b.values)
		b.values = b.values[:0]
	} else {
		b.values = nil // of a burst that is over
	}
	return full
}

// release hands the values on, if there are any.
func (b *slab[T]) release(next func([]T) bool) bool {
	return len(b.values) == 0 || next(b.take())
}
