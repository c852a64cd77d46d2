package receive

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/reactivex/rxgo/v2"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

// lossless makes the sender wait when the buffer is full.
func lossless() stream.Option { return stream.Overflow(stream.Block) }

// shallow is the buffer of each of many connections.
func shallow() stream.Option { return stream.Buffer(256) }

// connected opens the connections of an exchange and has loop receive.
func connected(loop func(ctx context.Context, x *exchange, c []*conn.Conn) error) receiver {
	return func(ctx context.Context, x *exchange) (err error) {
		client, err := rivet.NewClient(rivet.WithEndpoint(x.feed.Endpoint), rivet.WithEncoding(x.enc))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		conns := make([]*conn.Conn, x.connections)
		for i := range conns {
			conns[i] = client.GetOrCreate(wire.Actor, rivet.Key{fmt.Sprint(i)}).Connect(ctx)
		}
		return loop(ctx, x, conns)
	}
}

// clean is what is left of the error of a loop that was to end with ctx.
func clean(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// all ranges over Event.All.
var all = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	return trades(ctx, c[0], x.tally(1))
})

func trades(ctx context.Context, c *conn.Conn, t *tally, opts ...stream.Option) error {
	for v, err := range wire.Trades.All(ctx, c, append(opts, lossless())...) {
		if err != nil {
			return clean(ctx, err)
		}
		t.size(v.Size)
	}
	return nil
}

// allQuotes is all for quotes.
var allQuotes = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for v, err := range wire.Quotes.All(ctx, c[0], lossless()) {
		if err != nil {
			return clean(ctx, err)
		}
		t.size(v.Size)
	}
	return nil
})

// allBlobs is all for byte strings.
var allBlobs = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for v, err := range wire.Blobs.All(ctx, c[0], lossless()) {
		if err != nil {
			return clean(ctx, err)
		}
		t.blob(v)
	}
	return nil
})

// seq ranges over Event.Seq.
var seq = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for v := range wire.Trades.Seq(ctx, c[0], lossless()) {
		t.size(v.Size)
	}
	return nil
})

// channel receives from Event.Chan.
var channel = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for v := range wire.Trades.Chan(ctx, c[0], lossless()) {
		t.size(v.Size)
	}
	return nil
})

// callback is called by Event.On.
var callback = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	cancel := wire.Trades.On(c[0], func(v wire.Trade) { t.size(v.Size) }, lossless())
	defer cancel()
	<-ctx.Done()
	return nil
})

// observable observes an Observable of RxGo, with its buffer of the default size.
var observable = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for item := range rx.Observable(wire.Trades.Stream(c[0], lossless())).Observe(rxgo.WithContext(ctx)) {
		if item.E != nil {
			return clean(ctx, item.E)
		}
		t.size(item.V.(wire.Trade).Size)
	}
	return nil
})

// values ranges over events as codec.Value, each of which has memory of its own.
var values = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	for v, err := range rivet.Event[codec.Value](wire.Trades).All(ctx, c[0], lossless()) {
		if err != nil {
			return clean(ctx, err)
		}
		t.size(wire.Size(v.Bytes()))
	}
	return nil
})

// events ranges over a subscription of several events, which are not decoded.
var events = connected(func(ctx context.Context, x *exchange, c []*conn.Conn) error {
	t := x.tally(1)
	sub := c[0].Subscribe([]string{string(wire.Trades)}, lossless())
	defer sub.Close()
	for ev, err := range sub.All(ctx) {
		if err != nil {
			return clean(ctx, err)
		}
		t.size(wire.Size(ev.Args[1:]))
	}
	return nil
})

// allOfMany ranges over Event.All of each connection, in a goroutine for each.
var allOfMany = connected(func(ctx context.Context, x *exchange, conns []*conn.Conn) error {
	return together(conns, func(c *conn.Conn) error { return trades(ctx, c, x.tally(1), shallow()) })
})

// merged ranges over all connections in one loop.
var merged = connected(func(ctx context.Context, x *exchange, conns []*conn.Conn) error {
	t := x.tally(len(conns))
	group := rivet.MergeEvents(wire.Trades, lossless(), shallow())
	defer group.Close()
	for _, c := range conns {
		group.Add(c)
	}
	for v, err := range group.All(ctx) {
		if err != nil {
			return clean(ctx, err)
		}
		t.size(v.Value.Size)
	}
	return nil
})

// together calls f for each, all at once, and waits for them.
func together[T any](list []T, f func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, v := range list {
		wg.Go(func() { errs[i] = f(v) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
