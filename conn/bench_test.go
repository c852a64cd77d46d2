package conn_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// trade is the event of the benchmarks, about 45 bytes on the wire.
type trade struct {
	Symbol string  `cbor:"symbol" json:"symbol"`
	Price  float64 `cbor:"price" json:"price"`
	Size   int     `cbor:"size" json:"size"`
}

const blockEvents = 1024

// blockOf is a block of trades in BARE, for benchmarks.
func blockOf(b *testing.B) []byte {
	b.Helper()
	frames, err := block(codec.BARE, answer)
	if err != nil {
		b.Fatal(err)
	}
	return frames
}

// tap is a network connection that, once it is turned, delivers what the server
// sends next and then a block as often as it is told to: reading from it costs
// a copy.
type tap struct {
	net.Conn
	turned  atomic.Bool
	flowing bool     // no more reads from the server
	open    chan int // how many blocks to deliver
	block   []byte
	rest    []byte
	left    int
}

func (t *tap) Read(p []byte) (int, error) {
	if !t.flowing {
		n, err := t.Conn.Read(p)
		t.flowing = t.turned.Load()
		return n, err
	}
	if len(t.rest) == 0 {
		if t.left == 0 {
			t.left = <-t.open
		}
		if t.left == 0 {
			return 0, io.EOF
		}
		t.left--
		t.rest = t.block
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// tapped opens a connection that reads from a tap of that block. The tap is
// turned with the first event, of which there is one more therefore; see run.
func tapped(b testing.TB, enc codec.Encoding, block []byte) (*conn.Conn, *rivettest.Gateway, *tap) {
	b.Helper()
	gw := rivettest.NewGateway(b, rivettest.InMemory())
	gw.Actor("room")
	tp := &tap{open: make(chan int, 1), block: block}
	cfg := config(gw)
	cfg.Encoding = enc
	cfg.Target = func(context.Context) (*conn.Target, error) {
		return &conn.Target{URL: gw.ConnectURL("room", "a"), Protocols: []string{"rivet", "rivet_encoding." + enc.String()}}, nil
	}
	cfg.PingInterval = -1
	cfg.NetDial = func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		if tp.Conn != nil {
			return nil, io.EOF
		}
		tp.Conn, err = gw.Dial(ctx, network, addr)
		return tp, err
	}
	c := connect(b, cfg)
	if err := c.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	return c, gw, tp
}

// run delivers at least b.N events and waits until each consumer has had them.
func run(b *testing.B, gw *rivettest.Gateway, tp *tap, consumers int, consume func(n int)) {
	b.Helper()
	if err := gw.Conn(0).WaitSubscribed(b.Context(), tick); err != nil {
		b.Fatal(err)
	}
	tp.turned.Store(true)
	gw.Conn(0).Emit(tick, trade{"RVT-USD", 1234.5, 42})
	blocks := (b.N + blockEvents - 1) / blockEvents
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	tp.open <- blocks
	for range consumers {
		wg.Go(func() { consume(blocks*blockEvents + 1) })
	}
	wg.Wait()
	b.StopTimer()
	close(tp.open)
}

// count takes n events off a subscription.
func count[T any](b *testing.B, sub *stream.Subscription[T], n int) {
	for _, err := range sub.All(b.Context()) {
		if err != nil {
			b.Error(err)
			return
		}
		if n--; n == 0 {
			return
		}
	}
}

func lossless() []stream.Option {
	return []stream.Option{stream.Overflow(stream.Block), stream.Buffer(4096)}
}

// BenchmarkReceive compares the ways to receive an event with a bare loop over
// the same frames that decodes them on the spot.
func BenchmarkReceive(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		tp := &tap{flowing: true, open: make(chan int, 1), block: blockOf(b)}
		blocks := (b.N + blockEvents - 1) / blockEvents
		tp.open <- blocks
		close(tp.open)
		r := ws.NewReader(tp, nil, ws.ReaderConfig{Role: ws.Client})
		b.ReportAllocs()
		for b.ResetTimer(); ; {
			m, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				b.Fatal(err)
			}
			_, args, ok := codec.ScanEvent(codec.BARE, m.Payload)
			var v trade
			if !ok || cbor.Unmarshal(args[1:], &v) != nil || v.Size != 42 {
				b.Fatal("event was not decoded")
			}
		}
	})
	b.Run("unwanted", func(b *testing.B) {
		c, gw, tp := tapped(b, codec.BARE, blockOf(b))
		other := c.Subscribe([]string{tick})
		run(b, gw, tp, 1, func(n int) {
			other.Close()
			for c.Stats().Unwanted+c.Stats().Events < uint64(n) {
				runtime.Gosched()
			}
		})
	})
	b.Run("frames", func(b *testing.B) {
		c, gw, tp := tapped(b, codec.BARE, blockOf(b))
		sub := conn.SubscribeDecoded(c, []string{tick}, func(*conn.Frame, *struct{}) error { return nil }, lossless()...)
		run(b, gw, tp, 1, func(n int) { count(b, sub, n) })
	})
	b.Run("raw", func(b *testing.B) {
		c, gw, tp := tapped(b, codec.BARE, blockOf(b))
		sub := c.Subscribe([]string{tick}, lossless()...)
		run(b, gw, tp, 1, func(n int) { count(b, sub, n) })
	})
	for _, subs := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("typed/%d", subs), func(b *testing.B) {
			c, gw, tp := tapped(b, codec.BARE, blockOf(b))
			list := make(chan *stream.Subscription[trade], subs)
			for range subs {
				list <- conn.SubscribeTyped[trade](c, tick, lossless()...)
			}
			run(b, gw, tp, subs, func(n int) { count(b, <-list, n) })
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subs), "ns/delivery")
		})
	}
	for _, subs := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("decoding/%d", subs), func(b *testing.B) {
			c, gw, tp := tapped(b, codec.BARE, blockOf(b))
			decoder := codec.DecoderFor[trade]()
			list := make(chan *stream.Subscription[trade], subs)
			for range subs {
				list <- conn.SubscribeDecoded(c, []string{tick}, func(f *conn.Frame, dst *trade) error {
					return decoder.DecodeArgs(f.Encoding, f.Args, dst)
				}, lossless()...)
			}
			run(b, gw, tp, subs, func(n int) { count(b, <-list, n) })
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subs), "ns/delivery")
		})
	}
	b.Run("fan-out/100", func(b *testing.B) {
		c, gw, tp := tapped(b, codec.BARE, blockOf(b))
		list := make(chan *stream.Subscription[struct{}], 100)
		for range 100 {
			list <- conn.SubscribeDecoded(c, []string{tick}, func(*conn.Frame, *struct{}) error { return nil }, lossless()...)
		}
		run(b, gw, tp, 100, func(n int) { count(b, <-list, n) })
	})
}

