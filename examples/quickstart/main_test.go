package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const want = "increment(5) = 5\ncountChanged 6\ncountChanged 7\ncountChanged 8\n"

func TestQuickstart(t *testing.T) {
	t.Setenv("RIVET_ENDPOINT", "")
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

// The actor may be at another host.
func TestQuickstartElsewhere(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	listening := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- actor.Serve(ctx, actor.Registry{Counter}, local.Memory(), actor.Addr("localhost:0"),
			actor.OnListen(func(a net.Addr) { listening <- "http://" + a.String() }))
	}()
	select {
	case endpoint := <-listening:
		t.Setenv("RIVET_ENDPOINT", endpoint)
	case err := <-done:
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Error(err)
	}
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
