package docs_test

import (
	"context"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// How the Go code in README.md and docs is checked, for who writes a page.
//
// A block that begins with "package main" is run, on a gateway of rivettest with a
// counter; what it prints is compared with the text block behind it. If it calls
// actor.Serve, it has to answer the curl commands of its page instead. A block that
// begins with another package is run as a test. All other blocks are fragments.
//
// The fragments of a page are one package, in which they find the imports of
// fragmentImports. Those made of declarations are its files; those made of
// statements are bodies of functions that return an error, with the parameters of
// fragmentParams. First all of it is type-checked; a variable that is not used is
// no mistake. Then the page runs, in a process and a folder of its own:
//
//   - Each actor that it declares, as a variable made by actor.Define or as a function
//     that Define takes, is created by a key of two parts, without an input. A
//     warning of the host is a mistake.
//   - Its statements are run one fragment after the other. Each has a client of its
//     own, which finds a host without being told, at RIVET_ENDPOINT; a counter; a
//     connection to that; and a context that ends after 2 s. It has to return within
//     10 s after that, nil or, then, the error of the context. An error is returned
//     for it at once if it assigns one that nothing looks at.
//   - Its functions that are tests are run. Others are if something calls them.
//
// The host has the variables that the page declares, and the actors of
// docs/internal/testpages/fixtures.go for names that the page does not define; "counter"
// is always the fixture. These emit every event that they know several times a second
// while somebody is connected, and refuse connections with a token "expired".
// actor.Serve listens on a free port in snippets.
//
// What cannot run, as it needs the world or never ends, is fenced as "go compile": it
// is type-checked, and its declarations are there for the rest of the page, but
// nothing of it is run.

// compileOnly is what Go is fenced as that is type-checked and not run.
const compileOnly = "go compile"

// languages are what blocks may be fenced as: Go under another name, or under
// none, would not be checked.
var languages = []string{"go", compileOnly, "sh", "text", "ts", "tsx", "js", "json", "html", "yaml", "dockerfile"}

// block is one fenced block of a document.
type block struct {
	doc  string
	line int // of its first line of text
	lang string
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.doc, b.line) }

func TestDocs(t *testing.T) {
	docs, err := fs.Glob(repository, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	check := newPageChecker(t)
	var pages []*page
	var programs []func()
	program := func(b block, run func(*testing.T)) {
		programs = append(programs, func() { t.Run(b.String(), run) })
	}
	for _, doc := range append(docs, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md", "bench/results/README.md", "bench/streams/README.md") {
		t.Run(doc, func(t *testing.T) {
			text, err := fs.ReadFile(repository, doc)
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
				if b.lang != "go" && b.lang != compileOnly {
					continue
				}
				checkFormat(t, b)
				switch {
				case b.lang == compileOnly && strings.HasPrefix(b.text, "package "):
					check(t, []block{b})
				case b.lang == compileOnly:
					fragments = append(fragments, b)
				case strings.HasPrefix(b.text, "package main\n") && strings.Contains(b.text, "actor.Serve("):
					program(b, func(t *testing.T) { runHost(t, b, blocks) })
				case strings.HasPrefix(b.text, "package main\n"):
					want := ""
					if i+1 < len(blocks) && blocks[i+1].lang == "text" {
						want = blocks[i+1].text
					}
					program(b, func(t *testing.T) { runProgram(t, b, want) })
				case strings.HasPrefix(b.text, "package "):
					program(b, func(t *testing.T) { runTest(t, b) })
				default:
					fragments = append(fragments, b)
				}
			}
			if p := check(t, fragments); p != nil && len(fragments) > 0 {
				pages = append(pages, p)
			}
		})
	}
	wait := startPages(t, pages)
	for _, run := range programs {
		run()
	}
	wait()
}

func TestFencedBlocks(t *testing.T) {
	blocks, err := fencedBlocks("x.md", "text\n```go\none\n```\n\n```text\ntwo\n```\n")
	want := []block{{"x.md", 3, "go", "one\n"}, {"x.md", 7, "text", "two\n"}}
	if err != nil || !slices.Equal(blocks, want) {
		t.Errorf("%+v, %v", blocks, err)
	}
	for text, want := range map[string]string{
		"```golang\n```\n":   "x.md:1: ",
		"```go run\n```\n":   "x.md:1: ",
		"\n```\ncode\n```\n": "x.md:2: ",
		"```go\n":            "not closed",
	} {
		if _, err := fencedBlocks("x.md", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

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
				file = path.Join(path.Dir(doc), name)
			}
			linked, err := fs.ReadFile(repository, file)
			if err != nil {
				if info, statErr := fs.Stat(repository, file); statErr != nil || !info.IsDir() {
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
