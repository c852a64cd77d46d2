package trial_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/bench/trial"
)

// TestMain plays what the tests start this program for.
func TestMain(m *testing.M) {
	for _, play := range []func() (bool, error){
		func() (bool, error) { return trial.Play(roles) },
		func() (bool, error) { return trial.RunOne(context.Background(), suites) },
		playStray,
		playParent,
	} {
		if played, err := play(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		} else if played {
			return
		}
	}
	// The race detector waits a second at the end of each process, if nobody says
	// that it need not.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// Variables of the environment tell the processes of a test where to meet.
const (
	addrVar   = "TRIAL_TEST_ADDR"
	folderVar = "TRIAL_TEST_FOLDER"
	strayVar  = "TRIAL_TEST_STRAY"
	parentVar = "TRIAL_TEST_PARENT"
)

// suites are what the tests run.
var suites = []trial.Suite{
	{Name: "order", Cases: []trial.Case{
		{Group: "one", Name: "a", Base: true, Run: reports},
		{Group: "two", Name: "c", Run: reports},
		{Group: "one", Name: "b", X: 1000000, Run: reports},
	}},
	{Name: "faults", Cases: []trial.Case{
		{Group: "faults", Name: "error", Run: func(context.Context, *trial.Trial) error {
			return errors.New("events are missing\nand more")
		}},
		{Group: "faults", Name: "panic", Run: func(context.Context, *trial.Trial) error { panic("oh no") }},
		{Group: "faults", Name: "second", Run: failsAgain},
		{Group: "faults", Name: "nothing", Run: func(context.Context, *trial.Trial) error { return nil }},
		{Group: "faults", Name: "no number", Run: func(_ context.Context, t *trial.Trial) error {
			t.Report("x/op", float64(len(os.Args))/float64(len(os.Args[0])*0))
			return nil
		}},
		{Group: "faults", Name: "fine", Run: reports},
	}},
	{Name: "needs", Cases: []trial.Case{
		{Group: "needs", Name: "engine", Needs: trial.Engine, Run: reportsServer},
		{Group: "needs", Name: "engine too", Needs: trial.Engine, Run: reportsServer},
		{Group: "needs", Name: "legacy", Needs: trial.Legacy, Run: reportsServer},
		{Group: "needs", Name: "npm", Needs: trial.NPM, Run: reports},
		{Group: "needs", Name: "none", Run: reportsServer},
	}},
	{Name: "measured", Cases: []trial.Case{{Group: "measured", Name: "allocations", Run: allocates}}},
	{Name: "processes", Cases: []trial.Case{
		{Group: "leaves", Name: "a stray", Run: startsStray},
		{Group: "waits", Name: "for its context", Run: waits},
		{Group: "hangs", Name: "for ever", Run: hangs},
	}},
}

// reports says how long it was to measure, and prints what is no result.
func reports(_ context.Context, t *trial.Trial) error {
	fmt.Println("a library prints")
	t.Report("time", float64(t.Time))
	return nil
}

func reportsServer(_ context.Context, t *trial.Trial) error {
	for metric, s := range map[string]*trial.Server{"engine": t.Engine, "legacy": t.Legacy} {
		if s != nil {
			t.Report(metric, float64(s.PIDs[0]))
		}
	}
	t.Report("one", 1)
	return nil
}

// failsAgain fails when it is run a second time.
func failsAgain(_ context.Context, t *trial.Trial) error {
	f, err := os.OpenFile(filepath.Join(os.Getenv(folderVar), "was here"), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.New("again")
	}
	t.Report("one", 1)
	return f.Close()
}

var kept [][]byte

func allocates(_ context.Context, t *trial.Trial) error {
	m, err := t.Begin()
	if err != nil {
		return err
	}
	const ops = 100000
	for range ops {
		kept = append(kept, make([]byte, 64))
	}
	return m.End(ops)
}

// dial lets the test see the end of this process, as that of its connection.
func dial() (net.Conn, error) { return net.Dial("tcp", os.Getenv(addrVar)) }

// startsStray leaves a process behind.
func startsStray(_ context.Context, t *trial.Trial) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), strayVar+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // it is there
		return err
	}
	t.Report("one", 1)
	return nil
}

func playStray() (bool, error) {
	if os.Getenv(strayVar) == "" {
		return false, nil
	}
	c, err := dial()
	if err == nil {
		_, _ = os.Stdout.WriteString("x")
		_, err = io.Copy(io.Discard, c) // the test keeps it open
	}
	return true, err
}

// waits ends when it is told to.
func waits(ctx context.Context, _ *trial.Trial) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	<-ctx.Done()
	_, err = c.Write([]byte("told"))
	return err
}

// hangs does not.
func hangs(context.Context, *trial.Trial) error {
	c, err := dial()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

// playParent runs a suite until somebody kills it.
func playParent() (bool, error) {
	suite := os.Getenv(parentVar)
	if suite == "" {
		return false, nil
	}
	_, err := trial.Run(context.Background(), suites, options("^"+suite))
	return true, err
}

// roles are what the peers of the tests play.
var roles = map[string]trial.Role{
	"calculator": func(ctx context.Context, args []string, serve func(trial.Handlers) error) error {
		fmt.Println("a library prints")
		err := serve(trial.Handlers{
			"add": func(params json.RawMessage) (any, error) {
				var n []int
				if err := json.Unmarshal(params, &n); err != nil {
					return nil, err
				}
				fmt.Println("and prints")
				return n[0] + n[1], nil
			},
			"args": func(json.RawMessage) (any, error) { return args, nil },
			"die": func(json.RawMessage) (any, error) {
				fmt.Fprintln(os.Stderr, "last words")
				os.Exit(3)
				return nil, nil
			},
		})
		if ctx.Err() == nil {
			return errors.New("the context goes on")
		}
		return err
	},
	"fails": func(context.Context, []string, func(trial.Handlers) error) error {
		return errors.New("no port is free")
	},
}
