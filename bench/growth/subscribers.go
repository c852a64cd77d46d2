package growth

import (
	"context"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// waiting is how many events may wait for each consumer, whoever it is, and
// waitingAtOne how many for each of those of one event: with few, the source
// would stop for whichever happens to be the last.
const (
	waiting      = 256
	waitingAtOne = 512
)

// lossless has the source wait, so that all can be held to what was sent.
func lossless(buffer int) []stream.Option {
	return []stream.Option{stream.Overflow(stream.Block), stream.Buffer(buffer)}
}

// sole is for a tap of one event.
func sole(f func(*tap) error) error {
	tp, err := newTap([]rivet.Event[wire.Trade]{wire.Trades})
	if err != nil {
		return err
	}
	defer tp.Close()
	return f(tp)
}

// subscriptions are n of one event, each with a loop of its own.
func subscriptions(ctx context.Context, t *trial.Trial, n int) error {
	return sole(func(tp *tap) error {
		var all []consumer
		return tp.connected(ctx, func(c *conn.Conn) {
			for range n {
				sub := wire.Trades.Subscribe(c, lossless(waitingAtOne)...)
				all = append(all, consumer{1, func(got *tally) error { return ranging(sub.All(ctx), got) }})
			}
		}, func() error { return tp.flow(t, n, all) })
	})
}

// shared is one subscription that n loops share.
func shared(ctx context.Context, t *trial.Trial, n int) error {
	return sole(func(tp *tap) error {
		var s stream.Stream[wire.Trade]
		return tp.connected(ctx, func(c *conn.Conn) {
			sub := wire.Trades.Subscribe(c, lossless(waitingAtOne)...)
			// Who comes late gets the last event of the run that warms up.
			s = stream.FromSubscription(func() *stream.Subscription[wire.Trade] { return sub }).
				Share(stream.Replay(1), stream.Overflow(stream.Block), stream.Buffer(waitingAtOne))
		}, func() error {
			var all []consumer
			for range n {
				all = append(all, consumer{1, func(got *tally) error { return ranging(s.All(ctx), got) }})
			}
			return tp.flow(t, n, all)
		})
	})
}

// channels is a loop written by hand that sends to a channel for each of n loops.
func channels(_ context.Context, t *trial.Trial, n int) error {
	return sole(func(tp *tap) error {
		tp.flowing = true
		chs := make([]chan wire.Trade, n)
		all := []consumer{{1, func(got *tally) error {
			return bare(tp, func(_ []byte, v wire.Trade) (stop bool) {
				for _, ch := range chs {
					ch <- v
				}
				return v.Size == wire.Last && got.last()
			})
		}}}
		for i := range chs {
			chs[i] = make(chan wire.Trade, waitingAtOne)
			all = append(all, consumer{1, func(got *tally) error { return drain(chs[i], got) }})
		}
		return tp.flow(t, n, all)
	})
}
