package conn_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// secretRoom refuses subscriptions to "secret" after thinking about it.
func secretRoom(gw *rivettest.Gateway, thinks time.Duration) {
	gw.Actor("room").OnSubscribe(func(ctx context.Context, r *rivettest.Request) error {
		if r.Action != "secret" {
			return nil
		}
		select {
		case <-time.After(thinks):
		case <-ctx.Done():
		}
		return rivettest.Error("auth", "forbidden", "no", nil)
	})
}

// alive fails the test when sub has ended.
func alive(t *testing.T, what string, sub *stream.Subscription[conn.Event]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := sub.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("subscription %s has ended: %v", what, err)
	}
}

func TestRefusalOfASubscriptionThatWasGivenUpHitsNobodyElse(t *testing.T) {
	for name, standing := range map[string]time.Duration{"new": 0, "old": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				secretRoom(gw, time.Second)
				c := connect(t, config(gw))
				sub := c.Subscribe([]string{tick})
				ready(t, c)
				pass(standing)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				if _, err := c.Once(ctx, "secret"); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				pass(time.Minute)
				synctest.Wait()
				alive(t, "to another event", sub)
				if !gw.Conn(1).Subscribed(tick) {
					t.Error("the other subscription is not on the second link")
				}
				if s := c.Stats(); s.Links != 2 || s.Topics != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestSlowRefusalIsChargedToTheRightSubscription(t *testing.T) {
	for _, thinks := range []time.Duration{0, time.Second, 3 * time.Second, 8 * time.Second} {
		t.Run(thinks.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				secretRoom(gw, thinks)
				c := connect(t, config(gw))
				first := c.Subscribe([]string{"first"})
				secret := c.Subscribe([]string{"secret"})
				last := c.Subscribe([]string{"last"})
				ready(t, c)
				pass(2500 * time.Millisecond)
				late := c.Subscribe([]string{"late"})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				_, err := secret.Next(ctx)
				var refused *conn.SubscriptionError
				if !errors.As(err, &refused) || refused.Event != "secret" || !errors.Is(err, codec.ErrForbidden) {
					t.Errorf("refused subscription: %v", err)
				}
				pass(10 * time.Minute)
				synctest.Wait()
				alive(t, "first", first)
				alive(t, "last", last)
				alive(t, "late", late)
				gc := gw.Conns()[len(gw.Conns())-1]
				if subs := gc.Subscriptions(); len(subs) != 3 {
					t.Errorf("subscribed to %v in the end", subs)
				}
			})
		})
	}
}

func TestRevokedPermissionIsNotChargedToANewSubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		revoked := ""
		gw.Actor("room").OnSubscribe(func(_ context.Context, r *rivettest.Request) error {
			if r.Action == revoked {
				return rivettest.Error("auth", "forbidden", "no", nil)
			}
			return nil
		})
		c := connect(t, config(gw))
		subs := map[string]*stream.Subscription[conn.Event]{}
		for _, name := range []string{"a", "b", "c"} {
			subs[name] = c.Subscribe([]string{name})
		}
		ready(t, c)
		pass(time.Hour)
		revoked = "b"
		gw.Conn(0).Drop()
		subs["new"] = c.Subscribe([]string{"new"})
		pass(10 * time.Minute)
		synctest.Wait()
		gc := gw.Conns()[len(gw.Conns())-1]
		if got := gc.Subscriptions(); !slices.Equal(got, []string{"a", "c", "new"}) {
			t.Errorf("subscribed to %v in the end", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		var refused *conn.SubscriptionError
		if _, err := subs["b"].Next(ctx); !errors.As(err, &refused) {
			t.Errorf("revoked subscription: %v", err)
		}
	})
}

// A suspect is not subscribed before its turn. What comes until then is missing
// beyond the gap that the link itself reported, and its loop must know.
func TestGapOfASuspectLastsUntilItsTurn(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		secretRoom(gw, 0)
		c := connect(t, config(gw))
		c.Subscribe([]string{"first"})
		sub := c.Subscribe([]string{"second"}, stream.Gaps(true))
		c.Subscribe([]string{"secret"})
		ready(t, c)
		gc, err := gw.WaitConn(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		opened := time.Now()
		next := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			_, err := sub.Next(ctx)
			return err
		}
		var first, second *stream.GapError
		if err := next(); !errors.As(err, &first) || first.Up.After(opened) {
			t.Errorf("when the link is open: %v", err)
		}
		if gc.Subscribed("second") || !gc.Subscribed("first") {
			t.Fatalf("subscribed to %v, so that the test shows nothing", gc.Subscriptions())
		}
		if err := next(); !errors.As(err, &second) || !second.Up.After(opened) || !second.Down.Equal(first.Down) || second.Reason == nil {
			t.Errorf("when it is subscribed: %v", err)
		}
		synctest.Wait()
		if !gc.Subscribed("second") {
			t.Error("the gap was over before the subscription")
		}
		gc.Emit("second", 1)
		if err := next(); err != nil {
			t.Errorf("event after the gap: %v", err)
		}
	})
}

// However long they stood on the link that was closed because of one of them,
// suspects do not wait for hours.
func TestSuspectsThatStoodForLongHaveTheirTurnSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		for _, name := range []string{"a", "b", "c"} {
			c.Subscribe([]string{name})
		}
		ready(t, c)
		pass(24 * time.Hour)
		gw.Conn(0).Close(1011, "auth.forbidden")
		gc, err := gw.WaitConn(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if subs := gc.Subscriptions(); !slices.Equal(subs, []string{"a"}) {
			t.Errorf("subscribed to %v at first", subs)
		}
		c.Renew("a", "b", "c") // is for those that were sent
		synctest.Wait()
		if subs := gc.Subscriptions(); !slices.Equal(subs, []string{"a"}) {
			t.Errorf("subscribed to %v by Renew", subs)
		}
		pass(time.Minute)
		synctest.Wait()
		if subs := gc.Subscriptions(); !slices.Equal(subs, []string{"a", "b", "c"}) {
			t.Errorf("subscribed to %v after a minute", subs)
		}
	})
}

// A suspect that was given up while it waited for its turn and is wanted again
// is sent at once, and not a second time when that turn comes.
func TestSuspectThatIsWantedAnewIsSentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		c.Subscribe([]string{"a"})
		b := c.Subscribe([]string{"b"})
		ready(t, c)
		pass(24 * time.Hour)
		gw.Conn(0).Close(1011, "auth.forbidden")
		gc, err := gw.WaitConn(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.Close()
		b = c.Subscribe([]string{"b"}, stream.Gaps(true))
		pass(time.Hour)
		if n := len(gc.Messages(rivettest.IsSubscribe("b"))); n != 1 {
			t.Errorf("sent %d times", n)
		}
		if n := len(gc.Messages(rivettest.IsUnsubscribe("b"))); n != 0 {
			t.Errorf("%d ends of what was not sent", n)
		}
		alive(t, "b, without a gap,", b)
	})
}
