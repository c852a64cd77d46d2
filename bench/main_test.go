package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/interop/fixture"
)

// mainVar is set in the environment of processes of this test that are the program.
const mainVar = "BENCH_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVar) != "" {
		suites = typed // what it is typed for does not matter
		main()
		return
	}
	if played, err := play(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if played {
		return
	}
	// The race detector waits a second at the end of each process, if nobody says
	// that it need not.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestSuitesAreSound(t *testing.T) {
	if err := trial.Check(suites); err != nil {
		t.Error(err)
	}
}

// positive are metrics that cannot be nothing.
var positive = []string{trial.WallPerOp, trial.OpsPerSec, trial.P50, trial.P99, trial.P999, trial.BytesPerX}

// Every case runs, for a moment. What it comes to means nothing here.
func TestEveryCase(t *testing.T) {
	var official shared
	t.Cleanup(func() {
		if err := official.stop(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range suites {
		for i := range s.Cases {
			c := &s.Cases[i]
			if c.Large {
				continue
			}
			id := c.ID(s.Name)
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				check(t, attempt(t, id, &official))
			})
		}
	}
}

// attempt runs a case. On a machine that does much else nothing may happen in a moment:
// then it has a second.
func attempt(t *testing.T, id string, official *shared) (record *trial.Record) {
	for _, moment := range []time.Duration{5 * time.Millisecond, time.Second} {
		var err error
		record, err = trial.Run(t.Context(), suites, trial.Options{
			Rounds: 1, Time: moment, Only: regexp.MustCompile("^" + regexp.QuoteMeta(id) + "$"),
			Start: official.start, Progress: func(line string) { t.Log(line) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(record.Failed, func(n trial.Note) bool { return strings.Contains(n.Why, "nothing was ") }) {
			break
		}
	}
	return record
}

// check looks at what a case came to.
func check(t *testing.T, record *trial.Record) {
	for _, n := range record.Failed {
		t.Error(n.Why)
	}
	for _, n := range record.LeftOut {
		if fixture.Required() {
			t.Fatal(n.Why)
		}
		t.Skip(n.Why)
	}
	for _, sample := range record.Samples {
		for metric, v := range sample.Metrics {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%s is %v", metric, v)
			}
		}
		for _, metric := range positive {
			if v, ok := sample.Metrics[metric]; ok && v == 0 {
				t.Errorf("%s is nothing", metric)
			}
		}
	}
}

// shared are official servers for cases that run at the same time.
type shared struct {
	mu      sync.Mutex
	servers servers
	started map[trial.Needs]func() (*trial.Server, error)
}

func (s *shared) start(_ context.Context, needs trial.Needs) (*trial.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started == nil {
		s.started = make(map[trial.Needs]func() (*trial.Server, error))
	}
	if s.started[needs] == nil {
		// They outlive the test that needs them first.
		server, err := s.servers.start(context.Background(), needs)
		s.started[needs] = func() (*trial.Server, error) { return server, err }
	}
	return s.started[needs]()
}

func (s *shared) stop() error { return s.servers.stop() }

// Names of files and lines of tables come from those of cases.
func TestNames(t *testing.T) {
	for _, s := range suites {
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(s.Name) {
			t.Errorf("suite %q: its name is typed, and part of file names", s.Name)
		}
		if s.Title == "" || len(s.Tables) == 0 {
			t.Errorf("suite %q has no title or no table", s.Name)
		}
	}
}
