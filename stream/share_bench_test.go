package stream

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// quote is a value of the size of a typical small event.
type quote struct {
	id int64
	_  [3]int64
}

// BenchmarkShare is one source and n subscribers, without loss; an operation is
// one value delivered to one subscriber. The yardstick is a channel for each
// subscriber, as large as the buffers: quote ratios, not nanoseconds.
func BenchmarkShare(b *testing.B) {
	const buffer = 1024
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("subscribers=%d/channels", n), func(b *testing.B) {
			b.ReportAllocs()
			total := (b.N + n - 1) / n
			chans := make([]chan quote, n)
			var everyone sync.WaitGroup
			for i := range chans {
				ch := make(chan quote, buffer)
				chans[i] = ch
				everyone.Go(func() {
					got := 0
					for range ch {
						got++
					}
					if got != total {
						b.Errorf("got %d of %d", got, total)
					}
				})
			}
			b.ResetTimer()
			for i := range total {
				for _, ch := range chans {
					ch <- quote{id: int64(i)}
				}
			}
			for _, ch := range chans {
				close(ch)
			}
			everyone.Wait()
		})
		for _, kind := range []string{"attached", "run"} {
			b.Run(fmt.Sprintf("subscribers=%d/source=%s", n, kind), func(b *testing.B) {
				b.ReportAllocs()
				total := (b.N + n - 1) / n
				var source Stream[quote]
				if kind == "attached" {
					source = FromSubscription(func() *Subscription[quote] {
						q := NewQueue(Config{Buffer: buffer, Overflow: Block}, Hooks[quote]{})
						go func() {
							var batch [64]quote
							for left := total; left > 0; left -= len(batch) {
								q.PushWait(nil, batch[:min(left, len(batch))])
							}
							q.CloseWith(nil)
						}()
						return Direct(q)
					})
				} else {
					source = FromSeq(func(yield func(quote) bool) {
						for i := 0; i < total && yield(quote{id: int64(i)}); i++ {
						}
					})
				}
				shared := source.Publish(Buffer(buffer), Overflow(Block))
				var everyone sync.WaitGroup
				for range n {
					got := 0
					p := shared.Stream().open(context.Background(), observer[quote]{
						next:   func(quote) bool { got++; return true },
						notice: func(err error) bool { b.Error(err); return true },
						end: func(err error) {
							if got != total || err != nil {
								b.Errorf("got %d of %d, %v", got, total, err)
							}
						},
					})
					everyone.Go(func() {
						defer p.close()
						work(context.Background(), p)
					})
				}
				b.ResetTimer()
				if err := shared.Start(context.Background()); err != nil {
					b.Fatal(err)
				}
				everyone.Wait()
				shared.Close()
			})
		}
	}
}
