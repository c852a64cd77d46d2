package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// Role is the name of Broadcast among the roles of the program.
const Role = "broadcaster"

// Broadcaster is the process that sends, seen by a case. Its calls are made one at
// a time.
type Broadcaster struct {
	*trial.Peer
	// Endpoint is what clients of Rivet are given; NATS is the URL for clients of
	// NATS, which get the same events, in CBOR.
	Endpoint, NATS string
}

// Order is a run: what is sent, and for how long.
type Order struct {
	Payload Payload
	// Time is how long to send as fast as the sockets take it.
	Time time.Duration
}

// Sent is what a run came to, over all connections. The event that ended it is
// not counted.
type Sent struct {
	Connections, Events int
	// Sum is that of the sizes of trades, or of the first bytes of byte strings.
	Sum int
}

// Ticks is a run of single events.
type Ticks struct {
	Payload  Payload
	Count    int
	Interval time.Duration
}

// Start starts a broadcaster. Close it.
func Start(ctx context.Context) (*Broadcaster, error) {
	p, err := trial.Start(ctx, Role)
	if err != nil {
		return nil, err
	}
	b := &Broadcaster{Peer: p}
	if err := p.Call("addresses", nil, &b); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return b, nil
}

// Subscribed waits until so many connections are subscribed to the event of a
// payload.
func (b *Broadcaster) Subscribed(p Payload, connections int) error {
	return b.Call("subscribed", subscribed{p, connections}, nil)
}

// Flow sends events to all connections that are subscribed to them, for the time
// of the order, and then the one that ends the run. It returns when all are handed
// to the sockets.
func (b *Broadcaster) Flow(o Order) (s Sent, err error) {
	err = b.Call("flow", o, &s)
	return s, err
}

// Tick sends single events, one at an interval, to the connections that are
// subscribed, and then the one that ends a run. It returns the times right before
// each was handed to the first of the sockets, in nanoseconds since 1970 by the
// clock of the machine, which all its processes share.
func (b *Broadcaster) Tick(t Ticks) (at []int64, err error) {
	err = b.Call("tick", t, &at)
	return at, err
}

type subscribed struct {
	Payload     Payload
	Connections int
}

// Broadcast is the role. It plays one actor without state: subscriptions are
// taken, actions answered with their arguments, and events sent when they are
// called for.
func Broadcast(ctx context.Context, _ []string, serve func(trial.Handlers) error) (err error) {
	s := newSinks()
	gateway, stop, err := listen(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	nats, stopNATS, err := listenNATS(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopNATS()) }()
	return serve(trial.Handlers{
		"addresses": func(json.RawMessage) (any, error) {
			return Broadcaster{Endpoint: gateway, NATS: nats}, nil
		},
		"subscribed": handler(func(p subscribed) (any, error) {
			return nil, s.wait(ctx, p.Payload.event(), p.Connections)
		}),
		"flow": handler(func(o Order) (any, error) { return s.flow(o) }),
		"tick": handler(func(t Ticks) (any, error) { return s.tick(ctx, t) }),
	})
}

func handler[P any](f func(P) (any, error)) func(json.RawMessage) (any, error) {
	return func(params json.RawMessage) (any, error) {
		var p P
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, err
		}
		return f(p)
	}
}

// blockBytes is what is written at a time to a connection among so many: few have
// large blocks, as a busy server gathers, many have small ones, lest the sockets
// hold more than a second of work when the time is over.
func blockBytes(connections int) int {
	return max(4<<10, min(64<<10, (1<<20)/connections))
}

// flow writes blocks to all sinks at once, each from a goroutine of its own.
func (s *sinks) flow(o Order) (sent Sent, err error) {
	list := s.of(o.Payload.event())
	if len(list) == 0 {
		return Sent{}, errors.New("nobody is subscribed")
	}
	blocks, err := blocksFor(list, o.Payload)
	if err != nil {
		return Sent{}, err
	}
	rounds := make([]int, len(list))
	failed := make([]error, len(list))
	deadline := time.Now().Add(o.Time)
	var wg sync.WaitGroup
	for i, k := range list {
		wg.Go(func() {
			b := blocks[k.format]
			for failed[i] == nil && time.Now().Before(deadline) {
				failed[i] = k.write(b.frames)
				rounds[i]++
			}
			if failed[i] == nil {
				failed[i] = k.write(b.last)
			}
		})
	}
	wg.Wait()
	for i, k := range list {
		b := blocks[k.format]
		sent.Connections++
		sent.Events += rounds[i] * b.events
		sent.Sum += rounds[i] * b.sum
	}
	return sent, errors.Join(failed...)
}

// tick writes single events.
func (s *sinks) tick(ctx context.Context, t Ticks) (at []int64, err error) {
	list := s.of(t.Payload.event())
	blocks, err := blocksFor(list, t.Payload)
	if err != nil {
		return nil, err
	}
	clock := time.NewTicker(t.Interval)
	defer clock.Stop()
	at = make([]int64, 0, t.Count)
	for range t.Count {
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		at = append(at, time.Now().UnixNano())
		for _, k := range list {
			if err := k.write(blocks[k.format].one); err != nil {
				return nil, err
			}
		}
	}
	for _, k := range list {
		if err := k.write(blocks[k.format].last); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// blocksFor encodes once for each format there is.
func blocksFor(list []*sink, p Payload) (map[format]block, error) {
	blocks := make(map[format]block)
	for _, k := range list {
		if _, there := blocks[k.format]; there {
			continue
		}
		b, err := newBlock(k.format, p, blockBytes(len(list)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.format.enc, err)
		}
		blocks[k.format] = b
	}
	return blocks, nil
}
