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
		gw.Actor("counter")
		client := gw.Client(t)
		ctx, cancel := context.WithCancel(t.Context())
		var out strings.Builder
		done := make(chan error, 1)
		go func() { done <- watch(ctx, client, []string{"red", "blue"}, &out) }()
		synctest.Wait()
		<-time.After(time.Millisecond) // the windows begin on the full second
		for _, changes := range []int{
			5,             // told after the first second
			6, 7, 8, 9, 9, // the newest, five seconds later
			10, 0, 0, 0, 0, // and so on
			3, 0, 0, 0, 0, // again 0: nothing to tell
		} {
			for i := range changes {
				name := []string{"red", "blue"}[i%2]
				rivettest.Emit(gw.Instance("counter", name), CountChanged, i)
			}
			<-time.After(time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := "5 changes a second\n9 changes a second\n0 changes a second\n"
		if out.String() != want {
			t.Errorf("printed\n%swant\n%s", out.String(), want)
		}
	})
}

func TestWatchFails(t *testing.T) {
	gw := rivettest.NewGateway(t)
	gw.Actor("counter").OnConnect(func(_ context.Context, r *rivettest.Request) error {
		return rivettest.UserError("closed", "The counter is closed", nil)
	})
	err := watch(t.Context(), gw.Client(t), []string{"red", "blue"}, io.Discard)
	if !rivet.IsCode(err, "closed") {
		t.Errorf("error %v", err)
	}
}
