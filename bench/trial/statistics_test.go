package trial_test

import (
	"testing"

	"github.com/rivet-go/rivet/bench/trial"
)

// samples of one case, a round each; less than 0 is a round that is missing.
func samples(base bool, name string, x float64, values ...float64) (list []trial.Sample) {
	for round, v := range values {
		if v >= 0 {
			list = append(list, trial.Sample{Suite: "s", Group: "g", Name: name, X: x, Base: base, Round: round, Metrics: map[string]float64{"m": v}})
		}
	}
	return list
}

func TestFigures(t *testing.T) {
	var all []trial.Sample
	for _, list := range [][]trial.Sample{
		samples(true, "base", 0, 10, 100, 1000),
		samples(false, "each round", 0, 20, 300, 500), // ratios 2, 3, 0.5
		samples(false, "ties", 0, 7, 7, 7),
		samples(false, "missing", 0, -1, 200, 1000), // 2, 1
		samples(false, "more", 0, 10, 100, 1000, 5), // the base has no fourth round
		samples(false, "nothing", 0, 0, 0, 0),
		samples(true, "base", 4, 1, 1, 2),
		samples(false, "curve", 4, 3, 3, 10),
		samples(false, "alone", 5, 2, 1, 4, 3),
		samples(true, "zero", 6, 0, 0),
		samples(false, "of zero", 6, 1, 1),
	} {
		all = append(all, list...)
	}
	all = append(all, trial.Sample{Suite: "s", Group: "g", Name: "another metric", Metrics: map[string]float64{"n": 1}},
		trial.Sample{Suite: "s", Group: "another", Name: "each round", Metrics: map[string]float64{"m": 1}})
	want := map[string]trial.Figure{
		"base":       {Median: 100, Least: 10, Greatest: 1000, Ratio: 1},
		"each round": {Median: 300, Least: 20, Greatest: 500, Ratio: 2},
		"ties":       {Median: 7, Least: 7, Greatest: 7, Ratio: 0.07},
		"missing":    {Median: 600, Least: 200, Greatest: 1000, Ratio: 1.5},
		"more":       {Median: 55, Least: 5, Greatest: 1000, Ratio: 1},
		"nothing":    {},
		"base@4":     {Median: 1, Least: 1, Greatest: 2, Ratio: 1},
		"curve@4":    {Median: 3, Least: 3, Greatest: 10, Ratio: 3},
		"alone@5":    {Median: 2.5, Least: 1, Greatest: 4},
		"zero@6":     {},
		"of zero@6":  {Median: 1, Least: 1, Greatest: 1},
	}
	figures := trial.Figures(all, "m")
	for p, got := range figures {
		name := trial.Place{Group: p.Group, Name: p.Name, X: p.X}.String()
		if p.Group == "another" {
			if got.Ratio != 0 {
				t.Errorf("%v is measured by the base of another group", p)
			}
			continue
		}
		if w, ok := want[name[2:]]; !ok || got != w {
			t.Errorf("%s: %+v, want %+v", name, got, w)
		}
	}
	if len(figures) != len(want)+1 {
		t.Errorf("%d figures: %v", len(figures), figures)
	}
}

func TestGoals(t *testing.T) {
	all := append(samples(true, "base", 0, 10, 100, 1000), samples(false, "ours", 0, 20, 300, 500)...)
	all = append(all, samples(false, "ours", 8, 700, 700, 700)...)
	all = append(all, samples(false, "late", 0, -1, -1, -1, 5)...)
	base, ours, ours8, late := trial.Place{Group: "g", Name: "base"}, trial.Place{Group: "g", Name: "ours"}, trial.Place{Group: "g", Name: "ours", X: 8}, trial.Place{Group: "g", Name: "late"}
	at := func(p ...trial.Place) []trial.Place { return p }
	for _, test := range []struct {
		name  string
		goal  trial.Goal
		known bool
		want  trial.Reached
	}{
		{"at least", trial.Goal{Of: at(ours), AtLeast: 300}, true, trial.Reached{Value: 300, Of: ours, Met: true}},
		{"not at least", trial.Goal{Of: at(ours), AtLeast: 301}, true, trial.Reached{Value: 300, Of: ours}},
		{"at most", trial.Goal{Of: at(ours), AtMost: 300}, true, trial.Reached{Value: 300, Of: ours, Met: true}},
		{"not at most", trial.Goal{Of: at(ours), AtMost: 299}, true, trial.Reached{Value: 300, Of: ours}},
		{"ratio of rounds", trial.Goal{Of: at(ours), To: &base, AtLeast: 2}, true, trial.Reached{Value: 2, Of: ours, Met: true}},
		{"the greatest is the worst", trial.Goal{Of: at(ours, ours8), AtMost: 500}, true, trial.Reached{Value: 700, Of: ours8}},
		{"the least is the worst", trial.Goal{Of: at(ours8, ours), AtLeast: 500}, true, trial.Reached{Value: 300, Of: ours}},
		{"no such metric", trial.Goal{Of: at(ours), Metric: "n", AtMost: 1}, false, trial.Reached{}},
		{"one is missing", trial.Goal{Of: at(ours, trial.Place{Group: "g", Name: "nobody"}), AtMost: 1}, false, trial.Reached{}},
		{"no round with both", trial.Goal{Of: at(ours), To: &late, AtMost: 1}, false, trial.Reached{}},
	} {
		if test.goal.Metric == "" {
			test.goal.Metric = "m"
		}
		if got, known := test.goal.Reached("s", all); got != test.want || known != test.known {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.name, got, known, test.want, test.known)
		}
	}
	if _, known := (&trial.Goal{Metric: "m", Of: at(ours), AtMost: 1}).Reached("another", all); known {
		t.Error("the goal of one suite was reached by another")
	}
}
