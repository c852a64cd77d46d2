package receive

import "github.com/rivet-go/rivet/bench/trial"

// Groups and contestants that goals name.
const (
	tradeBARE = "trade, BARE"
	tradeCBOR = "trade, CBOR"
	tradeJSON = "trade, JSON"
	tradeRaw  = "trade, not decoded"
	quoteBARE = "quote of fixed size, BARE"
	oneEvent  = "single event"

	eventAll     = "Event.All"
	eventChan    = "Event.Chan"
	eventOn      = "Event.On"
	rawValues    = "Event[codec.Value].All"
	rawEvents    = "Conn.Subscribe"
	bareLoop     = "bare loop, fxamacker"
	bareByHand   = "bare loop, decoder by hand"
	bareHandOver = "bare loop, over a channel"
	natsGo       = "nats.go, callback"
	jsClient     = "JavaScript client"
)

var goals = []trial.Goal{
	{
		What:   "typed events per second, BARE: as many times those of a bare loop with fxamacker",
		Metric: trial.OpsPerSec, Of: in(tradeBARE, eventAll), To: to(tradeBARE, bareLoop), AtLeast: 2,
	},
	{
		What:   "time of a typed event, BARE: as many times that of a loop with a decoder by hand",
		Metric: trial.WallPerOp, Of: in(tradeBARE, eventAll), To: to(tradeBARE, bareByHand), AtMost: 1.6,
	},
	{
		What:   "typed events per second, BARE: as many times those of the JavaScript client",
		Metric: trial.OpsPerSec, Of: in(tradeBARE, eventAll), To: to(tradeBARE, jsClient), AtLeast: 20,
	},
	{
		What:   "the same, CBOR",
		Metric: trial.OpsPerSec, Of: in(tradeCBOR, eventAll), To: to(tradeCBOR, jsClient), AtLeast: 18,
	},
	{
		What:   "the same, JSON",
		Metric: trial.OpsPerSec, Of: in(tradeJSON, eventAll), To: to(tradeJSON, jsClient), AtLeast: 5,
	},
	{
		What:   "events per second, not decoded: as many times those of nats.go",
		Metric: trial.OpsPerSec, Of: in(tradeRaw, rawValues, rawEvents), To: to(tradeRaw, natsGo), AtLeast: 2,
	},
	{
		What:   "allocations of an event of fixed size",
		Metric: trial.AllocsPerOp, Of: in(quoteBARE, eventAll), AtMost: 0.01,
	},
	{
		What:   "latency of a single event: as many times that of a bare loop that hands over on a channel",
		Metric: trial.P50, Of: in(oneEvent, eventAll, eventChan, eventOn), To: to(oneEvent, bareHandOver), AtMost: 1.2,
	},
}

func in(group string, names ...string) (places []trial.Place) {
	for _, name := range names {
		places = append(places, trial.Place{Group: group, Name: name})
	}
	return places
}

func to(group, name string) *trial.Place { return &trial.Place{Group: group, Name: name} }
