package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/bench/report"
)

// The results that are kept are those of one run.
func TestResults(t *testing.T) {
	r, err := report.Read("results")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("results/README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	if want := "`" + r.Command + "` on " + r.Date; !strings.Contains(page, want) {
		t.Errorf("the page is not that of the samples, which are of %s", want)
	}
	plots, err := filepath.Glob("results/*.svg")
	if err != nil || len(plots) == 0 {
		t.Fatalf("%d plots, %v", len(plots), err)
	}
	for _, p := range plots {
		if name := filepath.Base(p); !strings.Contains(page, "]("+name+")") {
			t.Errorf("the page does not show %s: it is of an older run", name)
		}
	}

	// The README of the library repeats a table.
	text, err = os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## How fast is it\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if rows++; !strings.Contains(page, line) {
			t.Errorf("README.md has a row that the results do not have: %s", line)
		}
	}
	if rows < 3 {
		t.Errorf("README.md has %d rows of a table under How fast is it", rows)
	}
}
