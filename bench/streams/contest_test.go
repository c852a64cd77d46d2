package streams

import (
	"context"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// burst is how many events come at a time, and how many may wait wherever a
// contestant has a buffer, if the contest does not say otherwise.
const burst = 1024

// Event is what goes through the pipes: of a size that is common, too large to
// be boxed for nothing.
type Event struct {
	ID    int64
	Price float64
	Size  float64
	Side  int32
}

// contestant does the work of its contest for n events and returns the sum that
// all contestants come to.
type contestant struct {
	name string
	run  func(n int) int64
}

// agree holds all contestants to the same sum, for numbers of events around
// those where bursts and buffers end.
func agree(t *testing.T, want func(n int) int64, contestants []contestant) {
	t.Helper()
	for _, c := range contestants {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 63, 64, burst, 3*burst + 1} {
				if got := c.run(n); got != want(n) {
					t.Errorf("%d events: %d, want %d", n, got, want(n))
				}
			}
		})
	}
}

// race runs all contestants; an op is one event.
func race(b *testing.B, contestants []contestant) {
	for _, c := range contestants {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			c.run(b.N)
		})
	}
}

// numbered returns n events, the first of which has the ID from.
func numbered(from, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{ID: int64(from + i), Price: 1, Size: 2, Side: 3}
	}
	return events
}

// bursts calls send with n events, a burst at a time. The slice is reused.
func bursts(n int, send func([]Event)) {
	for i := 0; i < n; i += burst {
		send(events[i%len(events):][:min(burst, n-i)])
	}
}

// events are many enough not to be in the first cache.
var events = numbered(0, 16*burst)

// subscription is a live source as a connection of this module is one: a queue
// for the feeder, in which at most buffer events wait, and a stream over it.
func subscription(buffer int) (*stream.Queue[Event], stream.Stream[Event]) {
	q := stream.NewQueue(stream.Config{Buffer: buffer, Overflow: stream.Block}, stream.Hooks[Event]{})
	return q, stream.FromSubscription(func() *stream.Subscription[Event] { return stream.Direct(q) })
}

// sum adds up what a stream has to give.
func sum(s stream.Stream[Event]) (total int64) {
	for ev, err := range s.All(context.Background()) {
		if err != nil {
			panic(fmt.Sprint("nothing may be lost here: ", err))
		}
		total += ev.ID
	}
	return total
}

// sumChan does the same for a channel.
func sumChan(ch <-chan Event) (total int64) {
	for ev := range ch {
		total += ev.ID
	}
	return total
}
