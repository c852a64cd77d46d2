package growth

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

// Parts of the Time of a trial for which events are sent: there are many cases, and
// events come by the million.
func warming(t *trial.Trial) time.Duration  { return t.Time / 8 }
func measured(t *trial.Trial) time.Duration { return t.Time / 2 }

// sent is what was sent in a run, or received.
type sent struct{ events, sum int }

// tally is what one consumer has received in a run.
type tally struct {
	sent
	lasts, left int // events that end a run, and those to come in this one
	warm        bool
	there       func() // to be called when it is warm
	_           [64]byte
}

// add takes an event, and reports whether the measured run is over.
func (c *tally) add(v wire.Trade) (over bool) {
	if v.Size == wire.Last {
		return c.last()
	}
	c.events++
	c.sum += v.Size
	return false
}

// last takes an event that ends a run, which does not count.
func (c *tally) last() (over bool) {
	if c.left--; c.left > 0 {
		return false
	}
	if c.warm {
		return true
	}
	c.sent, c.left, c.warm = sent{}, c.lasts, true
	c.there()
	return false
}

// consumer receives events until the tally says that it is over.
type consumer struct {
	// lasts is how many events end a run for it.
	lasts   int
	consume func(*tally) error
}

// deliver runs consumers and has events sent, first some that warm up, and holds
// the consumers to what was sent. It reports what an event took.
func deliver(t *trial.Trial, consumers []consumer, send func(time.Duration) (sent, error)) error {
	var there, gone sync.WaitGroup
	tallies, errs := make([]tally, len(consumers)), make([]error, len(consumers))
	there.Add(len(consumers))
	for i, c := range consumers {
		tallies[i] = tally{lasts: c.lasts, left: c.lasts, there: there.Done}
		gone.Go(func() {
			if errs[i] = c.consume(&tallies[i]); !tallies[i].warm {
				there.Done()
			}
		})
	}
	if _, err := send(warming(t)); err != nil {
		return err
	}
	there.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	m, err := t.Begin()
	if err != nil {
		return err
	}
	want, err := send(measured(t))
	if err != nil {
		return err
	}
	gone.Wait()
	if err := errors.Join(append(errs, m.End(want.events))...); err != nil {
		return err
	}
	var got sent
	for i := range tallies {
		got.events += tallies[i].events
		got.sum += tallies[i].sum
	}
	if got != want {
		return fmt.Errorf("%d events of size %d were received, want %d of %d", got.events, got.sum, want.events, want.sum)
	}
	return nil
}

// ranging consumes steps.
func ranging(seq iter.Seq2[wire.Trade, error], got *tally) error {
	for v, err := range seq {
		if err != nil {
			return err
		}
		if got.add(v) {
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

// drain consumes a channel.
func drain(ch <-chan wire.Trade, got *tally) error {
	for v := range ch {
		if got.add(v) {
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

// forward hands on to a channel.
func forward(v wire.Trade, to chan<- wire.Trade, got *tally) (over bool) {
	to <- v
	return v.Size == wire.Last && got.last()
}
