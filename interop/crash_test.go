package interop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/interop/fixture"
	"github.com/rivet-go/rivet/stream"
)

// survivor is a connection with a subscription that a crash goes through.
type survivor struct {
	t   *testing.T
	c   *conn.Conn
	sub *stream.Subscription[int]
}

func newSurvivor(t *testing.T, on target) *survivor {
	t.Helper()
	client := on.client(t, rivet.WithBackoff(backoff.Exponential(250*time.Millisecond, 2*time.Second)))
	c := ready(t, client.GetOrCreate("lifecycle", newKey(t)))
	s := &survivor{t, c, bumped.Subscribe(c)}
	call[int](t, c, "bump")
	if n := next(t, s.sub); n != 1 {
		t.Errorf("event %d before the crash", n)
	}
	return s
}

// bump calls until an answer comes, and takes its event. A call may wait for a
// link that the gateway holds although nobody is behind it any more; then it is
// given up and made again.
func (s *survivor) bump() {
	s.t.Helper()
	var n int
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
		var err error
		n, err = rivet.Call[int](ctx, s.c, "bump")
		cancel()
		if err == nil {
			break
		}
		s.t.Logf("call %d: %v", attempt, err)
		if attempt == 6 || s.c.Err() != nil {
			s.t.Fatal("the connection did not survive")
		}
	}
	for {
		got, err := s.sub.Next(within(s.t))
		if err != nil && !stream.IsNotice(err) {
			s.t.Fatalf("the subscription did not survive: %v", err)
		}
		if err == nil && got == n {
			return
		}
	}
}

// saved waits until the actors have surely saved what they know, which they do
// about once a second. What was not saved a crash takes away, and that includes
// subscriptions: behind a socket that the gateway keeps, the actor comes back
// without them, and nothing tells the client.
func saved(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(3 * time.Second):
	case <-t.Context().Done():
	}
}

// running waits until n calls of "wait" run on the actor.
func running(t *testing.T, c *conn.Conn, n int) {
	t.Helper()
	type stats struct{ Running int }
	waitFor(t, func() bool { return call[stats](t, c, "stats").Running == n })
}

// loseCall makes a call that runs until its link is lost, and returns what
// waits for its end: with its link, as one that may have run.
func loseCall(t *testing.T, slow *conn.Conn) (lost func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := rivet.Call[int](within(t), slow, "wait", 50_000)
		ended <- err
	}()
	running(t, slow, 1)
	return func() {
		t.Helper()
		err := receive(t, ended)
		if _, ok := errors.AsType[*rivet.DisconnectedError](err); !ok || !rivet.MaybeExecuted(err) {
			t.Errorf("call in flight: %v", err)
		}
	}
}

// TestServerCrashUnderConnections kills the actor server under connections with
// subscriptions and calls in flight, and starts it again. What a client sees of
// it is up to the gateway, which keeps its socket: nothing at all, or a close
// 1011 within a minute. Either way the connection and its subscriptions live,
// and a call that was in flight ends with an error that says that it may have
// run.
func TestServerCrashUnderConnections(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.Start, fixture.Options{})
	var all []*survivor
	var inFlight []chan error
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		on := at(s).in(enc)
		all = append(all, newSurvivor(t, on))
		h := on.actor(t, "slow")
		c := ready(t, h)
		call[codec.Value](t, c, "stats")
		for _, caller := range []rivet.Caller{h, c} {
			ended := make(chan error, 1)
			inFlight = append(inFlight, ended)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				_, err := rivet.Call[int](ctx, caller, "wait", 120_000)
				ended <- err
			}()
		}
		running(t, c, 2)
	}
	saved(t)
	s.Kill()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		one.bump()
		t.Logf("links: %d, gaps: %d", one.c.Stats().Links, one.sub.Stats().Gaps)
	}
	for _, ended := range inFlight {
		err := receive(t, ended)
		if _, ok := errors.AsType[*rivet.CallError](err); !ok || !rivet.MaybeExecuted(err) {
			t.Errorf("call in flight: %v, may have run: %v", err, rivet.MaybeExecuted(err))
		}
		t.Log(err)
	}
}

// TestBehaviour01_EngineRestartUnderAConnection takes the engine away: the
// socket breaks, attempts are refused, calls in flight end at once (behaviour
// 6), and when the engine is back so is the connection, subscribed once
// (behaviour 13).
func TestBehaviour01_EngineRestartUnderAConnection(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.Start, fixture.Options{})
	on := at(s).in(codec.CBOR)
	one := newSurvivor(t, on)
	lost := loseCall(t, ready(t, on.actor(t, "slow")))
	s.StopEngine()
	lost()
	waitFor(t, func() bool { return one.c.State().Attempt >= 2 && one.c.Status() != conn.Closed })
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.bump()
	if st := one.c.Stats(); st.Links < 2 || st.Topics != 1 {
		t.Errorf("%+v", st)
	}
}

// RivetKit 2.0 has nobody to keep the sockets: they break with the server.
func TestLegacyServerCrashUnderAConnection(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.StartLegacy, fixture.Options{})
	on := at(s).in(codec.BARE)
	one := newSurvivor(t, on)
	lost := loseCall(t, ready(t, on.actor(t, "slow")))
	s.Kill()
	lost()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.bump()
	if n := one.c.Stats().Links; n < 2 {
		t.Errorf("%d links", n)
	}
}

// TestMainJob is what the library is for: get an actor, call it over HTTP,
// connect, range over its events, survive a restart of the actor server, and
// close without leaving a goroutine.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.Start, fixture.Options{})
	ctx := t.Context()

	client, err := rivet.NewClient(rivet.WithEndpoint(s.Endpoint), rivet.WithNamespace("default"), rivet.WithToken(""))
	if err != nil {
		t.Fatal(err)
	}
	counter := client.GetOrCreate("counter", newKey(t))
	if n, err := increment.Call(within(t), counter, 5); n != 5 || err != nil {
		t.Fatalf("increment over HTTP: %d, %v", n, err)
	}
	c := counter.Connect(ctx)

	defer c.Close()
	events := make(chan int, 64)
	looped := make(chan error, 1)
	go func() {
		for n, err := range countChanged.All(ctx, c) {
			if stream.IsNotice(err) {
				continue // events may have been missed
			}
			if err != nil {
				looped <- err
				return
			}
			select {
			case events <- n:
			default: // nobody waits for it
			}
		}
		looped <- nil
	}()
	// The loop subscribes when it begins, which only an event proves.
	anEvent := func() {
		t.Helper()
		for range 6 {
			try, cancel := context.WithTimeout(ctx, 30*time.Second)
			n, err := increment.Call(try, c, 1)
			for err == nil {
				select {
				case got := <-events:
					if got == n {
						cancel()
						return
					}
					continue
				case <-time.After(time.Second):
				}
				break
			}
			cancel()
			t.Logf("increment = %d, %v", n, err)
		}
		t.Fatal("no event")
	}
	anEvent()
	saved(t)
	s.Kill()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	anEvent()
	if n, err := getCount.Call(within(t), counter, rivet.None{}); err != nil || n < 1 {
		t.Errorf("getCount over HTTP: %d, %v", n, err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := receive(t, looped); !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("the loop ended with %v", err)
	}
	// That no goroutine is left is checked after all tests of the package.
}
