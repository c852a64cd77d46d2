package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/rivet-go/rivet/docs/internal/testpages" // so that this test is not cached when that changes
)

// startPages runs the fragments of pages, each page in a process of its own and all
// of them at a time. The function that it returns waits, and reports what is wrong.
func startPages(t testing.TB, pages []*page, flags ...string) (wait func()) {
	t.Helper()
	program := buildPages(t, pages)
	found := make([]string, len(pages))
	var running sync.WaitGroup
	for i, p := range pages {
		folder := t.TempDir()
		running.Go(func() { found[i] = p.run(t.Context(), program, folder, flags) })
	}
	return func() {
		t.Helper()
		running.Wait()
		for _, text := range found {
			if text != "" {
				t.Errorf("%s", text)
			}
		}
	}
}

// buildPages builds a program of pages, a package each. To the go command they are
// in a folder below this one, of which nothing is on disk: its name is the same
// each time, so that pages that have not changed are in the cache.
func buildPages(t testing.TB, pages []*page) (program string) {
	t.Helper()
	const folder = ".pages"
	temp := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay := make(map[string]string)
	add := func(name, text string) {
		file := filepath.Join(temp, fmt.Sprint(len(overlay), ".go"))
		overlay[filepath.Join(here, folder, name)] = file
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var imports strings.Builder
	for _, p := range pages {
		name := strings.NewReplacer("/", "_", ".", "_").Replace(p.doc)
		files, err := p.files()
		if err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			add(filepath.Join(name, file), text)
		}
		fmt.Fprintf(&imports, "import _ \"%s/docs/%s/%s\"\n", module, folder, name)
	}
	add("main.go", fmt.Sprintf("package main\n\nimport \"%s/docs/internal/testpages\"\n%s\nfunc main() { testpages.Main() }\n", module, &imports))
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err == nil {
		err = os.WriteFile(filepath.Join(temp, "overlay.json"), list, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(temp, "program")
	// Without inlining, and what only debuggers need, it is built in half the time.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(temp, "overlay.json"), "-ldflags=-w",
		"-gcflags="+module+"/docs/"+folder+"/...=-l -dwarf=false", "-o", program, "./"+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, regexp.MustCompile(regexp.QuoteMeta(folder)+`/\w+/`).ReplaceAll(out, nil))
	}
	return program
}

// run runs a page and returns what was wrong, with what the program has printed.
func (p *page) run(ctx context.Context, program, folder string, flags []string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(flags, "-page", p.doc)...)
	cmd.Dir = folder
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	found, done := strings.CutSuffix(stdout.String(), "done\n")
	if !done {
		// The last line that began, or rather that of a stack behind it.
		place := p.doc + ":1"
		for _, match := range regexp.MustCompile(`(--- |[/\t])`+regexp.QuoteMeta(p.doc)+`:\d+`).FindAllString(stderr.String(), -1) {
			place = strings.TrimLeft(match, "-/ \t")
			if match[0] != '-' {
				break
			}
		}
		found += fmt.Sprintf("%s: the program ends: %v\n", place, err)
	}
	if found != "" {
		text := stderr.String()
		found += "\n" + text[max(0, len(text)-10_000):]
	}
	return found
}

// runs reports whether a fragment is called.
func (f *fragment) runs() bool { return f.statements && f.lang != compileOnly }

// files are the files of the package of a page.
func (p *page) files() (map[string]string, error) {
	files := make(map[string]string)
	var list strings.Builder
	fmt.Fprintf(&list, "package docs\n\nimport (\n\t\"%s/actor\"\n\t\"%s/docs/internal/testpages\"\n)\n\n", module, module)
	fmt.Fprintf(&list, "func init() {\n\tp := testpages.Page{Doc: %q}\n", p.doc)
	fmt.Fprintf(&list, "\tadd := func(line int, a actor.Actor) { p.Actors = append(p.Actors, testpages.Actor{Line: line, Actor: a}) }\n\t_ = add\n")
	for _, obj := range p.declared() {
		name, line := obj.Name(), p.fset.Position(obj.Pos()).Line
		switch {
		case isActor(obj):
			fmt.Fprintf(&list, "\tadd(%d, %s)\n", line, name)
		case isDefinition(obj):
			fmt.Fprintf(&list, "\tadd(%d, actor.Define(%q, %s))\n", line, name, name)
		case isTest(obj):
			fmt.Fprintf(&list, "\tp.Tests = append(p.Tests, testpages.Test{Line: %d, Name: %q, Run: %s})\n", line, name, name)
		}
	}
	for _, f := range p.fragments {
		text, err := p.source(f)
		if err != nil {
			return nil, err
		}
		files[fmt.Sprintf("line%d.go", f.line)] = text
		if f.runs() {
			fmt.Fprintf(&list, "\tp.Snippets = append(p.Snippets, testpages.Snippet{Line: %d, Run: %s})\n", f.line, f.function())
		}
	}
	list.WriteString("\ttestpages.Add(p)\n}\n")
	files["page.go"] = list.String()
	return files, nil
}

