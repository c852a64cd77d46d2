package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
)

// spread is the ratio of the greatest to the least from which an axis is
// logarithmic.
const spread = 20

// scale is what the figures on an axis are.
type scale struct {
	label  func(float64) string
	binary bool // sizes, for which 1024 is a round number
	x      bool // the axis begins where the values do
}

// scaleOf is that of a metric.
func scaleOf(metric string) scale {
	u, _ := unitOf(metric)
	return scale{label: func(v float64) string { return format(metric, v) }, binary: u == size}
}

// fit gives an axis the range of some values, and labels.
func (s scale) fit(axis *plot.Axis, values []float64) {
	from, to := slices.Min(values), slices.Max(values)
	if from > 0 && to/from >= spread {
		axis.Scale, axis.Min, axis.Max = plot.LogScale{}, from, to
		if !s.x {
			axis.Min, axis.Max = from/1.3, to*1.3
		}
		axis.Tick.Marker = plot.TickerFunc(s.logarithmic)
		return
	}
	axis.Min, axis.Max = from, to*1.05
	if !s.x {
		axis.Min = min(0, from)
	}
	if axis.Max <= axis.Min {
		axis.Max = axis.Min + 1
	}
	axis.Tick.Marker = plot.TickerFunc(s.linear)
}

// linear marks at most seven round values.
func (s scale) linear(lo, hi float64) (ticks []plot.Tick) {
	const most = 6
	var step float64
	if s.binary {
		step = math.Exp2(math.Ceil(math.Log2((hi - lo) / most)))
	} else {
		power := math.Pow(10, math.Floor(math.Log10((hi-lo)/most)))
		for _, digit := range []float64{1, 2, 5, 10} {
			if step = digit * power; (hi-lo)/step <= most {
				break
			}
		}
	}
	for n := math.Ceil(lo / step); n*step <= hi; n++ {
		ticks = append(ticks, plot.Tick{Value: n * step, Label: s.label(n * step)})
	}
	return ticks
}

// logarithmic marks the digits of each power of ten, and labels the powers, and 2
// and 5 if there are few; of sizes it marks powers of two.
func (s scale) logarithmic(lo, hi float64) (ticks []plot.Tick) {
	if s.binary {
		step := math.Ceil(math.Log2(hi/lo) / 8)
		for power := math.Ceil(math.Log2(lo)/step) * step; power <= math.Log2(hi); power += step {
			ticks = append(ticks, plot.Tick{Value: math.Exp2(power), Label: s.label(math.Exp2(power))})
		}
		return ticks
	}
	few := hi/lo < 1000
	for power := math.Floor(math.Log10(lo)); power <= math.Log10(hi); power++ {
		for digit := 1.0; digit < 10; digit++ {
			t := plot.Tick{Value: digit * math.Pow(10, power)}
			if digit == 1 || few && (digit == 2 || digit == 5) {
				t.Label = s.label(t.Value)
			}
			if lo <= t.Value && t.Value <= hi {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// only marks these values.
func only(values []float64) plot.Ticker {
	return plot.TickerFunc(func(lo, hi float64) (ticks []plot.Tick) {
		for _, v := range values {
			ticks = append(ticks, plot.Tick{Value: v, Label: plain(v)})
		}
		return ticks
	})
}
