package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/bench/report"
	"github.com/rivet-go/rivet/bench/trial"
)

// typed are the suites of the program when these tests run it.
var typed = []trial.Suite{{
	Name: "typed", Title: "Typed",
	Cases: []trial.Case{
		{Group: "group", Name: "works", Base: true, Run: func(_ context.Context, t *trial.Trial) error {
			t.Report(trial.WallPerOp, 42)
			return nil
		}},
		{Group: "group", Name: "fails", Run: func(context.Context, *trial.Trial) error { return errors.New("events are missing") }},
		{Group: "later", Name: "waits", Run: func(ctx context.Context, _ *trial.Trial) error {
			<-ctx.Done()
			return ctx.Err()
		}},
	},
	Tables: []trial.Table{{Title: "Time", Metric: trial.WallPerOp}},
}}

// command is this program, as it is typed.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), mainVar+"=1")
	return cmd
}

// program runs it, and returns what it printed.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestProgramLists(t *testing.T) {
	out, said, code := program(t, "-list", "-run", "/group/")
	if want := "typed/group/works\ntyped/group/fails\n"; out != want || said != "" || code != 0 {
		t.Errorf("exit %d and %s%s\nwant\n%s", code, out, said, want)
	}
}

func TestProgramWritesItsReport(t *testing.T) {
	dir := t.TempDir()
	page, said, code := program(t, "-run", "works", "-rounds", "2", "-time", "1ms", "-out", dir)
	if code != 0 || !strings.Contains(page, "| works | 42 ns · base |") || !strings.Contains(said, "2/2 typed/group/works: 42 ns/op") {
		t.Errorf("exit %d, and it said\n%s\nand printed\n%s", code, said, page)
	}
	r, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Record.Samples) != 2 || r.Command != "go run . -rounds 2 -run 'works' -time 1ms" || r.Machine.Cores == 0 {
		t.Errorf("%+v", r)
	}

	// The samples are all that it takes.
	file := filepath.Join(dir, "README.md")
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if out, said, code := program(t, "-report", "-out", dir); code != 0 || out+said != "" {
		t.Errorf("exit %d, and it said\n%s%s", code, said, out)
	}
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, written) {
		t.Errorf("%v, and the report was\n%s\nand is\n%s", err, written, again)
	}
}

func TestProgramTellsWhatFailed(t *testing.T) {
	dir := t.TempDir()
	page, said, code := program(t, "-run", "group", "-rounds", "2", "-out", dir)
	const row = "| typed/group/fails | events are missing |"
	if code != 1 || !strings.Contains(page, row) || !strings.Contains(page, "42 ns") || !strings.HasSuffix(said, "cases that failed: 1, listed above\n") {
		t.Errorf("exit %d, and it said\n%s\nand printed\n%s", code, said, page)
	}
	if written, err := os.ReadFile(filepath.Join(dir, "README.md")); err != nil || !strings.Contains(string(written), row) {
		t.Errorf("%v, and the report is\n%s", err, written)
	}
}

// Who has enough of it has what there is on the terminal, and the report of before.
func TestProgramIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	cmd := command(t, "-run", "works|waits", "-rounds", "1", "-out", dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := said.Read(make([]byte, 1)); err != nil { // the first case is over
		t.Error(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	var last bytes.Buffer
	if _, err := last.ReadFrom(said); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(last.String(), "interrupt") {
		t.Errorf("it ended by %v, and said\n%s", err, &last)
	}
	if !strings.Contains(out.String(), "42 ns") {
		t.Errorf("it printed\n%s", &out)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, and it wrote %v", err, files)
	}
}

func TestProgramRefuses(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
		code int
	}{
		{"-run (", "missing closing )", 1},
		{"-list extra", `"extra" is no flag`, 1},
		{"-report -out " + filepath.Join(t.TempDir(), "none"), "samples.json", 1},
		{"-rounds 0", "-rounds", 1},
		{"-time 0s", "-time", 1},
		{"-nonsense", "-nonsense", 2},
		{"-h", "twenty minutes", 0},
	} {
		out, said, code := program(t, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(said, test.want) || out != "" {
			t.Errorf("%s: exit %d and %s%s\nwant exit %d and %q", test.args, code, out, said, test.code, test.want)
		}
	}
}
