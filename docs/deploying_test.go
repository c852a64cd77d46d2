package docs_test

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// The program of docs/deploying.md, built by the command of that page and started
// as in its container, in an empty folder and with an empty environment: it is
// one static file, tells its health, keeps its data to itself and beyond its
// end, and ends in good order when it is told to.
func TestDeploying(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM on Windows")
	}
	page := readDeploying(t)
	binary := page.buildProgram(t)
	port, root := freePort(t), t.TempDir()
	here := strings.NewReplacer("/actors", binary, "0.0.0.0:6420", net.JoinHostPort("127.0.0.1", port),
		"localhost:6420", net.JoinHostPort("127.0.0.1", port), "/data", filepath.Join(root, "data"))
	run := func(words []string) *exec.Cmd {
		words = slices.Clone(words)
		for i := range words {
			words[i] = here.Replace(words[i])
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir, cmd.Env = root, []string{}
		return cmd
	}
	client, err := rivet.NewClient(rivet.WithEndpoint("http://" + net.JoinHostPort("127.0.0.1", port)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	counter := client.GetOrCreate("counter", rivet.Key{"apples"})

	if run(page.health).Run() == nil {
		t.Error("a host that does not run is healthy")
	}
	for _, want := range []int{1, 2} { // the second time it finds what the first has left
		host := run(page.entrypoint)
		log := start(t, host)
		if out, err := run(page.health).CombinedOutput(); err != nil {
			t.Errorf("its health: %v\n%s", err, out)
		}
		if n, err := increment.Call(t.Context(), counter, 1); n != want || err != nil {
			t.Errorf("counted %d, %v, want %d", n, err, want)
		}
		var exit *exec.ExitError
		if out, err := run(page.entrypoint).CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 1 ||
			!strings.Contains(string(out), local.ErrInUse.Error()) {
			t.Errorf("a second one on the same folder: %v\n%s", err, out)
		}
		began := time.Now()
		if err := host.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(log)
		if err := host.Wait(); err != nil || time.Since(began) > 20*time.Second {
			t.Errorf("after SIGTERM it ends with %v in %v\n%s", err, time.Since(began), rest)
		}
	}
}

// deployingPage is what docs/deploying.md has to be tried.
type deployingPage struct {
	program    block
	build      string
	entrypoint []string // of the image
	health     []string // the image's HEALTHCHECK
}

func readDeploying(t *testing.T) (p deployingPage) {
	t.Helper()
	const doc = "docs/deploying.md"
	text, err := fs.ReadFile(repository, doc)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := fencedBlocks(doc, string(text))
	if err != nil {
		t.Fatal(err)
	}
	image := ""
	for _, b := range blocks {
		switch {
		case strings.HasPrefix(b.text, "package main\n"):
			p.program = b
		case strings.HasPrefix(b.text, "CGO_ENABLED=0 go build "):
			p.build = b.text
		case strings.HasPrefix(b.text, "FROM "):
			image = b.text
		}
	}
	if !strings.Contains(image, "RUN "+p.build) {
		t.Errorf("%s: the image is not built by %q", doc, p.build)
	}
	for line := range strings.Lines(image) {
		for instruction, words := range map[string]*[]string{"ENTRYPOINT ": &p.entrypoint, "HEALTHCHECK CMD ": &p.health} {
			if list, ok := strings.CutPrefix(line, instruction); ok {
				if err := json.Unmarshal([]byte(list), words); err != nil {
					t.Fatalf("%s: %s: %v", doc, line, err)
				}
			}
		}
	}
	if p.program.text == "" || p.build == "" || len(p.entrypoint) == 0 || len(p.health) == 0 {
		t.Fatalf("%s: a part is missing: %+v", doc, p)
	}
	return p
}

// buildProgram builds the program as the page says, and looks whether it is one
// file that needs no others.
func (p deployingPage) buildProgram(t *testing.T) string {
	t.Helper()
	words, err := shellWords(p.build)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.Index(words, "go")
	output := slices.Index(words, "-o") + 1
	if first < 0 || output < 1 || words[len(words)-1] != "." {
		t.Fatalf("%q is not understood", p.build)
	}
	binary := filepath.Join(t.TempDir(), "actors")
	words[output], words[len(words)-1] = binary, "./"+write(t, p.program, "main.go")
	cmd := exec.CommandContext(t.Context(), words[first], words[first+1:]...)
	cmd.Env = append(os.Environ(), words[:first]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	if runtime.GOOS != "linux" {
		return binary
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("%q makes a binary that is linked dynamically: it has a %v", p.build, part.Type)
		}
	}
	return binary
}

// What docs/deploying.md says of states of another version.
func TestDeployingNewVersions(t *testing.T) {
	type v1 struct{ Euros int }
	type v2 struct {
		Cents    int
		OldEuros int `json:"Euros,omitempty"`
	}
	type renamed struct{ Pounds int }
	type retyped struct{ Euros string }

	const total = rivet.Action[rivet.None, int]("total")
	first := actor.Define("account", func(d *actor.Definition[v1]) {
		d.State(v1{Euros: 5})
		actor.Handle(d, total, func(c *actor.Context[v1], _ rivet.None) (int, error) { return c.State.Euros, nil })
	})
	second := actor.Define("account", func(d *actor.Definition[v2]) {
		d.OnWake(func(c *actor.Context[v2]) error {
			c.State.Cents += 100 * c.State.OldEuros
			c.State.OldEuros = 0
			return nil
		})
		actor.Handle(d, total, func(c *actor.Context[v2], _ rivet.None) (int, error) { return c.State.Cents, nil })
	})
	another := actor.Define("account", func(d *actor.Definition[renamed]) {
		actor.Handle(d, total, func(c *actor.Context[renamed], _ rivet.None) (int, error) { return c.State.Pounds, nil })
	})
	wrong := actor.Define("account", func(d *actor.Definition[retyped]) {
		actor.Handle(d, total, func(c *actor.Context[retyped], _ rivet.None) (int, error) { return len(c.State.Euros), nil })
	})

	const fails = -1
	for name, builds := range map[string][]struct {
		account actor.Actor
		want    int
	}{
		"a field becomes another one":         {{first, 5}, {second, 500}, {second, 500}},
		"back to the old one, which drops it": {{first, 5}, {second, 500}, {first, 0}, {second, 0}},
		"another name is another field":       {{first, 5}, {another, 0}, {first, 0}},
		"another type is refused":             {{first, 5}, {wrong, fails}, {first, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, build := range builds {
				host, err := actor.New(actor.Registry{build.account}, local.Dir(dir))
				if err != nil {
					t.Fatal(err)
				}
				got, err := rivet.Do(t.Context(), host.Client().GetOrCreate("account", nil), total)
				if end := host.Shutdown(t.Context()); end != nil {
					t.Error(end)
				}
				if (err != nil) != (build.want == fails) || err == nil && got != build.want {
					t.Errorf("build %d: %d, %v, want %d", i, got, err, build.want)
				}
			}
		})
	}
}
