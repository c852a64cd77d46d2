package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options say what is run, and how.
type Options struct {
	// Rounds is how often each case is run, and Time how long at a time.
	Rounds int
	Time   time.Duration
	// Only leaves out cases whose ID it does not match.
	Only *regexp.Regexp
	// Profiles are for the first round.
	Profiles Profiles
	// Start starts the servers of Needs, or one of them; an error that wraps
	// ErrMissing leaves out the cases that need it, any other fails them.
	Start func(ctx context.Context, needs Needs) (*Server, error)
	// Progress is told what happens, a line at a time; nil for nobody.
	Progress func(line string)
}

// ErrMissing is wrapped by errors of Options.Start on a machine that lacks what
// it takes.
var ErrMissing = errors.New("missing")

// Run runs the cases of suites: group after group, and within a group all cases
// once, then all of them again. A case that fails is not run again, and the others
// go on. The record is what there is, also with an error, which tells that ctx
// ended it.
func Run(ctx context.Context, suites []Suite, o Options) (*Record, error) {
	r := &run{Options: o, ctx: ctx, record: new(Record), servers: make(map[Needs]provided)}
	for i := range suites {
		s := &suites[i]
		for _, group := range Groups(s.Cases) {
			if err := r.group(s, group); err != nil {
				return r.record, err
			}
		}
	}
	return r.record, nil
}

// run is one that is under way.
type run struct {
	Options
	ctx     context.Context
	record  *Record
	servers map[Needs]provided
}

// provided is a server that was asked for.
type provided struct {
	server *Server
	err    error
}

// group runs the cases of a group.
func (r *run) group(s *Suite, group string) error {
	var cases []*Case
	for i := range s.Cases {
		c := &s.Cases[i]
		id := c.ID(s.Name)
		if c.Group != group || r.Only != nil && !r.Only.MatchString(id) {
			continue
		}
		err := r.provide(c.Needs)
		switch {
		case r.ctx.Err() != nil:
			return context.Cause(r.ctx)
		case errors.Is(err, ErrMissing):
			r.record.LeftOut = append(r.record.LeftOut, Note{id, firstLine(err)})
			r.say("left out: %s: %v", id, err)
		case err != nil:
			r.failed(id, err)
		default:
			cases = append(cases, c)
		}
	}
	for round := range r.Rounds {
		cases = slices.DeleteFunc(cases, func(c *Case) bool {
			return r.ctx.Err() == nil && !r.one(s, c, round)
		})
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// one runs a case once, and reports whether it can be run again.
func (r *run) one(s *Suite, c *Case, round int) bool {
	id := c.ID(s.Name)
	began := time.Now()
	metrics, err := r.process(c, id, round)
	if r.ctx.Err() != nil {
		return false
	}
	if err != nil {
		r.failed(id, err)
		return false
	}
	r.record.Samples = append(r.record.Samples, Sample{s.Name, c.Group, c.Name, c.X, c.Base, round, metrics})
	r.say("%d/%d %s: %s (%.1f s)", round+1, r.Rounds, id, show(metrics), time.Since(began).Seconds())
	return true
}

func (r *run) failed(id string, err error) {
	r.record.Failed = append(r.record.Failed, Note{id, firstLine(err)})
	r.say("FAILED: %s: %v", id, err)
}

func (r *run) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}

// provide starts what is needed and was not asked for before.
func (r *run) provide(needs Needs) error {
	for _, n := range []Needs{NPM, Engine, Legacy} {
		if needs&n == 0 {
			continue
		}
		p, asked := r.servers[n]
		if !asked {
			p.server, p.err = r.Start(r.ctx, n)
			r.servers[n] = p
		}
		if p.err != nil {
			return p.err
		}
	}
	return nil
}

// Groups lists the groups of cases in their order.
func Groups(cases []Case) []string {
	var groups []string
	for i := range cases {
		if !slices.Contains(groups, cases[i].Group) {
			groups = append(groups, cases[i].Group)
		}
	}
	return groups
}

func show(metrics map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		parts = append(parts, fmt.Sprintf("%.4g %s", metrics[name], name))
	}
	return strings.Join(parts, ", ")
}
