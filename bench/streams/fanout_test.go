package streams

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/rivet-go/rivet/stream"
)

// fanOut sends each event to every subscriber; an event, and an op, is one
// delivery, so that each contestant sends n/subscribers and sums n IDs. All are
// lossless: who is too fast waits.
func fanOut(subscribers int) []contestant {
	return []contestant{
		{"channels", func(n int) int64 {
			var all summed
			chs := make([]chan Event, subscribers)
			for i := range chs {
				chs[i] = make(chan Event, burst)
				all.Go(func() int64 { return sumChan(chs[i]) })
			}
			bursts(n/subscribers, func(events []Event) {
				for _, ev := range events {
					for _, ch := range chs {
						ch <- ev
					}
				}
			})
			for _, ch := range chs {
				close(ch)
			}
			return all.Wait()
		}},
		{"stream", func(n int) int64 {
			q, s := subscription(burst)
			// The first event is replayed to each, and the others wait until each
			// has had it; so it comes on top, and as nothing.
			shared := s.Share(stream.Replay(1), stream.Buffer(burst), stream.Overflow(stream.Block))
			var all summed
			var there sync.WaitGroup
			there.Add(subscribers)
			for range subscribers {
				all.Go(func() int64 { return sum(shared.Tap(func(ev Event) { arrive(ev, &there) })) })
			}
			q.PushWait(nil, []Event{{Side: hello}})
			there.Wait()
			bursts(n/subscribers, func(events []Event) { q.PushWait(nil, events) })
			q.CloseWith(nil)
			return all.Wait()
		}},
		{"ro", func(n int) int64 { // on the goroutine of the producer, under a lock
			subject := ro.NewPublishSubject[Event]()
			totals := make([]int64, subscribers)
			for i := range totals {
				subject.Subscribe(ro.OnNext(func(ev Event) { totals[i] += ev.ID }))
			}
			bursts(n/subscribers, func(events []Event) {
				for _, ev := range events {
					subject.Next(ev)
				}
			})
			subject.Complete()
			var total int64
			for _, t := range totals {
				total += t
			}
			return total
		}},
		{"ro-goroutines", func(n int) int64 { // each on its own, as with the others
			subject := ro.NewPublishSubject[Event]()
			var all summed
			for range subscribers {
				ch := make(chan Event, burst)
				subject.Subscribe(ro.NewObserver(func(ev Event) { ch <- ev }, func(err error) { panic(err) }, func() { close(ch) }))
				all.Go(func() int64 { return sumChan(ch) })
			}
			bursts(n/subscribers, func(events []Event) {
				for _, ev := range events {
					subject.Next(ev)
				}
			})
			subject.Complete()
			return all.Wait()
		}},
		{"rxgo", func(n int) int64 {
			o := rxgo.FromChannel(rxChannel(n/subscribers), rxgo.WithPublishStrategy(), rxgo.WithBufferedChannel(burst))
			var all summed
			for range subscribers {
				items := o.Observe()
				all.Go(func() (total int64) {
					for item := range items {
						total += item.V.(Event).ID
					}
					return total
				})
			}
			o.Connect(context.Background())
			return all.Wait()
		}},
	}
}

const hello = 99

// arrive says once that a subscriber is there.
func arrive(ev Event, there *sync.WaitGroup) {
	if ev.Side == hello {
		there.Done()
	}
}

// summed adds up the results of goroutines.
type summed struct {
	sync.WaitGroup
	total atomic.Int64
}

func (s *summed) Go(f func() int64) { s.WaitGroup.Go(func() { s.total.Add(f()) }) }

func (s *summed) Wait() int64 {
	s.WaitGroup.Wait()
	return s.total.Load()
}

func TestFanOut(t *testing.T) {
	for _, subscribers := range []int{1, 10} {
		want := func(n int) int64 {
			each := int64(n / subscribers)
			return each * (each - 1) / 2 * int64(subscribers)
		}
		t.Run(fmt.Sprint(subscribers), func(t *testing.T) { agree(t, want, fanOut(subscribers)) })
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) { race(b, fanOut(subscribers)) })
	}
}
