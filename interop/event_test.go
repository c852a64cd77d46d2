package interop_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

type message struct {
	From string `json:"from"`
	Text string `json:"text"`
	N    int    `json:"n"`
}

const (
	say     = rivet.Action[string, message]("say")
	said    = rivet.Event[message]("message")
	joined  = rivet.Event[string]("joined")
	left    = rivet.Event[string]("left")
	whisper = rivet.Event[string]("whisper")
	marked  = rivet.Event[int]("marked")
	guarded = rivet.Event[int]("guarded")
)

func named(s string) rivet.ParamsOption { return rivet.WithParams(map[string]string{"name": s}) }

// TestChat has two connections that know of each other.
func TestChat(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "chat")
		ann := ready(t, h, named("ann"))
		all := ann.Subscribe([]string{string(joined), string(left), string(said)})
		private := whisper.Subscribe(ann)
		call[[]string](t, ann, "conns") // an answer says that the subscriptions stand
		expect := func(name, want string) {
			t.Helper()
			for {
				ev := next(t, all)
				s, _ := joined.Decode(ev)
				if ev.Name == string(said) {
					m, err := said.Decode(ev)
					if err != nil {
						t.Error(err)
					}
					s = m.From + ": " + m.Text
				}
				if s == "ann" || s == "anonymous" {
					continue // each HTTP call is a connection of its own
				}
				if ev.Name != name || s != want {
					t.Errorf("event %s %q, want %s %q", ev.Name, s, name, want)
				}
				return
			}
		}
		bob := connect(t, h, named("bob"))
		ofBob := said.Subscribe(bob)
		if err := bob.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		expect("joined", "bob")
		if got := call[[]string](t, bob, "conns"); !slices.Equal(got, []string{"ann", "bob"}) {
			t.Errorf("connections: %v", got)
		}
		m, err := say.Call(within(t), bob, "hello")
		if want := (message{"bob", "hello", 0}); m != want || err != nil {
			t.Errorf("say = %+v, %v, want %+v", m, err, want)
		}
		expect("message", "bob: hello")
		if got := next(t, ofBob); got != m {
			t.Errorf("bob's own event: %+v, want %+v", got, m)
		}
		call[codec.Value](t, ann, "whisper", "psst")
		if got := next(t, private); got != "psst" {
			t.Errorf("whispered %q", got)
		}
		if err := bob.Close(); err != nil {
			t.Fatal(err)
		}
		expect("left", "bob")
	})
}

// An actor that disconnects a connection gives a reason in words; the
// connection comes back and is subscribed once.
func TestBehaviour13_ResubscribedOnceAfterADisconnect(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "chat")
		c := ready(t, h, named("ann"))
		sub := said.Subscribe(c, stream.Gaps(true))
		gone := joined.Subscribe(c)
		closed := make(chan conn.CloseInfo, 1)
		defer c.OnClose(func(info conn.CloseInfo) { closed <- info })()
		if _, err := say.Call(within(t), c, "first"); err != nil {
			t.Fatal(err)
		}
		if got := next(t, sub); got.Text != "first" {
			t.Errorf("event %+v", got)
		}
		gone.Close()
		// Who kicks joins as well, which is still told to whom has not left yet.
		if _, err := say.Call(within(t), c, "left"); err != nil {
			t.Fatal(err)
		}
		if got := next(t, sub); got.Text != "left" {
			t.Errorf("event %+v", got)
		}
		if n := call[int](t, h, "kick", "ann", "get out"); n != 1 {
			t.Fatalf("kicked %d", n)
		}
		if info := receive(t, closed); info.Code != 1000 || info.Reason != "get out" || !info.WillRetry {
			t.Errorf("closed with %+v", info)
		}
		_, err := sub.Next(within(t))
		if _, ok := errors.AsType[*rivet.GapError](err); !ok {
			t.Errorf("after the disconnect: %v, want a gap", err)
		}
		for _, text := range []string{"second", "third"} {
			if _, err := say.Call(within(t), c, text); err != nil {
				t.Fatal(err)
			}
			if got := next(t, sub); got.Text != text {
				t.Errorf("event %+v, want %q", got, text)
			}
		}
		if s := c.Stats(); s.Links != 2 || s.Topics != 1 || s.Unwanted != 0 {
			t.Errorf("%+v, want 2 links, 1 topic, nothing unwanted", s)
		}
	})
}

// TestForbiddenSubscriptionEndsAlone: the server closes the whole connection
// for it, which the others get over.
func TestForbiddenSubscriptionEndsAlone(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		h := on.actor(t, "auth", token("secret"))
		c := ready(t, h)
		open := rivet.Event[string]("open").Subscribe(c)
		call[string](t, c, "role")
		secret := rivet.Event[string]("secret").Subscribe(c)
		_, err := secret.Next(within(t))
		refused, ok := errors.AsType[*conn.SubscriptionError](err)
		if !ok || refused.Event != "secret" || !errors.Is(err, rivet.ErrForbidden) {
			t.Errorf("the forbidden subscription: %v", err)
		}
		if err := c.Ready(within(t)); err != nil {
			t.Fatal(err)
		}
		call[codec.Value](t, c, "fire")
		if got := next(t, open); got != "o" {
			t.Errorf("open event: %q", got)
		}
		// Who may, does.
		admin := ready(t, h, token("admin"))
		secret = rivet.Event[string]("secret").Subscribe(admin)
		call[codec.Value](t, admin, "fire")
		if got := next(t, secret); got != "s" {
			t.Errorf("secret event: %q", got)
		}
	})
}

