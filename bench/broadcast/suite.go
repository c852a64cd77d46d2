// Package broadcast measures servers that send the same events to many
// connections: the host of this library, and what one would take instead.
package broadcast

import (
	"time"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/codec"
)

// Roles are the servers that are processes of this program.
var Roles = map[string]trial.Role{
	roleHost:       PlayHost,
	roleCentrifuge: PlayCentrifuge,
	roleNATS:       PlayNATS,
}

const (
	roleHost       = "broadcast-host"
	roleCentrifuge = "broadcast-centrifuge"
	roleNATS       = "broadcast-nats"
)

// Groups of cases.
const (
	flood  = "flood"
	paced  = "paced"
	server = "memory, server"
	client = "memory, client"
)

// Contestants.
const (
	ours           = "this library, BARE"
	oursJSON       = "this library, JSON"
	protobuf       = "centrifuge, protobuf"
	gathering      = "centrifuge, protobuf, gathering"
	centrifugeJSON = "centrifuge, JSON"
	natsServer     = "NATS"
	kit20          = "RivetKit 2.0.33"
	kit23          = "RivetKit 2.3.19 and its engine"
)

// contestant is a server, and what is asked of it.
type contestant struct {
	name  string
	needs trial.Needs
	start start
	// ours is set for this library, and base for the one that the others are
	// compared with.
	ours, base bool
	// anyhow allows events in any order.
	anyhow bool
	// flood, paced and idle are numbers of connections.
	flood, paced []int
	idle         int
	// startOwn starts what idle connections are counted in, if start shares a server.
	startOwn start
	// under is how many deliveries a burst has; see burst.
	under int
}

