package docs_test

import (
	"io/fs"
	"strings"
	"testing"
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

func TestDocs(t *testing.T) {
	docs, err := fs.Glob(repository, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	check := newChecker(t)
	var pages []*page
	var programs []func()
	program := func(b block, run func(*testing.T)) {
		programs = append(programs, func() { t.Run(b.String(), run) })
	}
	for _, doc := range append(docs, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "bench/results/README.md", "bench/streams/README.md") {
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
