package rivet_test

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/rivettest"
)

// The Go code in README.md and docs is checked: complete programs and tests
// are run against a gateway of rivettest, programs that host actors answer the curl
// commands of their document, and fragments are compiled. The
// fragments of one document are one package, in which declarations are shared;
// statements find these variables:
const fragmentParams = "ctx context.Context, client *rivet.Client, counter *rivet.Handle, c *conn.Conn"

// fragmentImports may be used by fragments as they are.
var fragmentImports = []string{
	"context", "encoding/json", "errors", "fmt", "io", "iter", "log", "log/slog", "math/rand/v2", "net", "net/http",
	"net/http/httputil", "os", "os/signal", "slices", "strings", "sync", "testing", "testing/synctest", "time",
	"github.com/reactivex/rxgo/v2",
	module, module + "/actor", module + "/actor/local", module + "/backoff", module + "/codec", module + "/conn", module + "/rivettest", module + "/stream",
	module + "/stream/rx",
}

// languages are what blocks may be fenced as: Go under another name, or under
// none, would not be checked.
var languages = []string{"go", "sh", "text", "ts", "tsx"}

// block is one fenced block of a document.
type block struct {
	doc  string
	line int // of its first line of text
	lang string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.doc, b.line) }

func TestDocs(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	check := newChecker(t)
	for _, doc := range append(docs, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md", "bench/results/README.md", "bench/streams/README.md") {
		t.Run(doc, func(t *testing.T) {
			text, err := os.ReadFile(doc)
			if err != nil {
				t.Fatal(err)
			}
			checkLinks(t, doc, string(text))
			blocks, err := fencedBlocks(doc, string(text))
			if err != nil {
				t.Fatal(err)
			}
			var fragments []block
			for i, b := range blocks {
				if b.lang == "go" {
					checkFormat(t, b)
				}
				switch {
				case b.lang != "go":
				case strings.HasPrefix(b.text, "package main\n") && strings.Contains(b.text, "actor.Serve("):
					t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) { runHost(t, b, blocks) })
				case strings.HasPrefix(b.text, "package main\n"):
					want := ""
					if i+1 < len(blocks) && blocks[i+1].lang == "text" {
						want = blocks[i+1].text
					}
					t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) { runProgram(t, b, want) })
				case strings.HasPrefix(b.text, "package "):
					t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) { runTest(t, b) })
				default:
					fragments = append(fragments, b)
				}
			}
			check(t, fragments)
		})
	}
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

func TestFencedBlocks(t *testing.T) {
	blocks, err := fencedBlocks("x.md", "text\n```go\none\n```\n\n```text\ntwo\n```\n")
	want := []block{{"x.md", 3, "go", "one\n"}, {"x.md", 7, "text", "two\n"}}
	if err != nil || !slices.Equal(blocks, want) {
		t.Errorf("%+v, %v", blocks, err)
	}
	for text, want := range map[string]string{
		"```golang\n```\n":   "x.md:1: ",
		"\n```\ncode\n```\n": "x.md:2: ",
		"```go\n":            "not closed",
	} {
		if _, err := fencedBlocks("x.md", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

type findings struct {
	testing.TB
	errors []string
}

func (r *findings) Helper()                   {}
func (r *findings) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *findings) Error(a ...any)            { r.errors = append(r.errors, fmt.Sprint(a...)) }

// fencedBlocks returns the blocks between ``` lines.
func fencedBlocks(doc, text string) (blocks []block, err error) {
	open := false
	for i, line := range strings.Split(text, "\n") {
		switch lang, fence := strings.CutPrefix(line, "```"); {
		case fence && !open && !slices.Contains(languages, lang):
			return nil, fmt.Errorf("%s:%d: a block in %q, which is none of %q", doc, i+1, lang, languages)
		case fence && !open:
			open = true
			blocks = append(blocks, block{doc: doc, line: i + 2, lang: lang})
		case fence:
			open = false
		case open:
			blocks[len(blocks)-1].text += line + "\n"
		}
	}
	if open {
		return nil, fmt.Errorf("%s: the last block is not closed", doc)
	}
	return blocks, nil
}

// newChecker returns a function that type-checks fragments.
func newChecker(t *testing.T) func(testing.TB, []block) {
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
	return func(t testing.TB, blocks []block) {
		t.Helper()
		fset := token.NewFileSet()
		var files []*ast.File
		for _, b := range blocks {
			file, err := parseFragment(fset, b)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			files = append(files, file)
		}
		config := types.Config{
			Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
				return os.Open(export[path])
			}),
			Error: func(err error) {
				// Soft errors are variables and imports that are not used.
				if e, ok := err.(types.Error); !ok || !e.Soft {
					t.Errorf("%v", err)
				}
			},
		}
		_, _ = config.Check("docs", fset, files, nil)
	}
}

