// Package trial runs the cases of the benchmark program: each in a process of its
// own, in turn with those that it is compared with, for several rounds.
package trial

import (
	"context"
	"strconv"
	"time"
)

// Suite is a set of cases that one part of the report is about.
type Suite struct {
	// Name is short and without spaces: it is typed, and it is the name of files.
	Name string
	// Title and About introduce the suite in the report, in Markdown. About tells
	// what is done, what an op is, and what is the same for all contestants.
	Title, About string
	Cases        []Case
	Tables       []Table
	Plots        []Plot
	Bars         []Bars
	Goals        []Goal
}

// Case is one contestant at one task.
type Case struct {
	// Group is the task. Cases of one group are run in turn, and compared.
	Group string
	// Name is the contestant.
	Name string
	// X is where the case is on a growth curve; 0 is no place on one.
	X float64
	// Base is set for the contestant of a group that the others are measured by,
	// on a curve for each X.
	Base bool
	// Ours is set for what is this library's; the report shows it in bold.
	Ours bool
	// Large is set for what takes more than a machine has under the race detector,
	// thousands of connections say: tests leave it out.
	Large bool
	// Needs are the servers that the case wants, which come with npm.
	Needs Needs
	// Run does the task for about as long as t says, between t.Begin and its End,
	// or reports metrics of its own. It is run in a process of its own.
	Run func(ctx context.Context, t *Trial) error
}

// Needs are servers that are started once for all cases. A case is left out,
// which is said, on a machine without npm.
type Needs int

const (
	// NPM is a case that needs node and the official packages, but no server.
	NPM Needs = 1 << iota
	// Engine is the Rivet Engine with a RivetKit 2.3.19 actor server.
	Engine
	// Legacy is the actor server of RivetKit 2.0.33.
	Legacy
)

// ID names the case among those of all suites, as "suite/group/name" or, on a
// growth curve, "suite/group/name@x".
func (c *Case) ID(suite string) string { return suite + "/" + c.place() }

// place names the case within its suite.
func (c *Case) place() string {
	if c.X == 0 {
		return c.Group + "/" + c.Name
	}
	return c.Group + "/" + c.Name + "@" + strconv.FormatFloat(c.X, 'f', -1, 64)
}

// Table shows one metric of a suite: a line for each contestant, a column for
// each group.
type Table struct {
	// Title is Markdown, and says of what the figures are.
	Title string
	// Metric is one of a Trial, e.g. "ns/op".
	Metric string
	// Groups are those to show, in order; all that have no X when empty. A group
	// on a curve has a column for each X; several of them are blocks of lines.
	Groups []string
}

// Plot draws one metric over X, a line for each contestant. It is drawn for each
// group that has two X or more, into <suite>-<name>-<group>.svg, all in lower case
// and with - for what is no letter or digit.
type Plot struct {
	Name, Title string
	// Metric is drawn over X; XLabel and YLabel name them with their units.
	Metric, XLabel, YLabel string
	// Groups are those to draw; all that have an X when empty.
	Groups []string
}

// Bars draws one metric as a bar for each contestant, in the order of the cases. It
// is drawn for each group into <suite>-<name>-<group>.svg.
type Bars struct {
	Name, Title string
	// Metric is the length of the bars; Label names it with its unit.
	Metric, Label string
	// Groups are those to draw; all that have no X when empty.
	Groups []string
}

// Metrics that several suites report. The report takes the unit from the name:
// what is in ns or us ("p50-us", "cpu-ns/op") is a time, in B a size ("B/op"), per
// s a rate; else it is a number.
const (
	WallPerOp   = "ns/op"        // time, by the clock
	CPUPerOp    = "cpu-ns/op"    // of the measured process, user and system
	ServerPerOp = "server-ns/op" // processor time of the server
	AllocsPerOp = "allocs/op"
	BytesPerOp  = "B/op"
	OpsPerSec   = "ops/s"
	P50         = "p50-us" // latency
	P99         = "p99-us"
	P999        = "p99.9-us"
	BytesPerX   = "B/each" // memory of each connection, subscriber, …
)

// Trial is one run of one case.
type Trial struct {
	// Time is how long to measure, not counting what comes before and after.
	Time time.Duration
	// Servers that the case needs; nil otherwise.
	Engine, Legacy *Server

	profiles Profiles
	name     string // of the profiles
	metrics  map[string]float64
}

// Server is one that was started for all cases.
type Server struct {
	Endpoint string
	// PIDs are its processes.
	PIDs []int
}

// Report sets a metric.
func (t *Trial) Report(metric string, value float64) {
	if t.metrics == nil {
		t.metrics = make(map[string]float64)
	}
	t.metrics[metric] = value
}
