package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
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
	// ErrMissing leaves out the cases that need it.
	Start func(ctx context.Context, needs Needs) (*Server, error)
	// Progress is told what happens, a line at a time.
	Progress func(line string)
}

// ErrMissing is wrapped by errors of Options.Start on a machine that lacks what
// it takes.
var ErrMissing = errors.New("missing")

// Sample is what one run of one case came to.
type Sample struct {
	Suite   string             `json:"suite"`
	Group   string             `json:"group"`
	Name    string             `json:"name"`
	X       float64            `json:"x,omitempty"`
	Base    bool               `json:"base,omitempty"`
	Round   int                `json:"round"`
	Metrics map[string]float64 `json:"metrics"`
}

// childFlag is the first argument of a process that runs one case.
const childFlag = "-case"

// job is what such a process is given.
type job struct {
	Time           time.Duration
	Engine, Legacy *Server
	Profiles       Profiles
}

// Run runs the cases of suites: group after group, and within a group all cases
// once, then all of them again. A case that fails ends it with an error that names
// the case.
func Run(ctx context.Context, suites []Suite, o Options) ([]Sample, error) {
	servers := make(map[Needs]*Server)
	var samples []Sample
	for i := range suites {
		s := &suites[i]
		for _, group := range Groups(s.Cases) {
			var cases []*Case
			for j := range s.Cases {
				c := &s.Cases[j]
				if c.Group != group || o.Only != nil && !o.Only.MatchString(c.ID(s.Name)) {
					continue
				}
				switch err := provide(ctx, c.Needs, o, servers); {
				case errors.Is(err, ErrMissing):
					o.Progress(fmt.Sprintf("left out: %s: %v", c.ID(s.Name), err))
				case err != nil:
					return samples, fmt.Errorf("%s: %w", c.ID(s.Name), err)
				default:
					cases = append(cases, c)
				}
			}
			for round := range o.Rounds {
				for _, c := range cases {
					began := time.Now()
					metrics, err := o.run(ctx, c, c.ID(s.Name), round, servers)
					if err != nil {
						return samples, fmt.Errorf("%s: %w", c.ID(s.Name), err)
					}
					samples = append(samples, Sample{s.Name, c.Group, c.Name, c.X, c.Base, round, metrics})
					o.Progress(fmt.Sprintf("%d/%d %s: %s (%.1f s)", round+1, o.Rounds, c.ID(s.Name), show(metrics), time.Since(began).Seconds()))
				}
			}
		}
	}
	return samples, nil
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

// provide starts what is needed and not there.
func provide(ctx context.Context, needs Needs, o Options, servers map[Needs]*Server) error {
	for _, n := range []Needs{NPM, Engine, Legacy} {
		if needs&n == 0 {
			continue
		}
		if _, there := servers[n]; there {
			continue
		}
		server, err := o.Start(ctx, n)
		if err != nil {
			return err
		}
		servers[n] = server
	}
	return nil
}

// run runs a case in a process of its own.
func (o *Options) run(ctx context.Context, c *Case, id string, round int, servers map[Needs]*Server) (map[string]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	j := job{Time: o.Time}
	if c.Needs&Engine != 0 {
		j.Engine = servers[Engine]
	}
	if c.Needs&Legacy != 0 {
		j.Legacy = servers[Legacy]
	}
	if round == 0 {
		j.Profiles = o.Profiles
	}
	args, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	// What hangs is a fault of the case; its stacks say where.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute+10*o.Time)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, childFlag, id, string(args))
	cmd.Cancel = func() error { return abort(cmd.Process) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	stderr := new(tail)
	cmd.Stdout, cmd.Stderr = &out, stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr)
	}
	var metrics map[string]float64
	if err := json.Unmarshal(out.Bytes(), &metrics); err != nil {
		return nil, fmt.Errorf("its result: %w\n%s", err, stderr)
	}
	return metrics, nil
}

// RunOne runs one case in this process if it was started for that, prints what it
// came to, and reports whether it was. The program has to do nothing else then.
func RunOne(ctx context.Context, suites []Suite) (ran bool, err error) {
	if len(os.Args) != 4 || os.Args[1] != childFlag {
		return false, nil
	}
	var j job
	if err := json.Unmarshal([]byte(os.Args[3]), &j); err != nil {
		return true, err
	}
	c := find(suites, os.Args[2])
	if c == nil {
		return true, fmt.Errorf("there is no case %q", os.Args[2])
	}
	t := &Trial{
		Time: j.Time, Engine: j.Engine, Legacy: j.Legacy,
		profiles: j.Profiles, name: strings.NewReplacer("/", "-", " ", "_", ",", "").Replace(os.Args[2]),
	}
	out := os.Stdout
	os.Stdout = os.Stderr // what a library prints is no result
	if err := c.Run(ctx, t); err != nil {
		return true, err
	}
	if len(t.metrics) == 0 {
		return true, errors.New("nothing was reported")
	}
	return true, json.NewEncoder(out).Encode(t.metrics)
}

func find(suites []Suite, id string) *Case {
	for i := range suites {
		for j := range suites[i].Cases {
			if c := &suites[i].Cases[j]; c.ID(suites[i].Name) == id {
				return c
			}
		}
	}
	return nil
}

func show(metrics map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		parts = append(parts, fmt.Sprintf("%.4g %s", metrics[name], name))
	}
	return strings.Join(parts, ", ")
}