// checkFormat compares a block with what gofmt makes of it.
func checkFormat(t *testing.T, b block) {
	t.Helper()
	want, err := format.Source([]byte(b.text))
	if err != nil {
		return // reported by the compiler
	}
	have, wanted := strings.Split(b.text, "\n"), strings.Split(string(want), "\n")
	for i := range have {
		if i >= len(wanted) || have[i] != wanted[i] {
			t.Errorf("%s:%d: not formatted as gofmt does", b.doc, b.line+i)
			return
		}
	}
}

// parseFragment parses declarations, or statements as the body of a function,
// such that positions are those in the document.
func parseFragment(fset *token.FileSet, b block) (*ast.File, error) {
	var head strings.Builder
	head.WriteString("package docs\n")
	for _, p := range fragmentImports {
		name := path.Base(p)
		if name == "v2" {
			name = path.Base(path.Dir(p))
		}
		fmt.Fprintf(&head, "import %s %q\n", name, p)
	}
	line := fmt.Sprintf("//line %v\n", b)
	if strings.HasPrefix(b.text, "package ") {
		return parser.ParseFile(fset, "", line+b.text, parser.SkipObjectResolution)
	}
	file, err := parser.ParseFile(fset, "", head.String()+line+b.text, parser.SkipObjectResolution)
	if err == nil {
		return file, nil
	}
	body := fmt.Sprintf("func _(%s) error {\n{\n%s%s\n}\nreturn nil\n}\n", fragmentParams, line, b.text)
	return parser.ParseFile(fset, "", head.String()+body, parser.SkipObjectResolution)
}

// runProgram runs a complete program on a gateway with a counter.
func runProgram(t *testing.T, b block, want string) {
	gw := rivettest.NewGateway(t)
	counter := gw.Actor("counter")
	count := 0
	rivettest.Handle(counter, Increment, func(_ context.Context, r *rivettest.Request, by int) (int, error) {
		count += by
		rivettest.Emit(r, CountChanged, count)
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
	if out, err := exec.CommandContext(t.Context(), "go", "test", "./"+write(t, b, "docs_test.go")).CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", b, err, out)
	}
}

// write writes a block to a folder of this module that no pattern matches.
func write(t *testing.T, b block, name string) (dir string) {
	dir, err := os.MkdirTemp(".", ".docs-")
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

// checkLinks finds links to files and headings that are not there.
func checkLinks(t *testing.T, doc, text string) {
	code := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		for rest := line; !code; {
			_, after, ok := strings.Cut(rest, "](")
			if !ok {
				break
			}
			target, tail, _ := strings.Cut(after, ")")
			rest = tail
			if strings.Contains(target, "://") {
				continue
			}
			name, heading, _ := strings.Cut(target, "#")
			file := doc
			if name != "" {
				file = filepath.Join(filepath.Dir(doc), name)
			}
			linked, err := os.ReadFile(file)
			if err != nil {
				if info, statErr := os.Stat(file); statErr != nil || !info.IsDir() {
					t.Errorf("%s:%d: link to %s: %v", doc, i+1, target, err)
				}
				continue
			}
			if heading != "" && !headings(string(linked))[heading] {
				t.Errorf("%s:%d: link to %s: no such heading", doc, i+1, target)
			}
		}
	}
}

// headings returns the anchors of a document's headings.
func headings(text string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			title := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			anchor := strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
					return r
				}
				return -1
			}, title)
			found[anchor] = true
		}
	}
	return found
}
