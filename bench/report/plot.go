package report

import (
	"bytes"
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/rivet-go/rivet/bench/trial"
)

// drawing is a plot as a file.
type drawing struct {
	suite, file, title string
	svg                []byte
}

// paint draws what the suites want drawn and has figures.
func paint(suites []trial.Suite, samples []trial.Sample) (drawings []drawing, err error) {
	add := func(s *trial.Suite, name, group, title string, svg []byte) {
		if svg != nil {
			drawings = append(drawings, drawing{s.Name, fileName(s.Name, name, group), title, svg})
		}
	}
	for i := range suites {
		s := &suites[i]
		for j := range s.Bars {
			b := &s.Bars[j]
			figures := trial.Figures(samples, b.Metric)
			cols := columns(s, b.Groups)
			for _, col := range cols {
				at := col.group
				if col.x != 0 {
					at += ", " + plain(col.x)
				}
				title := titled(b.Title, at, len(cols))
				svg, err := bars(s, b, title, col, figures)
				if err != nil {
					return nil, fmt.Errorf("report: bars %s of %s: %w", b.Name, s.Name, err)
				}
				add(s, b.Name, at, title, svg)
			}
		}
		for j := range s.Plots {
			p := &s.Plots[j]
			groups := p.Groups
			if len(groups) == 0 {
				groups = trial.Groups(s.Cases)
			}
			figures := trial.Figures(samples, p.Metric)
			for _, group := range groups {
				title := titled(p.Title, group, len(groups))
				svg, err := curves(s, p, title, group, figures)
				if err != nil {
					return nil, fmt.Errorf("report: plot %s of %s: %w", p.Name, s.Name, err)
				}
				add(s, p.Name, group, title, svg)
			}
		}
	}
	return drawings, nil
}

// titled is a title, with the group if it is drawn for several.
func titled(title, group string, groups int) string {
	if groups == 1 {
		return title
	}
	return title + ", " + group
}

// fileName joins words such that they are no trouble in links.
func fileName(words ...string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return ' '
	}, strings.ToLower(strings.ReplaceAll(strings.Join(words, " "), ",", "")))
	return strings.Join(strings.Fields(name), "-") + ".svg"
}

// slack is room for fonts that are wider than ours: what machine shows a plot is not
// known here.
const slack = 0.15

// widest is the width of the widest of some texts.
func widest(style text.Style, texts []string) (width vg.Length) {
	for _, t := range texts {
		width = max(width, style.Width(t))
	}
	return width
}

// render draws a plot with its legend beside it.
func render(p *plot.Plot, legend *plot.Legend, width, height vg.Length) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	c := draw.New(canvas)
	c.SetColor(paper)
	c.Fill(c.Rectangle.Path())
	const margin = 10
	area := draw.Crop(c, margin, -margin, margin, -margin)
	if legend != nil {
		beside := (1+slack)*legend.Rectangle(area).Size().X + margin
		legend.Draw(draw.Crop(area, area.Size().X-beside+margin, 0, 0, -3*margin))
		area = draw.Crop(area, 0, -beside, 0, 0)
	}
	p.Draw(area)
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return nil, err
	}
	// Who has no Liberation has one of the same widths.
	return bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")), nil
}
