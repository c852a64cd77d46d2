// Package growth measures what happens to the cost of an event as there is more of
// something: subscribers, events, connections, streams.
package growth

import (
	"context"

	"github.com/rivet-go/rivet/bench/trial"
)

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "growth",
	Title: "Growth",
	About: about,
	Cases: cases(),
	Tables: []trial.Table{
		{Title: "Processor time, an event or a delivery", Metric: trial.CPUPerOp, Groups: groups},
		{Title: "Time by the clock, an event or a delivery", Metric: trial.WallPerOp, Groups: groups},
		{Title: "Allocations, an event or a delivery", Metric: trial.AllocsPerOp, Groups: groups},
		{Title: "Memory of a connection that is subscribed and quiet", Metric: trial.BytesPerX, Groups: []string{byConnections}},
	},
	Plots: []trial.Plot{
		{Name: "cpu", Title: "A delivery, by how many subscribers an event has", Metric: trial.CPUPerOp, XLabel: "subscribers", YLabel: "processor time, ns", Groups: []string{bySubscribers}},
		{Name: "cpu", Title: "An event, by how many events a connection has", Metric: trial.CPUPerOp, XLabel: "events, by name", YLabel: "processor time, ns", Groups: []string{byNames}},
		{Name: "cpu", Title: "An event, by how many connections there are", Metric: trial.CPUPerOp, XLabel: "connections", YLabel: "processor time, ns", Groups: []string{byConnections}},
		{Name: "cpu", Title: "An event, by how many streams are merged", Metric: trial.CPUPerOp, XLabel: "streams", YLabel: "processor time, ns", Groups: []string{byStreams}},
		{Name: "rate", Title: "Events a second over all connections", Metric: trial.OpsPerSec, XLabel: "connections", YLabel: "events/s", Groups: []string{byConnections}},
	},
	Goals: []trial.Goal{
		fanOut("10 subscribers", 10), fanOut("100", 100), fanOut("1,000", 1000),
		{What: "fan-in of 1,000 streams through Merge, compared with one",
			Metric: trial.CPUPerOp, Of: on(byStreams, "stream.Merge", 1000), To: &on(byStreams, "stream.Merge", 1)[0], AtMost: 2},
	},
}

func fanOut(n string, x float64) trial.Goal {
	return trial.Goal{What: "fan-out in one process, ns a delivery: a subscription each for " + n,
		Metric: trial.WallPerOp, Of: on(bySubscribers, "Event.Subscribe", x), AtMost: 20}
}

// on are places of a curve.
func on(group, name string, xs ...float64) (places []trial.Place) {
	for _, x := range xs {
		places = append(places, trial.Place{Group: group, Name: name, X: x})
	}
	return places
}

const about = `What an event costs as there is more of something. All are lossless: who is too
fast waits, 256 events may wait for each consumer, 512 for those of one event, and each adds up what it
receives, which is held to what was sent.

- subscribers: one event of one connection, for 1 to 1,000 loops; an op is one
  delivery to one of them. Frames come from memory.
- events: 1 to 256 events of one connection, by name, which take turns. Frames come
  from memory.
- connections: 1 to 1,000 connections, over TCP from a process that writes
  as fast as they take it.
- streams: 1 to 1,000 streams in memory, which get 16 events at a time in turn; an
  op includes the feeding.

By hand is a loop with gobwas/ws and fxamacker/cbor, which sends to channels.`

// Groups are named by what there is more of.
const (
	bySubscribers = "subscribers"
	byNames       = "events"
	byConnections = "connections"
	byStreams     = "streams"
)

var groups = []string{bySubscribers, byNames, byConnections, byStreams}

// runner does a task at a place on the curve.
type runner func(ctx context.Context, t *trial.Trial, n int) error

func cases() (all []trial.Case) {
	curve := func(c trial.Case, run runner, xs ...int) {
		for _, n := range xs {
			c.X = float64(n)
			c.Run = func(ctx context.Context, t *trial.Trial) error { return run(ctx, t, n) }
			all = append(all, c)
		}
	}
	decades := []int{1, 10, 100, 1000}
	curve(trial.Case{Group: bySubscribers, Name: "Event.Subscribe", Ours: true}, subscriptions, decades...)
	curve(trial.Case{Group: bySubscribers, Name: "stream.Share", Ours: true}, shared, decades...)
	curve(trial.Case{Group: bySubscribers, Name: "by hand, channels", Base: true}, channels, decades...)

	curve(trial.Case{Group: byNames, Name: "Event.Subscribe", Ours: true}, subscriptionEach, 1, 16, 256)
	curve(trial.Case{Group: byNames, Name: "OneOf", Ours: true}, oneOf, 1, 16, 256)
	curve(trial.Case{Group: byNames, Name: "by hand, channels", Base: true}, channelEach, 1, 16, 256)

	curve(trial.Case{Group: byConnections, Name: "Event.All", Ours: true}, loopEach, decades...)
	curve(trial.Case{Group: byConnections, Name: "MergeEvents", Ours: true}, mergedEvents, decades...)
	curve(trial.Case{Group: byConnections, Name: "by hand", Base: true}, bareEach, decades...)
	curve(trial.Case{Group: byConnections, Name: "by hand, one channel"}, bareIntoOne, decades...)

	curve(trial.Case{Group: byStreams, Name: "stream.Merge", Ours: true}, merged, decades...)
	curve(trial.Case{Group: byStreams, Name: "channels", Base: true}, intoOne, decades...)
	return all
}
