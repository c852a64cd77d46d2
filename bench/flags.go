package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// flags are what was typed.
type flags struct {
	flags        *flag.FlagSet
	options      trial.Options
	only, out    string
	list, report bool
}

const usage = `go run . measures everything, which takes some twenty minutes, and writes
a report into results.

	go run . -run receive/ -rounds 1 -time 200ms     # a glance at one suite
	go run . -run 'receive/.*/All$' -cpuprofile prof # profiles of some cases
	go run . -report                                 # the report again, without measuring

Ctrl-C ends it, prints what there is, and leaves the report as it was.

`

// parse takes the flags of this process; a mistake in them ends it.
func parse() *flags {
	f := &flags{flags: flag.NewFlagSet("bench", flag.ExitOnError)}
	o := &f.options
	o.Progress = func(line string) { fmt.Fprintln(os.Stderr, line) }
	f.flags.StringVar(&f.only, "run", "", "only cases of which `regexp` matches some part of suite/group/name@x; no report is written then, unless -out is given")
	f.flags.BoolVar(&f.list, "list", false, "list the cases")
	f.flags.IntVar(&o.Rounds, "rounds", 5, "how often each case is run")
	f.flags.DurationVar(&o.Time, "time", time.Second, "how long a case is measured at a time")
	f.flags.StringVar(&o.Profiles.CPU, "cpuprofile", "", "write a profile of the processor for each case, of its first round, into a `folder`; no report is written then, unless -out is given")
	f.flags.StringVar(&o.Profiles.Memory, "memprofile", "", "the same of allocations")
	f.flags.StringVar(&o.Profiles.Trace, "trace", "", "the same of the execution tracer")
	f.flags.StringVar(&f.out, "out", "", "the `folder` of the report (results, if all is run)")
	f.flags.BoolVar(&f.report, "report", false, "make the report again of the samples in it, without measuring")
	f.flags.Usage = func() {
		out := f.flags.Output()
		fmt.Fprint(out, usage)
		f.flags.PrintDefaults()
	}
	_ = f.flags.Parse(os.Args[1:]) // it exits
	return f
}

// command is what one types to have the same measured, wherever that goes.
func (f *flags) command() string {
	text := "go run ."
	f.flags.Visit(func(set *flag.Flag) {
		switch set.Name {
		case "run":
			text += fmt.Sprintf(" -run '%s'", set.Value)
		case "rounds", "time":
			text += fmt.Sprintf(" -%s %s", set.Name, set.Value)
		}
	})
	return text
}
