package stream_test

import (
	"context"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

//go:noinline
func price(t tick) float64 { return t.Price }

//go:noinline
func add(sum float64, t tick) float64 { return sum + t.Price }

//go:noinline
func see(tick) {}

//go:noinline
func same(a, b tick) bool { return a.ID == b.ID }

// BenchmarkOperator gives the cost of one item that goes through one operator
// into a loop over All: from a slice of 1,024 that is consumed again and again,
// and from a subscription that is fed in bursts by another goroutine. What
// "none" costs is that of source and loop.
func BenchmarkOperator(b *testing.B) {
	slice := make([]tick, 1024)
	for i := range slice {
		slice[i].ID = int64(i) * 2
	}
	operators := []struct {
		name string
		run  func(b *testing.B, s stream.Stream[tick], n int) // n items come
	}{
		{"none", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s) }},
		{"Map", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, stream.Map(s, price)) }},
		{"TryMap", func(b *testing.B, s stream.Stream[tick], n int) {
			loop(b, stream.TryMap(s, func(t tick) (float64, error) { return price(t), nil }))
		}},
		{"Scan", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, stream.Scan(s, 0, add)) }},
		{"Filter", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.Filter(even)) }},
		{"Tap", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.Tap(see)) }},
		{"Take", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.Take(n)) }},
		{"TakeWhile", func(b *testing.B, s stream.Stream[tick], n int) {
			loop(b, s.TakeWhile(func(t tick) bool { return t.ID >= 0 }))
		}},
		{"Skip", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.Skip(1)) }},
		{"SkipWhile", func(b *testing.B, s stream.Stream[tick], n int) {
			loop(b, s.SkipWhile(func(t tick) bool { return t.ID < 0 }))
		}},
		{"DistinctUntilChanged", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, stream.DistinctUntilChanged(s)) }},
		{"DistinctUntilChangedFunc", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.DistinctUntilChangedFunc(same)) }},
		{"Pairwise", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, stream.Pairwise(s)) }},
		{"StartWith", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.StartWith(tick{})) }},
		{"OnNotice", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.OnNotice(func(error) {})) }},
		{"Strict", func(b *testing.B, s stream.Stream[tick], n int) { loop(b, s.Strict()) }},
		// Of 64 values for each of its items.
		{"FlatMap", func(b *testing.B, s stream.Stream[tick], n int) {
			inner := stream.From(slice[:64]...)
			loop(b, stream.FlatMap(s, func(tick) stream.Stream[tick] { return inner }).Take(n))
		}},
	}
	for _, op := range operators {
		b.Run(op.name+"/source=slice", func(b *testing.B) {
			b.ReportAllocs()
			s := stream.From(slice...)
			for i := 0; i < b.N; i += len(slice) {
				op.run(b, s, len(slice))
			}
		})
		b.Run(op.name+"/source=subscription", func(b *testing.B) {
			b.ReportAllocs()
			q := newBenchQueue()
			go feed(q, b.N)
			op.run(b, stream.FromSubscription(func() *stream.Subscription[tick] { return stream.Decoded(q, decodeTick) }), b.N)
		})
	}
}

func loop[T any](b *testing.B, s stream.Stream[T]) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, err := range s.All(ctx) {
		if err != nil && !stream.IsNotice(err) {
			b.Fatal(err)
		}
	}
}

// BenchmarkSink gives the cost of one item for each sink, of 1,024 in a slice.
func BenchmarkSink(b *testing.B) {
	for _, sink := range []struct {
		name string
		run  func(ctx context.Context, s stream.Stream[tick]) error
	}{
		{"All", func(ctx context.Context, s stream.Stream[tick]) error {
			for _, err := range s.All(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"Seq", func(ctx context.Context, s stream.Stream[tick]) (err error) {
			for range s.Seq(ctx, &err) {
			}
			return err
		}},
		{"Chan", func(ctx context.Context, s stream.Stream[tick]) (err error) {
			for range s.Chan(ctx, &err) {
			}
			return err
		}},
		{"ForEach", func(ctx context.Context, s stream.Stream[tick]) error {
			return s.ForEach(ctx, func(tick) error { return nil })
		}},
		{"Last", func(ctx context.Context, s stream.Stream[tick]) error {
			_, err := s.Last(ctx)
			return err
		}},
		{"Collect", func(ctx context.Context, s stream.Stream[tick]) error {
			_, err := s.Collect(ctx)
			return err
		}},
		{"Reduce", func(ctx context.Context, s stream.Stream[tick]) error {
			_, err := stream.Reduce(ctx, s, 0, add)
			return err
		}},
		{"Count", func(ctx context.Context, s stream.Stream[tick]) error {
			_, err := s.Count(ctx)
			return err
		}},
		{"Drain", func(ctx context.Context, s stream.Stream[tick]) error { return s.Drain(ctx) }},
	} {
		b.Run(sink.name, func(b *testing.B) {
			b.ReportAllocs()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := stream.From(make([]tick, 1024)...)
			for i := 0; i < b.N; i += 1024 {
				if err := sink.run(ctx, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// The whole of a consumption.
	b.Run("First", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := stream.From(make([]tick, 10)...)
		for b.Loop() {
			if _, err := s.First(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
