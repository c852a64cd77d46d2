package main

import (
	"time"

	"github.com/rivet-go/rivet/conn"
)

// states is how everything is that is no reading.
type states struct {
	Lines     []lineState     `json:"lines"`
	Stalled   bool            `json:"stalled"` // the fan-in
	Consumers []consumerState `json:"consumers"`
	Tester    int             `json:"tester"` // readings a second of the machine that the consumers have
	Newest    uint64          `json:"newest"` // the number of its newest reading
}

// lineState is how the connection to a machine is.
type lineState struct {
	Status  string `json:"status"`
	Attempt int    `json:"attempt"`
	WaitMs  int64  `json:"waitMs"` // until the next attempt
	Cause   string `json:"cause"`  // why it is not connected
	Gaps    uint64 `json:"gaps"`
	Dropped uint64 `json:"dropped"`
	Rate    int    `json:"rate"` // zero while it is not known
}

// look asks everybody how they are.
func (p *plant) look() states {
	s := states{Stalled: p.fanIn.shut(), Tester: p.bench.tester.rate(), Newest: p.bench.newest.Load()}
	for _, l := range p.lines {
		s.Lines = append(s.Lines, l.look())
	}
	for _, c := range p.bench.consumers {
		s.Consumers = append(s.Consumers, c.look())
	}
	return s
}

func (l *line) look() lineState {
	state := l.conn.State()
	s := lineState{
		Status:  state.Status.String(),
		Gaps:    l.gaps.Load(),
		Dropped: l.dropped.Load(),
		Rate:    l.rate(),
	}
	if state.Status != conn.Connected {
		s.Attempt = state.Attempt
		s.WaitMs = max(0, time.Until(state.Since.Add(state.Wait)).Milliseconds())
		if state.Cause != nil {
			s.Cause = state.Cause.Error()
		}
	}
	return s
}

func (l *line) up() bool { return l.conn.State().Status == conn.Connected }

// rate is how often the machine measures, by the copy of its setup; zero while
// there is none.
func (l *line) rate() (rate int) {
	l.setup.Read(func(s Setup) { rate = s.Rate })
	return rate
}
