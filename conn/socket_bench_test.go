//go:build unix

package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/url"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	gobwas "github.com/gobwas/ws"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/stream"
)

// processorTime is what this process has taken so far, in the kernel too.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs f and reports what it took per event, in time and in time of a
// processor.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	from := processorTime(b)
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(processorTime(b)-from)/float64(b.N), "cpu-ns/op")
}

// connectTo opens a connection of the library to the server of events. At the
// end it is cut off: the server never stops sending to answer a close frame.
func connectTo(b *testing.B, addr string, enc codec.Encoding, query url.Values) *conn.Conn {
	var nc net.Conn
	c := connect(b, conn.Config{
		Encoding: enc,
		Target: func(context.Context) (*conn.Target, error) {
			return &conn.Target{URL: serverURL(addr, enc, query), Protocols: []string{"rivet"}}, nil
		},
		NetDial: func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
			if nc != nil {
				return nil, net.ErrClosed
			}
			nc, err = new(net.Dialer).DialContext(ctx, network, addr)
			return nc, err
		},
	})
	if err := c.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = nc.Close() })
	return c
}

func serverURL(addr string, enc codec.Encoding, query url.Values) *url.URL {
	q := url.Values{"encoding": {enc.String()}}
	for name, values := range query {
		q[name] = values
	}
	return &url.URL{Scheme: "http", Host: addr, Path: "/", RawQuery: q.Encode()}
}

// subscribedTo opens a connection by hand, which has sent its subscription.
func subscribedTo(b *testing.B, addr string, enc codec.Encoding, query url.Values) (nc net.Conn, early []byte) {
	hs, err := ws.Dial(b.Context(), ws.DialConfig{URL: serverURL(addr, enc, query), Protocols: []string{"rivet"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = hs.Conn.Close() })
	w := ws.NewWriter(hs.Conn, ws.Client)
	op := ws.OpText
	if enc.Binary() {
		op = ws.OpBinary
	}
	if err := errors.Join(w.Append(op, codec.AppendSubscription(nil, enc, tick, true)), w.Flush()); err != nil {
		b.Fatal(err)
	}
	return hs.Conn, hs.Early
}

// frames reads frames with gobwas' low-level functions, the payload in place.
func frames(r io.Reader, each func(payload []byte) bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	scratch := make([]byte, gobwas.MaxHeaderSize)
	for {
		h, err := gobwas.ReadHeaderBuffer(br, scratch)
		if err != nil {
			return err
		}
		if err := gobwas.CheckHeader(h, gobwas.StateClientSide); err != nil {
			return err
		}
		payload, err := br.Peek(int(h.Length))
		if err != nil {
			return err
		}
		if !each(payload) {
			return nil
		}
		if _, err := br.Discard(len(payload)); err != nil {
			return err
		}
	}
}

// first is the bytes of the first argument.
func first(enc codec.Encoding, args []byte) []byte {
	if enc == codec.JSON {
		return args[1 : len(args)-1]
	}
	return args[1:]
}

var errNotATrade = errors.New("not a trade")

// byHand decodes a trade in CBOR as one would for this type alone.
func byHand(d []byte, t *trade) error {
	if len(d) == 0 || d[0] != 0xa3 {
		return errNotATrade
	}
	d = d[1:]
	text := func() (s []byte) {
		if len(d) > 0 && d[0]>>5 == 3 && d[0]&31 < 24 && len(d) > int(d[0]&31) {
			n := 1 + int(d[0]&31)
			s, d = d[1:n], d[n:]
		}
		return s
	}
	for range 3 {
		switch key := text(); string(key) {
		case "symbol":
			t.Symbol = string(text())
		case "price":
			switch {
			case len(d) >= 9 && d[0] == 0xfb:
				t.Price, d = math.Float64frombits(binary.BigEndian.Uint64(d[1:])), d[9:]
			case len(d) >= 5 && d[0] == 0xfa:
				t.Price, d = float64(math.Float32frombits(binary.BigEndian.Uint32(d[1:]))), d[5:]
			case len(d) >= 3 && d[0] == 0xf9:
				return errNotATrade
			}
		case "size":
			switch {
			case len(d) >= 2 && d[0] == 24:
				t.Size, d = int(d[1]), d[2:]
			case len(d) >= 1 && d[0] < 24:
				t.Size, d = int(d[0]), d[1:]
			}
		default:
			return errNotATrade
		}
	}
	return nil
}

// BenchmarkSocketReceive receives what another process sends over loopback TCP
// as fast as the socket takes it: bare is a loop of gobwas/ws on low level with
// the decoder that one would take, hand one with a decoder for this type alone,
// the others are ways to receive with the library. Compare cpu-ns/op where the
// machine is busy.
func BenchmarkSocketReceive(b *testing.B) {
	addr := eventServer(b)
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		loop := func(decode func(data []byte, t *trade) error) func(b *testing.B) {
			return func(b *testing.B) {
				nc, early := subscribedTo(b, addr, enc, nil)
				measure(b, func() {
					n := b.N
					err := frames(io.MultiReader(bytes.NewReader(early), nc), func(payload []byte) bool {
						name, args, ok := codec.ScanEvent(enc, payload)
						if !ok {
							return true // Init
						}
						var t trade
						if err := decode(first(enc, args), &t); err != nil || t.Size != 42 || string(name) != tick {
							b.Errorf("%s: %+v, %v", name, t, err)
							return false
						}
						n--
						return n > 0
					})
					if err != nil {
						b.Error(err)
					}
				})
			}
		}
		b.Run(enc.String()+"/bare", loop(func(data []byte, t *trade) error {
			if enc == codec.JSON {
				return json.Unmarshal(data, t)
			}
			return cbor.Unmarshal(data, t)
		}))
		if enc != codec.JSON {
			b.Run(enc.String()+"/hand", loop(byHand))
		}
		event := rivet.Event[trade](tick)
		library := func(consume func(b *testing.B, c *conn.Conn, n int)) func(b *testing.B) {
			return func(b *testing.B) {
				c := connectTo(b, addr, enc, nil)
				measure(b, func() { consume(b, c, b.N) })
			}
		}
		b.Run(enc.String()+"/All", library(func(b *testing.B, c *conn.Conn, n int) {
			for t, err := range event.All(b.Context(), c, lossless()...) {
				if err != nil || t.Size != 42 {
					b.Errorf("%+v, %v", t, err)
				}
				if n--; n == 0 {
					return
				}
			}
		}))
		b.Run(enc.String()+"/On", library(func(b *testing.B, c *conn.Conn, n int) {
			done := make(chan struct{})
			cancel := event.On(c, func(t trade) {
				if n--; n == 0 {
					close(done)
				}
			}, lossless()...)
			<-done
			cancel()
		}))
		b.Run(enc.String()+"/Chan", library(func(b *testing.B, c *conn.Conn, n int) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			for range event.Chan(ctx, c, lossless()...) {
				if n--; n == 0 {
					return
				}
			}
		}))
		b.Run(enc.String()+"/raw", library(func(b *testing.B, c *conn.Conn, n int) {
			count(b, c.Subscribe([]string{tick}, lossless()...), n)
		}))
	}
}

