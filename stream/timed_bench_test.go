package stream_test

import (
	"testing"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// BenchmarkTimed drives each operator of time over a subscription that always
// has more; an op is one value, and "none" is the subscription alone.
func BenchmarkTimed(b *testing.B) {
	const d = time.Millisecond
	for _, op := range []struct {
		name string
		of   func(s stream.Stream[tick]) stream.Stream[int]
	}{
		{"none", one},
		{"Batch/by=size", func(s stream.Stream[tick]) stream.Stream[int] { return size(stream.Batch(s, 64, 0)) }},
		{"Batch/by=both", func(s stream.Stream[tick]) stream.Stream[int] { return size(stream.Batch(s, 64, d)) }},
		{"Window", func(s stream.Stream[tick]) stream.Stream[int] { return size(stream.Window(s, d)) }},
		{"Rate", func(s stream.Stream[tick]) stream.Stream[int] {
			return stream.Map(stream.Rate(s, d), func(float64) int { return 0 })
		}},
		{"Debounce", func(s stream.Stream[tick]) stream.Stream[int] { return one(s.Debounce(d)) }},
		{"Throttle", func(s stream.Stream[tick]) stream.Stream[int] { return one(s.Throttle(d)) }},
		{"Sample", func(s stream.Stream[tick]) stream.Stream[int] { return one(s.Sample(d)) }},
		{"Timeout", func(s stream.Stream[tick]) stream.Stream[int] { return one(s.Timeout(time.Minute)) }},
		{"Delay", func(s stream.Stream[tick]) stream.Stream[int] { return one(s.Delay(time.Microsecond)) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.ReportAllocs()
			q := newBenchQueue()
			s := stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(q, decodeTick) })
			go feed(q, b.N)
			for _, err := range op.of(s).All(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func one(s stream.Stream[tick]) stream.Stream[int] {
	return stream.Map(s, func(tick) int { return 1 })
}

func size(s stream.Stream[[]tick]) stream.Stream[int] {
	return stream.Map(s, func(b []tick) int { return len(b) })
}
