package docs_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

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
