package trial_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// options run what matches twice.
func options(only string) trial.Options {
	return trial.Options{Rounds: 2, Time: time.Millisecond, Only: regexp.MustCompile(only)}
}

// ids are those of samples, with their rounds.
func ids(samples []trial.Sample) (list []string) {
	for _, s := range samples {
		c := trial.Case{Group: s.Group, Name: s.Name, X: s.X}
		list = append(list, fmt.Sprintf("%s %d", c.ID(s.Suite), s.Round))
	}
	return list
}

func TestRunTakesTheCasesOfAGroupInTurn(t *testing.T) {
	record, err := trial.Run(t.Context(), suites, options("^order/"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"order/one/a 0", "order/one/b@1000000 0", "order/one/a 1", "order/one/b@1000000 1", "order/two/c 0", "order/two/c 1"}
	if got := ids(record.Samples); !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
	for _, s := range record.Samples {
		if s.Metrics["time"] != float64(time.Millisecond) || s.Base != (s.Name == "a") {
			t.Errorf("%+v", s)
		}
	}
	if len(record.Failed)+len(record.LeftOut) > 0 {
		t.Errorf("%+v, %+v", record.Failed, record.LeftOut)
	}
}

func TestRunGoesOnAfterFailures(t *testing.T) {
	t.Setenv(folderVar, t.TempDir())
	o := options("^faults/")
	var said strings.Builder
	o.Progress = func(line string) { said.WriteString(line + "\n") }
	record, err := trial.Run(t.Context(), suites, o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ids(record.Samples), []string{"faults/faults/second 0", "faults/faults/fine 0", "faults/faults/fine 1"}; !slices.Equal(got, want) {
		t.Errorf("samples of %q, want %q", got, want)
	}
	failed := make(map[string]string)
	for _, n := range record.Failed {
		failed[n.Case] += n.Why
	}
	for id, want := range map[string]string{
		"faults/faults/error":     "events are missing",
		"faults/faults/panic":     "exit status 2",
		"faults/faults/second":    "again",
		"faults/faults/nothing":   "nothing was reported",
		"faults/faults/no number": "json: unsupported value: +Inf",
	} {
		if failed[id] != want {
			t.Errorf("%s failed by %q, want %q, once", id, failed[id], want)
		}
	}
	if len(failed) != 5 {
		t.Errorf("%d failed: %v", len(failed), failed)
	}
	for _, want := range []string{"panic: oh no", "2/2 faults/faults/fine: 1e+06 time"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing was said of %q in\n%s", want, &said)
		}
	}
}

func TestRunLeavesOutWhatIsMissing(t *testing.T) {
	o := options("^needs/")
	o.Rounds = 1
	asked := make(map[trial.Needs]int)
	o.Start = func(_ context.Context, needs trial.Needs) (*trial.Server, error) {
		asked[needs]++
		switch needs {
		case trial.Engine:
			return &trial.Server{PIDs: []int{42}}, nil
		case trial.Legacy:
			return nil, errors.New("no start")
		}
		return nil, fmt.Errorf("%w: npm", trial.ErrMissing)
	}
	record, err := trial.Run(t.Context(), suites, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range record.Samples {
		if want := map[bool]float64{true: 42}[strings.HasPrefix(s.Name, "engine")]; s.Metrics["engine"] != want {
			t.Errorf("%+v", s)
		}
	}
	if got, want := ids(record.Samples), []string{"needs/needs/engine 0", "needs/needs/engine too 0", "needs/needs/none 0"}; !slices.Equal(got, want) {
		t.Errorf("samples of %q, want %q", got, want)
	}
	if want := []trial.Note{{Case: "needs/needs/npm", Why: "missing: npm"}}; !slices.Equal(record.LeftOut, want) {
		t.Errorf("left out %v, want %v", record.LeftOut, want)
	}
	if want := []trial.Note{{Case: "needs/needs/legacy", Why: "no start"}}; !slices.Equal(record.Failed, want) {
		t.Errorf("failed %v, want %v", record.Failed, want)
	}
	for needs, n := range asked {
		if n != 1 {
			t.Errorf("%d servers were started for %d", n, needs)
		}
	}
}

func TestMeasured(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	o := options("^measured/")
	o.Profiles = trial.Profiles{CPU: dir, Memory: dir, Trace: dir}
	record, err := trial.Run(t.Context(), suites, o)
	if err != nil || len(record.Samples) != 2 {
		t.Fatalf("%+v, %v", record, err)
	}
	for _, s := range record.Samples {
		m := s.Metrics
		if n := m[trial.AllocsPerOp]; n < 1 || n > 1.1 {
			t.Errorf("%v allocations per op, want 1", n)
		}
		if n := m[trial.BytesPerOp]; n < 64 {
			t.Errorf("%v B per op, want 64 and those of the slice", n)
		}
		if m[trial.WallPerOp] <= 0 || m[trial.CPUPerOp] <= 0 {
			t.Errorf("it took no time: %v", m)
		}
		if product := m[trial.WallPerOp] * m[trial.OpsPerSec]; product < 0.999e9 || product > 1.001e9 {
			t.Errorf("ns/op times ops/s is %v", product)
		}
	}
	for _, kind := range []string{"cpu.pprof", "mem.pprof", "trace"} {
		if info, err := os.Stat(filepath.Join(dir, "measured-measured-allocations."+kind)); err != nil || info.Size() == 0 {
			t.Errorf("profile %s: %v", kind, err)
		}
	}
}
