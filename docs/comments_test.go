package docs_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// commented are the packages whose comments are checked.
var commented = []string{".", "actor", "actor/local", "backoff", "codec", "conn", "rivettest", "stream", "stream/rx"}

// notGo is how the indented parts of comments begin that are tables, or use what
// is not exported.
var notGo = []string{
	"Go                   ",
	"Received == Delivered",
	"form                 ",
	"s.Filter(f).First(ctx)                    the first that matches",
	"<actor id>;",
	"defer damaged(&err)()",
}

// commentNames is what the code in comments takes for granted: it is about one
// thing at a time, and leaves the rest to the reader.
const commentNames = `
type (
	Join   struct{ Name string }
	Leave  struct{ Name string }
	Entry  struct{ Who, What string }
	Job    struct{}
	Result struct{}
	Program struct{}
	state  struct{ Count int }
)

const (
	Joined = rivet.Event[Join]("joined")
	Left   = rivet.Event[Leave]("left")
	Over   = rivet.Event[int]("over")
	Won    = rivet.Event[int]("won")
	Lost   = rivet.Event[int]("lost")
	ScoreChanged = rivet.Event[int]("scoreChanged")
	RemindIn = rivet.Action[string, rivet.None]("remindIn")
	Reminded = rivet.Event[string]("reminded")
)

var (
	Reminder actor.Actor
	registry actor.Registry
)

var (
	conns []*conn.Conn
	d     *conn.Conn
	gw    *rivettest.Gateway
	t     *testing.T
	s, ticks  stream.Stream[int]
	isRound   func(int) bool
	increment func(context.Context) error
	use       func(any)
	show      func(rivet.Key, int)
	next      rxgo.NextFunc
	failed    rxgo.ErrFunc
	completed rxgo.CompletedFunc
)

func NewProgram(*rivet.Client) *Program { return nil }
func (*Program) Run(context.Context) {}
`

// The code in comments of packages and exported names is compiled, too.
func TestDocComments(t *testing.T) {
	var fragments []block
	for _, dir := range commented {
		for _, file := range parseComments(t, dir) {
			for _, group := range docComments(file.syntax) {
				for _, b := range file.code(group) {
					if b.lang == "go" && !strings.HasPrefix(b.text, "package ") {
						checkFormat(t, b)
						fragments = append(fragments, b)
					}
				}
			}
		}
	}
	if len(fragments) < 10 {
		t.Errorf("%d fragments: comments are not read", len(fragments))
	}
	newChecker(t)(t, append(fragments, block{"commentNames", 1, "go", commentNames}))
}

// The comment of every package is in its doc.go, says what the package is for,
// and then has a complete program, or a test, which does what the comment says.
func TestPackageComments(t *testing.T) {
	for _, dir := range commented {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			var doc []block
			for _, file := range parseComments(t, dir) {
				group := file.syntax.Doc
				if inDoc := path.Base(file.name) == "doc.go"; inDoc != (group != nil) {
					t.Errorf("%s: the comment of the package belongs into doc.go, and nowhere else", file.name)
				}
				if group == nil {
					continue
				}
				if err := opensWell(file.syntax.Name.Name, group.Text()); err != nil {
					t.Errorf("%s: %v", file.name, err)
				}
				doc = file.code(group)
			}
			programs := slices.DeleteFunc(slices.Clone(doc), func(b block) bool {
				return !strings.HasPrefix(b.text, "package ")
			})
			if len(programs) != 1 {
				t.Fatalf("%d complete programs, want one", len(programs))
			}
			b := programs[0]
			checkFormat(t, b)
			switch want := answerTo(doc, b); {
			case strings.Contains(b.text, "actor.Serve("):
				if !strings.Contains(b.text, "actor.WithLogger(") {
					t.Fatal("a host that logs nothing does not tell when it is there")
				}
				runHost(t, b, doc)
			case !strings.HasPrefix(b.text, "package main\n"):
				runTest(t, b)
			case want == "":
				t.Error("the comment does not say what the program prints")
			default:
				runProgram(t, b, want)
			}
		})
	}
}

