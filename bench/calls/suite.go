// Package calls measures calls of actions: how many there are in a second, how long
// one takes, and what it costs the client and the server.
package calls

import (
	"context"

	"github.com/rivet-go/rivet/bench/trial"
)

// Suite is what there is to measure.
var Suite = trial.Suite{
	Name:  "calls",
	Title: "Calls",
	About: about,
	Cases: cases(),
	Tables: []trial.Table{
		{Title: "Calls per second", Metric: trial.OpsPerSec, Groups: groups},
		{Title: "Latency, median", Metric: trial.P50, Groups: groups},
		{Title: "Latency, 99 of 100 calls", Metric: trial.P99, Groups: groups},
		{Title: "Latency, 999 of 1,000 calls", Metric: trial.P999, Groups: groups},
		{Title: "Processor time of the client, a call", Metric: trial.CPUPerOp, Groups: groups},
		{Title: "Processor time of the server, a call", Metric: trial.ServerPerOp, Groups: groups},
		{Title: "Allocations of the client, a call (in Go)", Metric: trial.AllocsPerOp, Groups: groups},
	},
	Plots: []trial.Plot{
		{Name: "rate", Title: "Calls per second", Metric: trial.OpsPerSec, XLabel: "callers", YLabel: "calls/s", Groups: groups},
	},
}

const about = `An op is one call of an action that answers the number that it is given, which
every caller checks. Each of 1, 8 or 64 callers makes one call after the other, all
from one client of one actor: over HTTP, which is a request each, or over one
connection. Both clients use BARE and their defaults; the JavaScript client is that
of the version of RivetKit that is called, and 2.3.19's for the Go host. Client and
server are processes of their own on one machine, so the rate with many callers is
that of the two together: look at the processor times.

What is compared with is the JavaScript client on the same server. For reference
there are the same request in JSON from net/http to net/http, and a request to a
service inside a NATS server.`

// Groups are named by what is called, and how.
const (
	hostHTTP   = "Go host, HTTP"
	hostConn   = "Go host, connection"
	engineHTTP = "RivetKit 2.3.19, HTTP"
	engineConn = "RivetKit 2.3.19, connection"
	legacyHTTP = "RivetKit 2.0.33, HTTP"
	legacyConn = "RivetKit 2.0.33, connection"
)

var groups = []string{hostHTTP, hostConn, engineHTTP, engineConn, legacyHTTP, legacyConn}

// Contestants.
const (
	ours = "this library"
	js   = "JavaScript client"
)

// runner does a task with some callers.
type runner = func(ctx context.Context, t *trial.Trial, callers int) error

// cases are both clients on each server, both ways, in the order of groups.
func cases() (all []trial.Case) {
	add := func(c trial.Case, run runner) {
		for _, n := range []int{1, 8, 64} {
			c.X = float64(n)
			c.Run = func(ctx context.Context, t *trial.Trial) error { return run(ctx, t, n) }
			all = append(all, c)
		}
	}
	ways := func(http, conn string, needs trial.Needs, with func(*trial.Trial, context.Context, func(peer) error) error) {
		for _, group := range []string{http, conn} {
			overConn := group == conn
			add(trial.Case{Group: group, Name: ours, Ours: true, Needs: needs}, func(ctx context.Context, t *trial.Trial, n int) error {
				return with(t, ctx, func(p peer) error { return rivetClient(ctx, t, n, overConn, p) })
			})
			add(trial.Case{Group: group, Name: js, Base: true, Needs: needs | trial.NPM}, func(ctx context.Context, t *trial.Trial, n int) error {
				return with(t, ctx, func(p peer) error { return javascript(ctx, t, needs == trial.Legacy, n, overConn, p) })
			})
		}
	}
	ways(hostHTTP, hostConn, 0, func(_ *trial.Trial, ctx context.Context, f func(peer) error) error { return withPeer(ctx, roleHost, f) })
	add(trial.Case{Group: hostHTTP, Name: "net/http"}, func(ctx context.Context, t *trial.Trial, n int) error {
		return withPeer(ctx, roleHTTP, func(p peer) error { return httpClient(ctx, t, n, p) })
	})
	add(trial.Case{Group: hostConn, Name: "NATS"}, func(ctx context.Context, t *trial.Trial, n int) error {
		return withPeer(ctx, roleNATS, func(p peer) error { return natsClient(ctx, t, n, p) })
	})
	ways(engineHTTP, engineConn, trial.Engine, func(t *trial.Trial, _ context.Context, f func(peer) error) error { return f(official(t.Engine, true)) })
	ways(legacyHTTP, legacyConn, trial.Legacy, func(t *trial.Trial, _ context.Context, f func(peer) error) error { return f(official(t.Legacy, false)) })
	return all
}
