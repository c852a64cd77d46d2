package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// What a machine offers, by name and type: the host and the dashboard share it.
const (
	Measured     = rivet.Event[Reading]("measured")
	SetupChanged = rivet.Event[Setup]("setupChanged")
	GetSetup     = rivet.Action[rivet.None, Setup]("getSetup")
	SetRate      = rivet.Action[int, rivet.None]("setRate")
)

// Reading is what a machine measures.
type Reading struct {
	N       uint64  `json:"n"`  // counts them, so that a missing one shows
	At      int64   `json:"at"` // when, in microseconds since 1970
	Celsius float64 `json:"celsius"`
}

// Setup is how a machine works.
type Setup struct {
	Rate int `json:"rate"` // readings a second
}

// maxRate is the most readings that a machine makes in a second.
const maxRate = 1000

// memory is what a machine remembers.
type memory struct {
	Setup    Setup
	Readings uint64
}

// Machine says what a machine does: it measures all the time, as often as it was
// told to, and tells everybody who is connected.
var Machine = actor.Define("machine", func(d *actor.Definition[memory]) {
	d.State(memory{Setup: Setup{Rate: 10}})
	actor.Handle(d, GetSetup, func(c *actor.Context[memory], _ rivet.None) (Setup, error) {
		return c.State.Setup, nil
	})
	actor.Do(d, SetRate, func(c *actor.Context[memory], rate int) error {
		if rate < 1 || rate > maxRate {
			return actor.UserError("no_such_rate", "A machine makes 1 to 1,000 readings a second", map[string]int{"rate": rate})
		}
		c.State.Setup.Rate = rate
		return actor.Broadcast(c, SetupChanged, c.State.Setup)
	})
	d.Run(measure)
}, actor.SaveInterval(5*time.Second))

// beat is how often a machine looks what is due. Readings of one beat go out
// together, which costs hardly more than one.
const beat = 50 * time.Millisecond

func measure(c *actor.Context[memory]) error {
	oven := newOven()
	pace := pace{last: time.Now(), due: rand.Float64()}
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		var now time.Time
		select {
		case <-c.Done():
			return nil
		case now = <-beats.C:
		}
		var first, end uint64
		err := c.Update(func(m *memory) {
			first = m.Readings
			m.Readings += pace.count(now, m.Setup.Rate)
			end = m.Readings
		})
		if err != nil {
			return nil // it is to stop
		}
		for n := first + 1; n <= end; n++ {
			r := Reading{N: n, At: time.Now().UnixMicro(), Celsius: oven.celsius(now)}
			if err := actor.Broadcast(c, Measured, r); err != nil {
				return err
			}
		}
	}
}

// pace is how far a machine is with its readings.
type pace struct {
	last time.Time
	due  float64
}

// count returns how many readings are due since the last time. On a busy computer a
// beat may bear a time before that of the beat before, and one that has slept makes
// up for a second at most.
func (p *pace) count(now time.Time, rate int) uint64 {
	if passed := now.Sub(p.last); passed > 0 {
		p.due += min(passed, time.Second).Seconds() * float64(rate)
		p.last = now
	}
	whole, rest := math.Modf(p.due)
	p.due = rest
	return uint64(whole)
}

// oven is a temperature that wanders.
type oven struct {
	mean, drift float64
	phase       time.Duration
}

func newOven() *oven {
	return &oven{mean: 60 + 40*rand.Float64(), phase: rand.N(20 * time.Second)}
}

func (o *oven) celsius(now time.Time) float64 {
	o.drift = 0.98*o.drift + rand.NormFloat64()*0.4
	wave := math.Sin(2 * math.Pi * (time.Duration(now.UnixNano()) + o.phase).Seconds() / 20)
	return math.Round((o.mean+4*wave+o.drift)*10) / 10
}
