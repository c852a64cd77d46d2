package interop_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/interop/actors"
)

// goHosted is the Go host in this process, on a port of its own and with its
// data in a file, with the fixture's actors in Go. It needs neither npm nor an
// engine.
type goHosted struct {
	once   sync.Once
	host   *actor.Host
	server *httptest.Server
	dir    string
	log    tail
	err    error
}

// get returns it, started by the first test that asks.
func (g *goHosted) get(t *testing.T) target {
	t.Helper()
	g.once.Do(func() { g.err = g.start() })
	if g.err != nil {
		t.Fatal(g.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.log.of(t.Name()))
		}
	})
	return target{endpoint: g.server.URL, version: "2.3.19", embedded: true}
}

func (g *goHosted) start() (err error) {
	if g.dir, err = os.MkdirTemp("", "rivet-host-"); err != nil {
		return err
	}
	g.host, err = actor.New(actors.Registry(), local.Dir(g.dir),
		actor.WithLogger(slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{ReplaceAttr: withoutStack}))))
	if err != nil {
		return err
	}
	g.server = httptest.NewServer(g.host.Handler())
	return nil
}

func (g *goHosted) stop() error {
	var err error
	if g.host != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = g.host.Shutdown(ctx)
		g.server.Close()
	}
	if g.dir != "" {
		err = errors.Join(err, os.RemoveAll(g.dir))
	}
	return err
}

func withoutStack(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "stack" {
		return slog.Attr{}
	}
	return a
}

// tail keeps the last lines that were written.
type tail struct {
	mu    sync.Mutex
	lines [256]string
	n     int
}

func (l *tail) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[l.n%len(l.lines)] = string(line)
	l.n++
	return len(line), nil
}

// of returns what is kept of a test's actors, whose keys begin with its name.
func (l *tail) of(test string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	b.WriteString("--- log of the Go host ---\n")
	key := "key=" + strings.ReplaceAll(test, "/", `\/`)
	for i := max(0, l.n-len(l.lines)); i < l.n; i++ {
		if line := l.lines[i%len(l.lines)]; strings.Contains(line, key) {
			b.WriteString(line)
		}
	}
	return b.String()
}
