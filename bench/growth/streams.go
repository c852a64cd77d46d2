package growth

import (
	"context"
	"io"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/stream"
)

// few is how many events a stream gets at a time before it is the turn of the next.
const few = 16

// feed calls send with some events for each of n streams in turn, for some time, and
// then with the last event of each.
func feed(d time.Duration, n int, send func(i int, events []wire.Trade)) (s sent) {
	events := make([]wire.Trade, few)
	for i := range events {
		events[i] = wire.Trade{Symbol: "RVT-USD", Price: 1234.5, Size: 10_000 + i}
	}
	sum := 0
	for _, v := range events {
		sum += v.Size
	}
	until := time.Now().Add(d)
	for turn := 0; turn == 0 || turn%256 != 0 || time.Now().Before(until); turn++ {
		send(turn%n, events)
		s.events += few
		s.sum += sum
	}
	for i := range n {
		send(i, []wire.Trade{{Size: wire.Last}})
	}
	return s
}

// merged is n streams through Merge.
func merged(ctx context.Context, t *trial.Trial, n int) error {
	queues, streams := make([]*stream.Queue[wire.Trade], n), make([]stream.Stream[wire.Trade], n)
	for i := range queues {
		q := stream.NewQueue(stream.Config{Buffer: waiting, Overflow: stream.Block}, stream.Hooks[wire.Trade]{})
		queues[i] = q
		streams[i] = stream.FromSubscription(func() *stream.Subscription[wire.Trade] { return stream.Direct(q) })
	}
	one := consumer{n, func(got *tally) error { return ranging(stream.Merge(streams...).All(ctx), got) }}
	return deliver(t, []consumer{one}, func(d time.Duration) (sent, error) {
		return feed(d, n, func(i int, events []wire.Trade) { queues[i].PushWait(ctx.Done(), events) }), nil
	})
}

// intoOne is n channels, each with a goroutine that sends to one channel.
func intoOne(_ context.Context, t *trial.Trial, n int) error {
	out, chs := make(chan wire.Trade, waiting), make([]chan wire.Trade, n)
	all := []consumer{{n, func(got *tally) error { return drain(out, got) }}}
	for i := range chs {
		chs[i] = make(chan wire.Trade, waiting)
		all = append(all, consumer{1, func(got *tally) error {
			for v := range chs[i] {
				if forward(v, out, got) {
					return nil
				}
			}
			return io.ErrUnexpectedEOF
		}})
	}
	return deliver(t, all, func(d time.Duration) (sent, error) {
		return feed(d, n, func(i int, events []wire.Trade) {
			for _, v := range events {
				chs[i] <- v
			}
		}), nil
	})
}
