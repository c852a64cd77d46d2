package conn_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// numbered is an event that tells its place in its text, over and over, so
// that bytes of another event in it show.
type numbered struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func number(n int) numbered {
	return numbered{N: n, Text: strings.Repeat(fmt.Sprintf("%d,", n), 1+n*7%97*(1+n%211/210*300))}
}

// TestMemoryOfEventsIsNotReusedTooSoon has consumers of every policy hold what
// they have decoded while the reader goes on to fill recycled memory: nothing
// may change under them.
func TestMemoryOfEventsIsNotReusedTooSoon(t *testing.T) {
	decoder := codec.DecoderFor[numbered]()
	t.Run("own decoder", func(t *testing.T) {
		checkMemory(t, func(c *conn.Conn, opts ...stream.Option) *stream.Subscription[numbered] {
			return conn.SubscribeDecoded(c, []string{tick}, func(f *conn.Frame, dst *numbered) error {
				return decoder.DecodeArgs(f.Encoding, f.Args, dst)
			}, opts...)
		})
	})
	t.Run("typed", func(t *testing.T) {
		checkMemory(t, func(c *conn.Conn, opts ...stream.Option) *stream.Subscription[numbered] {
			return conn.SubscribeTyped[numbered](c, tick, opts...)
		})
	})
}

func checkMemory(t *testing.T, open func(c *conn.Conn, opts ...stream.Option) *stream.Subscription[numbered]) {
	const events = 6_000
	gw := rivettest.NewGateway(t, rivettest.RecordLimit(0))
	gw.Actor("room")
	c := connect(t, config(gw))
	subscribe := func(opts ...stream.Option) *stream.Subscription[numbered] { return open(c, opts...) }
	policies := map[string][]stream.Option{
		"all":         {stream.Buffer(events + 1), stream.BufferBytes(1 << 30)},
		"drop oldest": {stream.Buffer(100)},
		"drop newest": {stream.Buffer(100), stream.Overflow(stream.DropNewest)},
		"few bytes":   {stream.BufferBytes(4 << 10)},
		"latest":      {stream.Overflow(stream.Latest)},
		"block":       {stream.Buffer(50), stream.Overflow(stream.Block)},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for name, opts := range policies {
		sub := subscribe(opts...)
		wg.Go(func() {
			var held []numbered
			last, n := -1, 0
			for ev, err := range sub.All(ctx) {
				if stream.IsNotice(err) {
					if _, lag := err.(*stream.LagError); !lag {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				if ev.N <= last || ev != number(ev.N) {
					t.Errorf("%s: event %d after %d, text %.40q", name, ev.N, last, ev.Text)
					return
				}
				last = ev.N
				if held = append(held, ev); len(held) == 300 {
					for _, old := range held {
						if old != number(old.N) {
							t.Errorf("%s: event %d has changed", name, old.N)
							return
						}
					}
					held = held[:0]
				}
				if n++; last == events {
					break
				}
			}
			if (name == "all" || name == "block") && n != events+1 {
				t.Errorf("%s: %d events", name, n)
			}
		})
	}
	raw := c.Subscribe([]string{tick}, stream.Buffer(events+1), stream.BufferBytes(1<<30))
	wg.Go(func() { // many short subscriptions beside: their memory is abandoned in every state
		for {
			sub := subscribe(stream.Buffer(10))
			for range 20 {
				if _, err := sub.Next(ctx); err != nil && !stream.IsNotice(err) {
					t.Error(err)
					return
				}
			}
			sub.Close()
			if raw.Stats().Received > events/2 {
				return
			}
		}
	})
	ready(t, c)
	gc := gw.Conn(0)
	if err := gc.WaitSubscribed(ctx, tick); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		gc.Emit(tick, number(i))
		if i%512 == 0 {
			if err := gc.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The last one comes through whatever the policy: it is sent until it did.
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for {
		gc.Emit(tick, number(events))
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("consumers did not come to the end")
		}
	}
}
