package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivet-go/rivet/bench/trial"
)

// column is a group, or one X of a group.
type column struct {
	group string
	x     float64
}

// columns are those of some groups: one for each group, or for each X if it has
// some. Without groups they are all that have no X.
func columns(s *trial.Suite, groups []string) (cols []column) {
	all := len(groups) == 0
	if all {
		groups = trial.Groups(s.Cases)
	}
	for _, g := range groups {
		begin := len(cols)
		for i := range s.Cases {
			c := &s.Cases[i]
			at := column{g, c.X}
			if c.Group == g && !(all && c.X != 0) && !slices.Contains(cols, at) {
				cols = append(cols, at)
			}
		}
		slices.SortFunc(cols[begin:], func(a, b column) int {
			switch {
			case a.x < b.x:
				return -1
			case a.x > b.x:
				return 1
			}
			return 0
		})
	}
	return cols
}

// head is what stands over a column: what tells it from the others.
func (c column) head(all []column) string {
	alone := !slices.ContainsFunc(all, func(o column) bool { return o.group != c.group })
	switch {
	case c.x == 0:
		return c.group
	case alone:
		return plain(c.x)
	}
	return c.group + ", " + plain(c.x)
}

// contestants are the names of the cases in some columns, in their order, and
// whether they are ours.
func contestants(s *trial.Suite, cols []column) (names []string, ours map[string]bool) {
	ours = make(map[string]bool)
	for i := range s.Cases {
		c := &s.Cases[i]
		if !slices.Contains(cols, column{c.Group, c.X}) {
			continue
		}
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
		ours[c.Name] = ours[c.Name] || c.Ours
	}
	return names, ours
}

// tables are what a table of a suite becomes: one for each set of columns that have
// contestants in common. Several groups on curves are blocks of lines of one,
// over columns for each X that any of them has. What was not measured is left out.
func tables(s *trial.Suite, t *trial.Table, samples []trial.Sample) (list [][][]string) {
	figures := trial.Figures(samples, t.Metric)
	cols := slices.DeleteFunc(columns(s, t.Groups), func(c column) bool {
		return len(lines(s, t.Metric, []column{c}, figures)) == 0
	})
	several := slices.ContainsFunc(cols, func(c column) bool { return c.group != cols[0].group })
	if several && !slices.ContainsFunc(cols, func(c column) bool { return c.x == 0 }) {
		return [][][]string{blocks(s, t.Metric, cols, figures)}
	}
	for _, set := range related(s, cols) {
		head := []string{""}
		for _, c := range set {
			head = append(head, c.head(cols))
		}
		list = append(list, append([][]string{head}, lines(s, t.Metric, set, figures)...))
	}
	return list
}

// related parts columns into sets, in their order: two that have a contestant in
// common are in the same one.
func related(s *trial.Suite, cols []column) (sets [][]column) {
	for _, c := range cols {
		names, _ := contestants(s, []column{c})
		joined := []column{}
		sets = slices.DeleteFunc(sets, func(set []column) bool {
			others, _ := contestants(s, set)
			common := slices.ContainsFunc(others, func(name string) bool { return slices.Contains(names, name) })
			if common {
				joined = append(joined, set...)
			}
			return common
		})
		sets = append(sets, append(joined, c))
	}
	slices.SortStableFunc(sets, func(a, b []column) int { return slices.Index(cols, a[0]) - slices.Index(cols, b[0]) })
	return sets
}

// blocks is a table of curves.
func blocks(s *trial.Suite, metric string, cols []column, figures map[trial.Point]trial.Figure) [][]string {
	head := []string{""}
	var groups []string
	var xs []float64
	for _, c := range cols {
		if !slices.Contains(groups, c.group) {
			groups = append(groups, c.group)
		}
		xs = append(xs, c.x)
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	for _, x := range xs {
		head = append(head, plain(x))
	}
	table := [][]string{head}
	for _, group := range groups {
		title := make([]string, len(head))
		title[0] = "*" + group + "*"
		block := make([]column, len(xs))
		for i, x := range xs {
			block[i] = column{group, x}
		}
		table = append(append(table, title), lines(s, metric, block, figures)...)
	}
	return table
}

// lines are those of a table: one for each contestant that has a figure.
func lines(s *trial.Suite, metric string, cols []column, figures map[trial.Point]trial.Figure) (table [][]string) {
	names, ours := contestants(s, cols)
	for _, name := range names {
		row, measured := []string{name}, false
		if ours[name] {
			row[0] = "**" + name + "**"
		}
		for _, c := range cols {
			text := ""
			if f, ok := figures[trial.Point{Suite: s.Name, Group: c.group, Name: name, X: c.x}]; ok {
				text, measured = cell(metric, f, isBase(s, c, name)), true
			}
			row = append(row, text)
		}
		if measured {
			table = append(table, row)
		}
	}
	return table
}

func isBase(s *trial.Suite, at column, name string) bool {
	return slices.ContainsFunc(s.Cases, func(c trial.Case) bool {
		return c.Base && c.Group == at.group && c.X == at.x && c.Name == name
	})
}

// wide is the spread of the rounds, of their median, that is worth a word.
const wide = 0.5

// cell is one figure.
func cell(metric string, f trial.Figure, base bool) string {
	text := format(metric, f.Median)
	switch {
	case base:
		text += " · base"
	case f.Ratio != 0:
		text += " · " + times(f.Ratio)
	}
	from, to := format(metric, f.Least), format(metric, f.Greatest)
	if f.Greatest-f.Least > wide*f.Median && from != to {
		text += fmt.Sprintf(" (%s to %s)", from, to)
	}
	return text
}

// writeTable writes Markdown that can also be read as it is: the first row is the
// head; the first column is text, the others are aligned to the right if they are
// figures.
func writeTable(w io.Writer, rows [][]string, figures bool) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]), 2)
		}
	}
	for n, row := range rows {
		for i, text := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if figures && i > 0 {
				text = pad + text
			} else {
				text += pad
			}
			fmt.Fprintf(w, "| %s ", text)
		}
		fmt.Fprintln(w, "|")
		if n > 0 {
			continue
		}
		for i := range row {
			dashes := strings.Repeat("-", width[i])
			if figures && i > 0 {
				dashes = dashes[1:] + ":"
			}
			fmt.Fprintf(w, "| %s ", dashes)
		}
		fmt.Fprintln(w, "|")
	}
}
