package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/bench/report"
	"github.com/rivet-go/rivet/bench/trial"
)

var update = flag.Bool("update", false, "write what the tests get as what they want")

// suites have one of everything: a base, a curve, a case that nobody measured, one
// that failed, goals that are met, missed and not known.
func suites() []trial.Suite {
	in := func(group, name string) trial.Place { return trial.Place{Group: group, Name: name} }
	events := trial.Suite{
		Name: "events", Title: "Events", About: "An op is an *event*.",
		Cases: []trial.Case{
			{Group: "BARE", Name: "ours", Ours: true},
			{Group: "BARE", Name: "a loop", Base: true},
			{Group: "BARE", Name: "another | one"},
			{Group: "JSON", Name: "ours", Ours: true},
			{Group: "JSON", Name: "nobody's"},
			{Group: "none", Name: "nobody's"},
			{Group: "raw", Name: "bytes"},
		},
		Tables: []trial.Table{
			{Title: "Time", Metric: trial.WallPerOp},
			{Title: "Allocations", Metric: trial.AllocsPerOp, Groups: []string{"BARE"}},
			{Title: "Nothing", Metric: "nothing"},
		},
		Bars: []trial.Bars{{Name: "rate", Title: "Rate", Metric: trial.OpsPerSec, Label: "events per second"}},
		Goals: []trial.Goal{
			{What: "faster than a loop", Metric: trial.OpsPerSec, Of: []trial.Place{in("BARE", "ours")}, To: &trial.Place{Group: "BARE", Name: "a loop"}, AtLeast: 2},
			{What: "no allocation", Metric: trial.AllocsPerOp, Of: []trial.Place{in("BARE", "ours")}, AtMost: 0.01},
			{What: "quick in all encodings", Metric: trial.WallPerOp, Of: []trial.Place{in("BARE", "ours"), in("JSON", "ours")}, AtMost: 800},
			{What: "faster than nobody", Metric: trial.OpsPerSec, Of: []trial.Place{in("JSON", "ours")}, To: &trial.Place{Group: "JSON", Name: "nobody's"}, AtLeast: 2},
		},
	}
	growth := trial.Suite{
		Name: "growth", Title: "Growth",
		Tables: []trial.Table{
			{Title: "Memory of each", Metric: trial.BytesPerX, Groups: []string{"Fan-out, 1 : n"}},
			{Title: "Time, all ways", Metric: trial.WallPerOp, Groups: []string{"Fan-out, 1 : n", "Fan-in"}},
		},
		Plots: []trial.Plot{
			{Name: "time", Title: "Time", Metric: trial.WallPerOp, XLabel: "subscribers", YLabel: "time per delivery"},
			{Name: "memory", Title: "Memory", Metric: trial.BytesPerX, XLabel: "subscribers", YLabel: "memory of each", Groups: []string{"Fan-out, 1 : n"}},
		},
	}
	for _, x := range []float64{1, 10, 100, 1000} {
		for _, name := range []string{"ours", "a channel each", "others"} {
			growth.Cases = append(growth.Cases, trial.Case{Group: "Fan-out, 1 : n", Name: name, X: x, Ours: name == "ours", Base: name == "others"})
		}
	}
	for _, x := range []float64{10, 500} {
		growth.Cases = append(growth.Cases, trial.Case{Group: "Fan-in", Name: "ours", X: x, Ours: true})
	}
	return []trial.Suite{events, growth, {Name: "empty", Title: "Empty"}}
}

func example() *report.Report {
	r := &report.Report{
		Date: "2026-01-02", Command: "go run . -rounds 3", Rounds: 3, Time: time.Second,
		Machine: report.Machine{System: "linux/amd64", Kernel: "6.1", CPU: "A Processor", Cores: 2, Memory: 8 << 30, Go: "go1.26.0",
			Versions: map[string]string{"example.com/b": "v2.0.0", "example.com/a": "v1.2.3"}, Load: [2]string{"0.10", "2.50"}},
		Record: trial.Record{
			LeftOut: []trial.Note{{Case: "none/none/nobody's", Why: "missing: npm"}},
			Failed:  []trial.Note{{Case: "events/JSON/nobody's", Why: "42 events are missing"}},
		},
	}
	add := func(s trial.Sample, metrics map[string]float64) {
		s.Metrics = metrics
		r.Record.Samples = append(r.Record.Samples, s)
	}
	for round := range 3 {
		f := 1 + float64(round)/10
		times := func(ns float64) map[string]float64 {
			return map[string]float64{trial.WallPerOp: ns * f, trial.OpsPerSec: 1e9 / ns / f, trial.AllocsPerOp: 0}
		}
		add(trial.Sample{Suite: "events", Group: "BARE", Name: "ours", Round: round}, times(150))
		add(trial.Sample{Suite: "events", Group: "BARE", Name: "a loop", Base: true, Round: round}, times(432))
		wide := times(2500 * f * f * f * f)
		wide[trial.AllocsPerOp] = 3
		add(trial.Sample{Suite: "events", Group: "BARE", Name: "another | one", Round: round}, wide)
		add(trial.Sample{Suite: "events", Group: "JSON", Name: "ours", Round: round}, times(900))
		add(trial.Sample{Suite: "events", Group: "raw", Name: "bytes", Round: round}, map[string]float64{trial.WallPerOp: 1500 * f})
		for _, x := range []float64{1, 10, 100, 1000} {
			for i, name := range []string{"ours", "a channel each", "others"} {
				each := float64(i+1) * 1000
				add(trial.Sample{Suite: "growth", Group: "Fan-out, 1 : n", Name: name, X: x, Base: name == "others", Round: round},
					map[string]float64{trial.WallPerOp: f * (5 + each/50 + x*each/1000), trial.BytesPerX: f * (each + 5000/x)})
			}
		}
	}
	add(trial.Sample{Suite: "growth", Group: "Fan-in", Name: "ours", X: 500}, map[string]float64{trial.WallPerOp: 12.34})
	return r
}

