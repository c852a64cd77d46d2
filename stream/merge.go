package stream

import (
	"context"
	"fmt"
)

// Merge returns the stream of the values of all streams as they come. A batch
// of each that has something is taken in turn, so that a busy stream does not
// keep a quiet one waiting; the order within each stream is kept, that between
// them is about that of arrival.
//
// Streams over subscriptions, and what operators without a goroutine make of
// them, are consumed where they are: each keeps its own buffer and policy, and
// a thousand of them cost no goroutine. Any other stream runs on a goroutine,
// and waits for the consumer when it is [MergeAhead] values ahead of it.
//
// Merge ends when all streams have ended, or with the first error.
func Merge[T any](streams ...Stream[T]) Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		g.begin = func() {
			for _, s := range streams {
				g.join(opened(ctx, s, MergeAhead, in))
			}
		}
		g.cleanEnd(out.end)
		return g
	}}
}

// MergeAhead is how many values a stream that runs on a goroutine of its own
// may be ahead of the consumer of [Merge] and the other operators that combine
// streams.
const MergeAhead = 64

// MergeMany is [Merge] for streams that come with time: the inner streams that
// streams brings run side by side, at most atOnce of them, or all if atOnce is
// 0. For one after the other see [FlatMap], for the newest only [Switch].
//
// While the limit is reached the outer stream is not asked for more, which
// pushes back on it; of those it has handed on already, at most a batch of 64
// wait. The next inner stream is opened after one before it was released.
// Goroutines, memory and order are those of Merge; an outer stream that runs on
// a goroutine of its own is one ahead.
//
// MergeMany ends when the outer and all inner streams have ended, or with the
// first error of any. If atOnce is negative it fails with an [*OptionError].
func MergeMany[T any](streams Stream[Stream[T]], atOnce int) Stream[T] {
	if atOnce < 0 {
		return FromError[T](&OptionError{"MergeMany", fmt.Errorf("%d streams at once is less than none", atOnce)})
	}
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		g := newGroup(ctx)
		in := into(g, out)
		var outer *member
		var waiting []Stream[T]
		running := 0
		start := func() {
			for len(waiting) > 0 && (atOnce == 0 || running < atOnce) {
				s := waiting[0]
				waiting[0] = Stream[T]{}
				waiting = waiting[1:]
				running++
				g.join(opened(ctx, s, MergeAhead, in))
			}
			if atOnce > 0 && running == atOnce {
				g.hold(outer)
			} else {
				g.resume(outer)
			}
		}
		g.begin = func() {
			outer = g.join(opened(ctx, streams, 1, observer[Stream[T]]{
				next: func(s Stream[T]) bool {
					waiting = append(waiting, s)
					start()
					return true
				},
				notice: in.notice,
				end:    in.end,
			}))
		}
		g.left = func(m *member) {
			if m != outer {
				running--
				start()
			}
		}
		g.cleanEnd(out.end)
		return g
	}}
}
