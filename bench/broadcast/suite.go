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
		flood: []int{1, 100, 1000, 5000}, paced: []int{1, 100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: oursJSON, start: startHost(codec.JSON), ours: true,
		flood: []int{1000}, under: 1 << 17,
	},
	{
		name: protobuf, start: startCentrifuge(true),
		flood: []int{1, 100, 1000, 5000}, paced: []int{1, 100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: gathering, start: startCentrifuge(true, "gather"),
		flood: []int{100, 1000, 5000}, under: 1 << 17,
	},
	{
		name: centrifugeJSON, start: startCentrifuge(false),
		flood: []int{1000}, under: 1 << 17,
	},
	{
		name: natsServer, start: startNATS,
		flood: []int{1, 100, 1000, 5000}, paced: []int{1, 100, 1000, 5000}, idle: 5000, under: 1 << 17,
	},
	{
		name: kit20, needs: trial.Legacy, start: startKit(true),
		flood: []int{1, 100, 1000}, paced: []int{1, 100, 1000}, idle: 1000, startOwn: startOwnKit20, under: 1 << 13,
	},
	{
		name: kit23, needs: trial.Engine, start: startKit(false), anyhow: true,
		flood: []int{1, 100}, paced: []int{1}, under: 200,
	},
}

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "broadcast",
	Title: "Broadcasting to many connections",
	About: `
A server, in a process of its own, sends the same event to all connections. An op
is a delivery: one event on one connection. What counts most is the processor time
that the server needs for it, all its processes together. The event is a text of 20
bytes, in what each server puts around it: a message in BARE or JSON here, a push of
centrifuge in protobuf or JSON, a message of NATS. Who receives is the same for all,
in another process: a goroutine for each connection, which reads frames in place and
counts. It holds the number in each frame against the one that is due, so that no
event is lost, doubled or moved without notice. Only RivetKit 2.3.19 may change the
order, because it does.

A flood is bursts of 131,072 deliveries, of at most 2,048 events; a new one begins
when the last but one has arrived everywhere. So each server always has something to
send, may send it together, and has at most two bursts waiting for a connection.
centrifuge puts up to 16 events into a frame; "gathering" is its WriteDelay, of 5 ms,
without that limit, which it has for high rates, and which would hold single events
back. The NATS server has its publisher in the same process. RivetKit gets smaller
bursts (8,192 deliveries, with the engine 200), or one would take seconds. With the
engine, a delivery takes the better part of a millisecond of processor time, and of
81 events at once to 100 connections many were lost: so there are no more connections
than 100, and two events at a time.

Paced is one event to all connections 20 times a second, to 5,000 of them 4 times. It
bears the time at which the server was told to send it, which is compared with the
time at which it was read. Reading takes about as much of the processors as sending
does, on the same machine, and the last of many connections is served after all the
others: the curve is that of the machine as much as of a server.

Memory is that of 5,000 connections, or 1,000 to RivetKit, which do nothing.
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
	if n > 1000 {
		return 250 * time.Millisecond
	}
	return 50 * time.Millisecond
}
