package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

func TestMain(m *testing.M) {
	if played, err := trial.Play(map[string]trial.Role{wire.Role: wire.Broadcast}); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T) *wire.Broadcaster {
	t.Helper()
	b, err := wire.Start(context.Background()) // Close ends it, not the end of the test's context
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func connect(t *testing.T, b *wire.Broadcaster, enc codec.Encoding) *conn.Conn {
	t.Helper()
	client, err := rivet.NewClient(rivet.WithEndpoint(b.Endpoint), rivet.WithEncoding(enc))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c := client.GetOrCreate(wire.Actor, rivet.Key{t.Name()}).Connect(t.Context())
	t.Cleanup(func() { c.Close() })
	return c
}

// all takes events until last, and adds them up.
func all[T any](t *testing.T, c *conn.Conn, e rivet.Event[T], add func(T) (n int, last bool)) (events, sum int) {
	t.Helper()
	for v, err := range e.All(t.Context(), c, stream.Overflow(stream.Block)) {
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		n, last := add(v)
		if last {
			return events, sum
		}
		events++
		sum += n
	}
	t.Error("events ended before the last one")
	return 0, 0
}

func trade(v wire.Trade) (int, bool) { return v.Size, v.Size == wire.Last }

func quote(v wire.Quote) (int, bool) { return v.Size, v.Size == wire.Last }

func blob(v []byte) (int, bool) {
	if len(v) == 0 {
		return 0, true
	}
	return int(v[0]), false
}

func TestEveryEventArrives(t *testing.T) {
	b := start(t)
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		for _, payload := range []wire.Payload{wire.OfTrade, wire.OfQuote, 16, 64 << 10} {
			t.Run(fmt.Sprintf("%s/%d", enc, payload), func(t *testing.T) {
				c := connect(t, b, enc)
				defer c.Close()
				take := func() (events, sum int) { return all(t, c, wire.Blobs, blob) }
				switch payload {
				case wire.OfTrade:
					take = func() (events, sum int) { return all(t, c, wire.Trades, trade) }
				case wire.OfQuote:
					take = func() (events, sum int) { return all(t, c, wire.Quotes, quote) }
				}
				sent := make(chan wire.Sent, 1)
				go func() {
					s, err := wire.Sent{}, b.Subscribed(payload, 1)
					if err == nil {
						s, err = b.Flow(wire.Order{Payload: payload, Time: time.Millisecond})
					}
					if err != nil {
						t.Error(err)
					}
					sent <- s
				}()
				events, sum := take()
				want := <-sent
				if want.Connections != 1 || events == 0 || events != want.Events || sum != want.Sum {
					t.Errorf("%d events received that add up to %d; sent: %+v", events, sum, want)
				}
				c.Close()
				if err := b.Subscribed(payload, 0); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestAllConnectionsGetTheSame(t *testing.T) {
	b := start(t)
	const connections = 5
	type total struct{ events, sum int }
	totals := make(chan total, connections)
	for range connections {
		c := connect(t, b, codec.BARE)
		go func() {
			events, sum := all(t, c, wire.Trades, trade)
			totals <- total{events, sum}
		}()
	}
	if err := b.Subscribed(wire.OfTrade, connections); err != nil {
		t.Fatal(err)
	}
	sent, err := b.Flow(wire.Order{Time: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var got total
	for range connections {
		one := <-totals
		got.events += one.events
		got.sum += one.sum
	}
	if sent.Connections != connections || got.events != sent.Events || got.sum != sent.Sum {
		t.Errorf("received: %+v, sent: %+v", got, sent)
	}
}

func TestTicks(t *testing.T) {
	b := start(t)
	c := connect(t, b, codec.BARE)
	received := make(chan int, 1)
	go func() {
		events, _ := all(t, c, wire.Trades, trade)
		received <- events
	}()
	if err := b.Subscribed(wire.OfTrade, 1); err != nil {
		t.Fatal(err)
	}
	at, err := b.Tick(wire.Ticks{Count: 3, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if events := <-received; events != 3 || len(at) != 3 || at[0] >= at[2] {
		t.Errorf("%d events, sent at %v", events, at)
	}
}

func TestActionsAreAnsweredWithTheirArguments(t *testing.T) {
	b := start(t)
	c := connect(t, b, codec.BARE)
	client, err := rivet.NewClient(rivet.WithEndpoint(b.Endpoint))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for name, caller := range map[string]rivet.Caller{"connection": c, "HTTP": client.GetOrCreate(wire.Actor, rivet.Key{"x"})} {
		got, err := rivet.Call[[]int](t.Context(), caller, "echo", 5)
		if err != nil || len(got) != 1 || got[0] != 5 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// On a machine that has no time to spare the time is over before anything is sent.
func TestThereIsSomethingInEveryRun(t *testing.T) {
	b := start(t)
	c := connect(t, b, codec.BARE)
	sub := wire.Trades.Subscribe(c, stream.Overflow(stream.Block))
	defer sub.Close()
	if err := b.Subscribed(wire.OfTrade, 1); err != nil {
		t.Fatal(err)
	}
	if sent, err := b.Flow(wire.Order{Time: -1}); err != nil || sent.Events == 0 {
		t.Errorf("%+v, %v", sent, err)
	}
}

func TestNobodyIsSubscribed(t *testing.T) {
	if _, err := start(t).Flow(wire.Order{}); err == nil {
		t.Error("a run that nobody is subscribed to was no error")
	}
}

// Clients of NATS get the messages that its protocol describes.
func TestNATS(t *testing.T) {
	b := start(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(b.NATS, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "CONNECT {}\r\nSUB trade 7\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for _, want := range []string{"INFO ", "PONG"} {
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
			t.Fatalf("%q, %v; want %s", line, err, want)
		}
	}
	sent := make(chan wire.Sent, 1)
	go func() {
		s, err := b.Flow(wire.Order{Time: time.Millisecond})
		if err != nil {
			t.Error(err)
		}
		sent <- s
	}()
	events, sum := 0, 0
	for {
		var n int
		head, err := in.ReadString('\n')
		if _, bad := fmt.Sscanf(head, "MSG trade 7 %d\r\n", &n); bad != nil {
			t.Fatalf("%q: %v", head, errors.Join(err, bad))
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(in, data); err != nil || !strings.HasSuffix(string(data), "\r\n") {
			t.Fatalf("%q: %v", data, err)
		}
		var v wire.Trade
		if err := codec.Unmarshal(codec.CBOR, data[:n], &v); err != nil {
			t.Fatal(err)
		}
		if v.Size == wire.Last {
			break
		}
		events++
		sum += v.Size
	}
	if want := <-sent; events != want.Events || sum != want.Sum {
		t.Errorf("%d events that add up to %d; sent: %+v", events, sum, want)
	}
}
