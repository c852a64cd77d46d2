package stream

import (
	"context"
	"reflect"
)

// Buffered returns the stream that runs ahead of its consumer: one goroutine
// consumes s and puts what comes into a buffer, so that s does not wait while
// the consumer is busy. It has ended before the consumption of the stream has.
//
// The buffer is for [DefaultBuffer] values with [Block]: s waits when it is
// full, and nothing is lost. With [Overflow]([DropOldest]), [DropNewest] or
// [Latest] it never waits, and the consumer is told with a [*LagError] what it
// was too slow for, but by Latest; with [Fail] it ends with an
// [*OverflowError]. The bytes of [BufferBytes] are those of the values
// themselves, without what they point to. The order is kept; the stream ends
// with s, after what is in the buffer.
func (s Stream[T]) Buffered(opts ...Option) Stream[T] {
	cfg, err := NewConfig(append([]Option{Overflow(Block), Gaps(true)}, opts...)...)
	if err != nil {
		return FromError[T](err)
	}
	cfg = cfg.weighed(reflect.TypeFor[T]().Size())
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump { return spawn(ctx, s, cfg, out) }}
}
