package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rivet-go/rivet/bench/report"
	"github.com/rivet-go/rivet/bench/trial"
)

// measure runs the cases and writes the report to a folder, or to the output
// alone if there is none or ctx ended it early.
func measure(ctx context.Context, o trial.Options, command, out string) (err error) {
	var official servers
	defer func() { err = errors.Join(err, official.stop()) }()
	o.Start = official.start
	r := &report.Report{
		Date: time.Now().UTC().Format(time.DateOnly), Command: command,
		Rounds: o.Rounds, Time: o.Time, Machine: report.Describe(),
	}
	record, err := trial.Run(ctx, suites, o)
	r.Record, r.Machine.Node, r.Machine.Load[1] = *record, official.node, report.Load()
	if versions := official.versions(); versions != "" {
		r.Machine.Versions["rivetkit"] = versions
	}
	whole := err == nil
	err = errors.Join(err, r.Print(os.Stdout, suites))
	if whole && out != "" {
		err = errors.Join(err, r.Write(out, suites))
	}
	if n := len(record.Failed); n > 0 {
		err = errors.Join(err, fmt.Errorf("cases that failed: %d, listed above", n))
	}
	return err
}

// again makes the report in a folder again.
func again(dir string) error {
	r, err := report.Read(dir)
	if err != nil {
		return err
	}
	return r.Write(dir, suites)
}
