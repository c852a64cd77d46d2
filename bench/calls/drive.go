package calls

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rivet-go/rivet/bench/trial"
)

// call calls an action that answers what it is given.
type call func(ctx context.Context, n int) (int, error)

// measured is how long calls are made of the Time of a trial. There are many cases,
// and half of it are calls by the thousand, unless they take long.
func (p *peer) measured(t *trial.Trial) time.Duration {
	if p.slow {
		return t.Time
	}
	return t.Time / 2
}

// warming is how long calls are made before.
func warming(t *trial.Trial) time.Duration { return t.Time / 4 }

// drive makes calls, one after the other from each of some callers, and reports
// how many there were, what they took, and what the server used for them.
func drive(ctx context.Context, t *trial.Trial, callers int, p peer, f call) error {
	l := &latencies{seen: hdrhistogram.New(100, time.Minute.Nanoseconds(), 3)}
	if _, err := repeat(ctx, callers, warming(t), l, f); err != nil {
		return err
	}
	l.seen.Reset()
	before, err := p.cpu()
	if err != nil {
		return err
	}
	m, err := t.Begin()
	if err != nil {
		return err
	}
	ops, err := repeat(ctx, callers, p.measured(t), l, f)
	if err := errors.Join(err, m.End(ops)); err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	t.Report(trial.ServerPerOp, float64(after-before)/float64(ops))
	reportLatency(t, ops, func(part float64) float64 { return float64(l.seen.ValueAtPercentile(100*part)) / 1e3 })
	return nil
}

// reportLatency reports those percentiles that so many calls can tell; at is how
// many microseconds a part of the calls took at most.
func reportLatency(t *trial.Trial, ops int, at func(part float64) float64) {
	t.Report(trial.P50, at(0.5))
	if ops >= 100 {
		t.Report(trial.P99, at(0.99))
	}
	if ops >= 1000 {
		t.Report(trial.P999, at(0.999))
	}
}

// repeat makes calls for some time, and counts them.
func repeat(ctx context.Context, callers int, d time.Duration, l *latencies, f call) (ops int, err error) {
	var all sync.WaitGroup
	done, errs := make([]int, callers), make([]error, callers)
	until := time.Now().Add(d)
	for i := range callers {
		all.Go(func() { done[i], errs[i] = l.call(ctx, until, i, f) })
	}
	all.Wait()
	for _, n := range done {
		ops += n
	}
	return ops, errors.Join(errs...)
}

// latencies are how long calls took.
type latencies struct {
	mu   sync.Mutex
	seen *hdrhistogram.Histogram
}

// call makes calls, from a number that tells the callers apart, until it is time: one at
// least.
func (l *latencies) call(ctx context.Context, until time.Time, from int, f call) (calls int, err error) {
	for n, began := from<<16, time.Now(); calls == 0 || began.Before(until); n++ {
		got, err := f(ctx, n)
		if err != nil {
			return calls, err
		}
		if got != n {
			return calls, fmt.Errorf("a call with %d was answered with %d", n, got)
		}
		calls++
		now := time.Now()
		if err := l.record(now.Sub(began)); err != nil {
			return calls, err
		}
		began = now
	}
	return calls, nil
}

func (l *latencies) record(d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen.RecordValue(d.Nanoseconds())
}
