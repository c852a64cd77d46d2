package broadcast

import (
	"context"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// start starts a server, and run is what a case does.
type (
	start func(ctx context.Context, t *trial.Trial) (broadcaster, error)
	run   func(ctx context.Context, t *trial.Trial) error
)

// floodCase broadcasts bursts of events to n connections as fast as they take
// them: the next burst begins when the last but one is with everybody, so that the
// server always has something to send, and never more than two bursts.
func floodCase(k *contestant, n int) run {
	burst, order := k.burst(n), ordered
	if k.anyhow {
		order = anyhow
	}
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
		c.begin(order, burst)
		sent := 0 // bursts
		next := func() error {
			if err := s.cast(uint64(sent)*uint64(burst), burst); err != nil {
				return err
			}
			sent++
			return nil
		}
		// One to get warm.
		if err := next(); err != nil {
			return err
		}
		if err := c.wait(ctx, patience); err != nil {
			return err
		}
		before, err := s.cpu()
		if err != nil {
			return err
		}
		m, err := t.Begin()
		if err != nil {
			return err
		}
		warm := sent
		for began := time.Now(); time.Since(began) < t.Time; {
			if err := next(); err != nil {
				return err
			}
			if sent > warm+1 {
				if err := c.wait(ctx, patience); err != nil {
					return err
				}
			}
		}
		if err := c.wait(ctx, patience); err != nil {
			return err
		}
		if err := c.check(uint64(sent) * uint64(burst)); err != nil {
			return err
		}
		deliveries := (sent - warm) * burst * n
		if err := m.End(deliveries); err != nil {
			return err
		}
		after, err := s.cpu()
		if err != nil {
			return err
		}
		t.Report(trial.ServerPerOp, float64(after-before)/float64(deliveries))
		return nil
	}
}
