package docs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// What programs find at the counter.
const (
	increment    = rivet.Action[int, int]("increment")
	countChanged = rivet.Event[int]("countChanged")
)

// runProgram runs a complete program on a gateway with a counter.
func runProgram(t *testing.T, b block, want string) {
	gw := rivettest.NewGateway(t)
	counter := gw.Actor("counter")
	count := 0
	rivettest.Handle(counter, increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
		count += by
		rivettest.Emit(r, countChanged, count)
		return count, nil
	})
	cmd := exec.CommandContext(t.Context(), "go", "run", "./"+write(t, b, "main.go"))
	cmd.Env = append(os.Environ(), "RIVET_ENDPOINT="+gw.Endpoint())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", b, err, out)
	}
	if want != "" && string(out) != want {
		t.Errorf("%v: the program prints\n%swant\n%s", b, out, want)
	}
}

// runTest runs a test file.
func runTest(t *testing.T, b block) {
	if out, err := exec.CommandContext(t.Context(), "go", "test", "./"+write(t, b, "page_test.go")).CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", b, err, out)
	}
}

// write writes a block to a folder below this one that no pattern matches.
func write(t *testing.T, b block, name string) (dir string) {
	dir, err := os.MkdirTemp(".", ".program-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text := fmt.Sprintf("//line %v\n%s", b, b.text)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
