package receive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
)

// receiver is a contestant: it connects to the feed of an exchange and subscribes,
// gives what it receives to tallies, and returns when ctx ends.
type receiver func(ctx context.Context, x *exchange) error

// exchange is what a receiver takes part in.
type exchange struct {
	feed        *wire.Broadcaster
	enc         codec.Encoding
	payload     wire.Payload
	connections int
	clocked     bool // tallies keep the times of arrival
	done        chan total
}

// many connections are those that hold so much together, in their sockets, that
// most of the time would go into emptying them after the sender's end.
const many = 100

// total is what a tally has counted in one run.
type total struct {
	events, sum int
	// ends is how many connections it counted.
	ends int
	// at are the times of arrival, in nanoseconds since 1970.
	at []int64
	// cpu is the processor time of a receiver that is another process.
	cpu time.Duration
}

// tally counts the events of one loop.
type tally struct {
	total
	x       *exchange
	ends    int // of a run
	clocked bool
}

// tally is for a loop that receives the events of so many connections. It is for
// one goroutine.
func (x *exchange) tally(connections int) *tally {
	return &tally{x: x, ends: connections, clocked: x.clocked}
}

// size counts a trade.
func (t *tally) size(n int) {
	if n == wire.Last {
		t.end()
		return
	}
	t.events++
	t.sum += n
	if t.clocked {
		t.at = append(t.at, time.Now().UnixNano())
	}
}

// blob counts a byte string.
func (t *tally) blob(b []byte) {
	if len(b) == 0 {
		t.end()
		return
	}
	t.events++
	t.sum += int(b[0])
}

// end is for the event that ends a run.
func (t *tally) end() {
	if t.total.ends++; t.total.ends < t.ends {
		return
	}
	t.x.done <- t.total
	t.total = total{}
}

// attend has a receiver take part in an exchange while f is called.
func (x *exchange) attend(ctx context.Context, role string, r receiver, f func(failed <-chan error) error) (err error) {
	if x.feed, err = wire.StartAs(ctx, role); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.feed.Close()) }()
	x.done = make(chan total, x.connections)
	receiving, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		if err := r(receiving, x); err != nil || receiving.Err() == nil {
			failed <- fmt.Errorf("the receiver ended: %w", err)
		}
	})
	if err := x.feed.Subscribed(x.payload, x.connections); err != nil {
		return because(err, failed)
	}
	return because(f(failed), failed)
}

// because adds the receiver's own error, if there is one, to what it led to.
func because(err error, failed <-chan error) error {
	select {
	case reason := <-failed:
		return errors.Join(reason, err)
	default:
		return err
	}
}

// run is one flow, to its end.
func (x *exchange) run(ctx context.Context, d time.Duration, failed <-chan error) (got total, err error) {
	type result struct {
		sent wire.Sent
		err  error
	}
	if x.connections >= many {
		d /= 4 // their sockets hold enough for the rest of the time
	}
	sent := make(chan result, 1)
	go func() {
		s, err := x.feed.Flow(wire.Order{Payload: x.payload, Time: d})
		sent <- result{s, err}
	}()
	got, err = x.collect(ctx, failed)
	s := <-sent // also when nobody receives any more: writing fails then
	if err != nil {
		return got, err
	}
	if s.err == nil && (got.events != s.sent.Events || got.sum != s.sent.Sum) {
		s.err = fmt.Errorf("%d events received that add up to %d, of %d sent that add up to %d", got.events, got.sum, s.sent.Events, s.sent.Sum)
	}
	return got, s.err
}

// collect waits until all connections had the end of a run.
func (x *exchange) collect(ctx context.Context, failed <-chan error) (all total, err error) {
	for all.ends < x.connections {
		select {
		case one := <-x.done:
			all.events += one.events
			all.sum += one.sum
			all.ends += one.ends
			all.cpu += one.cpu
			all.at = append(all.at, one.at...)
		case err := <-failed:
			return all, err
		case <-ctx.Done():
			return all, ctx.Err()
		}
	}
	return all, nil
}

// flow measures a receiver of events that come as fast as it takes them; an op is
// an event.
func flow(x exchange, role string, r receiver) func(context.Context, *trial.Trial) error {
	return func(ctx context.Context, t *trial.Trial) error {
		x := x
		return x.attend(ctx, role, r, func(failed <-chan error) error {
			if _, err := x.run(ctx, t.Time/10, failed); err != nil {
				return err
			}
			m, err := t.Begin()
			if err != nil {
				return err
			}
			got, err := x.run(ctx, t.Time, failed)
			return errors.Join(err, m.End(got.events))
		})
	}
}

// foreignFlow is flow for a receiver that is another process.
func foreignFlow(x exchange, r receiver) func(context.Context, *trial.Trial) error {
	return func(ctx context.Context, t *trial.Trial) error {
		x := x
		return x.attend(ctx, wire.Role, r, func(failed <-chan error) error {
			if _, err := x.run(ctx, t.Time/5, failed); err != nil {
				return err
			}
			began := time.Now()
			got, err := x.run(ctx, t.Time, failed)
			wall := time.Since(began)
			if err != nil {
				return err
			}
			if got.events == 0 {
				return errors.New("nothing was received")
			}
			t.Report(trial.WallPerOp, float64(wall)/float64(got.events))
			t.Report(trial.CPUPerOp, float64(got.cpu)/float64(got.events))
			t.Report(trial.OpsPerSec, float64(got.events)/wall.Seconds())
			return nil
		})
	}
}

// interval is between two events of an idle connection.
const interval = time.Millisecond

// single measures how long a single event takes from before the sender's write to
// the receiver's code.
func single(x exchange, role string, r receiver) func(context.Context, *trial.Trial) error {
	return func(ctx context.Context, t *trial.Trial) error {
		x := x
		x.clocked = true
		return x.attend(ctx, role, r, func(failed <-chan error) error {
			if _, err := x.ticks(ctx, t.Time/10, failed); err != nil {
				return err
			}
			took, err := x.ticks(ctx, t.Time, failed)
			if err != nil {
				return err
			}
			slices.Sort(took)
			for metric, q := range map[string]float64{trial.P50: 0.5, trial.P99: 0.99, trial.P999: 0.999} {
				t.Report(metric, float64(took[int(q*float64(len(took)))])/1e3)
			}
			return nil
		})
	}
}

// ticks sends single events for a time and returns how long each took, in
// nanoseconds.
func (x *exchange) ticks(ctx context.Context, d time.Duration, failed <-chan error) (took []int64, err error) {
	count := max(1, int(d/interval))
	sent, err := x.feed.Tick(wire.Ticks{Payload: x.payload, Count: count, Interval: interval})
	if err != nil {
		return nil, because(err, failed)
	}
	got, err := x.collect(ctx, failed)
	if err != nil {
		return nil, err
	}
	if len(got.at) != len(sent) {
		return nil, fmt.Errorf("%d events received of %d", len(got.at), len(sent))
	}
	for i := range sent {
		took = append(took, got.at[i]-sent[i])
	}
	return took, nil
}
