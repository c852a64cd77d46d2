package main

import (
	"bufio"
	"context"
	"io"
	"testing"

	"github.com/rivet-go/rivet/rivettest"
)

func TestReconnect(t *testing.T) {
	gw := rivettest.NewGateway(t)
	rivettest.Do(gw.Actor("counter"), GetCount, func(context.Context, *rivettest.Request) (int, error) { return 7, nil })
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	client := gw.Client(t)
	go func() {
		done <- run(ctx, client, in)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("printed %q, want %q", lines.Text(), want)
		}
	}

	expect("connected, again: false")
	if err := gw.Conn(0).WaitSubscribed(ctx, string(CountChanged)); err != nil {
		t.Fatal(err)
	}
	rivettest.Emit(gw, CountChanged, 5)
	expect("countChanged 5")

	gw.Conn(0).Drop()
	expect("connection lost")
	// Callbacks and loops run beside each other.
	again, gap := "connected, again: true", "after a gap the count is 7"
	for range 2 {
		lines.Scan()
		switch lines.Text() {
		case again:
			again = ""
		case gap:
			gap = ""
		}
	}
	if again != "" || gap != "" {
		t.Fatalf("not printed: %q %q", again, gap)
	}

	rivettest.Emit(gw, CountChanged, 8)
	expect("countChanged 8")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
