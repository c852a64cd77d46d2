package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := rivettest.NewGateway(t, rivettest.InMemory())
		gw.Actor("market")
		client := gw.Client(t)
		ctx, cancel := context.WithCancel(t.Context())
		var out strings.Builder
		done := make(chan error, 1)
		go func() { done <- watch(ctx, client, []string{"ACME", "INIT"}, &out) }()
		synctest.Wait()
		<-time.After(time.Millisecond) // the windows begin on the full second
		for _, trades := range []int{
			5,             // told after the first second
			6, 7, 8, 9, 9, // the newest, five seconds later
			10, 0, 0, 0, 0, // and so on
		} {
			for i := range trades {
				symbol := []string{"ACME", "INIT"}[i%2]
				rivettest.Emit(gw.Instance("market", symbol), Traded, Trade{Price: 10.5})
			}
			<-time.After(time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := "5 trades a second\n9 trades a second\n0 trades a second\n"
		if out.String() != want {
			t.Errorf("printed\n%swant\n%s", out.String(), want)
		}
	})
}

func TestWatchFails(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Actor("market").OnConnect(func(_ context.Context, r *rivettest.Request) error {
		return rivettest.UserError("closed", "The market is closed", nil)
	})
	err := watch(t.Context(), gw.Client(t), []string{"ACME", "INIT"}, io.Discard)
	if !rivet.IsCode(err, "closed") {
		t.Errorf("error %v", err)
	}
}
