package interop_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
)

type lifecycle struct {
	ActorID string `json:"actorId"`
	Wakes   int    `json:"wakes"`
	N       int    `json:"n"`
}

const bumped = rivet.Event[int]("bumped")

// asleep waits until the server says so.
func asleep(t *testing.T, h *rivet.Handle) {
	t.Helper()
	waitFor(t, func() bool {
		info, err := h.Info(within(t))
		return err == nil && !info.Slept.IsZero()
	})
}

// TestSleepUnderAConnection: the gateway keeps the connection of an actor that
// sleeps. The client sees nothing of it; a message wakes the actor, and events
// go on.
func TestSleepUnderAConnection(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		h := on.actor(t, "lifecycle")
		c := ready(t, h)
		sub := bumped.Subscribe(c)
		call[int](t, c, "bump")
		if n := next(t, sub); n != 1 {
			t.Errorf("event %d", n)
		}
		before := c.Info()
		call[string](t, c, "sleep")
		asleep(t, h)
		if got := call[lifecycle](t, c, "info"); got.Wakes != 2 || got.N != 1 || got.ActorID != before.ActorID {
			t.Errorf("after the sleep: %+v", got)
		}
		call[int](t, c, "bump")
		if n := next(t, sub); n != 2 {
			t.Errorf("event %d after the sleep", n)
		}
		// Woken by somebody else, it is the same.
		call[string](t, c, "sleep")
		asleep(t, h)
		call[int](t, h, "bump")
		if n := next(t, sub); n != 3 {
			t.Errorf("event %d after the second sleep", n)
		}
		if s := c.Stats(); s.Links != 1 || c.Info().ConnectionID != before.ConnectionID {
			t.Errorf("the connection was replaced: %+v, %+v", s, c.Info())
		}
	})
}

// TestBehaviour34_SubscriptionToASleepingActor subscribes and calls while the
// actor sleeps, and takes its time to wake. The engine loses a few in a hundred
// of such subscriptions, and closes some of the connections; after the first
// reply the subscription stands all the same. The Go host loses none, and so not
// the event of the very call that wakes the actor.
func TestBehaviour34_SubscriptionToASleepingActor(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		h := on.actor(t, "order")
		c := ready(t, h)
		call[int](t, c, "setWakeDelay", 700)
		call[string](t, c, "sleep")
		asleep(t, h)
		sub := marked.Subscribe(c)
		_, err := rivet.Call[int](within(t), c, "mark", 1)
		if lost, ok := errors.AsType[*rivet.DisconnectedError](err); err != nil && (!ok || on.embedded || !strings.Contains(lost.Error(), "actor.not_configured")) {
			t.Fatal(err)
		}
		call[int](t, c, "mark", 2)
		n := next(t, sub)
		if n == 1 {
			n = next(t, sub)
		} else if on.embedded {
			t.Errorf("the event of the call that woke the actor is lost: %d came first", n)
		} else {
			t.Logf("the event of the call that woke the actor is lost (%v)", err)
		}
		if n != 2 {
			t.Errorf("event %d", n)
		}
		if n := call[int](t, c, "wakes"); n < 2 {
			t.Errorf("%d wakes, want 2", n)
		}
	})
}

// RivetKit 2.0 closes the connections of an actor that sleeps. They come back,
// which wakes it.
func TestLegacySleepReconnects(t *testing.T) {
	onLegacy(t, func(t *testing.T, on target) {
		c := ready(t, on.actor(t, "lifecycle"))
		sub := bumped.Subscribe(c)
		closed := make(chan conn.CloseInfo, 1)
		defer c.OnClose(func(info conn.CloseInfo) { closed <- info })()
		call[int](t, c, "bump")
		next(t, sub)
		call[string](t, c, "sleep")
		if info := receive(t, closed); info.Code != 1000 || info.Reason != "" || !info.WillRetry {
			t.Errorf("closed with %+v", info)
		}
		call[int](t, c, "bump")
		if n := next(t, sub); n != 2 {
			t.Errorf("event %d after the sleep", n)
		}
	})
}

// An actor that destroys itself: a handle by key makes the next one.
func TestDestroyByTheActor(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "lifecycle")
		call[int](t, h, "bump")
		c := ready(t, h)
		old := c.Info().ActorID
		if _, err := rivet.Call[string](within(t), c, "destroy"); err != nil {
			// Its answer may not get out any more.
			if _, ok := errors.AsType[*rivet.DisconnectedError](err); !ok {
				t.Errorf("destroy: %v", err)
			}
		}
		// In RivetKit 2.0 the new actor has the id of the old one.
		waitFor(t, func() bool { return c.Stats().Links == 2 && c.Ready(within(t)) == nil })
		if id := c.Info().ActorID; (id == old) != on.legacy {
			t.Errorf("reconnected to %s, was %s", id, old)
		}
		if n := call[int](t, c, "bump"); n != 1 {
			t.Errorf("bump on the new actor = %d", n)
		}
	})
}

// An actor that cannot start is unavailable, and the call has not run.
func TestActorThatCannotStart(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		h := on.actor(t, "failstart", rivet.WithInput(map[string]bool{"fail": true}))
		// With a deadline the client would try again until then.
		_, err := rivet.Call[bool](t.Context(), h, "ok")
		if rivet.IsCode(err, "guard.route_dispatch_timeout") {
			return // a busy engine has not got to the end of its own attempts
		}
		if !errors.Is(err, rivet.ErrActorUnavailable) || rivet.MaybeExecuted(err) {
			t.Errorf("%v, may have run: %v", err, rivet.MaybeExecuted(err))
		}
	})
}
