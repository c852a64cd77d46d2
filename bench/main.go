// Bench measures this library against a bare loop, against what one would take
// instead, and against itself as things grow:
//
//	go run .            # all, some twenty minutes
//	go run . -h         # how to run a part, and to profile it
//
// It writes a report with tables and plots into results.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/rivet-go/rivet/bench/broadcast"
	"github.com/rivet-go/rivet/bench/calls"
	"github.com/rivet-go/rivet/bench/growth"
	"github.com/rivet-go/rivet/bench/receive"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/bench/wire"
)

// suites are all that there is to measure.
var suites = []trial.Suite{receive.Suite, broadcast.Suite, calls.Suite, growth.Suite}

// roles are what other processes of this program do for the cases.
var roles = join(map[string]trial.Role{wire.Role: wire.Broadcast}, receive.Roles, broadcast.Roles, calls.Roles)

func join(sets ...map[string]trial.Role) map[string]trial.Role {
	all := make(map[string]trial.Role)
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if played, err := play(ctx); played {
		return err
	}
	context.AfterFunc(ctx, stop) // the second signal ends the program at once

	f := parse()
	if f.flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", f.flags.Arg(0))
	}
	if err := trial.Check(suites); err != nil {
		return err
	}
	if f.options.Rounds < 1 || f.options.Time <= 0 {
		return fmt.Errorf("-rounds %d, -time %v: nothing would be measured", f.options.Rounds, f.options.Time)
	}
	var err error
	if f.options.Only, err = regexp.Compile(f.only); err != nil {
		return err
	}
	whole := f.only == "" && f.options.Profiles == (trial.Profiles{})
	if f.out == "" && (whole || f.report) {
		f.out = "results"
	}
	switch {
	case f.list:
		return printIDs(f.options.Only)
	case f.report:
		return again(f.out)
	}
	return measure(ctx, f.options, f.command(), f.out)
}

// play does what another process of this program started this one for, and reports
// whether it was that.
func play(ctx context.Context) (played bool, err error) {
	if played, err := trial.Play(roles); played {
		return true, err
	}
	return trial.RunOne(ctx, suites)
}

// printIDs prints the IDs of the cases that match.
func printIDs(only *regexp.Regexp) error {
	for _, s := range suites {
		for i := range s.Cases {
			if id := s.Cases[i].ID(s.Name); only.MatchString(id) {
				if _, err := fmt.Println(id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