// opensWell tells whether the comment of a package begins with what it is for,
// and goes on with a program before there is a heading.
func opensWell(name, text string) error {
	if !strings.HasPrefix(text, "Package "+name+" ") {
		return fmt.Errorf("the comment does not begin with Package %s", name)
	}
	for i, part := range new(comment.Parser).Parse(text).Content {
		if c, ok := part.(*comment.Code); ok {
			if i == 0 || i > 3 || !strings.HasPrefix(c.Text, "package ") {
				return fmt.Errorf("part %d is code, but not a program after one to three paragraphs", i)
			}
			return nil
		}
		if _, ok := part.(*comment.Paragraph); !ok {
			break
		}
	}
	return errors.New("there is no program before the first heading")
}

// A check that finds nothing is none.
func TestOpensWell(t *testing.T) {
	const program = "\tpackage main\n"
	for text, well := range map[string]bool{
		"Package x is.\n\n" + program:                       true,
		"Package x is.\n\nMore.\n\n" + program:              true,
		"Package y is.\n\n" + program:                       false,
		"Package x is.\n":                                   false,
		"Package x is.\n\n# Heading\n\nText.\n\n" + program: false,
		"Package x is.\n\n\tx()\n\nText.\n\n" + program:     false,
	} {
		if err := opensWell("x", text); (err == nil) != well {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// answerTo returns the text that a program prints, as its comment says.
func answerTo(doc []block, program block) string {
	if i := slices.Index(doc, program) + 1; i < len(doc) && doc[i].lang == "text" {
		return doc[i].text
	}
	return ""
}

// commentFile is a file, not of tests, of a package.
type commentFile struct {
	name   string
	fset   *token.FileSet
	syntax *ast.File
}

func parseComments(t *testing.T, dir string) (files []commentFile) {
	t.Helper()
	names, err := fs.Glob(repository, path.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(repository, name)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, commentFile{name, fset, syntax})
	}
	return files
}

// code returns the code in a comment, in which "…" stands for what is left out,
// as blocks of Go, commands of curl, and, behind a paragraph that ends with
// "prints:" or "answers:", text. Their lines are those where the comment begins.
func (f commentFile) code(group *ast.CommentGroup) (code []block) {
	lang := "go"
	for _, part := range new(comment.Parser).Parse(group.Text()).Content {
		switch part := part.(type) {
		default:
			lang = "go"
		case *comment.Paragraph:
			lang = "go"
			if last, ok := part.Text[len(part.Text)-1].(comment.Plain); ok && hasAnySuffix(string(last), answers) {
				lang = "text"
			}
		case *comment.Code:
			switch {
			case lang == "go" && hasAnyPrefix(part.Text, notGo):
				continue
			case lang == "go" && strings.HasPrefix(part.Text, "curl "):
				lang = "sh"
			}
			text := part.Text
			if lang == "go" {
				text = strings.NewReplacer("\t…\n", "", "{ … }", "{\n}").Replace(text)
			}
			code = append(code, block{f.name, f.fset.Position(group.Pos()).Line, lang, text})
		}
	}
	return code
}

// docComments returns the comments that belong to something.
func docComments(file *ast.File) (groups []*ast.CommentGroup) {
	add := func(g *ast.CommentGroup) {
		if g != nil {
			groups = append(groups, g)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.File:
			add(n.Doc)
		case *ast.FuncDecl:
			add(n.Doc)
			return false
		case *ast.GenDecl:
			add(n.Doc)
		case *ast.TypeSpec:
			add(n.Doc)
		case *ast.ValueSpec:
			add(n.Doc)
		case *ast.Field:
			add(n.Doc)
		}
		return true
	})
	return groups
}

// answers end the paragraphs before what a program prints.
var answers = []string{"prints:", "answers:"}

func hasAnySuffix(s string, suffixes []string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(s, suffix) })
}

func hasAnyPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}
