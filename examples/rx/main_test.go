package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWatch(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Actor("market")
	client := gw.Client(t)
	ctx, cancel := context.WithCancel(t.Context())
	screen, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, client, []string{"ACME", "INIT"}, 10*time.Millisecond, out)
		out.Close()
	}()
	for i := range 2 {
		if err := gw.Conn(i).WaitSubscribed(t.Context(), string(Traded)); err != nil {
			t.Fatal(err)
		}
	}
	const each = 10
	for i := range each {
		rivettest.Emit(gw.Instance("market", "ACME"), Traded, Trade{Price: 10.5, Size: i})
		rivettest.Emit(gw.Instance("market", "INIT"), Traded, Trade{Price: 3, Size: i})
	}

	// Which trades come within the same while is not known, but all do.
	lines := bufio.NewScanner(screen)
	var sum Summary
	for sum.Trades < 2*each && lines.Scan() {
		var s Summary
		if _, err := fmt.Sscanf(lines.Text(), "%d trades, %d shares, at most %f", &s.Trades, &s.Size, &s.High); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		sum.Trades += s.Trades
		sum.Size += s.Size
		sum.High = max(sum.High, s.High)
	}
	if want := (Summary{Trades: 2 * each, Size: each * (each - 1), High: 10.5}); sum != want {
		t.Errorf("all in all %+v, want %+v", sum, want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWatchFails(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Actor("market").OnConnect(func(_ context.Context, r *rivettest.Request) error {
		return rivettest.UserError("closed", "The market is closed", nil)
	})
	err := run(t.Context(), gw.Client(t), []string{"ACME", "INIT"}, 10*time.Millisecond, io.Discard)
	if !rivet.IsCode(err, "closed") {
		t.Errorf("error %v", err)
	}
}
