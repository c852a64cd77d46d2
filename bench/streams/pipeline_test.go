package streams

import (
	"context"
	"testing"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

// The pipeline: source, map, filter, map, sum. The functions are not inlined,
// so that nobody gains by a compiler that sees through it all.

//go:noinline
func next(ev Event) Event { ev.ID++; return ev }

//go:noinline
func even(ev Event) bool { return ev.ID%2 == 0 }

//go:noinline
func id(ev Event) int64 { return ev.ID }

func piped(s stream.Stream[Event]) int64 {
	total, err := stream.Reduce(context.Background(), stream.Map(stream.Map(s, next).Filter(even), id), 0,
		func(a, v int64) int64 { return a + v })
	if err != nil {
		panic(err)
	}
	return total
}

func pipedRx(o rxgo.Observable, opts ...rxgo.Option) (total int64) {
	item, err := o.
		Map(func(_ context.Context, v any) (any, error) { return next(v.(Event)), nil }, opts...).
		Filter(func(v any) bool { return even(v.(Event)) }, opts...).
		Map(func(_ context.Context, v any) (any, error) { return id(v.(Event)), nil }, opts...).
		SumInt64(opts...).
		Get(opts...)
	if err != nil {
		panic(err)
	}
	total, _ = item.V.(int64) // nothing at all if there was nothing to sum
	return total
}

func pipedRo(o ro.Observable[Event]) (total int64) {
	done := make(chan struct{})
	ro.Pipe4(o, ro.Map(next), ro.Filter(even), ro.Map(id), ro.Sum[int64]()).Subscribe(
		ro.NewObserver(func(v int64) { total = v }, func(err error) { panic(err) }, func() { close(done) }))
	<-done
	return total
}

// fromSlice has the events there, 1,024 in a slice, which is consumed anew as
// often as it takes.
var fromSlice = []contestant{
	{"loop", func(n int) (total int64) {
		bursts(n, func(events []Event) {
			for _, ev := range events {
				if ev = next(ev); even(ev) {
					total += id(ev)
				}
			}
		})
		return total
	}},
	{"stream", func(n int) (total int64) {
		bursts(n, func(events []Event) { total += piped(stream.From(events...)) })
		return total
	}},
	{"ro", func(n int) (total int64) {
		bursts(n, func(events []Event) { total += pipedRo(ro.FromSlice(events)) })
		return total
	}},
	{"rxgo", func(n int) (total int64) {
		bursts(n, func(events []Event) { total += pipedRx(rxSlice(events)) })
		return total
	}},
	{"rxgo-buffered", func(n int) (total int64) {
		with := rxgo.WithBufferedChannel(burst)
		bursts(n, func(events []Event) { total += pipedRx(rxSlice(events), with) })
		return total
	}},
}

// rxSlice is what RxGo has for the purpose, without the reflection of Just.
func rxSlice(events []Event) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		for _, ev := range events {
			rxgo.Of(ev).SendContext(ctx, next)
		}
	}})
}

// fromElsewhere has a goroutine that sends the events, in bursts of 1,024.
var fromElsewhere = []contestant{
	{"loop", func(n int) (total int64) {
		for ev := range channel(n) {
			if ev = next(ev); even(ev) {
				total += id(ev)
			}
		}
		return total
	}},
	{"stream", func(n int) int64 {
		q, s := subscription(burst)
		go func() {
			bursts(n, func(events []Event) { q.PushWait(nil, events) })
			q.CloseWith(nil)
		}()
		return piped(s)
	}},
	{"stream-of-channel", func(n int) int64 { return piped(stream.FromChan(channel(n))) }},
	{"ro", func(n int) int64 { return pipedRo(ro.FromChannel(channel(n))) }},
	{"rxgo", func(n int) int64 { return pipedRx(rxgo.FromChannel(rxChannel(n))) }},
	{"rxgo-buffered", func(n int) int64 {
		return pipedRx(rxgo.FromChannel(rxChannel(n)), rxgo.WithBufferedChannel(burst))
	}},
	{"rxgo-of-stream", func(n int) int64 {
		return pipedRx(rx.Observable(stream.FromChan(channel(n))), rxgo.WithBufferedChannel(burst))
	}},
}

func channel(n int) <-chan Event {
	ch := make(chan Event, burst)
	go func() {
		defer close(ch)
		bursts(n, func(events []Event) {
			for _, ev := range events {
				ch <- ev
			}
		})
	}()
	return ch
}

func rxChannel(n int) <-chan rxgo.Item {
	ch := make(chan rxgo.Item, burst)
	go func() {
		defer close(ch)
		bursts(n, func(events []Event) {
			for _, ev := range events {
				ch <- rxgo.Of(ev)
			}
		})
	}()
	return ch
}

func TestPipelines(t *testing.T) {
	want := func(n int) (total int64) {
		for i := range int64(n) {
			if (i+1)%2 == 0 {
				total += i + 1
			}
		}
		return total
	}
	t.Run("slice", func(t *testing.T) { agree(t, want, fromSlice) })
	t.Run("elsewhere", func(t *testing.T) { agree(t, want, fromElsewhere) })
}

func BenchmarkPipeline(b *testing.B) {
	b.Run("source=slice", func(b *testing.B) { race(b, fromSlice) })
	b.Run("source=goroutine", func(b *testing.B) { race(b, fromElsewhere) })
}
