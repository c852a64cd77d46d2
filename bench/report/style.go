package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plots have a background of their own, as they are shown on pages light and dark.
var (
	paper  = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	ink    = color.NRGBA{0x24, 0x29, 0x2f, 0xff}
	rule   = color.NRGBA{0x8c, 0x95, 0x9f, 0xff}
	grid   = color.NRGBA{0xe3, 0xe6, 0xea, 0xff}
	accent = color.NRGBA{0x09, 0x69, 0xda, 0xff} // ours
	muted  = color.NRGBA{0xaf, 0xb8, 0xc1, 0xff}
)

// others are the colours of lines that are not ours. They differ in brightness, too.
var others = []color.NRGBA{
	{0xbc, 0x4c, 0x00, 0xff}, {0x57, 0x60, 0x6a, 0xff}, {0x1a, 0x7f, 0x37, 0xff}, {0x82, 0x50, 0xdf, 0xff},
	{0xbf, 0x87, 0x00, 0xff}, {0xcf, 0x22, 0x2e, 0xff}, {0x13, 0x6f, 0x7d, 0xff}, {0xbf, 0x39, 0x89, 0xff},
}

// ourShades are those of lines that are.
var ourShades = []color.NRGBA{accent, {0x0a, 0x30, 0x69, 0xff}, {0x54, 0xae, 0xff, 0xff}}

// dashes and marks tell lines apart without colours. Ours have the first of dashes,
// none.
var (
	dashes = [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}, {12, 4}}
	marks  = []draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{},
		draw.CrossGlyph{}, draw.PlusGlyph{},
	}
)

// fontSize is that of all text but the title; a plot is shown at its own size, or
// at two thirds of it.
const fontSize = 11

func sans(size font.Length, weight int) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if weight > 0 {
		f.Weight = 2 // bold
	}
	return f
}

// newPlot makes a plot that has nothing drawn.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = paper
	p.Title.Text = title
	p.Title.TextStyle.Font, p.Title.TextStyle.Color, p.Title.Padding = sans(fontSize+2, 1), ink, 8
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font, axis.Label.TextStyle.Color, axis.Label.Padding = sans(fontSize, 0), ink, 6
		axis.Tick.Label.Font, axis.Tick.Label.Color = sans(fontSize, 0), ink
		axis.LineStyle.Color, axis.Tick.LineStyle.Color = rule, rule
		axis.LineStyle.Width, axis.Tick.LineStyle.Width = 0.75, 0.75
		axis.Padding = 0
	}
	return p
}

// newLegend makes one that has no lines.
func newLegend() *plot.Legend {
	l := plot.NewLegend()
	l.TextStyle.Font, l.TextStyle.Color = sans(fontSize, 0), ink
	l.Left, l.Top, l.Padding, l.ThumbnailWidth = true, true, 5, 32
	l.YPosition = draw.PosCenter
	return &l
}

// newGrid makes the lines behind the curves.
func newGrid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = grid, grid
	g.Vertical.Width, g.Horizontal.Width = 0.75, 0.75
	return g
}