// TestBehaviour34_SubscriptionBeforeTheConnection subscribes before there is a
// connection, then calls: the event of that call arrives. Measured on RivetKit
// 2.3.19, it does so every time, also when the permission for the subscription
// takes a while, as the call waits for it (20 of 20 each).
func TestBehaviour34_SubscriptionBeforeTheConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		c := connect(t, on.actor(t, "order"))
		m, g := marked.Subscribe(c), guarded.Subscribe(c)
		call[int](t, c, "mark", 1)
		if got := next(t, m); got != 1 {
			t.Errorf("marked %d", got)
		}
		if got := next(t, g); got != 1 {
			t.Errorf("guarded %d", got)
		}
		// The same on a connection that is up.
		m.Close()
		m = marked.Subscribe(c)
		call[int](t, c, "mark", 2)
		if got := next(t, m); got != 2 {
			t.Errorf("marked %d", got)
		}
		// And with nothing else said, by the method made for that.
		v, err := marked.Await(within(t), c, func(ctx context.Context) error {
			_, err := rivet.Call[int](ctx, c, "mark", 3)
			return err
		})
		if v != 3 || err != nil {
			t.Errorf("Await: %d, %v", v, err)
		}
	})
}

// TestOrderOfOneSocket calls an actor that is awake: events come in the order in
// which it ran the calls, and each before its own call's reply (200 of 200 as
// measured on RivetKit 2.3.19). What is not promised, and not asserted:
// calls queued behind a subscription whose permission takes a while ran in
// another order; so did calls sent to a sleeping actor, at times; a call's
// event may be missing when the subscription ends right after the call; and
// over HTTP a reply may overtake the event on a socket.
func TestOrderOfOneSocket(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		const n = 50
		c := ready(t, on.actor(t, "order"))
		sub := marked.Subscribe(c)
		call[int](t, c, "mark", -1)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := rivet.Call[int](within(t), c, "mark", i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seen := call[[]int](t, c, "seen")
		if len(seen) != n+1 {
			t.Fatalf("the actor ran %v", seen)
		}
		// Events come in the order in which the actor ran the calls.
		for i, want := range seen {
			if got := next(t, sub); got != want {
				t.Fatalf("event %d is %d, the actor ran %d", i, got, want)
			}
		}
		// One after the other, each event is there when its reply is.
		before := sub.Stats().Received
		for i := range uint64(20) {
			call[int](t, c, "mark", i)
			if got := sub.Stats().Received; got != before+i+1 {
				t.Fatalf("%d events were there after %d replies", got-before, i+1)
			}
		}
	})
}

// TestBurst receives many events in order, none twice. RivetKit 2.0 and the Go
// host lose none; the engine of 2.3 may, when it has too much to do: it drops some of a burst
// and keeps the socket, which no client can see, or closes the connection, of
// which the loop is told and the test begins again.
func TestBurst(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "burst")
		for range 3 {
			if burst(t, h, on.legacy || on.embedded) {
				return
			}
		}
		t.Error("the connection was lost each time")
	})
}

// burst reports whether the link held out. exact demands every event.
func burst(t *testing.T, h *rivet.Handle, exact bool) bool {
	t.Helper()
	const n = 1000
	type tick struct {
		rivet.Positional
		N   int
		Pad string
	}
	c := ready(t, h)
	defer c.Close()
	sub := rivet.Event[tick]("tick").Subscribe(c, stream.Overflow(stream.Block), stream.Buffer(64), stream.Gaps(true))
	done := make(chan error, 1)
	go func() {
		_, err := rivet.Call[int](within(t), c, "burst", n, 20)
		done <- err
	}()
	want, lost := 0, 0
	for ev, err := range sub.All(within(t)) {
		if gap, ok := errors.AsType[*rivet.GapError](err); ok {
			t.Logf("after %d events: %v", want, gap)
			_ = c.Close()
			_ = receive(t, done)
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if !exact && ev.N > want {
			lost += ev.N - want
			want = ev.N
		}
		if ev.N != want || len(ev.Pad) != 20 {
			t.Fatalf("event %d with %d bytes, want %d with 20; %+v, %+v", ev.N, len(ev.Pad), want, sub.Stats(), c.Stats())
		}
		if want++; want == n {
			break
		}
	}
	if lost += n - want; exact && lost > 0 {
		t.Errorf("%d events of %d", n-lost, n)
	}
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
	if st := sub.Stats(); st.Dropped != 0 || c.Stats().Unwanted != 0 {
		t.Errorf("lost on our side: %+v, %+v", st, c.Stats())
	}
	if lost > 0 {
		t.Logf("the engine lost %d events of %d", lost, n)
	}
	return true
}

// TestMarketTrades is for the actor that examples/rx watches on the servers of
// the demo: it emits without being called.
func TestMarketTrades(t *testing.T) {
	type trade struct {
		Price float64 `json:"price"`
		Size  int     `json:"size"`
	}
	onCurrent(t, func(t *testing.T, on target) {
		c := connect(t, on.actor(t, "market"))
		got := next(t, rivet.Event[trade]("traded").Subscribe(c))
		if got.Price <= 0 || got.Size <= 0 {
			t.Errorf("%+v", got)
		}
	})
}
