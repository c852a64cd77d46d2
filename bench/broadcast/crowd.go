package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is many connections to one server, which all get the same events.
type crowd struct {
	members []*member
	phase   atomic.Pointer[phase]

	readers sync.WaitGroup
	failed  chan error // of the first reader that ends before leave
	left    atomic.Bool
}

// dialer connects one member, which listens to the event from then on or a little
// later.
type dialer func(ctx context.Context) (*member, error)

// patience is how long a crowd waits for something that must come.
const patience = 30 * time.Second

// gather connects n members and returns when all of them get events.
func gather(ctx context.Context, n int, dial dialer, cast func(first uint64, n int) error) (*crowd, error) {
	c := &crowd{members: make([]*member, n), failed: make(chan error, 1)}
	c.phase.Store(newPhase(listen, 1))
	if err := c.connect(ctx, dial); err != nil {
		c.leave()
		return nil, err
	}
	for _, m := range c.members {
		c.readers.Go(func() {
			if err := m.read(); err != nil && !c.left.Load() {
				select {
				case c.failed <- err:
				default:
				}
			}
		})
	}
	if err := c.ready(ctx, cast); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

// connect connects all members.
func (c *crowd) connect(ctx context.Context, dial dialer) error {
	var next atomic.Int64
	return together(len(c.members), func() error {
		i := next.Add(1) - 1
		m, err := dial(ctx)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		m.crowd = c
		c.members[i] = m
		return nil
	})
}

// ready waits until every member gets events, and nothing is on its way.
func (c *crowd) ready(ctx context.Context, cast func(first uint64, n int) error) error {
	// Servers do not say when a subscription counts, so one event after the other
	// is sent until all have got one.
	for began := time.Now(); ; {
		if err := cast(roundNumber, 1); err != nil {
			return err
		}
		err := c.wait(ctx, 200*time.Millisecond)
		if err == nil {
			break
		}
		if !errors.Is(err, errLate) || time.Since(began) > patience {
			return err
		}
	}
	c.begin(settle, 1)
	if err := cast(lastNumber, 1); err != nil {
		return err
	}
	return c.wait(ctx, patience)
}

func newPhase(k kind, every int) *phase {
	return &phase{kind: k, every: uint64(every), all: make(chan struct{}, len(phase{}.arrived))}
}

// begin begins a phase. Nothing must be on its way.
func (c *crowd) begin(k kind, every int) { c.phase.Store(newPhase(k, every)) }

// errLate is wrapped by what wait returns when the time is over.
var errLate = errors.New("events are missing")

// wait waits until all members have reported once more.
func (c *crowd) wait(ctx context.Context, most time.Duration) error {
	p := c.phase.Load()
	bell := time.NewTimer(most)
	defer bell.Stop()
	select {
	case <-p.all:
		return nil
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-bell.C:
		var arrived []int32
		for i := range p.arrived {
			arrived = append(arrived, p.arrived[i].Load())
		}
		return fmt.Errorf("%w after %v: of %d members so many are there: %d", errLate, most, len(c.members), arrived)
	}
}

// check holds what all members have got against n events with numbers from 0 on.
func (c *crowd) check(n uint64) error {
	sum := uint64(0)
	if c.phase.Load().kind == anyhow {
		sum = n * (n - 1) / 2
	}
	for i, m := range c.members {
		if m.got != n || m.sum != sum {
			return fmt.Errorf("connection %d has got %d events with the sum %d, in place of %d with %d", i, m.got, m.sum, n, sum)
		}
	}
	return nil
}

// leave ends all connections and waits for the readers.
func (c *crowd) leave() {
	c.left.Store(true)
	for _, m := range c.members {
		if m != nil {
			_ = m.conn.Close()
		}
	}
	c.readers.Wait()
}
