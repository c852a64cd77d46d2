package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

var (
	halls = []string{"A", "B", "C", "D"}
	kinds = []string{"press", "oven", "mixer", "robot"}
)

// sameKind is how many machines of a kind stand in a hall.
const sameKind = 3

// plant is all machines, and what the dashboard has to watch them with.
type plant struct {
	client   *rivet.Client
	lines    []*line
	byActor  map[string]*line // by what observers call the actor
	readings *rivet.Group[Reading]
	fanIn    gate // stalls the one loop that has the readings of all machines
	bench    *bench
	journal  *journal

	pictures, states, events *stream.Shared[news] // for the browsers
}

// line is the connection to a machine.
type line struct {
	hall, name string
	machine    *rivet.Handle
	cable      cable
	conn       *conn.Conn
	setup      *rivet.View[Setup]

	gaps, dropped atomic.Uint64 // of its readings
}

// newPlant connects to all machines at address, or begins to.
func newPlant(ctx context.Context, address net.Addr) (*plant, error) {
	p := &plant{
		byActor:  make(map[string]*line),
		readings: rivet.MergeEvents(Measured, stream.Buffer(fanInBuffer)),
		journal:  newJournal(),
	}
	var err error
	p.client, err = rivet.NewClient(
		rivet.WithEndpoint("http://"+address.String()+"/api/rivet"),
		rivet.WithDialer(dialer(address)),
		rivet.WithBackoff(backoff.Exponential(250*time.Millisecond, 4*time.Second)),
		rivet.WithObserver(rivet.Observer{
			Connected: p.connected, Disconnected: p.disconnected, Gap: p.gap, Drop: p.drop,
		}),
	)
	if err != nil {
		return nil, err
	}
	for _, hall := range halls {
		for _, kind := range kinds {
			for n := range sameKind {
				l := newLine(p.client, hall, fmt.Sprintf("%s %d", kind, n+1))
				p.lines = append(p.lines, l)
				p.byActor[l.machine.String()] = l
			}
		}
	}
	for _, l := range p.lines {
		l.connect(ctx)
		p.readings.Add(l.conn)
	}
	p.bench = newBench(ctx, p.client)
	p.pictures = stream.TryMap(p.watchReadings(ctx), render[picture]("picture")).Publish(stream.Replay(pictureHistory))
	p.states = stream.TryMap(p.watchStates(), render[states]("states")).Publish(stream.Replay(1))
	p.events = stream.TryMap(p.watchEvents(), render[entry]("entry")).Publish(stream.Replay(eventHistory))
	return p, nil
}

func newLine(client *rivet.Client, hall, name string) *line {
	return &line{hall: hall, name: name, machine: client.GetOrCreate("machine", rivet.Key{hall, name})}
}

// connect connects to the machine, and keeps a copy of its setup.
func (l *line) connect(ctx context.Context) {
	l.conn = l.machine.Connect(through(ctx, &l.cable))
	l.setup = rivet.NewView(l.conn,
		func(ctx context.Context, c rivet.Caller) (Setup, error) { return rivet.Do(ctx, c, GetSetup) },
		rivet.Fold(SetupChanged, func(_ Setup, now Setup) Setup { return now }))
}

// watch runs everything until ctx ends.
func (p *plant) watch(ctx context.Context) error {
	err := errors.Join(p.events.Start(ctx), p.states.Start(ctx), p.pictures.Start(ctx))
	if err == nil {
		p.bench.run(ctx)
	}
	for _, s := range []*stream.Shared[news]{p.pictures, p.states, p.events} {
		_ = s.Close()
	}
	_ = p.readings.Close()
	for _, l := range p.lines {
		_ = l.setup.Close()
	}
	return errors.Join(err, p.client.Close())
}

// setRates has machines measure rate times a second, all at once.
func setRates(ctx context.Context, rate int, lines []*line) error {
	_, err := stream.ParallelMap(stream.From(lines...), 8, func(ctx context.Context, l *line) (rivet.None, error) {
		return SetRate.Call(ctx, l.machine, rate)
	}).Count(ctx)
	return err
}

// hall returns the lines of one hall, or all.
func (p *plant) hall(name string) []*line {
	if name == "" {
		return p.lines
	}
	return slices.DeleteFunc(slices.Clone(p.lines), func(l *line) bool { return l.hall != name })
}

// The observer: what connections tell of themselves. What it counts is shown
// beside each machine.

func (p *plant) connected(i rivet.OpenInfo) {
	if l := p.byActor[i.Actor]; l != nil && i.Reconnect {
		p.journal.write("back", l.label(), "connected again", "")
	}
}

func (p *plant) disconnected(i rivet.CloseInfo) {
	if l := p.byActor[i.Actor]; l != nil && i.Err != nil {
		p.journal.write("lost", l.label(), "connection lost", i.Err.Error())
	}
}

func (p *plant) gap(i rivet.GapInfo) {
	if l := p.byActor[i.Actor]; l != nil && slices.Contains(i.Events, string(Measured)) {
		l.gaps.Add(1)
		p.journal.write("gap", l.label(), "readings may be missing", fmt.Sprintf("it was down for %.1f s", i.Up.Sub(i.Down).Seconds()))
	}
}

func (p *plant) drop(i rivet.DropInfo) {
	if l := p.byActor[i.Actor]; l != nil && slices.Contains(i.Events, string(Measured)) {
		l.dropped.Add(i.Dropped)
	}
}

func (l *line) label() string { return l.hall + " " + l.name }
