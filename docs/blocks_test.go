package docs_test

import (
	"fmt"
	"go/format"
	"slices"
	"strings"
	"testing"
)

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
