package docs_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// source returns the file of a fragment with what readers do not miss: it imports
// what it uses, uses its variables, and returns the errors that it ignores.
func (p *page) source(f *fragment) (string, error) {
	m := &mender{page: p, handled: make(map[types.Object]bool)}
	if f.statements {
		m.returnErrors(f.file)
	}
	if err := m.useVariables(f); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("package docs\n")
	used := make(map[string]bool)
	for id, obj := range p.info.Uses {
		if pkg, ok := obj.(*types.PkgName); ok && f.file.FileStart <= id.Pos() && id.Pos() < f.file.FileEnd {
			used[pkg.Imported().Path()] = true
		}
	}
	for _, path := range fragmentImports {
		if used[path] {
			fmt.Fprintf(&b, "import %s %q\n", importName(path), path)
		}
	}
	if f.statements {
		b.WriteString("func " + f.function())
	}
	slices.SortStableFunc(m.inserts, func(a, b insert) int { return cmp.Compare(a.pos, b.pos) })
	done := 0
	for _, in := range m.inserts {
		at := int(in.pos-f.file.FileStart) - len(f.head)
		b.WriteString(f.body[done:at] + in.text)
		done = at
	}
	b.WriteString(f.body[done:])
	return b.String(), nil
}

// function is the name of the function that statements are in.
func (f *fragment) function() string { return fmt.Sprintf("snippet%d", f.line) }

type insert struct {
	pos  token.Pos
	text string
}

type mender struct {
	*page
	inserts []insert
	handled map[types.Object]bool
}

func (m *mender) insert(pos token.Pos, text string) {
	m.inserts = append(m.inserts, insert{pos, text})
}

// returnErrors returns an error at once that is overwritten, or forgotten, before
// anything has looked at it.
func (m *mender) returnErrors(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // it may return something else
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for i, stmt := range list {
			for _, obj := range m.assigned(stmt) {
				declaredHere := list[0].Pos() <= obj.Pos() && obj.Pos() < stmt.End()
				if declaredHere && isError(obj) && !m.readBefore(list[i+1:], obj) {
					m.insert(stmt.End(), "; "+m.use(obj))
					m.handled[obj] = true
				}
			}
		}
		return true
	})
}

// readBefore reports whether statements read a variable before they assign to it.
func (m *mender) readBefore(list []ast.Stmt, obj types.Object) bool {
	for _, stmt := range list {
		assigned := slices.Contains(m.assigned(stmt), obj)
		mentioned := 0
		ast.Inspect(stmt, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && m.info.Uses[id] == obj {
				mentioned++
			}
			return true
		})
		if assigned {
			return mentioned > 1
		}
		if mentioned > 0 {
			return true
		}
	}
	return false
}

// assigned returns the variables that an assignment sets or declares.
func (m *mender) assigned(stmt ast.Stmt) (vars []types.Object) {
	assign, ok := stmt.(*ast.AssignStmt)
	if !ok {
		return nil
	}
	for _, left := range assign.Lhs {
		if id, ok := left.(*ast.Ident); ok && id.Name != "_" {
			vars = append(vars, m.info.ObjectOf(id))
		}
	}
	return vars
}

// useVariables uses variables that the compiler would find unused.
func (m *mender) useVariables(f *fragment) error {
	var err error
	ast.PreorderStack(f.file, nil, func(n ast.Node, stack []ast.Node) bool {
		id, _ := n.(*ast.Ident)
		obj, ok := m.info.Defs[id].(*types.Var)
		if ok && m.unused[id.Pos()] && !m.handled[obj] && !m.useBehind(stack, obj, f.statements) {
			err = fmt.Errorf("%v: %s is not used", m.fset.Position(id.Pos()), id.Name)
		}
		return true
	})
	return err
}

