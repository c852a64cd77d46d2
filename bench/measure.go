package main

import (
	"context"
	"errors"

	"github.com/rivet-go/rivet/bench/report"
	"github.com/rivet-go/rivet/bench/trial"
)

// measure runs the cases and writes the report to a folder, or to the output
// alone if there is none.
func measure(ctx context.Context, o trial.Options, out string) (err error) {
	var official servers
	o.Start = official.start
	defer func() { err = errors.Join(err, official.stop()) }()
	samples, err := trial.Run(ctx, suites, o)
	if err != nil {
		return err
	}
	return report.Write(out, suites, samples)
}
