package growth

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
)

// network runs consumers of what a broadcaster sends as fast as n sockets take it.
// subscribe opens the connections.
func network(ctx context.Context, t *trial.Trial, n int, subscribe func(*wire.Broadcaster) ([]consumer, error)) (err error) {
	b, err := wire.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	before := trial.Memory()
	all, err := subscribe(b)
	if err != nil {
		return err
	}
	if err := b.Subscribed(0, n); err != nil {
		return err
	}
	if n >= 100 { // else it is lost in what comes and goes
		t.Report(trial.BytesPerX, (float64(trial.Memory())-float64(before))/float64(n))
	}
	return deliver(t, all, func(d time.Duration) (sent, error) {
		s, err := b.Flow(wire.Order{Time: d})
		return sent{s.Events, s.Sum}, err
	})
}

// socket opens one of n sockets, which together hold at most some megabytes of what
// was not read, lest reading that takes longer than the run.
func socket(n int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if tcp, ok := c.(*net.TCPConn); ok {
			err = tcp.SetReadBuffer(min(256<<10, max(16<<10, (4<<20)/n)))
		}
		return c, err
	}
}

// connect opens n connections.
func connect(ctx context.Context, b *wire.Broadcaster, n int) (conns []*conn.Conn, stop func()) {
	for range n {
		conns = append(conns, conn.New(ctx, conn.Config{Encoding: codec.BARE, Target: target(b), NetDial: socket(n)}))
	}
	return conns, func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// loopEach has a loop for each of n connections.
func loopEach(ctx context.Context, t *trial.Trial, n int) error {
	stop := func() {}
	defer func() { stop() }()
	return network(ctx, t, n, func(b *wire.Broadcaster) (all []consumer, err error) {
		var conns []*conn.Conn
		conns, stop = connect(ctx, b, n)
		for _, c := range conns {
			sub := wire.Trades.Subscribe(c, lossless(waiting)...)
			all = append(all, consumer{1, func(got *tally) error { return ranging(sub.All(ctx), got) }})
		}
		return all, nil
	})
}

// mergedEvents has one loop for n connections.
func mergedEvents(ctx context.Context, t *trial.Trial, n int) error {
	g := rivet.MergeEvents(wire.Trades, lossless(waiting)...)
	defer g.Close()
	stop := func() {}
	defer func() { stop() }()
	return network(ctx, t, n, func(b *wire.Broadcaster) ([]consumer, error) {
		var conns []*conn.Conn
		conns, stop = connect(ctx, b, n)
		for _, c := range conns {
			g.Add(c)
		}
		return []consumer{{n, func(got *tally) error {
			for v, err := range g.All(ctx) {
				if err != nil {
					return err
				}
				if got.add(v.Value) {
					return nil
				}
			}
			return io.ErrUnexpectedEOF
		}}}, nil
	})
}

// dial opens n connections by hand, and subscribes.
func dial(ctx context.Context, b *wire.Broadcaster, n int) (conns []net.Conn, stop func(), err error) {
	conns = make([]net.Conn, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range conns {
		g.Go(func() error {
			to, err := target(b)(gctx)
			if err != nil {
				return err
			}
			h, err := ws.Dial(gctx, ws.DialConfig{URL: to.URL, Protocols: to.Protocols, NetDial: socket(n)})
			if err != nil {
				return err
			}
			conns[i] = h.Conn
			w := ws.NewWriter(h.Conn, ws.Client)
			if err := w.Append(ws.OpBinary, codec.AppendSubscription(nil, codec.BARE, string(wire.Trades), true)); err != nil {
				return err
			}
			return w.Flush()
		})
	}
	err = g.Wait()
	return conns, func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}, err
}

// bareEach has a loop written by hand for each of n connections.
func bareEach(ctx context.Context, t *trial.Trial, n int) error {
	stop := func() {}
	defer func() { stop() }()
	return network(ctx, t, n, func(b *wire.Broadcaster) (all []consumer, err error) {
		var conns []net.Conn
		conns, stop, err = dial(ctx, b, n)
		for _, c := range conns {
			all = append(all, consumer{1, func(got *tally) error {
				return bare(c, func(_ []byte, v wire.Trade) (stop bool) { return got.add(v) })
			}})
		}
		return all, err
	})
}

// bareIntoOne has n loops written by hand that send to one channel.
func bareIntoOne(ctx context.Context, t *trial.Trial, n int) error {
	out := make(chan wire.Trade, waiting)
	stop := func() {}
	defer func() { stop() }()
	return network(ctx, t, n, func(b *wire.Broadcaster) (all []consumer, err error) {
		var conns []net.Conn
		conns, stop, err = dial(ctx, b, n)
		for _, c := range conns {
			all = append(all, consumer{1, func(got *tally) error {
				return bare(c, func(_ []byte, v wire.Trade) (stop bool) { return forward(v, out, got) })
			}})
		}
		return append(all, consumer{n, func(got *tally) error { return drain(out, got) }}), err
	})
}
