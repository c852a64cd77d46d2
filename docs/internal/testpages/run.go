// Package testpages runs the fragments of documents. TestDocs, in docs, generates a
// program that hands them over, and nothing else imports it.
package testpages

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/conn"
)

// A Page is what one document has to run.
type Page struct {
	Doc      string
	Actors   []Actor
	Tests    []Test
	Snippets []Snippet
}

// An Actor is one that the document defines.
type Actor struct {
	Line  int
	Actor actor.Actor
}

// A Test is a test function that is part of a fragment.
type Test struct {
	Line int
	Name string
	Run  func(*testing.T)
}

// A Snippet is a fragment made of statements.
type Snippet struct {
	Line int
	Run  func(ctx context.Context, client *rivet.Client, counter *rivet.Handle, c *conn.Conn) error
}

var pages = make(map[string]Page)

// Add makes a page known to Main.
func Add(p Page) { pages[p.Doc] = p }

// Main runs one page and prints what is wrong with it, a line each that begins
// with the place, then that it is done. What snippets print goes where errors
// go, and so do lines that begin with --- and say what is run.
func Main() {
	doc := flag.String("page", "", "`document` to run")
	life := flag.Duration("life", 2*time.Second, "how long a snippet's context lives")
	grace := flag.Duration("grace", 10*time.Second, "how long a snippet may take after that")
	flag.Parse()
	report := os.Stdout
	os.Stdout = os.Stderr

	p := pages[*doc]
	try := func(line int, f func() (place int, err error)) (ok bool) {
		fmt.Fprintf(os.Stderr, "--- %s:%d\n", p.Doc, line)
		place, err := f()
		if err != nil {
			fmt.Fprintf(report, "%s:%d: %v\n", p.Doc, place, err)
		}
		return err == nil
	}
	var sound []Actor
	for _, a := range p.Actors {
		if try(a.Line, func() (int, error) { return a.Line, define(a.Actor) }) {
			sound = append(sound, a)
		}
	}
	for _, a := range sound {
		try(a.Line, func() (int, error) { return a.Line, create(a.Actor, sound) })
	}
	try(1, func() (int, error) { return 1, serve(sound) })
	for _, s := range p.Snippets {
		try(s.Line, func() (int, error) { return p.run(s, *life, *grace) })
	}
	var tests []testing.InternalTest
	for _, test := range p.Tests {
		tests = append(tests, testing.InternalTest{Name: test.Name, F: func(t *testing.T) {
			fmt.Fprintf(os.Stderr, "--- %s:%d\n", p.Doc, test.Line)
			t.Cleanup(func() {
				if t.Failed() {
					fmt.Fprintf(report, "%s:%d: %s fails\n", p.Doc, test.Line, test.Name)
				}
			})
			test.Run(t)
		}})
	}
	tests = append(tests, testing.InternalTest{Name: "Done", F: func(*testing.T) { fmt.Fprintln(report, "done") }})
	testing.Main(func(string, string) (bool, error) { return true, nil }, tests, nil, nil)
}

// serve hosts the fixtures and the actors of a page, where clients look for them
// without being told. There is a counter always.
func serve(own []Actor) error {
	registry := fixtures()
	for _, a := range own {
		if a.Actor.Name() != "counter" {
			registry = with(registry, a.Actor)
		}
	}
	host, err := actor.New(registry, local.Memory(), actor.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, anyRegion(host.Handler())) }()
	free, err := net.Listen("tcp", "localhost:0") // for hosts of snippets, one at a time
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(free.Addr().String())
	return errors.Join(err, free.Close(),
		os.Setenv("RIVET_ENDPOINT", "http://"+listener.Addr().String()),
		os.Setenv("RIVET_PORT", port),
	)
}

// anyRegion takes actors for the region that the snippets name, which the host
// does not have.
func anyRegion(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "eu-west", "default")
		if r.Method != http.MethodGet && r.URL.Path == "/actors" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = bytes.ReplaceAll(body, []byte("eu-west"), []byte("default"))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		h.ServeHTTP(w, r)
	})
}

// run runs a snippet. The line is that of its error, as far as that is known.
func (p Page) run(s Snippet, life, grace time.Duration) (line int, err error) {
	client, err := rivet.NewClient()
	if err != nil {
		return s.Line, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), life)
	defer cancel()
	counter := client.GetOrCreate("counter", rivet.Key{"docs"})
	c := counter.Connect(context.WithoutCancel(ctx)) // a loop ends with ctx, not with the connection

	type end struct {
		line int
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				ended <- end{p.lineIn(string(debug.Stack()), s), fmt.Errorf("panics: %v", v)}
			}
		}()
		err := s.Run(ctx, client, counter, c)
		if err != nil {
			err = fmt.Errorf("fails when run: %w", err)
		}
		ended <- end{s.Line, err}
	}()
	select {
	case e := <-ended:
		if ctx.Err() != nil && (errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, context.Canceled)) {
			return 0, nil
		}
		return e.line, e.err
	case <-time.After(life + grace):
		return p.lineIn(stackOf(s.Line), s), fmt.Errorf("runs on when its context has ended")
	}
}

// lineIn returns the first line of the document in a stack.
func (p Page) lineIn(stack string, s Snippet) int {
	found := regexp.MustCompile(`[/\t]` + regexp.QuoteMeta(p.Doc) + `:(\d+)`).FindStringSubmatch(stack)
	line := s.Line
	if found != nil {
		_, _ = fmt.Sscan(found[1], &line)
	}
	return line
}

// stackOf returns the stack of the goroutine that runs the snippet of a line.
func stackOf(line int) string {
	buf := make([]byte, 4<<20)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, fmt.Sprintf(".snippet%d(", line)) {
			return stack
		}
	}
	return ""
}
