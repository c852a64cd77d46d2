package stream_test

import (
	"context"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// BenchmarkCombine drives the operators that need another stream, a goroutine
// or an error, over a subscription that always has more; an op is one value of
// it, and "none" is the subscription alone.
func BenchmarkCombine(b *testing.B) {
	one, never := stream.From(tick{ID: 1}), stream.Never[tick]()
	first := func(a, _ tick) tick { return a }
	for _, op := range []struct {
		name string
		of   func(s stream.Stream[tick]) stream.Stream[tick]
	}{
		{"none", func(s stream.Stream[tick]) stream.Stream[tick] { return s }},
		{"Merge", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.Merge(s, one) }},
		{"MergeMany", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.MergeMany(stream.From(s, one), 0) }},
		{"Concat", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.Concat(one, s) }},
		{"Switch", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.Switch(stream.From(s)) }},
		{"Race", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.Race(s, never) }},
		{"TakeUntil", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.TakeUntil(s, never) }},
		{"CombineLatest", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.CombineLatest(s, one, first) }},
		{"CombineAll", func(s stream.Stream[tick]) stream.Stream[tick] {
			return stream.Map(stream.CombineAll(s, one), func(all []tick) tick { return all[0] })
		}},
		{"WithLatestFrom", func(s stream.Stream[tick]) stream.Stream[tick] { return stream.WithLatestFrom(s, one, first) }},
		{"Zip", func(s stream.Stream[tick]) stream.Stream[tick] {
			again := stream.FromFunc(func(context.Context) (tick, error) { return tick{}, nil })
			return stream.Zip(s, again, first)
		}},
		{"Retry", func(s stream.Stream[tick]) stream.Stream[tick] {
			return s.Retry(func() stream.Delays { return nil })
		}},
		{"Catch", func(s stream.Stream[tick]) stream.Stream[tick] {
			return s.Catch(func(err error) stream.Stream[tick] { return stream.FromError[tick](err) })
		}},
		{"Buffered", func(s stream.Stream[tick]) stream.Stream[tick] { return s.Buffered() }},
		{"LatestBy", func(s stream.Stream[tick]) stream.Stream[tick] {
			return stream.LatestBy(s, func(t tick) int64 { return t.ID })
		}},
		{"ParallelMap/atOnce=4", func(s stream.Stream[tick]) stream.Stream[tick] {
			return stream.ParallelMap(s, 4, func(_ context.Context, t tick) (tick, error) { return t, nil })
		}},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.ReportAllocs()
			q := newBenchQueue()
			go feed(q, b.N)
			loop(b, op.of(stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(q, decodeTick) })))
		})
	}
}
