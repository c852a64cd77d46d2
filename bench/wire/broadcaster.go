package wire

import (
	"context"
	"encoding/json"
	"errors"
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
func Start(ctx context.Context) (*Broadcaster, error) { return StartAs(ctx, Role) }

// StartAs starts another process that takes the calls of a Broadcaster: one whose
// role serves a [Feed].
func StartAs(ctx context.Context, role string) (*Broadcaster, error) {
	p, err := trial.Start(ctx, role)
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
// payload, for half a minute at the most.
func (b *Broadcaster) Subscribed(p Payload, connections int) error {
	return b.Call("subscribed", subscribed{p, connections}, nil)
}

// Flow sends events to all connections that are subscribed to them, for the time
// of the order but at least a block, and then the one that ends the run. It returns
// when all are handed to the sockets.
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

// subscribeLimit is how long Subscribed waits for connections at the most.
const subscribeLimit = 30 * time.Second

// Feed answers the calls of a Broadcaster.
type Feed struct {
	// Addresses are what clients are given.
	Addresses Broadcaster
	// The others do what the methods of the same names promise.
	Subscribed func(p Payload, connections int) error
	Flow       func(Order) (Sent, error)
	Tick       func(Ticks) ([]int64, error)
}

type subscribed struct {
	Payload     Payload
	Connections int
}

// Handlers are those of a peer.
func (f Feed) Handlers() trial.Handlers {
	return trial.Handlers{
		"addresses": func(json.RawMessage) (any, error) { return f.Addresses, nil },
		"subscribed": handler(func(p subscribed) (any, error) {
			return nil, f.Subscribed(p.Payload, p.Connections)
		}),
		"flow": handler(func(o Order) (any, error) { return f.Flow(o) }),
		"tick": handler(func(t Ticks) (any, error) { return f.Tick(t) }),
	}
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
	return serve(Feed{
		Addresses: Broadcaster{Endpoint: gateway, NATS: nats},
		Subscribed: func(p Payload, n int) error {
			ctx, cancel := context.WithTimeout(ctx, subscribeLimit)
			defer cancel()
			return s.wait(ctx, p.Event(), n)
		},
		Flow: s.flow,
		Tick: func(t Ticks) ([]int64, error) { return s.tick(ctx, t) },
	}.Handlers())
}
