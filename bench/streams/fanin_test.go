package streams

import (
	"fmt"
	"sync"
	"testing"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/rivet-go/rivet/stream"
)

// fanIn merges sources, which one feeder serves in turn, with what a small
// burst has: events come over many connections, some on each.
func fanIn(sources int) []contestant {
	return []contestant{
		{"channels", func(n int) int64 { // and a goroutine for each
			out := make(chan Event, burst)
			var all sync.WaitGroup
			for _, ch := range channels(n, sources) {
				all.Go(func() {
					for ev := range ch {
						out <- ev
					}
				})
			}
			go func() {
				all.Wait()
				close(out)
			}()
			return sumChan(out)
		}},
		{"stream", func(n int) int64 {
			queues := make([]*stream.Queue[Event], sources)
			streams := make([]stream.Stream[Event], sources)
			for i := range queues {
				queues[i], streams[i] = subscription(waiting)
			}
			go func() {
				feed(n, sources, func(i int, events []Event) { queues[i].PushWait(nil, events) })
				for _, q := range queues {
					q.CloseWith(nil)
				}
			}()
			return sum(stream.Merge(streams...))
		}},
		{"ro", func(n int) (total int64) {
			var os []ro.Observable[Event]
			for _, ch := range channels(n, sources) {
				os = append(os, ro.FromChannel(ch))
			}
			done := make(chan struct{})
			ro.Merge(os...).Subscribe(
				ro.NewObserver(func(ev Event) { total += ev.ID }, func(err error) { panic(err) }, func() { close(done) }))
			<-done
			return total
		}},
		{"rxgo", func(n int) int64 { return sumItems(rxgo.Merge(rxSources(n, sources))) }},
		{"rxgo-buffered", func(n int) int64 {
			return sumItems(rxgo.Merge(rxSources(n, sources), rxgo.WithBufferedChannel(burst)))
		}},
	}
}

// A source gets few events at a time, and has room for some more.
const (
	few     = 16
	waiting = 4 * few
)

// feed calls send with n events, in turn for each source.
func feed(n, sources int, send func(source int, events []Event)) {
	source := 0
	for i := 0; i < n; i += few {
		send(source, events[i%len(events):][:min(few, n-i)])
		source = (source + 1) % sources
	}
}

// channels has the feeder for those who take channels.
func channels(n, sources int) []chan Event {
	chs := make([]chan Event, sources)
	for i := range chs {
		chs[i] = make(chan Event, waiting)
	}
	go func() {
		feed(n, sources, func(i int, events []Event) {
			for _, ev := range events {
				chs[i] <- ev
			}
		})
		for _, ch := range chs {
			close(ch)
		}
	}()
	return chs
}

func rxSources(n, sources int) []rxgo.Observable {
	chs := make([]chan rxgo.Item, sources)
	os := make([]rxgo.Observable, sources)
	for i := range chs {
		chs[i] = make(chan rxgo.Item, waiting)
		os[i] = rxgo.FromChannel(chs[i])
	}
	go func() {
		feed(n, sources, func(i int, events []Event) {
			for _, ev := range events {
				chs[i] <- rxgo.Of(ev)
			}
		})
		for _, ch := range chs {
			close(ch)
		}
	}()
	return os
}

func sumItems(o rxgo.Observable) (total int64) {
	for item := range o.Observe() {
		total += item.V.(Event).ID
	}
	return total
}

func TestFanIn(t *testing.T) {
	want := func(n int) int64 { return int64(n) * int64(n-1) / 2 }
	for _, sources := range []int{1, 10, 100} {
		t.Run(fmt.Sprint(sources), func(t *testing.T) { agree(t, want, fanIn(sources)) })
	}
}

func BenchmarkFanIn(b *testing.B) {
	for _, sources := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("sources=%d", sources), func(b *testing.B) { race(b, fanIn(sources)) })
	}
}