var contestants = []contestant{
	{
		name: ours, start: startHost(codec.BARE), ours: true, base: true,
		flood: []int{1, 100, 1000, 5000}, paced: []int{100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: oursJSON, start: startHost(codec.JSON), ours: true,
		flood: []int{1000}, paced: []int{1000}, under: 1 << 17,
	},
	{
		name: protobuf, start: startCentrifuge(true),
		flood: []int{1, 100, 1000, 5000}, paced: []int{100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: gathering, start: startCentrifuge(true, "gather"),
		flood: []int{1, 100, 1000, 5000}, under: 1 << 17,
	},
	{
		name: centrifugeJSON, start: startCentrifuge(false),
		flood: []int{1000}, paced: []int{1000}, under: 1 << 17,
	},
	{
		name: natsServer, start: startNATS,
		flood: []int{1, 100, 1000, 5000}, paced: []int{100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: kit20, needs: trial.Legacy, start: startKit(true), startOwn: startOwnKit(true),
		flood: []int{1, 100, 1000}, paced: []int{100, 1000}, idle: 1000, under: 1 << 13,
	},
	{
		// The engine needs the better part of a millisecond for each delivery, and
		// loses events when a thousand are on their way, so it is asked for little.
		name: kit23, needs: trial.Engine, start: startKit(false), startOwn: startOwnKit(false), anyhow: true,
		flood: []int{1, 100}, paced: []int{100}, idle: 100, under: 200,
	},
}

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "broadcast",
	Title: "Broadcasting to many connections",
	About: `
A server, in a process of its own, sends the same event to all connections; an op
is one event on one connection, and what counts is the processor time that the
server needs for it. Each event is a text of 20 bytes, in what each server puts
around it: a message in BARE or JSON here, a push of centrifuge in protobuf or
JSON, and a NATS message. Members of the crowd do the same for all: a goroutine
for each reads frames in place and counts. They hold the number of an event in
each frame against the one that is due, so nothing can be lost, doubled or moved
unseen; only RivetKit 2.3.19 may change the order, because it does.

In a flood, bursts are sent (of 131,072 deliveries in all, but 2,048 events at
most), a new one when the last but one is with everybody: every server always has
something to send and may gather what it sends, and none has more than two bursts
waiting. centrifuge puts up to 16 events into a frame; gathering is its WriteDelay
of 5 ms without that limit, which its documentation recommends for high rates, but
which holds single events back. RivetKit gets smaller bursts, as it would take
seconds for one; with an engine it needs 0.7 ms of processor time for each
delivery, and loses events when many are on their way, so there are no more than
100 connections to it.

Paced is a single event to all of the connections 20 times a second, 4 times where
there are 5,000 connections or an engine, and how long it takes from the call that
broadcasts it until it is read. Reading takes as much processor time as sending,
on the same machine.
`,
	Cases: cases(),
	Goals: goals(),
	Tables: []trial.Table{
		{Title: "Processor time of the server for a delivery in a flood, over the number of connections", Metric: trial.ServerPerOp, Groups: []string{flood}},
		{Title: "Deliveries per second in a flood, with reader and server on one machine", Metric: trial.OpsPerSec, Groups: []string{flood}},
		{Title: "Processor time of the server for a delivery of single events", Metric: trial.ServerPerOp, Groups: []string{paced}},
		{Title: "Time from sending to reading of single events, the median", Metric: trial.P50, Groups: []string{paced}},
		{Title: "The same: 99 % are faster", Metric: trial.P99, Groups: []string{paced}},
		{Title: "The same: 99.9 % are faster", Metric: trial.P999, Groups: []string{paced}},
		{Title: "Memory of an idle connection (Go: heap and stacks after a collection; RivetKit: resident)", Metric: trial.BytesPerX, Groups: []string{server, client}},
		{Title: "Goroutines of an idle connection", Metric: goroutinesPerX, Groups: []string{server, client}},
	},
	Plots: []trial.Plot{
		{
			Name: "cpu", Title: "Processor time of the server for a delivery",
			Metric: trial.ServerPerOp, XLabel: "connections", YLabel: "ns",
		},
		{
			Name: "rate", Title: "Deliveries in a flood", Groups: []string{flood},
			Metric: trial.OpsPerSec, XLabel: "connections", YLabel: "deliveries per second",
		},
		{
			Name: "p99", Title: "Latency of a single event, 99 %", Groups: []string{paced},
			Metric: trial.P99, XLabel: "connections", YLabel: "µs",
		},
	},
}

// goals are those of the library's design.
func goals() []trial.Goal {
	base := &trial.Place{Group: flood, Name: ours, X: 1000}
	at := func(names ...string) (places []trial.Place) {
		for _, name := range names {
			places = append(places, trial.Place{Group: flood, Name: name, X: 1000})
		}
		return places
	}
	memory := []trial.Place{{Group: client, Name: "this library"}, {Group: server, Name: ours}}
	return []trial.Goal{
		{
			What:   "a flood to 1,000 connections: centrifuge needs more processor time for a delivery",
			Metric: trial.ServerPerOp, Of: at(protobuf, gathering, centrifugeJSON), To: base, AtLeast: 2,
		},
		{
			What:   "a flood to 1,000 connections: RivetKit 2.0.33 needs more processor time for a delivery",
			Metric: trial.ServerPerOp, Of: at(kit20), To: base, AtLeast: 10,
		},
		{
			What:   "memory of an idle connection, plain TCP, in client and host: 24 KiB",
			Metric: trial.BytesPerX, Of: memory, AtMost: 24 << 10,
		},
		{
			// What does not belong to any connection is a few in 5,000.
			What:   "goroutines of an idle connection, in client and host: 3",
			Metric: goroutinesPerX, Of: memory, AtMost: 3.002,
		},
	}
}

func cases() (all []trial.Case) {
	add := func(group string, c *contestant, n int, run run) {
		all = append(all, trial.Case{
			Group: group, Name: c.name, X: float64(n), Base: c.base, Ours: c.ours, Needs: c.needs, Run: run,
			// An engine takes seconds for a hundred connections.
			Large: group == server || n > 100 || n > 1 && c.needs == trial.Engine,
		})
	}
	for i := range contestants {
		c := &contestants[i]
		for _, n := range c.flood {
			add(flood, c, n, floodCase(c, n))
		}
	}
	for i := range contestants {
		c := &contestants[i]
		for _, n := range c.paced {
			add(paced, c, n, pacedCase(c, n))
		}
	}
	for i := range contestants {
		if c := &contestants[i]; c.idle > 0 {
			add(server, c, 0, idleCase(c))
		}
	}
	return append(all,
		trial.Case{Group: client, Name: "this library", Base: true, Ours: true, Large: true, Run: clientCase(roleHost, 5000, openRivet)},
		trial.Case{Group: client, Name: "nats.go", Large: true, Run: clientCase(roleNATS, 5000, openNATS)},
	)
}

// burst is how many events a burst to n connections has.
func (c *contestant) burst(n int) int { return min(max(c.under/n, 1), 2048) }

// every is how often single events are sent to n connections.
func (c *contestant) every(n int) time.Duration {
	if n > 1000 || c.needs == trial.Engine {
		return 250 * time.Millisecond
	}
	return 50 * time.Millisecond
}