// BenchmarkSocketLatency is the time from before an event is sent to the body
// of the loop, at which nothing else happens, with nothing else for both
// processes to do: bare is a loop that decodes and hands over on a channel. An
// op is an event, of which there is one each 1 ms, or 100 µs, by the clock.
func BenchmarkSocketLatency(b *testing.B) {
	addr := eventServer(b)
	query := url.Values{pace: {"1ms"}}
	b.Run("bare", func(b *testing.B) {
		nc, early := subscribedTo(b, addr, codec.BARE, query)
		events := make(chan stamp, 64)
		latencies(b, func(ctx context.Context, got func(stamp) bool) {
			go func() {
				defer close(events)
				_ = frames(io.MultiReader(bytes.NewReader(early), nc), func(payload []byte) bool {
					_, args, ok := codec.ScanEvent(codec.BARE, payload)
					var s stamp
					if !ok || cbor.Unmarshal(args[1:], &s) != nil {
						return true // Init
					}
					select {
					case events <- s:
						return true
					case <-ctx.Done():
						return false
					}
				})
			}()
			for s := range events {
				if !got(s) {
					return
				}
			}
		})
		_ = nc.Close()
		for range events {
		}
	})
	b.Run("All", func(b *testing.B) {
		c := connectTo(b, addr, codec.BARE, query)
		latencies(b, func(ctx context.Context, got func(stamp) bool) {
			for s, err := range rivet.Event[stamp](tick).All(ctx, c) {
				if err != nil && !stream.IsNotice(err) {
					b.Error(err)
				}
				if !got(s) {
					return
				}
			}
		})
	})
	b.Run("raw", func(b *testing.B) {
		c := connectTo(b, addr, codec.BARE, query)
		latencies(b, func(ctx context.Context, got func(stamp) bool) {
			for ev, err := range c.Subscribe([]string{tick}).All(ctx) {
				var s stamp
				if err := errors.Join(err, cbor.Unmarshal(ev.Args[1:], &s)); err != nil {
					b.Error(err)
				}
				if !got(s) {
					return
				}
			}
		})
	})
}

// latencies consumes b.N events and reports the median and the 99th percentile.
func latencies(b *testing.B, consume func(ctx context.Context, got func(stamp) bool)) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	took := make([]int64, 0, b.N)
	measure(b, func() {
		consume(ctx, func(s stamp) bool {
			took = append(took, time.Now().UnixNano()-s.At)
			return len(took) < b.N
		})
	})
	if len(took) == 0 {
		b.Fatal("no event came")
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkSocketCall is a call that decodes its result, over a connection or by
// HTTP, by one caller or by 64 at a time, to another process.
func BenchmarkSocketCall(b *testing.B) {
	addr := eventServer(b)
	call := rivet.Action[trade, trade]("buy")
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		callers := func(name string, connect func(b *testing.B) rivet.Caller) {
			buy := func(b *testing.B, c rivet.Caller) {
				if t, err := call.Call(b.Context(), c, trade{"RVT-USD", 1234.5, 42}); err != nil || t != answer {
					b.Errorf("%+v, %v", t, err)
				}
			}
			b.Run(enc.String()+"/"+name+"/1", func(b *testing.B) {
				c := connect(b)
				buy(b, c)
				measure(b, func() {
					for range b.N {
						buy(b, c)
					}
				})
			})
			b.Run(enc.String()+"/"+name+"/64", func(b *testing.B) {
				c := connect(b)
				buy(b, c)
				b.SetParallelism(64 / runtime.GOMAXPROCS(0))
				measure(b, func() {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							buy(b, c)
						}
					})
				})
			})
		}
		callers("connection", func(b *testing.B) rivet.Caller { return connectTo(b, addr, enc, nil) })
		callers("HTTP", func(b *testing.B) rivet.Caller {
			c, err := rivet.NewClient(rivet.WithEndpoint("http://"+addr), rivet.WithEncoding(enc), rivet.WithoutMetadataLookup())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { c.Close() })
			return c.GetOrCreate("broker", rivet.Key{"a"})
		})
	}
}
