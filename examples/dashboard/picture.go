package main

import (
	"slices"

	"github.com/rivet-go/rivet"
)

// picture is what was measured in one tick.
type picture struct {
	Machines []glance `json:"machines"`
	Events   int      `json:"events"`
	// P50 and P99 are how long readings took to arrive, in microseconds: half of
	// them, and all but one of a hundred, no longer than this.
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
}

// glance is one machine in a picture.
type glance struct {
	Count   int     `json:"count"`
	Celsius float64 `json:"celsius"` // the last one
	Micros  int64   `json:"micros"`  // from machine to here, on average
	Missed  uint64  `json:"missed"`  // by the numbers of the readings, from the begin on
	Up      bool    `json:"up"`
}

// tally sums windows up. It remembers which reading is the next of each machine.
type tally struct {
	lines []*line
	index map[[2]string]int
	next  []uint64
	last  []glance
	lags  []int64 // of the window, kept for its memory
}

func newTally(lines []*line) *tally {
	t := &tally{
		lines: lines,
		index: make(map[[2]string]int),
		next:  make([]uint64, len(lines)),
		last:  make([]glance, len(lines)),
	}
	for i, l := range lines {
		t.index[[2]string{l.hall, l.name}] = i
	}
	return t
}

// picture sums a window up.
func (t *tally) picture(window []rivet.Sourced[Reading]) picture {
	for i := range t.last {
		g := &t.last[i]
		g.Count, g.Micros, g.Up = 0, 0, t.lines[i].up()
	}
	t.lags = t.lags[:0]
	for _, r := range window {
		i := t.index[[2]string(r.Info.Key)]
		g := &t.last[i]
		if next := t.next[i]; next > 0 && r.Value.N > next {
			g.Missed += r.Value.N - next
		}
		t.next[i] = r.Value.N + 1
		lag := max(r.At.UnixMicro()-r.Value.At, 0)
		t.lags = append(t.lags, lag)
		g.Count++
		g.Micros += lag
		g.Celsius = r.Value.Celsius
	}
	for i := range t.last {
		if g := &t.last[i]; g.Count > 0 {
			g.Micros /= int64(g.Count)
		}
	}
	p := picture{Machines: slices.Clone(t.last), Events: len(window)}
	if len(t.lags) > 0 {
		slices.Sort(t.lags)
		p.P50, p.P99 = t.lags[len(t.lags)/2], t.lags[len(t.lags)*99/100]
	}
	return p
}
