package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rivet-go/rivet/bench/trial"
)

// page writes Markdown: the goals, then suite after suite, then what is missing and
// the machine.
func (r *Report) page(w io.Writer, suites []trial.Suite, drawings []drawing) {
	fmt.Fprintf(w, "# Results\n\n")
	fmt.Fprintf(w, "Written by `%s` on %s: %s of %v for each case, in turn with those that it is compared with. ",
		r.Command, r.Date, counted(r.Rounds, "round"), r.Time)
	fmt.Fprintf(w, "How to read this, and how to run it, is in [its module](../README.md).\n")
	r.goals(w, suites)
	for i := range suites {
		r.suite(w, &suites[i], drawings)
	}
	notes(w, "Failed", r.Record.Failed)
	notes(w, "Left out", r.Record.LeftOut)
	fmt.Fprintf(w, "\n## The machine\n\n")
	r.Machine.write(w)
}

func counted(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// suite writes what there is of a suite.
func (r *Report) suite(w io.Writer, s *trial.Suite, drawings []drawing) {
	if !slices.ContainsFunc(r.Record.Samples, func(p trial.Sample) bool { return p.Suite == s.Name }) {
		return
	}
	fmt.Fprintf(w, "\n## %s\n", s.Title)
	if about := strings.TrimSpace(s.About); about != "" {
		fmt.Fprintf(w, "\n%s\n", about)
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		for n, table := range tables(s, t, r.Record.Samples) {
			if n == 0 {
				fmt.Fprintf(w, "\n### %s\n", t.Title)
			}
			fmt.Fprintln(w)
			writeTable(w, table, true)
		}
	}
	for _, d := range drawings {
		if d.suite == s.Name {
			fmt.Fprintf(w, "\n![%s](%s)\n", d.title, d.file)
		}
	}
}

// goals writes the table of the numbers to reach.
func (r *Report) goals(w io.Writer, suites []trial.Suite) {
	table := [][]string{{"what", "reached", "goal", "met"}}
	for i := range suites {
		s := &suites[i]
		for j := range s.Goals {
			table = append(table, r.goal(s, &s.Goals[j]))
		}
	}
	if len(table) == 1 {
		return
	}
	fmt.Fprintf(w, "\n## Numbers to reach\n\n")
	writeTable(w, table, false)
}

func (r *Report) goal(s *trial.Suite, g *trial.Goal) []string {
	show := func(v float64) string {
		if g.To != nil {
			return times(v)
		}
		return format(g.Metric, v)
	}
	bound := "≥ " + show(g.AtLeast)
	if g.AtMost != 0 {
		bound = "≤ " + show(g.AtMost)
	}
	reached, known := g.Reached(s.Name, r.Record.Samples)
	if !known {
		return []string{g.What, "", bound, "not measured"}
	}
	met := "**no**"
	if reached.Met {
		met = "yes"
	}
	return []string{g.What, show(reached.Value), bound, met}
}

// notes lists cases that have no figures.
func notes(w io.Writer, title string, list []trial.Note) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n## %s\n\n", title)
	table := [][]string{{"case", "why"}}
	for _, n := range list {
		table = append(table, []string{n.Case, n.Why})
	}
	writeTable(w, table, false)
}
