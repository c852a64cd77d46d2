package report

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/rivet-go/rivet/bench/trial"
)

// bars draws a bar for each contestant of a group, with the figure behind it; nil
// if there is nothing to draw.
func bars(s *trial.Suite, b *trial.Bars, title string, col column, figures map[trial.Point]trial.Figure) ([]byte, error) {
	names, ours := contestants(s, []column{col})
	at := func(name string) (trial.Figure, bool) {
		f, ok := figures[trial.Point{Suite: s.Name, Group: col.group, Name: name, X: col.x}]
		return f, ok
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, ok := at(name); return !ok })
	if len(names) == 0 {
		return nil, nil
	}
	slices.Reverse(names) // the first at the top
	plt := newPlot(title, b.Label, "")
	const thick = vg.Length(14)
	var our, their plotter.Values
	var labels plotter.XYLabels
	most := 0.0
	for i, name := range names {
		f, _ := at(name)
		most = max(most, f.Median)
		if ours[name] {
			our, their = append(our, f.Median), append(their, 0)
		} else {
			our, their = append(our, 0), append(their, f.Median)
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: f.Median, Y: float64(i)})
		labels.Labels = append(labels.Labels, cell(b.Metric, trial.Figure{Median: f.Median, Least: f.Median, Greatest: f.Median, Ratio: f.Ratio}, isBase(s, col, name)))
	}
	for _, side := range []struct {
		values plotter.Values
		ours   bool
	}{{our, true}, {their, false}} {
		chart, err := plotter.NewBarChart(side.values, thick)
		if err != nil {
			return nil, err
		}
		chart.Horizontal, chart.LineStyle.Width, chart.Color = true, 0, muted
		if side.ours {
			chart.Color = accent
		}
		plt.Add(chart)
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].Font, text.TextStyle[i].Color, text.TextStyle[i].YAlign = sans(fontSize, 0), ink, draw.YCenter
	}
	text.Offset = vg.Point{X: 5, Y: 2}
	plt.Add(text)
	plt.NominalY(names...)
	// Ticks that are not seen keep the names off the axis.
	plt.Y.Tick.Width, plt.Y.Tick.LineStyle.Color = 1, color.Transparent
	plt.Y.Padding, plt.Y.Tick.Length = 0, 4+slack*widest(plt.Y.Tick.Label, names)
	plt.Y.Min, plt.Y.Max = -0.6, float64(len(names))-0.4
	scaleOf(b.Metric).fit(&plt.X, []float64{0, most})
	plt.X.Max *= 1.25 // with room for the text
	return render(plt, nil, 640, vg.Length(len(names))*22+80)
}
