package rivet_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

func TestShared(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		ctx := t.Context()
		c := gw.Client(t, rivet.WithSharedLinger(time.Minute))
		get := func(opts ...rivet.HandleOption) *rivet.Handle {
			return c.GetOrCreate("counter", rivet.Key{"a"}, opts...)
		}
		first, release := c.Shared(get())
		if err := first.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		second, releaseSecond := c.Shared(get())
		if first != second {
			t.Error("equal handles do not share")
		}
		for name, h := range map[string]*rivet.Handle{
			"params":      get(rivet.WithParams(nil)),
			"input":       get(rivet.WithInput(nil)),
			"another key": c.GetOrCreate("counter", rivet.Key{"a", ""}),
			"get":         c.Get("counter", rivet.Key{"a"}),
		} {
			other, releaseOther := c.Shared(h)
			if other == first {
				t.Errorf("a handle with other %s shares", name)
			}
			releaseOther()
		}
		release()
		release() // counts once
		<-time.After(time.Hour)
		if second.Err() != nil {
			t.Error("closed while it has a user")
		}
		releaseSecond()
		<-time.After(59 * time.Second)
		third, releaseThird := c.Shared(get())
		if third != first {
			t.Error("not kept for a while")
		}
		<-time.After(time.Hour)
		if first.Err() != nil {
			t.Error("closed although it is used again")
		}
		releaseThird()
		<-time.After(61 * time.Second)
		synctest.Wait()
		if !errors.Is(first.Err(), rivet.ErrClosed) {
			t.Error("not closed a while after the last user left")
		}
		fourth, releaseFourth := c.Shared(get())
		defer releaseFourth()
		if fourth == first {
			t.Error("a closed connection is shared")
		}
		if err := fourth.Ready(ctx); err != nil {
			t.Error(err)
		}
		fourth.Close() // as if it had failed for good
		fifth, releaseFifth := c.Shared(get())
		defer releaseFifth()
		if fifth == fourth {
			t.Error("an ended connection is shared")
		}
	})
}
