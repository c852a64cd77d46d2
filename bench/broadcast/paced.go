package broadcast

import (
	"context"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rivet-go/rivet/bench/trial"
)

// pacedCase broadcasts single events to n connections, one every so often, and
// measures the time from the broadcast until each member has read its event.
func pacedCase(k *contestant, n int) run {
	every := k.every(n)
	return func(ctx context.Context, t *trial.Trial) (err error) {
		s, err := k.start(ctx, t)
		if err != nil {
			return err
		}
		defer quit(s, &err)
		c, err := gather(ctx, n, s.dial, s.cast)
		if err != nil {
			return err
		}
		defer c.leave()
		events := max(1, int(t.Time/every))
		c.begin(timed, events)
		for _, m := range c.members {
			m.times = make([]int64, 0, events)
		}
		before, err := s.cpu()
		if err != nil {
			return err
		}
		m, err := t.Begin()
		if err != nil {
			return err
		}
		if err := s.pace(events, every); err != nil {
			return err
		}
		if err := c.wait(ctx, patience); err != nil {
			return err
		}
		if err := m.End(events * n); err != nil {
			return err
		}
		after, err := s.cpu()
		if err != nil {
			return err
		}
		if n > 1 { // or it is what the server does besides
			t.Report(trial.ServerPerOp, float64(after-before)/float64(events*n))
		}
		return latencies(t, c)
	}
}

// latencies reports how long events took to the members.
func latencies(t *trial.Trial, c *crowd) error {
	h := hdrhistogram.New(1000, patience.Nanoseconds(), 3)
	for _, m := range c.members {
		for _, took := range m.times {
			if err := h.RecordValue(took); err != nil {
				return err
			}
		}
	}
	for metric, quantile := range map[string]float64{trial.P50: 50, trial.P99: 99, trial.P999: 99.9} {
		t.Report(metric, float64(h.ValueAtQuantile(quantile))/1e3)
	}
	return nil
}
