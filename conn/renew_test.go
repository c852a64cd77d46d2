package conn_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/rivettest"
)

func TestLateSubscriptionThatIsLostIsRenewedByTheNextReply(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.LoseSubscriptions(1))
		c := connect(t, config(gw))
		ready(t, c)
		<-time.After(time.Second) // for the actor to fall asleep
		sub := c.Subscribe([]string{tick})
		if _, err := c.Action(t.Context(), "emit", 1); err != nil { // whose event is lost
			t.Fatal(err)
		}
		start := time.Now()
		if err := gw.Conn(0).WaitSubscribed(t.Context(), tick); err != nil || time.Since(start) != 0 {
			t.Fatalf("renewed after %v, %v", time.Since(start), err)
		}
		if _, err := c.Action(t.Context(), "emit", 2); err != nil {
			t.Fatal(err)
		}
		if ev, err := sub.Next(t.Context()); err != nil || ints(t, ev)[0] != 2 {
			t.Fatalf("%v, %v", ev, err)
		}
	})
}

// The reply to a call that was made before may have left the actor before it
// fell asleep.
func TestReplyToAnEarlierCallRenewsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.Unanswered())
		c := connect(t, config(gw))
		ready(t, c)
		gc := gw.Conn(0)
		call := func() (id uint64, result chan error) {
			result = make(chan error, 1)
			go func() { _, err := c.Action(t.Context(), "echo", 1); result <- err }()
			synctest.Wait()
			calls := gc.Messages(rivettest.IsAction("echo"))
			return calls[len(calls)-1].ID, result
		}
		early, earlier := call()
		<-time.After(time.Second) // for the actor to fall asleep
		c.Subscribe([]string{tick})
		late, later := call()
		for i, step := range []struct {
			id     uint64
			result chan error
		}{{early, earlier}, {late, later}} {
			gc.Reply(step.id, 1)
			if err := <-step.result; err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := len(gc.Messages(rivettest.IsSubscribe(tick))); n != 1+i {
				t.Errorf("subscribed %d times after %d replies", n, 1+i)
			}
		}
	})
}

func TestLateSubscriptionThatIsLostIsRenewedAfterAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.LoseSubscriptions(1))
		c := connect(t, config(gw))
		ready(t, c)
		<-time.After(time.Minute)
		start := time.Now()
		c.Subscribe([]string{tick})
		if err := gw.Conn(0).WaitSubscribed(t.Context(), tick); err != nil || time.Since(start) != 2*time.Second {
			t.Fatalf("renewed after %v, %v", time.Since(start), err)
		}
	})
}

func TestNewLinkLeavesNothingToRenew(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		<-time.After(time.Second) // for the actor to fall asleep
		c.Subscribe([]string{tick})
		if err := gw.Conn(0).WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		gw.Conn(0).Drop()
		if err := gw.Conn(1).WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if n := len(gw.Conn(1).Messages(rivettest.IsSubscribe(tick))); n != 1 {
			t.Errorf("subscribed %d times on the second link", n)
		}
	})
}

// A subscription is renewed once, and only if it may have been lost and is
// still wanted.
func TestSubscriptionsAreRenewedNoMoreThanNeeded(t *testing.T) {
	for name, test := range map[string]struct {
		early bool          // before the link is up
		idle  time.Duration // since the actor's latest message
		after func(t *testing.T, gw *rivettest.Gateway, sub interface{ Close() error })
		want  int
	}{
		"with the link": {early: true, want: 1},
		"wide awake":    {idle: time.Millisecond, want: 1},
		"late":          {idle: time.Second, want: 2},
		"an event came": {idle: time.Second, want: 1, after: func(_ *testing.T, gw *rivettest.Gateway, _ interface{ Close() error }) { gw.Emit(tick, 1) }},
		"given up":      {idle: time.Second, want: 1, after: func(_ *testing.T, _ *rivettest.Gateway, sub interface{ Close() error }) { _ = sub.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				c := connect(t, config(gw))
				if !test.early {
					ready(t, c)
					<-time.After(test.idle)
				}
				sub := c.Subscribe([]string{tick})
				ready(t, c)
				if err := gw.Conn(0).WaitSubscribed(t.Context(), tick); err != nil {
					t.Fatal(err)
				}
				if test.after != nil {
					test.after(t, gw, sub)
				}
				<-time.After(time.Hour)
				for range 3 {
					if _, err := c.Action(t.Context(), "echo", 1); err != nil {
						t.Fatal(err)
					}
				}
				<-time.After(time.Hour)
				if n := len(gw.Conn(0).Messages(rivettest.IsSubscribe(tick))); n != test.want {
					t.Errorf("subscribed %d times, want %d", n, test.want)
				}
			})
		})
	}
}
