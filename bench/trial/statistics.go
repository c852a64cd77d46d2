package trial

import "slices"

// Figure is a metric of a case over all its rounds.
type Figure struct {
	// Median of the rounds, and the least and the greatest.
	Median, Least, Greatest float64
	// Ratio is the median, over the rounds, of the ratio to what the base of the
	// group came to in the same round; 0 without one.
	Ratio float64
}

// Point is what a figure is of.
type Point struct {
	Suite, Group, Name string
	X                  float64
}

// Point is what the sample is of.
func (s *Sample) Point() Point { return Point{s.Suite, s.Group, s.Name, s.X} }

// Figures sums up one metric of all samples that have it.
func Figures(samples []Sample, metric string) map[Point]Figure {
	type place struct {
		suite, group string
		x            float64
		round        int
	}
	at := func(s *Sample) place { return place{s.Suite, s.Group, s.X, s.Round} }
	base := make(map[place]float64)
	for i := range samples {
		if s := &samples[i]; s.Base {
			if v, ok := s.Metrics[metric]; ok {
				base[at(s)] = v
			}
		}
	}
	values, ratios := make(map[Point][]float64), make(map[Point][]float64)
	for i := range samples {
		s := &samples[i]
		v, ok := s.Metrics[metric]
		if !ok {
			continue
		}
		values[s.Point()] = append(values[s.Point()], v)
		if b := base[at(s)]; b != 0 {
			ratios[s.Point()] = append(ratios[s.Point()], v/b)
		}
	}
	figures := make(map[Point]Figure, len(values))
	for p, vs := range values {
		figures[p] = Figure{Median: median(vs), Least: slices.Min(vs), Greatest: slices.Max(vs), Ratio: median(ratios[p])}
	}
	return figures
}

// median of some values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
