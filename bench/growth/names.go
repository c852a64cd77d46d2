package growth

import (
	"context"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/conn"
)

// subscriptionEach has a loop for each of n events of a connection.
func subscriptionEach(ctx context.Context, t *trial.Trial, n int) error {
	return several(n, func(tp *tap, names []rivet.Event[wire.Trade]) error {
		var all []consumer
		return tp.connected(ctx, func(c *conn.Conn) {
			for _, name := range names {
				sub := name.Subscribe(c, lossless(waiting)...)
				all = append(all, consumer{1, func(got *tally) error { return ranging(sub.All(ctx), got) }})
			}
		}, func() error { return tp.flow(t, 1, all) })
	})
}

// oneOf has one loop for n events, in their order.
func oneOf(ctx context.Context, t *trial.Trial, n int) error {
	return several(n, func(tp *tap, names []rivet.Event[wire.Trade]) error {
		var cases []rivet.EventCase[wire.Trade]
		for _, name := range names {
			cases = append(cases, rivet.Case(name, func(v wire.Trade) wire.Trade { return v }))
		}
		var one consumer
		return tp.connected(ctx, func(c *conn.Conn) {
			sub := rivet.OneOf(cases...).Subscribe(c, lossless(waiting)...)
			one = consumer{n, func(got *tally) error { return ranging(sub.All(ctx), got) }}
		}, func() error { return tp.flow(t, 1, []consumer{one}) })
	})
}

// channelEach is a loop written by hand that sends to a channel for each of n
// events, each with a loop of its own.
func channelEach(_ context.Context, t *trial.Trial, n int) error {
	return several(n, func(tp *tap, names []rivet.Event[wire.Trade]) error {
		tp.flowing = true
		chs := make(map[string]chan wire.Trade, n)
		all := []consumer{{n, func(got *tally) error {
			return bare(tp, func(name []byte, v wire.Trade) (stop bool) { return forward(v, chs[string(name)], got) })
		}}}
		for _, name := range names {
			ch := make(chan wire.Trade, waiting)
			chs[string(name)] = ch
			all = append(all, consumer{1, func(got *tally) error { return drain(ch, got) }})
		}
		return tp.flow(t, 1, all)
	})
}

// several is for a tap of n events.
func several(n int, f func(*tap, []rivet.Event[wire.Trade]) error) error {
	names := named(n)
	tp, err := newTap(names)
	if err != nil {
		return err
	}
	defer tp.Close()
	return f(tp, names)
}
