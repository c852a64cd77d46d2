package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/bench/report"
)

// program runs this program, and returns what it printed.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), mainVar+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// plainCase is one that takes nothing but this program.
func plainCase(t *testing.T) (id string) {
	t.Helper()
	for _, s := range suites {
		for i := range s.Cases {
			if c := &s.Cases[i]; c.Needs == 0 && !c.Large {
				return c.ID(s.Name)
			}
		}
	}
	t.Fatal("there is no case that needs nothing")
	return ""
}

func TestProgram(t *testing.T) {
	id := plainCase(t)
	list, _, code := program(t, "-list")
	cases := 0
	for _, s := range suites {
		cases += len(s.Cases)
	}
	if n := strings.Count(list, "\n"); code != 0 || n != cases || !strings.Contains(list, id+"\n") {
		t.Errorf("exit %d, and a list of %d cases, want %d and %q:\n%s", code, n, cases, id, list)
	}

	dir := t.TempDir()
	only := "^" + id + "$"
	page, said, code := program(t, "-run", only, "-rounds", "2", "-time", "1ms", "-out", dir)
	if code != 0 || !strings.Contains(page, "## The machine") || !strings.Contains(said, "2/2 "+id+": ") {
		t.Errorf("exit %d, and it said\n%s\nand printed\n%s", code, said, page)
	}
	r, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Record.Samples) != 2 || r.Command != "go run . -rounds 2 -run '"+only+"' -time 1ms" || r.Machine.Cores == 0 {
		t.Errorf("%+v", r)
	}

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
		{"-h", "a quarter of an hour", 0},
	} {
		out, said, code := program(t, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(said, test.want) || out != "" {
			t.Errorf("%s: exit %d and %s%s\nwant exit %d and %q", test.args, code, out, said, test.code, test.want)
		}
	}
}
