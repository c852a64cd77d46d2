package interop_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/internal/testlock"
	"github.com/rivet-go/rivet/interop/fixture"
)

// The servers that all tests share unless they break them, started by the
// first test that asks.
var (
	engine   = shared{start: fixture.Start, opts: fixture.Options{Env: patient}}
	legacy   = shared{start: fixture.StartLegacy}
	embedded goHosted
)

// patient are settings for an engine whose actor server nobody kills: it does
// not give the server up when a busy machine leaves it no time to answer.
var patient = []string{
	"RIVET__PEGBOARD__ENVOY_ELIGIBLE_THRESHOLD=60000",
	"RIVET__PEGBOARD__ENVOY_LOST_THRESHOLD=90000",
	"RIVET__PEGBOARD__RUNNER_ELIGIBLE_THRESHOLD=60000",
	"RIVET__PEGBOARD__RUNNER_LOST_THRESHOLD=90000",
}

func TestMain(m *testing.M) {
	flag.Parse()
	release := testlock.Acquire()
	// The tests wait for servers far more than they compute.
	if err := flag.Set("test.parallel", "3"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, s := range []*shared{&engine, &legacy} {
		if err := s.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the fixture:", err)
			code = 1
		}
	}
	if err := embedded.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the Go host:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "after all tests:", err)
			code = 1
		}
	}
	release()
	os.Exit(code)
}

type starter func(context.Context, fixture.Options) (*fixture.Server, error)

type shared struct {
	start  starter
	opts   fixture.Options
	once   sync.Once
	server *fixture.Server
	err    error
}

// get returns the shared server for a test that leaves it as it was: actors
// under keys of its own, and no Kill.
func (s *shared) get(t *testing.T) *fixture.Server {
	t.Helper()
	skipShort(t)
	// Not the test's context: the server outlives it.
	s.once.Do(func() { s.server, s.err = s.start(context.Background(), s.opts) })
	check(t, s.err)
	logOnFailure(t, s.server)
	return s.server
}

func (s *shared) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// own starts a server for one test alone, which may kill and restart it.
func own(t *testing.T, start starter, opts fixture.Options) *fixture.Server {
	t.Helper()
	skipShort(t)
	s, err := start(t.Context(), opts)
	check(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	logOnFailure(t, s)
	return s
}

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() && !fixture.Required() {
		t.Skip("the real servers are left out by -short")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, fixture.ErrUnavailable) && !fixture.Required():
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

func logOnFailure(t *testing.T, s *fixture.Server) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Log())
		}
	})
}
