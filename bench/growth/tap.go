package growth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
)

// blockEvents is how many events a block has at least.
const blockEvents = 1024

// named are n events of different names.
func named(n int) []rivet.Event[wire.Trade] {
	list := make([]rivet.Event[wire.Trade], n)
	for i := range list {
		list[i] = rivet.Event[wire.Trade](fmt.Sprintf("%s%03d", wire.Trades, i))
	}
	return list
}

// tap is a network connection that, once it is turned, delivers events from
// memory, so that reading costs a copy: in each run a block again and again for some
// time, and then the last of each name. In a block names take turns.
type tap struct {
	net.Conn
	turned atomic.Bool
	open   chan time.Time // until when to deliver
	blocks chan int       // how many there were
	shut   chan struct{}
	once   sync.Once

	block, last []byte
	of          sent // a block

	// Of whoever reads.
	flowing bool
	rest    []byte
	until   time.Time
	n       int
}

// newTap returns a tap of events in BARE.
func newTap(names []rivet.Event[wire.Trade]) (*tap, error) {
	t := &tap{open: make(chan time.Time), blocks: make(chan int, 1), shut: make(chan struct{})}
	add := func(dst []byte, size func() int) (_ []byte, err error) {
		for _, name := range names {
			args, err := codec.AppendArgs(nil, codec.BARE, []any{wire.Trade{Symbol: "RVT-USD", Price: 1234.5, Size: size()}})
			if err != nil {
				return nil, err
			}
			if dst, err = ws.AppendFrame(dst, ws.OpBinary, codec.AppendEvent(nil, codec.BARE, string(name), args)); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	var err error
	for err == nil && t.of.events < blockEvents {
		t.block, err = add(t.block, func() int {
			size := 10_000 + t.of.events
			t.of.events++
			t.of.sum += size
			return size
		})
	}
	if err == nil {
		t.last, err = add(nil, func() int { return wire.Last })
	}
	return t, err
}

// Read is for one goroutine.
func (t *tap) Read(p []byte) (int, error) {
	if !t.flowing {
		n, err := t.Conn.Read(p)
		t.flowing = t.turned.Load()
		return n, err
	}
	if len(t.rest) == 0 && !t.next() {
		return 0, net.ErrClosed
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// next sets what to deliver next.
func (t *tap) next() bool {
	if t.until.IsZero() {
		select {
		case t.until = <-t.open:
		case <-t.shut:
			return false
		}
	}
	if t.n == 0 || time.Now().Before(t.until) {
		t.rest = t.block
		t.n++
		return true
	}
	t.blocks <- t.n
	t.rest, t.until, t.n = t.last, time.Time{}, 0
	return true
}

// Close releases the reader as well.
func (t *tap) Close() error {
	t.once.Do(func() { close(t.shut) })
	if t.Conn == nil {
		return nil
	}
	return t.Conn.Close()
}

// flow delivers events to consumers; together they get each so many times.
func (t *tap) flow(tr *trial.Trial, times int, consumers []consumer) error {
	return deliver(tr, consumers, func(d time.Duration) (sent, error) {
		t.open <- time.Now().Add(d)
		n := <-t.blocks
		return sent{n * t.of.events * times, n * t.of.sum * times}, nil
	})
}

// connected opens a connection that reads from the tap, which is turned once the
// server knows of what prepare subscribed to, and runs measure.
func (t *tap) connected(ctx context.Context, prepare func(*conn.Conn), measure func() error) (err error) {
	b, err := wire.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	c := conn.New(ctx, conn.Config{
		Encoding:     codec.BARE,
		PingInterval: -1, // nobody answers, nor says goodbye
		CloseTimeout: time.Millisecond,
		Target:       target(b),
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if t.Conn != nil {
				return nil, errors.New("the connection is lost")
			}
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			t.Conn = c
			return t, err
		},
	})
	defer c.Close()
	prepare(c)
	if err := c.Ready(ctx); err != nil {
		return err
	}
	t.turned.Store(true)
	if _, err := c.Action(ctx, "hello"); err != nil {
		return err
	}
	return measure()
}

// target is where connections to a broadcaster go.
func target(b *wire.Broadcaster) func(context.Context) (*conn.Target, error) {
	return func(context.Context) (*conn.Target, error) {
		u, err := url.Parse(b.Endpoint + "/gateway/" + wire.Actor + "/connect")
		if err != nil {
			return nil, err
		}
		return &conn.Target{URL: u, Protocols: []string{"rivet", "rivet_encoding.bare"}}, nil
	}
}