func write(t *testing.T, r *report.Report) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new")
	if err := r.Write(dir, suites()); err != nil {
		t.Fatal(err)
	}
	return readAll(t, dir)
}

func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// The whole report is compared with that of a run which is looked at by people: go
// test -update ./report writes it anew.
func TestReportIsTheGoldenOne(t *testing.T) {
	const golden = "testdata/golden"
	got := write(t, example())
	if *update {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		if err := example().Write(golden, suites()); err != nil {
			t.Fatal(err)
		}
	}
	want := readAll(t, golden)
	for name, text := range got {
		switch {
		case want[name] == "":
			t.Errorf("%s is new", name)
		case strings.HasSuffix(name, ".svg") && runtime.GOARCH != "amd64":
			// Others multiply and add at once: the last digits of coordinates differ.
		case text != want[name]:
			t.Errorf("%s is\n%s\nwant\n%s", name, text, want[name])
		}
	}
	for name := range want {
		if got[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestReportDependsOnItsSamplesAlone(t *testing.T) {
	first := write(t, example())
	dir := t.TempDir()
	if err := example().Write(dir, suites()); err != nil {
		t.Fatal(err)
	}
	read, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	second := write(t, read)
	for name, text := range first {
		if second[name] != text {
			t.Errorf("%s is\n%s\nafter reading it\n%s", name, text, second[name])
		}
	}
	if len(first) != len(second) {
		t.Errorf("%d files, and then %d", len(first), len(second))
	}
}

func TestReadOfNothing(t *testing.T) {
	if _, err := report.Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want one of a file that does not exist", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "samples.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Read(dir); err == nil {
		t.Error("half a file was read")
	}
}

// Plots are XML, are all shown on the page, name the contestants and know no place
// of this machine.
func TestPlots(t *testing.T) {
	files := write(t, example())
	drawn := map[string][]string{
		"events-rate-bare.svg":          {"ours", "a loop", "another | one", "6.06 M/s · 2.9×", "2.1 M/s · base"},
		"events-rate-json.svg":          {"ours", "1.01 M/s"},
		"growth-time-fan-out-1-n.svg":   {"Time, Fan-out, 1 : n", "ours", "a channel each", "others", "subscribers", "1,000", "100 ns"},
		"growth-memory-fan-out-1-n.svg": {"4 KiB", "Memory"},
	}
	for name, words := range drawn {
		svg := files[name]
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, word := range words {
			if !strings.Contains(svg, ">"+word+"<") {
				t.Errorf("%s has no %q", name, word)
			}
		}
		if !strings.Contains(svg, "sans-serif") {
			t.Errorf("%s has no font that all machines have", name)
		}
		if !strings.Contains(files["README.md"], "]("+name+")") {
			t.Errorf("the page does not show %s", name)
		}
	}
	for name := range files {
		if _, ok := drawn[name]; !ok && strings.HasSuffix(name, ".svg") {
			t.Errorf("%s was drawn of nothing", name)
		}
	}
}

// Who measures a part has its page on the terminal, without plots, and nothing of
// suites that were not measured.
func TestPrint(t *testing.T) {
	r := example()
	r.Record.Samples = slices.DeleteFunc(r.Record.Samples, func(s trial.Sample) bool { return s.Suite != "growth" })
	var out bytes.Buffer
	if err := r.Print(&out, suites()); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"## Growth": true, "## Events": false, "## Empty": false, ".svg": false, "not measured": true} {
		if strings.Contains(out.String(), text) != want {
			t.Errorf("the page has %q: %v, want %v\n%s", text, !want, want, &out)
		}
	}
	if err := r.Print(full{}, suites()); err == nil {
		t.Error("what could not be written is no error")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
