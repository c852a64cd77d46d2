package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/stream"
)

const (
	// tick is how often there is a new picture.
	tick = 250 * time.Millisecond
	// pictureHistory is how many of them a new browser gets at once.
	pictureHistory = 80
	// eventHistory is how many entries of the journal it gets.
	eventHistory = 40
	// stateTick is how often the states of connections are shown.
	stateTick = 500 * time.Millisecond
	// fanInBuffer is how many readings of one machine may wait for the loop.
	fanInBuffer = 256
)

// watchReadings is the plant as pictures: the readings of all machines in one
// stream, cut into windows, each of which is summed up.
func (p *plant) watchReadings(ctx context.Context) stream.Stream[picture] {
	readings := p.readings.Stream().
		OnNotice(p.notice).
		Tap(func(rivet.Sourced[Reading]) { p.fanIn.pass(ctx) })
	return stream.Map(stream.Window(readings, tick), newTally(p.lines).picture)
}

// watchStates is how connections, settings and consumers are, now and then.
func (p *plant) watchStates() stream.Stream[states] {
	return stream.Map(stream.Interval(stateTick), func(int) states { return p.look() })
}

// watchEvents is what happens: what connections tell of themselves, and what
// became of the machines' setups, whoever changed them. What happens to many at
// once is one entry.
func (p *plant) watchEvents() stream.Stream[entry] {
	sources := []stream.Stream[entry]{p.journal.entries()}
	for _, l := range p.lines {
		sources = append(sources, l.settings())
	}
	atOnce := stream.Batch(stream.Merge(sources...), 1000, 300*time.Millisecond)
	return stream.FlatMap(atOnce, func(entries []entry) stream.Stream[entry] { return stream.From(brief(entries)...) })
}

// settings is each change of a machine's setup.
func (l *line) settings() stream.Stream[entry] {
	changes := stream.Pairwise(stream.DistinctUntilChanged(l.setup.Stream()))
	return stream.Map(changes, func(setups [2]Setup) entry {
		return entry{At: time.Now(), Kind: "setup", Who: l.label(), What: fmt.Sprintf("now %d readings a second", setups[1].Rate)}
	})
}

// news is all that a browser is told: what was, then what comes. Of a browser
// that is too slow the oldest is dropped; it sees the next picture.
func (p *plant) news() stream.Stream[news] {
	return stream.Merge(p.events.Stream(), p.states.Stream(), p.pictures.Stream())
}

// notice writes down what was lost on the way.
func (p *plant) notice(err error) {
	var lag *stream.LagError
	if errors.As(err, &lag) {
		return // one for each machine, which the observer counts
	}
	p.journal.write("notice", "the fan-in", err.Error(), "")
}

// news is one server-sent event.
type news struct {
	kind string
	data []byte
}

// render makes news of a kind, once for all browsers.
func render[T any](kind string) func(T) (news, error) {
	return func(v T) (news, error) {
		data, err := json.Marshal(v)
		return news{kind, data}, err
	}
}