// BenchmarkLatency is the way of a single event from the socket to the loop.
func BenchmarkLatency(b *testing.B) {
	b.Run("conn", func(b *testing.B) {
		c, gw, tp := tapped(b, codec.BARE, blockOf(b))
		sub := conn.SubscribeDecoded(c, []string{tick}, func(*conn.Frame, *struct{}) error { return nil })
		if err := gw.Conn(0).WaitSubscribed(b.Context(), tick); err != nil {
			b.Fatal(err)
		}
		tp.block = tp.block[:len(tp.block)/blockEvents]
		tp.turned.Store(true)
		gw.Conn(0).Emit(tick, trade{})
		next := func() {
			if _, err := sub.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		next()
		b.ReportAllocs()
		for b.Loop() {
			tp.open <- 1
			next()
		}
		close(tp.open)
	})
	b.Run("bare", func(b *testing.B) {
		tp := &tap{flowing: true, open: make(chan int, 1), block: blockOf(b)}
		tp.block = tp.block[:len(tp.block)/blockEvents]
		r := ws.NewReader(tp, nil, ws.ReaderConfig{Role: ws.Client})
		events := make(chan []byte, 64)
		go func() {
			defer close(events)
			for {
				m, err := r.Next()
				if err != nil {
					return
				}
				events <- m.Payload
			}
		}()
		b.ReportAllocs()
		for b.Loop() {
			tp.open <- 1
			<-events
		}
		close(tp.open)
		for range events {
		}
	})
}

// BenchmarkCall is a call over a connection to a gateway in memory.
func BenchmarkCall(b *testing.B) {
	gw := rivettest.NewGateway(b, rivettest.InMemory(), rivettest.RecordLimit(0))
	gw.Actor("room").Handle("echo", func(_ context.Context, r *rivettest.Request) (any, error) { return 1, nil })
	c := connect(b, config(gw))
	call := func() {
		if _, err := c.Action(b.Context(), "echo", 1); err != nil {
			b.Error(err)
		}
	}
	call()
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			call()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call()
			}
		})
	})
}
