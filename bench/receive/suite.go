// Package receive measures how fast events are received: by this library in each
// of its forms, by loops written by hand, and by other libraries.
package receive

import (
	"context"

	"github.com/rivet-go/rivet/bench/trial"
)

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "receive",
	Title: "Receiving events",
	Cases: []trial.Case{{Group: "BARE", Name: "nothing", Base: true, Run: func(ctx context.Context, t *trial.Trial) error {
		m, err := t.Begin()
		if err != nil {
			return err
		}
		n := 0
		for range 1000000 {
			n++
		}
		return m.End(n)
	}}},
	Tables: []trial.Table{{Title: "Time by the clock, in ns an event", Metric: trial.WallPerOp}},
}