// useBehind uses a variable where its declaration, the last of stack, is in force.
// Functions of the page's own may return something else than an error.
func (m *mender) useBehind(stack []ast.Node, obj types.Object, statements bool) bool {
	text := m.use(obj)
	if !statements || slices.ContainsFunc(stack, func(n ast.Node) bool { _, ok := n.(*ast.FuncLit); return ok }) {
		text = "_ = " + obj.Name()
	}
	for i, n := range slices.Backward(stack) {
		switch n := n.(type) {
		case *ast.IfStmt:
			m.insert(n.Body.Lbrace+1, text+"; ")
			return true
		case *ast.ForStmt:
			m.insert(n.Body.Lbrace+1, text+"; ")
			return true
		case *ast.RangeStmt:
			m.insert(n.Body.Lbrace+1, text+"; ")
			return true
		case ast.Stmt:
			switch parent := stack[i-1].(type) {
			case *ast.BlockStmt, *ast.CaseClause:
				m.insert(n.End(), "; "+text)
				return true
			case *ast.CommClause:
				if parent.Comm == n {
					m.insert(parent.Colon+1, text+"; ")
				} else {
					m.insert(n.End(), "; "+text)
				}
				return true
			}
		}
	}
	return false
}

// use is a statement that uses a variable.
func (m *mender) use(obj types.Object) string {
	if isError(obj) {
		return "if " + obj.Name() + " != nil { return " + obj.Name() + " }"
	}
	return "_ = " + obj.Name()
}

func isError(obj types.Object) bool {
	return obj != nil && types.Identical(obj.Type(), types.Universe.Lookup("error").Type())
}

func TestDocsMending(t *testing.T) {
	check := newChecker(t)
	const returns = "if err != nil { return err }"
	for in, want := range map[string]string{
		"n := 1 // one":                                                "n := 1; _ = n // one",
		"{\n\tvar n int\n}":                                            "{\n\tvar n int; _ = n\n}",
		"err := ctx.Err()":                                             "err := ctx.Err(); " + returns,
		"f := func() { n := 1 }\nf()":                                  "f := func() { n := 1; _ = n }\nf()",
		"n, err := 1, ctx.Err()\n_ = n":                                "n, err := 1, ctx.Err(); " + returns + "\n_ = n",
		"err := ctx.Err()\nfmt.Print(err)":                             "err := ctx.Err()\nfmt.Print(err)",
		"err := ctx.Err()\nfmt.Print(err)\nerr = ctx.Err()":            "err := ctx.Err()\nfmt.Print(err)\nerr = ctx.Err(); " + returns,
		"n, err := 1, ctx.Err()\nm, err := 2, ctx.Err()":               "n, err := 1, ctx.Err(); " + returns + "; _ = n\nm, err := 2, ctx.Err(); " + returns + "; _ = m",
		"err := ctx.Err()\nvar n int\nswitch {\ncase err == nil:\n}":   "err := ctx.Err()\nvar n int; _ = n\nswitch {\ncase err == nil:\n}",
		"for i, n := range []int{} {\n}":                               "for i, n := range []int{} {_ = i; _ = n; \n}",
		"if n := 1; true {\n}":                                         "if n := 1; true {_ = n; \n}",
		"for n, err := range rivet.Event[int](\"x\").All(ctx, c) {\n}": "for n, err := range rivet.Event[int](\"x\").All(ctx, c) {_ = n; " + returns + "; \n}",
		"select {\ncase n := <-ctx.Done():\ndefault:\n}":               "select {\ncase n := <-ctx.Done():_ = n; \ndefault:\n}",
		"switch {\ndefault:\n\terr := ctx.Err()\n}":                    "switch {\ndefault:\n\terr := ctx.Err(); " + returns + "\n}",
		"f := func() error {\n\terr := ctx.Err()\n\treturn nil\n}":     "f := func() error {\n\terr := ctx.Err(); _ = err\n\treturn nil\n}; _ = f",
		"func f(ctx context.Context) {\n\terr := ctx.Err()\n}":         "func f(ctx context.Context) {\n\terr := ctx.Err(); _ = err\n}",
	} {
		p := check(t, []block{{"x.md", 7, "go", in + "\n"}})
		if p == nil {
			continue
		}
		text, err := p.source(p.fragments[0])
		_, text, _ = strings.Cut(text, "//line x.md:7\n")
		text, _, _ = strings.Cut(text, "\n\n}\nreturn nil")
		text = strings.TrimSuffix(text, "\n")
		if err != nil || text != want {
			t.Errorf("%q becomes\n%q, %v\nwant\n%q", in, text, err, want)
		}
	}
}
