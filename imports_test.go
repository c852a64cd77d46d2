package rivet_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rivet-go/rivet"

// TestImportsRunOneWay holds the direction of imports: each package may use
// those of ours that are listed, "" being the root, and nothing else.
func TestImportsRunOneWay(t *testing.T) {
	allowed := map[string][]string{
		"actor":            {"", "codec", "internal/gateway", "internal/ws"},
		"actor/local":      {"", "actor", "codec", "internal/gateway", "internal/pipe", "internal/ws"},
		"":                 {"backoff", "codec", "conn", "internal/gateway", "internal/ws", "stream"},
		"backoff":          {},
		"codec":            {"internal/bare", "internal/typed"},
		"conn":             {"backoff", "codec", "internal/ws", "stream"},
		"internal/bare":    {},
		"internal/gateway": {"codec"},
		"internal/pipe":    {},
		"internal/typed":   {},
		"internal/ws":      {},
		"stream":           {},
		"stream/rx":        {"stream"},
		"rivettest":        {"", "actor", "actor/local", "codec", "conn", "internal/pipe", "stream"},
	}
	// Third-party modules that only these packages may use. Package actor stores
	// Go values, which the wire's CBOR, made for JavaScript, would change.
	owners := map[string][]string{
		"github.com/gobwas/ws":           {"internal/ws"},
		"github.com/cenkalti/backoff":    {"backoff"},
		"github.com/fxamacker/cbor":      {"codec", "actor"},
		"golang.org/x/sync/errgroup":     {"conn"},
		"github.com/reactivex/rxgo":      {"stream/rx"},
		"go.etcd.io/bbolt":               {"actor/local"},
		"go.uber.org/goleak":             {"tests"},
		"pgregory.net/rapid":             {"tests"},
		"github.com/stretchr/testify":    {"nobody"},
		"github.com/coder/websocket":     {"nobody"},
		"github.com/gorilla/websocket":   {"nobody"},
		"golang.org/x/tools/go/packages": {"nobody"},
	}
	for dir, imports := range importsByPackage(t) {
		top, _, _ := strings.Cut(dir, "/")
		if slices.Contains([]string{"examples", "bench", "interop", "reliability", "tools"}, top) {
			continue // at the top of the house: they may use everything
		}
		for _, imp := range imports {
			if imp == module || strings.HasPrefix(imp, module+"/") {
				ours := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
				if uses, known := allowed[dir]; !known {
					t.Errorf("package %q is not in the table of this test", dir)
				} else if !slices.Contains(uses, ours) {
					t.Errorf("package %q imports %q", dir, ours)
				}
			}
			for prefix, only := range owners {
				if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && !slices.Contains(only, dir) {
					t.Errorf("package %q imports %s, which belongs to %q", dir, imp, only)
				}
			}
		}
	}
}

// importsByPackage lists what the packages of the module import outside tests.
func importsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(name))
		if dir == "." {
			dir = ""
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[dir] = append(found[dir], imp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 8 {
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}
