// Package receive measures how fast events are received: by this library in each
// of its forms, by loops written by hand, and by other libraries.
package receive

import (
	"slices"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
)

// Roles are the servers of other libraries, in processes of their own.
var Roles = map[string]trial.Role{natsRole: natsServer, centrifugeRole: centrifugeServer}

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "receive",
	Title: "Receiving events",
	About: about,
	Cases: slices.Concat(
		busy(tradeBARE, exchange{enc: codec.BARE}, []contestant{
			{name: eventAll, r: all, ours: true},
			{name: "Event.Seq", r: seq, ours: true},
			{name: eventChan, r: channel, ours: true},
			{name: eventOn, r: callback, ours: true},
			{name: "Observable (RxGo)", r: observable, ours: true},
			{name: bareLoop, r: bare(fxamacker), base: true},
			{name: bareByHand, r: bare(byHand)},
			{name: "gws, fxamacker", r: gwsLoop(fxamacker)},
			{name: "coder/websocket, fxamacker", r: coder(fxamacker)},
			{name: "nats.go, fxamacker", r: natsCallback(natsFxamacker)},
			{name: "centrifuge-go and its server, fxamacker", r: centrifugeGo, role: centrifugeRole},
			{name: jsClient, r: javascript, foreign: true},
		}),
		busy(tradeCBOR, exchange{enc: codec.CBOR}, []contestant{
			{name: eventAll, r: all, ours: true},
			{name: bareLoop, r: bare(wholeCBOR), base: true},
			{name: jsClient, r: javascript, foreign: true},
		}),
		busy(tradeJSON, exchange{enc: codec.JSON}, []contestant{
			{name: eventAll, r: all, ours: true},
			{name: "bare loop, encoding/json", r: bare(wholeJSON), base: true},
			{name: jsClient, r: javascript, foreign: true},
		}),
		busy(tradeRaw, exchange{enc: codec.BARE}, []contestant{
			{name: rawValues, r: values, ours: true},
			{name: rawEvents, r: events, ours: true},
			{name: "bare loop", r: bare(undecoded)},
			{name: "gws", r: gwsLoop(undecoded)},
			{name: natsGo, r: natsCallback(natsUndecoded), base: true},
			{name: "nats.go, channel", r: natsChannel},
			{name: "nats.go and its server", r: natsCallback(natsUndecoded), role: natsRole},
		}),
		busy(quoteBARE, exchange{payload: wire.OfQuote}, []contestant{
			{name: eventAll, r: allQuotes, ours: true},
			{name: bareLoop, r: bare(fxamackerQuote), base: true},
		}),
		busy("16 B", exchange{payload: 16}, blobs),
		busy("256 B", exchange{payload: 256}, blobs),
		busy("4 KiB", exchange{payload: 4 << 10}, blobs),
		busy("64 KiB", exchange{payload: 64 << 10}, blobs),
		busy("1,000 connections", exchange{connections: 1000}, []contestant{
			{name: "Event.All, a goroutine each", r: allOfMany, ours: true},
			{name: "MergeEvents, one loop", r: merged, ours: true},
			{name: "bare loop, fxamacker, a goroutine each", r: bare(fxamacker), base: true},
		}),
		idle(oneEvent, []contestant{
			{name: eventAll, r: all, ours: true},
			{name: eventChan, r: channel, ours: true},
			{name: eventOn, r: callback, ours: true},
			{name: bareHandOver, r: handedOver, base: true},
			{name: "bare loop", r: bare(fxamacker)},
			{name: natsGo, r: natsCallback(natsFxamacker)},
			{name: "centrifuge-go and its server", r: centrifugeGo, role: centrifugeRole},
			{name: jsClient, r: javascript, foreign: true},
		}),
	),
	Tables: []trial.Table{
		{Title: "Events per second", Metric: trial.OpsPerSec},
		{Title: "Time by the clock, an event", Metric: trial.WallPerOp},
		{Title: "Processor time of the receiver, an event", Metric: trial.CPUPerOp},
		{Title: "Allocations of the receiver, an event (in Go)", Metric: trial.AllocsPerOp},
		{Title: "Bytes allocated, an event (in Go)", Metric: trial.BytesPerOp},
		{Title: "Latency of a single event, median", Metric: trial.P50},
		{Title: "Latency of a single event, 99 of 100", Metric: trial.P99},
		{Title: "Latency of a single event, 999 of 1,000", Metric: trial.P999},
	},
	Bars: []trial.Bars{
		{Name: "rate", Title: "Events per second", Metric: trial.OpsPerSec, Label: "events/s", Groups: []string{tradeBARE, tradeCBOR, tradeJSON, tradeRaw}},
		{Name: "latency", Title: "Latency of a single event", Metric: trial.P50, Label: "µs, median", Groups: []string{oneEvent}},
	},
	Goals: goals,
}

const about = `A process writes events, encoded beforehand, as fast as the socket of each
connection takes them, and another one receives them: an op is an event. All that
is sent has to arrive; the receiver counts, and adds up one field. Only the
contestants with "and its server" have a real server between, in the sending
process, which is what limits them then.

A trade is a struct of a string, a float and an integer, 39 bytes in CBOR; a quote
has two floats and an integer, so that nothing has to be allocated for it. The sizes
are of byte strings, in BARE. Receivers of this library make the sender wait when
their buffer is full, which is of the default size, 4,096 events, but with 1,000
connections of 256 for each. Loops read 64 KiB at a time where that can be set.
nats.go gets the same payloads in its own protocol, from blocks that were encoded
beforehand, too, and with no limit to what may wait.

For a single event the sender writes one every millisecond, the receiver is
asleep, and both take the time from the clock of the machine.
`

// contestant is a receiver that takes part in a group.
type contestant struct {
	name    string
	r       receiver
	role    string // of the sender; wire.Role if empty
	ours    bool
	base    bool
	foreign bool // another process, of node
}

func (c *contestant) sender() string {
	if c.role != "" {
		return c.role
	}
	return wire.Role
}

func (c *contestant) in(group string) trial.Case {
	k := trial.Case{Group: group, Name: c.name, Base: c.base, Ours: c.ours}
	if c.foreign {
		k.Needs = trial.NPM
	}
	return k
}

// blobs are the contestants for byte strings.
var blobs = []contestant{
	{name: eventAll, r: allBlobs, ours: true},
	{name: bareLoop, r: bare(fxamackerBlob), base: true},
	{name: natsGo, r: natsCallback(natsBlob)},
}

// busy is a group that is sent as much as it takes, on one connection if x does not
// say otherwise.
func busy(group string, x exchange, list []contestant) (cases []trial.Case) {
	x.connections = max(x.connections, 1)
	for _, c := range list {
		k := c.in(group)
		k.Large = x.connections >= many
		if c.foreign {
			k.Run = foreignFlow(x, c.r)
		} else {
			k.Run = flow(x, c.sender(), c.r)
		}
		cases = append(cases, k)
	}
	return cases
}

// idle is a group with a single event at a time.
func idle(group string, list []contestant) (cases []trial.Case) {
	for _, c := range list {
		k := c.in(group)
		k.Run = single(exchange{enc: codec.BARE, connections: 1}, c.sender(), c.r)
		cases = append(cases, k)
	}
	return cases
}
