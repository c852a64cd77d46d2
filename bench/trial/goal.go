package trial

import "fmt"

// Goal is a number to reach, one way or the other:
//
//	{What: "…", Metric: OpsPerSec, Of: []Place{{Group: "BARE", Name: "All"}}, To: &Place{Group: "BARE", Name: "bare loop"}, AtLeast: 2}
//	{What: "…", Metric: AllocsPerOp, Of: …, AtMost: 0.01}
//
// Who has to need half of what another needs is To, with the other in Of and
// AtLeast 2.
type Goal struct {
	// What is a line of Markdown, e.g. "typed events, BARE: faster than a bare loop".
	What string
	// Metric is that of the cases Of. If there are several, the worst counts.
	Metric string
	Of     []Place
	// To is the case that they are compared with: what counts is the ratio to it,
	// the median of what each round came to. Without one it is the metric itself.
	To *Place
	// AtLeast and AtMost are the bounds; one of them is set.
	AtLeast, AtMost float64
}

// Place names a case of the suite.
type Place struct {
	Group, Name string
	X           float64
}

func (p Place) String() string {
	c := Case{Group: p.Group, Name: p.Name, X: p.X}
	return c.place()
}

// Reached is what came of a goal.
type Reached struct {
	// Value is the metric, or the ratio, and Of the case that it is of.
	Value float64
	Of    Place
	Met   bool
}

// Reached tells what samples say of a goal of a suite. It is false unless all
// cases that the goal names were measured.
func (g *Goal) Reached(suite string, samples []Sample) (r Reached, known bool) {
	for i, p := range g.Of {
		value, ok := g.value(suite, p, samples)
		if !ok {
			return Reached{}, false
		}
		worse := value < r.Value
		if g.AtMost != 0 {
			worse = value > r.Value
		}
		if i == 0 || worse {
			r = Reached{Value: value, Of: p}
		}
	}
	r.Met = r.Value >= g.AtLeast
	if g.AtMost != 0 {
		r.Met = r.Value <= g.AtMost
	}
	return r, len(g.Of) > 0
}

// value is what counts for one of the cases.
func (g *Goal) value(suite string, p Place, samples []Sample) (float64, bool) {
	rounds := byRound(samples, Point{suite, p.Group, p.Name, p.X}, g.Metric)
	to := map[int]float64(nil)
	if g.To != nil {
		to = byRound(samples, Point{suite, g.To.Group, g.To.Name, g.To.X}, g.Metric)
	}
	var values []float64
	for round, v := range rounds {
		if g.To == nil {
			values = append(values, v)
		} else if base := to[round]; base != 0 {
			values = append(values, v/base)
		}
	}
	return median(values), len(values) > 0
}

// byRound is what a metric came to in each round that has it.
func byRound(samples []Sample, p Point, metric string) map[int]float64 {
	values := make(map[int]float64)
	for i := range samples {
		if s := &samples[i]; s.Point() == p {
			if v, ok := s.Metrics[metric]; ok {
				values[s.Round] = v
			}
		}
	}
	return values
}

// check finds what is wrong with a goal.
func (g *Goal) check(s *Suite) error {
	places := g.Of
	if g.To != nil {
		places = append(places[:len(places):len(places)], *g.To)
	}
	for _, p := range places {
		if find([]Suite{*s}, s.Name+"/"+p.String()) == nil {
			return fmt.Errorf("goal %q: there is no case %q", g.What, p)
		}
	}
	if (g.AtLeast != 0) == (g.AtMost != 0) || len(g.Of) == 0 || g.Metric == "" {
		return fmt.Errorf("goal %q: it takes a metric, cases, and one bound", g.What)
	}
	return nil
}
