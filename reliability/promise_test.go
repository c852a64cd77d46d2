package reliability_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test that docs/reliability.md names exists.
func TestPromisesAreTested(t *testing.T) {
	page, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool)
	for _, pattern := range []string{"../*_test.go", "../conn/*_test.go", "*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllSubmatch(text, -1) {
				have[string(m[1])] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	if len(named) < 40 {
		t.Errorf("the page names %d tests only", len(named))
	}
	for _, m := range named {
		if name := string(m[1]); !have[name] {
			t.Errorf("the page names %s, which does not exist", name)
		}
	}
	// Nor is one of the forty behaviours without its own.
	for row := 1; row <= 40; row++ {
		prefix := fmt.Sprintf("TestBehaviour%02d_", row)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(have)), func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			t.Errorf("no test is called %s…", prefix)
		}
	}
	// A promise without a test is none: each item before what is impossible
	// names one.
	promises, _, ok := strings.Cut(string(page), "## What the protocol makes impossible")
	if !ok {
		t.Fatal("the page has lost its last part")
	}
	for _, item := range regexp.MustCompile(`(?m)^- `).Split(promises, -1)[1:] {
		if !regexp.MustCompile("`Test\\w+`").MatchString(item) {
			t.Errorf("no test holds: %.80s", item)
		}
	}
}
