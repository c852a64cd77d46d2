package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// childFlag is the first argument of a process that runs one case.
const childFlag = "-case"

// patience is how long a case may take beside the time that it measures, and grace
// how long it has to end once its parent has gone or has enough of it.
const (
	patience = 2 * time.Minute
	grace    = 3 * time.Second
)

// job is what such a process is given.
type job struct {
	Time           time.Duration
	Engine, Legacy *Server
	Profiles       Profiles
}

// outcome is what it prints.
type outcome struct {
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Error   string             `json:"error,omitempty"`
}

// process runs a case in a process of its own, which leaves none behind.
func (r *run) process(c *Case, id string, round int) (map[string]float64, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	j := job{Time: r.Time}
	if c.Needs&Engine != 0 {
		j.Engine = r.servers[Engine].server
	}
	if c.Needs&Legacy != 0 {
		j.Legacy = r.servers[Legacy].server
	}
	if round == 0 {
		j.Profiles = r.Profiles
	}
	args, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	limit := patience + 10*r.Time
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, childFlag, id, string(args))
	// It ends when its input does, however its parent ended.
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Cancel = func() error {
		if r.ctx.Err() != nil {
			return in.Close()
		}
		return abort(cmd.Process) // what hangs is a fault, and its stacks say where
	}
	cmd.WaitDelay = 10 * time.Second
	lead(cmd)
	var out bytes.Buffer
	stderr := new(tail)
	cmd.Stdout, cmd.Stderr = &out, stderr
	if err = cmd.Start(); err != nil {
		return nil, err
	}
	err = cmd.Wait()
	killGroup(cmd.Process.Pid)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("it was not over after %v: %w\n%s", limit, err, stderr)
	}
	var o outcome
	if decodeErr := json.Unmarshal(out.Bytes(), &o); err == nil {
		err = decodeErr
	}
	switch {
	case o.Error != "":
		return nil, errors.New(o.Error)
	case err != nil:
		return nil, fmt.Errorf("%w\n%s", err, stderr)
	}
	return o.Metrics, nil
}

// RunOne runs one case in this process if it was started for that, prints what it
// came to, and reports whether it was. The program has to do nothing else then.
// The case is told to end by its context when the process that started this one
// has ended, and this process ends then, with all that it started, after a time.
func RunOne(ctx context.Context, suites []Suite) (ran bool, err error) {
	if len(os.Args) != 4 || os.Args[1] != childFlag {
		return false, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		time.Sleep(grace)
		killGroup(os.Getpid())
		os.Exit(1)
	}()
	out := os.Stdout
	os.Stdout = os.Stderr // what a library prints is no result
	metrics, err := runOne(ctx, suites, os.Args[2], os.Args[3])
	o := outcome{Metrics: metrics}
	if err != nil {
		o = outcome{Error: err.Error()}
	}
	text, encodeErr := json.Marshal(o)
	if encodeErr != nil { // a metric that is no number
		text, err = fmt.Appendf(nil, "{\"error\":%q}", encodeErr), encodeErr
	}
	_, writeErr := out.Write(text)
	return true, errors.Join(err, writeErr)
}

func runOne(ctx context.Context, suites []Suite, id, args string) (map[string]float64, error) {
	var j job
	if err := json.Unmarshal([]byte(args), &j); err != nil {
		return nil, err
	}
	c := find(suites, id)
	if c == nil {
		return nil, fmt.Errorf("there is no case %q", id)
	}
	t := &Trial{
		Time: j.Time, Engine: j.Engine, Legacy: j.Legacy,
		profiles: j.Profiles, name: strings.NewReplacer("/", "-", " ", "_", ",", "").Replace(id),
	}
	if err := c.Run(ctx, t); err != nil {
		return nil, err
	}
	if len(t.metrics) == 0 {
		return nil, errors.New("nothing was reported")
	}
	return t.metrics, nil
}

func find(suites []Suite, id string) *Case {
	for i := range suites {
		for j := range suites[i].Cases {
			if c := &suites[i].Cases[j]; c.ID(suites[i].Name) == id {
				return c
			}
		}
	}
	return nil
}
