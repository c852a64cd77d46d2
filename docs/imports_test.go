package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// uses says which of our packages each one imports, "" being the root. The
// packages in internal/test… are for tests.
var uses = map[string][]string{
	"":                        {"backoff", "codec", "conn", "internal/gateway", "internal/ws", "stream"},
	"actor":                   {"", "codec", "internal/gateway", "internal/ws"},
	"actor/local":             {"", "actor", "codec", "internal/gateway", "internal/pipe", "internal/ws"},
	"backoff":                 {},
	"codec":                   {"internal/bare", "internal/typed"},
	"conn":                    {"backoff", "codec", "internal/ws", "stream"},
	"internal/bare":           {},
	"internal/gateway":        {},
	"internal/pipe":           {},
	"internal/testgoroutines": {},
	"internal/testlock":       {},
	"internal/typed":          {},
	"internal/ws":             {},
	"rivettest":               {"", "actor", "actor/local", "codec", "internal/pipe"},
	"stream":                  {},
	"stream/rx":               {"stream"},
}

// atTheTop are folders that nothing outside of them imports.
var atTheTop = []string{"bench", "docs", "examples", "interop", "reliability", "tools"}

// TestImportsRunOneWay holds the direction of imports: each package uses those
// that are listed, and nothing else of ours.
func TestImportsRunOneWay(t *testing.T) {
	// What only these packages may use. Package actor stores Go values, which the
	// wire's CBOR, made for JavaScript, would change.
	owners := map[string][]string{
		"unsafe":                         {"internal/typed", "conn"},
		"testing":                        {"rivettest"},
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
	packages := importsByPackage(t)
	for dir, imports := range packages {
		top, _, _ := strings.Cut(dir, "/")
		if slices.Contains(atTheTop, top) {
			continue
		}
		allowed, known := uses[dir]
		if !known {
			t.Errorf("package %q is not in the table of this test", dir)
		}
		for _, used := range allowed {
			if !slices.Contains(imports, path.Join(module, used)) {
				t.Errorf("package %q does not import %q any more: take it out of the table", dir, used)
			}
		}
		for _, imp := range imports {
			if used, ours := ours(imp); ours && !slices.Contains(allowed, used) {
				t.Errorf("package %q imports %q", dir, used)
			}
			if (dir == "stream" || dir == "backoff") && (imp == "net" || strings.HasPrefix(imp, "net/")) {
				t.Errorf("package %q, which knows no networks, imports %q", dir, imp)
			}
			for prefix, only := range owners {
				if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && !slices.Contains(only, dir) {
					t.Errorf("package %q imports %s, which belongs to %q", dir, imp, only)
				}
			}
		}
	}
	for dir := range uses {
		if _, exists := packages[dir]; !exists {
			t.Errorf("there is no package %q", dir)
		}
	}
}

// ours tells whether a path is of this module, and where in it.
func ours(imp string) (dir string, is bool) {
	return strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"), imp == module || strings.HasPrefix(imp, module+"/")
}

// A program that uses actors does not link what hosts them, nor RxGo, nor what is
// for tests, by however many steps.
func TestClientsDoNotLinkHosts(t *testing.T) {
	var reached func(dir string, seen map[string]bool)
	reached = func(dir string, seen map[string]bool) {
		for _, used := range uses[dir] {
			if !seen[used] {
				seen[used] = true
				reached(used, seen)
			}
		}
	}
	for dir, never := range map[string][]string{
		"":          {"actor", "actor/local", "rivettest", "stream/rx"},
		"conn":      {"", "actor", "actor/local", "rivettest", "stream/rx"},
		"stream/rx": {"", "actor", "actor/local", "conn", "rivettest"},
		"actor":     {"actor/local", "rivettest", "stream/rx"}, // the driver is the program's choice
		// A host for tests is one that programs have, too.
		"actor/local": {"rivettest", "stream/rx"},
	} {
		seen := make(map[string]bool)
		reached(dir, seen)
		for _, other := range never {
			if seen[other] {
				t.Errorf("package %q links %q", dir, other)
			}
		}
	}
}

// Examples show what everybody can do: they use public packages, and others of
// their own folder, but no other example.
func TestExamplesUsePublicPackages(t *testing.T) {
	examples := 0
	for dir, imports := range importsByPackage(t) {
		if !strings.HasPrefix(dir, "examples/") {
			continue
		}
		examples++
		folder := strings.Join(strings.Split(dir, "/")[:2], "/")
		for _, imp := range imports {
			if used, ours := ours(imp); ours && !slices.Contains(commented, path.Join(".", used)) && used != folder && !strings.HasPrefix(used, folder+"/") {
				t.Errorf("package %q imports %q", dir, used)
			}
		}
	}
	if examples == 0 {
		t.Error("there are no examples")
	}
}

// What the comments of packages are checked of is all that is public.
func TestCommentedArePublicPackages(t *testing.T) {
	var public []string
	for dir := range uses {
		if !strings.HasPrefix(dir, "internal/") {
			public = append(public, path.Join(".", dir))
		}
	}
	slices.Sort(public)
	if !slices.Equal(public, slices.Sorted(slices.Values(commented))) {
		t.Errorf("commented are %q, public %q", commented, public)
	}
}

// importsByPackage lists what the packages of the module import outside tests.
func importsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := fs.WalkDir(repository, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(repository, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
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
