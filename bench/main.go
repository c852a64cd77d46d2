// Bench measures this library against a bare loop, against what one would take
// instead, and against itself as things grow:
//
//	go run .            # all, about a quarter of an hour
//	go run . -h         # how to run a part, and to profile it
//
// It writes a report with tables and plots into results.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/rivet-go/rivet/bench/receive"
	"github.com/rivet-go/rivet/bench/trial"
)

// suites are all that there is to measure.
var suites = []trial.Suite{receive.Suite}

// roles are what other processes of this program do for the cases.
var roles = map[string]trial.Role{}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if played, err := trial.Play(roles); played {
		return err
	}
	if ran, err := trial.RunOne(ctx, suites); ran {
		return err
	}

	o := trial.Options{Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	only := flag.String("run", "", "only cases whose `regexp` matches, of suite/group/name@x; nothing is written to results then, unless -out is given")
	list := flag.Bool("list", false, "list the cases")
	flag.IntVar(&o.Rounds, "rounds", 5, "how often each case is run")
	flag.DurationVar(&o.Time, "time", time.Second, "how long a case is measured at a time")
	flag.StringVar(&o.Profiles.CPU, "cpuprofile", "", "write a profile of the processor for each case into a `folder`")
	flag.StringVar(&o.Profiles.Memory, "memprofile", "", "the same of allocations")
	flag.StringVar(&o.Profiles.Trace, "trace", "", "the same of the execution tracer")
	out := flag.String("out", "", "the `folder` of the report; results when everything is run")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flag.Arg(0))
	}
	var err error
	if o.Only, err = regexp.Compile(*only); err != nil {
		return err
	}
	if *list {
		for _, s := range suites {
			for _, c := range s.Cases {
				if id := c.ID(s.Name); o.Only.MatchString(id) {
					fmt.Println(id)
				}
			}
		}
		return nil
	}
	if *out == "" && *only == "" {
		*out = "results"
	}
	return measure(ctx, o, *out)
}
