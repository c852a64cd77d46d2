//go:build !race

package conn_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

// quote is an event of fixed size.
type quote struct {
	ID       int64 `json:"id"`
	Bid, Ask float64
	Price    float64 `json:"price"`
	Sizes    [2]int32
	Up       bool `json:"up"`
}

// Receiving events of fixed size allocates nothing, whatever the encoding and
// the way to receive: what buffers grow by, and the blocks in which raw events
// share memory, is less than one allocation in 25 events. The race detector
// allocates, too.
func TestReceivingAllocatesNothing(t *testing.T) {
	const warmUp, events = 20 * blockEvents, 50 * blockEvents
	event := rivet.Event[quote](tick)
	ways := map[string]func(ctx context.Context, c *conn.Conn, got func()){
		"All": func(ctx context.Context, c *conn.Conn, got func()) {
			for q, err := range event.All(ctx, c, lossless()...) {
				if err != nil || q.ID != 7 {
					t.Errorf("%+v, %v", q, err)
				}
				got()
			}
		},
		"Seq": func(ctx context.Context, c *conn.Conn, got func()) {
			for range event.Seq(ctx, c, lossless()...) {
				got()
			}
		},
		"Chan": func(ctx context.Context, c *conn.Conn, got func()) {
			for range event.Chan(ctx, c, lossless()...) {
				got()
			}
		},
		"On": func(ctx context.Context, c *conn.Conn, got func()) {
			cancel := event.On(c, func(quote) { got() }, lossless()...)
			<-ctx.Done()
			cancel()
		},
		"Next": func(ctx context.Context, c *conn.Conn, got func()) {
			sub := event.Subscribe(c, lossless()...)
			defer sub.Close()
			for {
				if _, err := sub.Next(ctx); err != nil {
					return
				}
				got()
			}
		},
		"Value": func(ctx context.Context, c *conn.Conn, got func()) {
			for v, err := range rivet.Event[codec.Value](tick).All(ctx, c, lossless()...) {
				if err != nil || len(v.Bytes()) < 40 {
					t.Errorf("%v, %v", v, err)
				}
				got()
			}
		},
		"raw": func(ctx context.Context, c *conn.Conn, got func()) {
			for range c.Subscribe([]string{tick}, lossless()...).All(ctx) {
				got()
			}
		},
	}
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		for name, consume := range ways {
			if name == "Value" && enc == codec.JSON {
				continue // the arguments are split, which takes a list
			}
			t.Run(fmt.Sprintf("%v/%s", enc, name), func(t *testing.T) {
				frames, err := block(enc, quote{ID: 7, Price: 1.5, Sizes: [2]int32{1, 2}, Up: true})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c, gw, tp := tapped(t, enc, frames)
				var count atomic.Int64
				var warm, after runtime.MemStats
				done := make(chan struct{})
				consumed := make(chan struct{})
				go func() {
					defer close(consumed)
					consume(ctx, c, func() {
						switch count.Add(1) {
						case warmUp:
							runtime.ReadMemStats(&warm)
						case warmUp + events:
							runtime.ReadMemStats(&after)
							close(done)
						}
					})
				}()
				if err := gw.Conn(0).WaitSubscribed(t.Context(), tick); err != nil {
					t.Fatal(err)
				}
				tp.turned.Store(true)
				gw.Conn(0).Emit(tick, quote{ID: 7}) // turns the tap
				tp.open <- (warmUp + events) / blockEvents
				<-done
				cancel()
				<-consumed
				close(tp.open)
				if n := after.Mallocs - warm.Mallocs; n > events/25 {
					t.Errorf("%d allocations for %d events", n, events)
				}
			})
		}
	}
}
