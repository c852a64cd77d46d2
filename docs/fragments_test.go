package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// fragmentParams are what statements find declared.
const fragmentParams = "ctx context.Context, client *rivet.Client, counter *rivet.Handle, c *conn.Conn"

// fragmentImports may be used by fragments as they are.
var fragmentImports = []string{
	"context", "encoding/json", "errors", "fmt", "io", "iter", "log", "log/slog", "math/rand/v2", "net", "net/http",
	"net/http/httputil", "os", "os/signal", "slices", "strings", "sync", "testing", "testing/synctest", "time",
	"github.com/reactivex/rxgo/v2",
	module, module + "/actor", module + "/actor/local", module + "/backoff", module + "/codec", module + "/conn", module + "/rivettest", module + "/stream",
	module + "/stream/rx",
}

// fragment is a block as it is compiled: behind imports, and in a function if it
// is made of statements.
type fragment struct {
	block
	head, body string
	statements bool
	file       *ast.File // of head and body
}

// page is the fragments of one document, a package, without a mistake.
type page struct {
	doc       string
	fragments []*fragment
	fset      *token.FileSet
	pkg       *types.Package
	info      *types.Info
	unused    map[token.Pos]bool // variables
}

// newChecker returns a function that type-checks the fragments of a page. It
// reports mistakes, and returns nil if there are any.
func newChecker(t *testing.T) func(testing.TB, []block) *page {
	t.Helper()
	// Compiled packages, as the go command has just built them for this test.
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, fragmentImports...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	export := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		export[name] = file
	}
	return func(t testing.TB, blocks []block) *page {
		t.Helper()
		sound := true
		p := &page{
			fset:   token.NewFileSet(),
			info:   &types.Info{Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object)},
			unused: make(map[token.Pos]bool),
		}
		var files []*ast.File
		for _, b := range blocks {
			f, err := parseFragment(p.fset, b)
			if err != nil {
				sound = false
				t.Errorf("%v", err)
				continue
			}
			p.doc = b.doc
			p.fragments = append(p.fragments, f)
			files = append(files, f.file)
		}
		config := types.Config{
			Importer: importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
				return os.Open(export[path])
			}),
			Error: func(err error) {
				// Soft errors are variables and imports that are not used.
				if e, ok := err.(types.Error); ok && e.Soft {
					p.unused[e.Pos] = true
					return
				}
				sound = false
				t.Errorf("%v", err)
			},
		}
		p.pkg, _ = config.Check("docs", p.fset, files, p.info)
		if !sound {
			return nil
		}
		return p
	}
}

// parseFragment parses declarations, or statements as the body of a function,
// such that positions are those in the document.
func parseFragment(fset *token.FileSet, b block) (*fragment, error) {
	line := fmt.Sprintf("//line %v\n", b)
	parse := func(f *fragment) (err error) {
		f.file, err = parser.ParseFile(fset, "", f.head+f.body, parser.SkipObjectResolution)
		return err
	}
	if strings.HasPrefix(b.text, "package ") {
		f := &fragment{block: b, body: line + b.text}
		return f, parse(f)
	}
	var head strings.Builder
	head.WriteString("package docs\n")
	for _, p := range fragmentImports {
		fmt.Fprintf(&head, "import %s %q\n", importName(p), p)
	}
	f := &fragment{block: b, head: head.String(), body: line + b.text}
	if parse(f) == nil {
		return f, nil
	}
	f = &fragment{
		block: b, statements: true, head: head.String() + "func _",
		body: fmt.Sprintf("(%s) error {\n{\n%s%s\n}\nreturn nil\n}\n", fragmentParams, line, b.text),
	}
	return f, parse(f)
}

// importName is the name of a package.
func importName(p string) string {
	if path.Base(p) == "v2" {
		p = path.Dir(p)
	}
	return path.Base(p)
}

// A check that finds nothing wrong with wrong code is none.
func TestDocsCheckFindsMistakes(t *testing.T) {
	check := newChecker(t)
	for name, test := range map[string]struct{ text, want string }{
		"unknown name":      {"_ = rivet.NoSuchThing", "x.md:7:"},
		"wrong type":        {"n, err := increment.Call(ctx, counter, \"one\")", "x.md:7:"},
		"wrong declaration": {"var a, b int = 1", "x.md:7:"},
		"syntax":            {"if {", "x.md:7:"},
		"second line":       {"if true {\n\tundefined()\n}", "x.md:8:"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := &findings{TB: t}
			check(rec, []block{
				{"x.md", 3, "go", "const increment = rivet.Action[int, int](\"increment\")\n"},
				{"x.md", 7, "go", test.text + "\n"},
			})
			if len(rec.errors) != 1 || !strings.Contains(rec.errors[0], test.want) {
				t.Errorf("reported %q, want one error at %s", rec.errors, test.want)
			}
		})
	}
}

// findings are the errors of a check that is tested itself.
type findings struct {
	testing.TB
	errors []string
}

func (r *findings) Helper()                   {}
func (r *findings) Logf(string, ...any)       {}
func (r *findings) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *findings) Error(a ...any)            { r.errors = append(r.errors, fmt.Sprint(a...)) }
