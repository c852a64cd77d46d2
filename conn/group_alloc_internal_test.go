//go:build !race

package conn

import (
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// fixed is an event without strings.
type fixed struct {
	N     int
	Price float64
	Flags [4]bool
}

// From the reader to the loop nothing is allocated for an event, nor for a
// delivery, but for one block of values for many events. The race detector
// allocates, so this is for runs without it.
func TestReceivingAllocatesNothing(t *testing.T) {
	for subs, most := range map[int]float64{1: 0, 2: 1, 10: 1, 100: 1} {
		w := newWire()
		var list []*stream.Subscription[fixed]
		for range subs {
			list = append(list, SubscribeTyped[fixed](w.Conn, "tick"))
		}
		args := arguments(t, fixed{1, 2.5, [4]bool{true}})
		line := append([]byte(nil), args...)
		round := func() {
			for range flushEvery {
				w.event(append(line[:0], args...))
			}
			for _, sub := range list {
				for range flushEvery {
					if v, err := sub.Next(t.Context()); err != nil || v.N != 1 || v.Price != 2.5 {
						t.Fatal(v, err)
					}
				}
			}
		}
		for range 20 { // until memory has grown
			round()
		}
		if got := testing.AllocsPerRun(200, round); got > most {
			t.Errorf("%d subscriptions: %v allocations for %d deliveries, want at most %v", subs, got, flushEvery*subs, most)
		}
		for _, sub := range list {
			sub.Close()
		}
	}
}
