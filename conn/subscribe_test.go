package conn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestSubscribeBeforeACallMissesNothingTheCallCauses(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick}) // before the connection is up
		for i := range 3 {
			if _, err := c.Action(t.Context(), "emit", i); err != nil {
				t.Fatal(err)
			}
			ev, err := sub.Next(t.Context())
			if err != nil || ints(t, ev)[0] != i {
				t.Fatalf("event %d: %v, %v", i, ev, err)
			}
		}
	})
}

func TestSubscribeToSeveralEventsKeepsTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{"a", "b", "a"})
		ready(t, c)
		gc := gw.Conn(0)
		for _, name := range []string{"a", "b"} {
			if err := gc.WaitSubscribed(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for i := range 200 {
			name := []string{"a", "b"}[i%3%2]
			want = append(want, name)
			gc.Emit(name, i)
		}
		var got []string
		for ev, err := range sub.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n := ints(t, ev)[0]; n != len(got) {
				t.Fatalf("event %d came at place %d", n, len(got))
			}
			if got = append(got, ev.Name); len(got) == len(want) {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("names %v, want %v", got, want)
		}
	})
}

func TestSubscriptionsShareOneOnTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		gc := gw.Conn(0)
		var subs []*stream.Subscription[conn.Event]
		for range 3 {
			subs = append(subs, c.Subscribe([]string{tick}))
		}
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		gc.Emit(tick, 1)
		for _, s := range subs {
			if ev, err := s.Next(t.Context()); err != nil || ints(t, ev)[0] != 1 {
				t.Fatal(ev, err)
			}
		}
		for _, s := range subs[:2] {
			s.Close()
		}
		synctest.Wait()
		if !gc.Subscribed(tick) {
			t.Error("unsubscribed while one subscription is left")
		}
		subs[2].Close()
		if err := gc.WaitUnsubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		if n := len(gc.Messages(rivettest.IsSubscribe(tick))); n != 1 {
			t.Errorf("%d subscriptions were sent, want 1", n)
		}
		if n := len(gc.Messages(rivettest.IsUnsubscribe(tick))); n != 1 {
			t.Errorf("%d ends of subscriptions were sent, want 1", n)
		}
		if s := c.Stats(); s.Subscriptions != 0 || s.Topics != 0 {
			t.Errorf("left over: %+v", s)
		}
	})
}

func TestReconnectSubscribesAgainAndTellsOfTheGap(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		told := c.Subscribe([]string{tick}, stream.Gaps(true))
		untold := c.Subscribe([]string{tick})
		gone := c.Subscribe([]string{"gone"})
		ready(t, c)
		if err := gw.Conn(0).WaitSubscribed(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		gone.Close()
		pass(time.Hour)
		dropped := time.Now()
		gw.Conn(0).Drop()
		second := gw.Conn(1)
		if err := second.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		second.Emit(tick, 7)

		_, err := told.Next(t.Context())
		var gap *stream.GapError
		if !errors.As(err, &gap) || !stream.IsNotice(err) {
			t.Fatalf("first step after the drop: %v, want a gap", err)
		}
		if !gap.Up.After(gap.Down) || !gap.Down.Equal(dropped) || gap.Reason == nil {
			t.Errorf("gap %+v", gap)
		}
		for _, s := range []*stream.Subscription[conn.Event]{told, untold} {
			if ev, err := s.Next(t.Context()); err != nil || ints(t, ev)[0] != 7 {
				t.Errorf("event after the drop: %v, %v", ev, err)
			}
		}
		if subs := second.Subscriptions(); !slices.Equal(subs, []string{tick}) {
			t.Errorf("subscribed again to %v", subs)
		}
		if n := c.Stats().Gaps; n != 2 {
			t.Errorf("%d gaps counted, want 2", n)
		}
	})
}

func TestRefusedSubscriptionEndsAloneAmongSuspects(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("room").OnSubscribe(func(_ context.Context, r *rivettest.Request) error {
			if r.Action == "secret" {
				return rivettest.Error("auth", "forbidden", "no", nil)
			}
			return nil
		})
		c := connect(t, config(gw))
		var errs []error
		c.OnError(func(err error) { errs = append(errs, err) })
		// All three are new on the first link, so each may be the refused one.
		first := c.Subscribe([]string{"first"})
		secret := c.Subscribe([]string{"secret"})
		last := c.Subscribe([]string{"last"})

		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		_, err := secret.Next(ctx)
		var refused *conn.SubscriptionError
		if !errors.As(err, &refused) || refused.Event != "secret" || !errors.Is(err, codec.ErrForbidden) {
			t.Fatalf("refused subscription: %v", err)
		}
		alive(t, "first", first)
		alive(t, "last", last)
		// The connection goes on with the others.
		for _, name := range []string{"first", "last"} {
			for !gw.Conns()[len(gw.Conns())-1].Subscribed(name) {
				pass(time.Second) // the fake clock: suspects are tried one by one
			}
		}
		if _, err := c.Action(ctx, "echo", 1); err != nil {
			t.Error(err)
		}
		conns := len(gw.Conns())
		pass(time.Hour)
		if n := len(gw.Conns()); n != conns {
			t.Errorf("%d links after the refusal was settled", n-conns)
		}
	})
}

func TestNewForbiddenSubscriptionIsChargedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Actor("room").OnSubscribe(func(_ context.Context, r *rivettest.Request) error {
			if r.Action == "secret" {
				return rivettest.Error("auth", "forbidden", "no", nil)
			}
			return nil
		})
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick})
		ready(t, c)
		pass(5 * time.Second) // tick has outlived its probation
		_, err := c.Once(t.Context(), "secret")
		if !errors.Is(err, codec.ErrForbidden) {
			t.Fatalf("Once: %v", err)
		}
		if err := gw.Conn(1).WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		gw.Conn(1).Emit(tick, 1)
		if ev, err := sub.Next(t.Context()); err != nil || ints(t, ev)[0] != 1 {
			t.Error(ev, err)
		}
	})
}

func TestBlockedSubscriptionLosesNothingAndStallsOnlyCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		const n = 500
		slow := c.Subscribe([]string{tick}, stream.Overflow(stream.Block), stream.Buffer(16))
		fast := c.Subscribe([]string{tick}, stream.Buffer(2*n))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			gc.Emit(tick, i)
		}
		synctest.Wait()

		for range 3 { // whenever they are made
			started := time.Now()
			_, err := c.Action(t.Context(), "echo")
			var stalled *conn.StalledError
			if !errors.As(err, &stalled) || !conn.MaybeExecuted(err) {
				t.Fatalf("call beside a held reader: %v", err)
			}
			if d := time.Since(started); d != 5*time.Second {
				t.Errorf("stalled call failed after %v", d)
			}
			pass(3 * time.Second)
		}
		pass(5 * time.Minute) // many pong timeouts
		if c.Status() != conn.Connected || c.Stats().Links != 1 {
			t.Fatalf("held reader was taken for a dead link: %+v", c.Debug())
		}

		got := 0
		for ev, err := range slow.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if ints(t, ev)[0] != got {
				t.Fatalf("event %d at place %d", ints(t, ev)[0], got)
			}
			if got++; got == n {
				break
			}
		}
		if _, err := c.Action(t.Context(), "echo"); err != nil {
			t.Errorf("call after the loop caught up: %v", err)
		}
		if s := fast.Stats(); s.Received != n || s.Dropped != 0 {
			t.Errorf("the other subscription: %+v", s)
		}
	})
}

func TestFullBufferUnderFailLeavesTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		sub := c.Subscribe([]string{tick}, stream.Overflow(stream.Fail), stream.Buffer(4))
		ready(t, c)
		gc := gw.Conn(0)
		if err := gc.WaitSubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			gc.Emit(tick, i)
		}
		if err := gc.WaitUnsubscribed(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
		var got []int
		var end error
		for ev, err := range sub.All(t.Context()) {
			if end = err; err == nil {
				got = append(got, ints(t, ev)[0])
			}
		}
		var over *stream.OverflowError
		if !errors.As(end, &over) || !slices.Equal(got, []int{0, 1, 2, 3}) {
			t.Errorf("got %v, then %v", got, end)
		}
	})
}

func TestSubscribeRefusesWhatCannotWork(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		long := string(make([]byte, conn.DefaultWriteLimit))
		var tooLarge *conn.TooLargeError
		if _, err := c.Subscribe([]string{long}).Next(t.Context()); !errors.As(err, &tooLarge) {
			t.Errorf("event name over the write limit: %v", err)
		}
		if _, err := c.Subscribe(nil).Next(t.Context()); err == nil {
			t.Error("no event: no error")
		}
		if _, err := c.Subscribe([]string{tick}, stream.Buffer(0)).Next(t.Context()); err == nil {
			t.Error("buffer of zero: no error")
		}
		c.Close()
		if _, err := c.Subscribe([]string{tick}).Next(t.Context()); !errors.Is(err, conn.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A request that was meant for a link that is lost must not be sent on the next
// one beside the request that opening it makes.
func TestSubscribeWhileTheLinkIsLostIsSentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		c := connect(t, config(gw))
		ready(t, c)
		for i := range 100 {
			name := fmt.Sprint("event", i)
			c.Reconnect()
			sub := c.Subscribe([]string{name})
			gc, err := gw.WaitConn(t.Context(), i+1)
			if err != nil {
				t.Fatal(err)
			}
			if err := gc.WaitSubscribed(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if sent := len(gc.Messages(rivettest.IsSubscribe(name))); sent != 1 {
				t.Fatalf("link %d: sent %d times", i+1, sent)
			}
			sub.Close()
		}
	})
}
