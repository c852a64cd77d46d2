package reliability_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestBehaviour29_LongStreamSlowReader(t *testing.T) {
	const (
		events  = 50_000
		payload = 400
		buffer  = 256
	)
	type outcome struct {
		delivered, lagged uint64
		last              int
		err               error
	}
	type blob struct {
		rivet.Positional
		N    int
		Fill string
	}
	const blobs = rivet.Event[blob]("blob")
	for _, policy := range []stream.Policy{stream.DropOldest, stream.DropNewest, stream.Latest, stream.Block, stream.Fail} {
		t.Run(policy.String(), func(t *testing.T) {
			gw := loopback(t)
			c := connect(t, gw)
			slow := blobs.Subscribe(c, stream.Buffer(buffer), stream.Overflow(policy))
			ready(t, c)
			gc := gw.Conn(0)
			if err := gc.WaitSubscribed(soon(t), string(blobs)); err != nil {
				t.Fatal(err)
			}

			// The reader takes one event for every thousand that are sent, and
			// what is left at the end.
			ctx := soon(t)
			turns := make(chan struct{})
			done := make(chan outcome)
			go func() {
				var o outcome
				o.last = -1
				defer func() { done <- o }()
				idle := false
				for {
					if !idle && policy != stream.Block {
						if _, more := <-turns; !more {
							idle = true
						}
					}
					b, err := slow.Next(ctx)
					var lag *stream.LagError
					switch {
					case errors.As(err, &lag):
						o.lagged += lag.Dropped
					case err != nil:
						o.err = err
						return
					case b.N <= o.last || len(b.Fill) != payload:
						o.err = fmt.Errorf("event %d after %d", b.N, o.last)
						return
					default:
						o.delivered++
						o.last = b.N
						if o.last == events-1 || policy == stream.DropNewest && idle && slow.Stats().Depth == 0 {
							return
						}
					}
				}
			}()

			fill := strings.Repeat("x", payload)
			before := heldHeap()
			var most int64
			for i := range events {
				rivettest.Emit(gc, blobs, blob{N: i, Fill: fill})
				if i%1000 == 999 {
					if err := gc.Flush(ctx); err != nil {
						t.Fatal(err)
					}
					select {
					case turns <- struct{}{}:
					default:
					}
				}
				if i%(events/5) == events/5-1 {
					most = max(most, heldHeap()-before)
				}
			}
			n, err := echo.Call(soon(t), c, 1) // behind all events
			want(t, n, err, 1)
			s := slow.Stats()
			close(turns)
			var o outcome
			select {
			case o = <-done:
			case <-ctx.Done():
				t.Fatal("the reader did not come to an end")
			}

			if most > 4<<20 {
				t.Errorf("heap grew by %d kB for %d kB of events", most>>10, events*payload>>10)
			}
			if s.HighWater > buffer || s.Depth > 2*buffer {
				t.Errorf("buffer of %d held %d, with %d on their way", buffer, s.HighWater, s.Depth)
			}
			s = slow.Stats()
			if s.Received != s.Delivered+s.Dropped+uint64(s.Depth) || s.Delivered != o.delivered {
				t.Errorf("counters do not add up: %+v, delivered %d", s, o.delivered)
			}
			if policy == stream.Fail {
				var over *stream.OverflowError
				if !errors.As(o.err, &over) {
					t.Errorf("ended with %v, want an overflow", o.err)
				}
				if err := gc.WaitUnsubscribed(soon(t), string(blobs)); err != nil {
					t.Error(err)
				}
				return
			}
			if o.err != nil || s.Received != events {
				t.Errorf("received %d of %d, %v", s.Received, events, o.err)
			}
			switch policy {
			case stream.Block:
				if s.Dropped != 0 || o.delivered != events {
					t.Errorf("lost events: %+v", s)
				}
			case stream.Latest:
				if o.last != events-1 || o.lagged != 0 {
					t.Errorf("ended with event %d, lag of %d", o.last, o.lagged)
				}
			case stream.DropOldest:
				if o.last != events-1 || o.lagged != s.Dropped || s.Dropped == 0 {
					t.Errorf("ended with event %d, lag of %d: %+v", o.last, o.lagged, s)
				}
			case stream.DropNewest:
				if s.Dropped == 0 {
					t.Errorf("nothing was dropped: %+v", s)
				}
			}
		})
	}
}
