//go:build unix

package trial_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/rivet-go/rivet/bench/trial"
)

// meet listens for the processes of a test.
func meet(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv(addrVar, l.Addr().String())
	return l
}

// accept waits for one of them.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// end waits until it has ended, and returns what it said.
func end(t *testing.T, c net.Conn) string {
	t.Helper()
	said, err := io.ReadAll(c) // or the test hangs
	if err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("it ended by %v", err)
	}
	return string(said)
}

func TestNothingIsLeftOfACase(t *testing.T) {
	l := meet(t)
	o := options("^processes/leaves/")
	o.Rounds = 1
	record, err := trial.Run(t.Context(), suites, o)
	if err != nil || len(record.Samples) != 1 {
		t.Fatalf("%+v, %v", record, err)
	}
	end(t, accept(t, l))
}

// Who has enough of a run gets what there is, once what runs has been told to end.
func TestRunEndsWithItsContext(t *testing.T) {
	l := meet(t)
	for _, test := range []struct{ only, said string }{{"waits", "told"}, {"hangs", ""}} {
		ctx, cancel := context.WithCancel(t.Context())
		type result struct {
			record *trial.Record
			err    error
		}
		done := make(chan result)
		go func() {
			record, err := trial.Run(ctx, suites, options("^order/two|^processes/"+test.only))
			done <- result{record, err}
		}()
		c := accept(t, l)
		cancel()
		if said := end(t, c); said != test.said {
			t.Errorf("%s: it said %q, want %q", test.only, said, test.said)
		}
		r := <-done
		if !errors.Is(r.err, context.Canceled) {
			t.Errorf("%s: %v, want that it was cancelled", test.only, r.err)
		}
		if len(r.record.Samples) != 2 || len(r.record.Failed) != 0 {
			t.Errorf("%s: %+v, want the two samples of before, and no failure", test.only, r.record)
		}
	}
}

func TestCasesEndWithTheirParent(t *testing.T) {
	for _, test := range []struct{ only, said string }{{"waits", "told"}, {"hangs", ""}} {
		l := meet(t)
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		parent := exec.Command(self)
		parent.Env = append(os.Environ(), parentVar+"=processes/"+test.only)
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		c := accept(t, l)
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait() // it was killed
		if said := end(t, c); said != test.said {
			t.Errorf("%s: it said %q, want %q", test.only, said, test.said)
		}
	}
}