// declared returns what the fragments of a page declare, in the page's order.
func (p *page) declared() (found []types.Object) {
	scope := p.pkg.Scope()
	for _, f := range p.fragments {
		for _, name := range scope.Names() {
			obj := scope.Lookup(name)
			if f.lang != compileOnly && f.file.FileStart <= obj.Pos() && obj.Pos() < f.file.FileEnd {
				found = append(found, obj)
			}
		}
	}
	return found
}

// isActor finds what actor.Define has returned.
func isActor(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && v.Type().String() == module+"/actor.Actor"
}

// isDefinition finds functions that actor.Define takes.
func isDefinition(obj types.Object) bool {
	return strings.HasPrefix(onlyParam(obj), "*"+module+"/actor.Definition[")
}

// isTest finds test functions.
func isTest(obj types.Object) bool {
	return strings.HasPrefix(obj.Name(), "Test") && onlyParam(obj) == "*testing.T"
}

// onlyParam is the type of the parameter of a function with one and no result.
func onlyParam(obj types.Object) string {
	f, ok := obj.(*types.Func)
	if !ok || f.Signature().TypeParams().Len() > 0 || f.Signature().Params().Len() != 1 || f.Signature().Results().Len() > 0 {
		return ""
	}
	return f.Signature().Params().At(0).Type().String()
}

// What fragments do wrong when they run is reported, with its place.
func TestDocsRunFindsMistakes(t *testing.T) {
	blocks := []block{
		{"docs/x.md", 3, "go", "const increment = rivet.Action[int, int](\"increment\")\n"},
		{"docs/x.md", 5, "go", "n, err := increment.Call(ctx, counter, 1)\n"},
		{"docs/x.md", 11, "go", "n, err := rivet.Call[int](ctx, counter, \"noSuchAction\")\n"},
		{"docs/x.md", 21, "go", "fmt.Println(ctx)\nvar m map[string]int\nm[\"a\"]++\n"},
		{"docs/x.md", 31, "go", "select {}\n"},
		{"docs/x.md", 41, "go", "<-ctx.Done()\nreturn ctx.Err()\n"},
		{"docs/x.md", 51, "go", "return context.Canceled\n"},
		{"docs/x.md", 61, compileOnly, "log.Fatal(\"never\")\n"},
		{"docs/x.md", 71, "go", "var bad = actor.Define(\"bad\", func(d *actor.Definition[int]) {\n\td.OnWake(func(c *actor.Context[int]) error { return errors.New(\"no coffee\") })\n})\n"},
		{"docs/x.md", 81, "go", "func twice(d *actor.Definition[int]) {\n\tfor range 2 {\n\t\tactor.Do(d, \"a\", func(*actor.Context[int], int) error { return nil })\n\t}\n}\n"},
		{"docs/x.md", 91, "go", "func good(d *actor.Definition[int]) {}\n"},
		{"docs/x.md", 101, "go", "func TestX(t *testing.T) {\n\tt.Error(\"wrong\")\n}\n"},
	}
	crash := []block{{"docs/y.md", 11, "go", "go func() {\n\tpanic(\"far away\")\n}()\n<-ctx.Done()\n"}}
	exit := []block{{"docs/z.md", 11, "go", "fmt.Print()\n"}, {"docs/z.md", 21, "go", "os.Exit(0)\n"}}
	check := newChecker(t)
	rec := &findings{TB: t}
	startPages(rec, []*page{check(t, blocks), check(t, crash), check(t, exit)}, "-life=500ms", "-grace=500ms")()
	found := strings.Join(rec.errors, "\n")
	for _, want := range []string{
		`docs/x.md:11: fails when run: .*noSuchAction`,
		`docs/x.md:23: panics: assignment to entry in nil map`,
		`docs/x.md:31: runs on when its context has ended`,
		`docs/x.md:51: fails when run: context canceled`,
		`docs/x.md:71: actor bad is not created: (.*\n)*.*no coffee`,
		`docs/x.md:81: actor twice: .*two handlers`,
		`docs/x.md:101: TestX fails`,
		`docs/y.md:12: the program ends: `,
		`docs/z.md:21: the program ends: `,
	} {
		rest := regexp.MustCompile("(?m)^"+want).ReplaceAllString(found, "")
		if rest == found {
			t.Errorf("%s is missing in\n%s", want, found)
		}
		found = rest
	}
	if more := regexp.MustCompile(`(?m)^docs/.*`).FindAllString(found, -1); more != nil {
		t.Errorf("reported, too: %q", more)
	}
}
