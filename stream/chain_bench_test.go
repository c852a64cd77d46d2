package stream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

//go:noinline
func inc(t tick) tick { t.ID++; return t }

//go:noinline
func even(t tick) bool { return t.ID%2 == 0 }

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
				if !even(v) || !even(v) {
					continue
				}
				v = inc(v)
				sum += v.ID
			}
		}
	})
	b.Run("source=slice/stream", func(b *testing.B) {
		var sum int64
		s := stream.Map(stream.Map(stream.Map(stream.From(vals...), inc), inc).Filter(even).Filter(even), inc)
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
			if !even(v) || !even(v) {
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
		s := stream.Map(stream.Map(stream.Map(stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(q, decodeTick) }), inc), inc).Filter(even).Filter(even), inc)
		for v, err := range s.All(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			sum += v.ID
		}
	})
}

func BenchmarkFanIn(b *testing.B) {
	for _, n := range []int{1, 1000} {
		for _, per := range []int{1, 64} {
			b.Run(fmt.Sprintf("sources=%d/burst=%d", n, per), func(b *testing.B) {
				b.ReportAllocs()
				qs := make([]*stream.Queue[event], n)
				ss := make([]stream.Stream[tick], n)
				for i := range qs {
					qs[i] = newBenchQueue()
					ss[i] = stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(qs[i], decodeTick) })
				}
				go func() {
					batch := make([]event, per)
					for i := 0; i < b.N; i += per {
						qs[i/per%n].PushWait(nil, batch)
					}
					for _, q := range qs {
						q.CloseWith(nil)
					}
				}()
				for _, err := range stream.Merge(ss...).All(context.Background()) {
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
