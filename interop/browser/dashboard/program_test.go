package dashboard_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build builds the program and returns its file.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dashboard")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./examples/dashboard")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return file
}

// program is a running dashboard.
type program struct {
	cmd  *exec.Cmd
	url  string
	out  *bufio.Reader
	errs *strings.Builder
}

// start starts the program, which listens when start returns.
func start(t *testing.T, file, addr string) *program {
	t.Helper()
	p := &program{cmd: exec.CommandContext(t.Context(), file, "-addr", addr), errs: new(strings.Builder)}
	p.cmd.Stderr = p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the program says nothing: %v, %v", err, p.cmd.Wait())
	}
	_, url, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if !ok {
		t.Fatalf("the program says %q, which tells no address", line)
	}
	p.url = url
	return p
}

// stop interrupts the program, as people do, and waits for its end.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the program ends with %v\n%s", err, p.errs)
	}
}

// addr is where the program listens.
func (p *program) addr() string { return strings.TrimPrefix(p.url, "http://") }

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
