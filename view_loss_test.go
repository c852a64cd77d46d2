package rivet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
)

// Losses all the time do not make snapshots all the time.
func TestViewPacesItsSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c, rivet.Refresh(0))
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := s.snapshots()
		for range 1000 {
			s.with(func() { s.gw.Emit("added", "not an object") })
			<-time.After(time.Millisecond)
		}
		// Each takes two calls.
		if n := (s.snapshots() - before) / 2; n < 9 || n > 11 {
			t.Errorf("%d snapshots in a second", n)
		}
		<-time.After(time.Second)
		mustBe(t, v, s.total())
	})
}

// More events than wait for a snapshot's reply cost that snapshot, not the
// state.
func TestViewWithMoreEventsThanItKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		calls, asked, released := 0, make(chan struct{}), make(chan struct{})
		v := rivet.NewView(c, func(ctx context.Context, c rivet.Caller) (sum, error) {
			now, err := rivet.Do(ctx, c, getSum)
			if calls++; calls == 2 { // the one that counts
				close(asked)
				<-released
			}
			return now, err
		}, rivet.Refresh(0), rivet.Fold(addEv, func(s sum, a added) sum {
			return sum{Total: s.Total + a.By, Version: a.Version}
		}))
		defer v.Close()
		<-asked
		for range 1<<16/512 + 1 {
			s.with(func() {
				for range 512 {
					s.raise(1)
				}
			})
			synctest.Wait() // so that none is lost on the way
		}
		close(released)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustBe(t, v, s.total())
	})
}
