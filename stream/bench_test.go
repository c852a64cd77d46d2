package stream_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// event is about what a connection queues for a small event.
type event struct {
	raw  []byte
	id   uint64
	kind uint32
}

// tick is a typical decoded event.
type tick struct {
	ID    int64
	Price float64
	Size  float64
	Side  int32
}

func decodeTick(e *event, t *tick) error {
	t.ID = int64(e.id)
	t.Side = int32(e.kind)
	return nil
}

const burst = 64

// feed pushes total events in bursts and ends the queue.
func feed(q *stream.Queue[event], total int) {
	batch := make([]event, burst)
	for i := 0; i < total; i += burst {
		n := min(burst, total-i)
		for j := range n {
			batch[j].id = uint64(i + j)
		}
		q.PushWait(nil, batch[:n])
	}
	q.CloseWith(nil)
}

func newBenchQueue() *stream.Queue[event] {
	return stream.NewQueue(stream.Config{Buffer: 1024, Overflow: stream.Block}, stream.Hooks[event]{
		Size:    func(e *event) int { return len(e.raw) },
		Release: func([]event) {},
	})
}

// BenchmarkHandOff compares the ways to consume with a buffered channel, which
// is the yardstick: quote ratios, not nanoseconds.
func BenchmarkHandOff(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan tick, 1024)
		go func() {
			for i := range b.N {
				ch <- tick{ID: int64(i)}
			}
			close(ch)
		}()
		var sum int64
		for t := range ch {
			sum += t.ID
		}
	})
	b.Run("channel+ctx", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		ch := make(chan tick, 1024)
		go func() {
			for i := range b.N {
				select {
				case ch <- tick{ID: int64(i)}:
				case <-ctx.Done():
				}
			}
			close(ch)
		}()
		var sum int64
		for more := true; more; {
			select {
			case t, ok := <-ch:
				sum += t.ID
				more = ok
			case <-ctx.Done():
			}
		}
	})
	for _, way := range []struct {
		name string
		run  func(b *testing.B, s *stream.Subscription[tick]) int
	}{
		{"All", func(b *testing.B, s *stream.Subscription[tick]) (n int) {
			for _, err := range s.All(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		}},
		{"Batches", func(b *testing.B, s *stream.Subscription[tick]) (n int) {
			for batch, err := range s.Batches(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				n += len(batch)
			}
			return n
		}},
		{"Next", func(b *testing.B, s *stream.Subscription[tick]) (n int) {
			for ctx := b.Context(); ; n++ {
				if _, err := s.Next(ctx); err != nil {
					return n
				}
			}
		}},
		{"C", func(b *testing.B, s *stream.Subscription[tick]) (n int) {
			for range s.C() {
				n++
			}
			return n
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			q := newBenchQueue()
			s := stream.Decoded(q, decodeTick)
			go feed(q, b.N)
			if n := way.run(b, s); n != b.N {
				b.Fatalf("%d of %d events", n, b.N)
			}
			s.Close()
		})
	}
}

// BenchmarkFanOut gives one burst after the other to many subscriptions, each
// consumed by a goroutine of its own; an op is one delivery.
func BenchmarkFanOut(b *testing.B) {
	for _, subs := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(subs), func(b *testing.B) {
			b.ReportAllocs()
			queues := make([]*stream.Queue[tick], subs)
			var all sync.WaitGroup
			for i := range queues {
				queues[i] = stream.NewQueue(stream.Config{Buffer: 1024, Overflow: stream.Block}, stream.Hooks[tick]{})
				s := stream.Direct(queues[i])
				all.Go(func() {
					for _, err := range s.All(b.Context()) {
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			batch := make([]tick, burst)
			b.ResetTimer()
			for left := b.N / subs; left > 0; left -= burst {
				for _, q := range queues {
					q.PushWait(nil, batch[:min(burst, left)])
				}
			}
			for _, q := range queues {
				q.CloseWith(nil)
			}
			all.Wait()
		})
	}
}
