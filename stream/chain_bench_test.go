package stream_test

import (
	"context"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

//go:noinline
func inc(t tick) tick { t.ID++; return t }

//go:noinline
func even(t tick) bool { return t.ID%2 == 0 }

//go:noinline
func small(t tick) bool { return t.ID < 1<<40 }

// BenchmarkChain is five operators beside the same functions in a loop: the
// loop over a slice does nothing else, the one over a subscription is what a
// program would write.
func BenchmarkChain(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	vals := make([]tick, 1024)
	for i := range vals {
		vals[i].ID = int64(i) * 2
	}
	b.Run("source=slice/loop", func(b *testing.B) {
		var sum int64
		for i := 0; i < b.N; i += len(vals) {
			for _, v := range vals {
				if ctx.Err() != nil {
					return
				}
				v = inc(inc(v))
				if !even(v) || !small(v) {
					continue
				}
				v = inc(v)
				sum += v.ID
			}
		}
	})
	b.Run("source=slice/stream", func(b *testing.B) {
		var sum int64
		s := stream.Map(stream.Map(stream.Map(stream.From(vals...), inc), inc).Filter(even).Filter(small), inc)
		for i := 0; i < b.N; i += len(vals) {
			for v, err := range s.All(ctx) {
				if err != nil {
					b.Fatal(err)
				}
				sum += v.ID
			}
		}
	})
	b.Run("source=subscription/loop", func(b *testing.B) {
		q := newBenchQueue()
		go feed(q, b.N)
		var sum int64
		for v, err := range stream.Decoded(q, decodeTick).All(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			v = inc(inc(v))
			if !even(v) || !small(v) {
				continue
			}
			v = inc(v)
			sum += v.ID
		}
	})
	b.Run("source=subscription/stream", func(b *testing.B) {
		q := newBenchQueue()
		go feed(q, b.N)
		var sum int64
		s := stream.Map(stream.Map(stream.Map(stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(q, decodeTick) }), inc), inc).Filter(even).Filter(small), inc)
		for v, err := range s.All(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			sum += v.ID
		}
	})
}
