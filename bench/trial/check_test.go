package trial_test

import (
	"strings"
	"testing"

	"github.com/rivet-go/rivet/bench/trial"
)

func TestCheck(t *testing.T) {
	sound := func() trial.Suite {
		return trial.Suite{
			Name: "s",
			Cases: []trial.Case{
				{Group: "g", Name: "a", Base: true}, {Group: "g", Name: "a", X: 2, Base: true}, {Group: "g", Name: "b"}, {Group: "h", Name: "a", Base: true},
			},
			Tables: []trial.Table{{Title: "T", Groups: []string{"g", "h"}}},
			Goals:  []trial.Goal{{What: "G", Metric: "m", Of: []trial.Place{{Group: "g", Name: "b"}}, To: &trial.Place{Group: "g", Name: "a", X: 2}, AtMost: 1}},
		}
	}
	for want, spoil := range map[string]func(s *trial.Suite){
		"":                                                  func(*trial.Suite) {},
		`two cases are "s/g/b"`:                             func(s *trial.Suite) { s.Cases = append(s.Cases, s.Cases[2]) },
		`"s/g/b" is a second base`:                          func(s *trial.Suite) { s.Cases[2].Base = true },
		`table T: there is no group "i"`:                    func(s *trial.Suite) { s.Tables[0].Groups[0] = "i" },
		`plot P: there is no group "i"`:                     func(s *trial.Suite) { s.Plots = []trial.Plot{{Name: "P", Groups: []string{"i"}}} },
		`bars B: there is no group "i"`:                     func(s *trial.Suite) { s.Bars = []trial.Bars{{Name: "B", Groups: []string{"i"}}} },
		`goal "G": there is no case "g/c"`:                  func(s *trial.Suite) { s.Goals[0].Of[0].Name = "c" },
		`goal "G": there is no case "g/a@3"`:                func(s *trial.Suite) { s.Goals[0].To.X = 3 },
		`goal "G": it takes a metric, cases, and one bound`: func(s *trial.Suite) { s.Goals[0].AtLeast = 1 },
	} {
		s := sound()
		spoil(&s)
		err := trial.Check([]trial.Suite{s})
		switch {
		case want == "" && err != nil:
			t.Errorf("%v, want no error", err)
		case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%v, want %q and nothing else", err, want)
		}
	}
	if err := trial.Check([]trial.Suite{sound(), sound()}); err == nil {
		t.Error("two suites may have the same name")
	}
}
