package rivet_test

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
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
	var fragments, programs []block
	for _, dir := range commented {
		for _, b := range commentCode(t, dir) {
			checkFormat(t, b)
			if strings.HasPrefix(b.text, "package ") {
				programs = append(programs, b)
			} else {
				fragments = append(fragments, b)
			}
		}
	}
	if len(programs) != 2 || len(fragments) < 10 {
		t.Errorf("%d programs and %d fragments: comments are not read", len(programs), len(fragments))
	}
	check := newChecker(t)
	for _, p := range programs {
		check(t, []block{p})
	}
	check(t, append(fragments, block{"commentNames", 1, "go", commentNames}))
}

// commentCode returns the code in the comments of a package, in which "…"
// stands for what is left out. Their lines are those where the comment begins.
func commentCode(t *testing.T, dir string) (code []block) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range docComments(file) {
			for _, part := range new(comment.Parser).Parse(group.Text()).Content {
				c, ok := part.(*comment.Code)
				if !ok || hasAnyPrefix(c.Text, notGo) {
					continue
				}
				text := strings.NewReplacer("\t…\n", "", "{ … }", "{\n}").Replace(c.Text)
				code = append(code, block{filepath.ToSlash(name), fset.Position(group.Pos()).Line, "go", text})
			}
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

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
