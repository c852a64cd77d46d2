package report

import (
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/rivet-go/rivet/bench/trial"
)

// curves draws a group over X; nil if it was measured at fewer than two.
func curves(s *trial.Suite, p *trial.Plot, title, group string, figures map[trial.Point]trial.Figure) ([]byte, error) {
	cols := slices.DeleteFunc(columns(s, []string{group}), func(c column) bool { return c.x == 0 })
	names, ours := contestants(s, cols)
	plt, legend := newPlot(title, p.XLabel, p.YLabel), newLegend()
	plt.Add(newGrid())
	var xs, ys []float64
	our, their := 0, 0
	for _, name := range names {
		var line plotter.XYs
		for _, c := range cols {
			if f, ok := figures[trial.Point{Suite: s.Name, Group: group, Name: name, X: c.x}]; ok {
				line = append(line, plotter.XY{X: c.x, Y: f.Median})
				ys = append(ys, f.Median)
				if !slices.Contains(xs, c.x) {
					xs = append(xs, c.x)
				}
			}
		}
		if len(line) == 0 {
			continue
		}
		l, points, err := plotter.NewLinePoints(line)
		if err != nil {
			return nil, err
		}
		if ours[name] {
			l.Color, l.Width = ourShades[our%len(ourShades)], 2.5
			points.Shape = marks[our%len(marks)]
			our++
		} else {
			l.Color, l.Width = others[their%len(others)], 1.5
			l.Dashes = dashes[1+their%(len(dashes)-1)]
			points.Shape = marks[(their+1)%len(marks)]
			their++
		}
		points.Color, points.Radius = l.Color, vg.Points(3.5)
		plt.Add(l, points)
		legend.Add(name, l, points)
	}
	if len(xs) < 2 {
		return nil, nil // no curve
	}
	slices.Sort(xs)
	scale{label: plain, x: true}.fit(&plt.X, xs)
	scaleOf(p.Metric).fit(&plt.Y, ys)
	if len(xs) <= 8 && xs[0] > 0 {
		plt.X.Tick.Marker = only(xs)
	}
	plt.X.Padding, plt.Y.Padding = vg.Points(6), vg.Points(0)
	plt.X.Tick.Label.YAlign = draw.YTop
	return render(plt, legend, 640, 320)
}
