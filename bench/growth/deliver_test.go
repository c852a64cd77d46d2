package growth

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What was lost, doubled or changed is an error; what comes while it warms up does
// not count.
func TestDeliverHoldsConsumersToWhatWasSent(t *testing.T) {
	tests := []struct {
		name    string
		measure []int // the sizes that arrive when 3 of size 7 are sent
		ok      bool
	}{
		{"all", []int{7, 7, 7}, true},
		{"lost", []int{7, 7}, false},
		{"doubled", []int{7, 7, 7, 7}, false},
		{"changed", []int{7, 7, 8}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := make(chan wire.Trade)
			runs := [][]int{{1, 2, 3}, tt.measure}
			tr := trial.Trial{Time: time.Millisecond}
			err := deliver(&tr, []consumer{{1, func(got *tally) error { return drain(ch, got) }}}, func(time.Duration) (sent, error) {
				for _, size := range runs[0] {
					ch <- wire.Trade{Size: size}
				}
				runs = runs[1:]
				ch <- wire.Trade{Size: wire.Last}
				return sent{3, 21}, nil
			})
			if (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}

// Who gets several last events is done with the last of them.
func TestTallyOfSeveralSources(t *testing.T) {
	there := 0
	got := tally{lasts: 2, left: 2, there: func() { there++ }}
	last, event := wire.Trade{Size: wire.Last}, wire.Trade{Size: 5}
	for i, step := range []struct {
		v           wire.Trade
		over        bool
		there, have int
	}{
		{event, false, 0, 1}, {last, false, 0, 1}, {event, false, 0, 2}, {last, false, 1, 0},
		{event, false, 1, 1}, {last, false, 1, 1}, {event, false, 1, 2}, {last, true, 1, 2},
	} {
		if over := got.add(step.v); over != step.over || there != step.there || got.events != step.have {
			t.Fatalf("step %d: over %v, there %d, %d events", i, over, there, got.events)
		}
	}
}
