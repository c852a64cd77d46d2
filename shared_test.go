package rivet_test

import (
	"context"
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

// Credentials that a function brings are not shared with whoever has the same
// actor.
func TestSharedKeepsParamsFunctionsApart(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		c := gw.Client(t)
		as := func(user string) *rivet.Handle {
			return c.GetOrCreate("counter", nil, rivet.WithParamsFunc(func(context.Context) (any, error) { return user, nil }))
		}
		ann, bob := as("ann"), as("bob")
		first, release := c.Shared(ann)
		defer release()
		second, releaseSecond := c.Shared(bob)
		defer releaseSecond()
		again, releaseAgain := c.Shared(ann)
		defer releaseAgain()
		if first == second || first != again {
			t.Errorf("ann shares with bob: %v, with herself: %v", first == second, first == again)
		}
		plain, releasePlain := c.Shared(c.GetOrCreate("counter", nil, rivet.WithParams("ann")))
		defer releasePlain()
		other, releaseOther := c.Shared(c.GetOrCreate("counter", nil, rivet.WithParams("bob")))
		defer releaseOther()
		if plain == other || plain == first {
			t.Error("handles with other parameters share")
		}
	})
}

// Who comes at the very moment that the last user's time is up has a
// connection that stays open.
func TestSharedAtTheLastMoment(t *testing.T) {
	noEnv(t)
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway2(t, rivettest.InMemory())
		c := gw.Client(t, rivet.WithSharedLinger(time.Second))
		h := c.GetOrCreate("counter", nil)
		for range 100 {
			_, release := c.Shared(h)
			due := time.After(time.Second) // so that it may come before the other timer or after
			release()
			<-due
			second, releaseSecond := c.Shared(h)
			synctest.Wait()
			if err := second.Err(); err != nil {
				t.Fatalf("closed while it has a user: %v", err)
			}
			releaseSecond()
			<-time.After(time.Hour)
		}
	})
}
