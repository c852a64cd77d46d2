package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// bench is five consumers of one machine, the tester, which differ in what
// becomes of readings that they have no time for.
type bench struct {
	tester    *line
	newest    atomic.Uint64 // the number of its newest reading
	consumers []*consumer
}

// consumer reads what the tester measures, unless it is stalled. Each has a
// connection of its own: Block holds back all of it.
type consumer struct {
	policy stream.Policy
	conn   *conn.Conn
	stall  gate

	readings atomic.Pointer[stream.Subscription[Reading]]
	last     atomic.Uint64 // the number of the newest reading it has seen
	told     atomic.Value  // string: the latest error of a loop
	ends     atomic.Uint64 // of loops
}

// consumerBuffer is how many readings may wait for a consumer.
const consumerBuffer = 200

func newBench(ctx context.Context, client *rivet.Client) *bench {
	b := &bench{tester: newLine(client, "lab", "tester")}
	b.tester.connect(ctx)
	Measured.On(b.tester.conn, func(r Reading) { b.newest.Store(r.N) })
	for _, policy := range []stream.Policy{stream.DropOldest, stream.DropNewest, stream.Latest, stream.Block, stream.Fail} {
		c := &consumer{policy: policy, conn: b.tester.machine.Connect(ctx)}
		c.told.Store("")
		b.consumers = append(b.consumers, c)
	}
	return b
}

// run runs the consumers until ctx ends.
func (b *bench) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range b.consumers {
		wg.Go(func() { c.run(ctx) })
	}
	wg.Wait()
	_ = b.tester.setup.Close()
}

// run consumes until ctx ends. A loop that the policy Fail has ended is followed
// by the next.
func (c *consumer) run(ctx context.Context) {
	for {
		err := c.consume(ctx)
		if err == nil {
			return
		}
		c.told.Store(fmt.Sprintf("loop ended: %v", err))
		c.ends.Add(1)
		if overflow := (*stream.OverflowError)(nil); !errors.As(err, &overflow) {
			return
		}
	}
}

// consume ranges over readings, and returns why that has ended before ctx.
func (c *consumer) consume(ctx context.Context) error {
	readings := Measured.Subscribe(c.conn, stream.Overflow(c.policy), stream.Buffer(consumerBuffer))
	c.readings.Store(readings)
	for r, err := range readings.All(ctx) {
		switch {
		case stream.IsNotice(err):
			c.told.Store(err.Error())
		case err != nil:
			return err
		default:
			c.last.Store(r.N)
			c.stall.pass(ctx)
		}
	}
	return nil
}

// consumerState is how a consumer is.
type consumerState struct {
	Policy    string `json:"policy"`
	Stalled   bool   `json:"stalled"`
	Last      uint64 `json:"last"`
	Buffer    int    `json:"buffer"`
	Depth     int    `json:"depth"`
	Received  uint64 `json:"received"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`
	Ends      uint64 `json:"ends"`
	Told      string `json:"told"`
}

func (c *consumer) look() consumerState {
	s := consumerState{
		Policy:  c.policy.String(),
		Stalled: c.stall.shut(),
		Last:    c.last.Load(),
		Buffer:  consumerBuffer,
		Ends:    c.ends.Load(),
		Told:    c.told.Load().(string),
	}
	if readings := c.readings.Load(); readings != nil {
		stats := readings.Stats()
		s.Depth, s.Received, s.Delivered, s.Dropped = stats.Depth, stats.Received, stats.Delivered, stats.Dropped
	}
	return s
}
