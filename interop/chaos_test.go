package interop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/interop/fixture"
	"github.com/rivet-go/rivet/stream"
)

// chatter is one client of the actor "chat" in the chaos.
type chatter struct {
	name string
	conn *conn.Conn
	view *rivet.View[talk]

	mu     sync.Mutex
	heard  []remark
	gaps   int
	said   []spoken
	ending error // of the subscription
}

type (
	remark struct {
		Text string `json:"text"`
		N    int    `json:"n"` // its place in the history
	}
	// talk is what a View keeps of the history.
	talk struct {
		Count int
		Last  string
	}
	spoken struct {
		text string
		err  error
	}
)

const remarks = rivet.Event[remark]("message")

func talkOf(history []remark) talk {
	if len(history) == 0 {
		return talk{}
	}
	return talk{len(history), history[len(history)-1].Text}
}

// TestChaos keeps clients talking while the actor server, and once the engine,
// are killed and started again. What the engine lets one see of that is less
// than rivettest does: a server that dies behind a kept socket loses events and
// a second of state without a trace, and the engine may deliver a call twice.
// What must hold nevertheless: each call has one outcome of a known type, one
// that was not sent never shows up, no event comes twice, connections and
// subscriptions live on, and a View is right after a refresh.
func TestChaos(t *testing.T) {
	t.Parallel()
	s := own(t, fixture.Start, fixture.Options{})
	keys := []rivet.Key{newKey(t), newKey(t)}
	var all []*chatter
	for i := range 6 {
		on := at(s).in(codec.Encoding(i % 3))
		c := newChatter(t, on, fmt.Sprint("chatter", i), keys[i%2])
		all = append(all, c)
	}
	stop := make(chan struct{})
	var talking sync.WaitGroup
	for _, c := range all {
		talking.Go(func() { c.talk(stop) })
	}
	step := func(d time.Duration) { <-time.After(d) }

	step(3 * time.Second)
	s.Kill()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	step(12 * time.Second) // the engine gives the old server up
	s.StopEngine()
	step(time.Second)
	if err := s.StartEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	step(8 * time.Second)
	s.Kill()
	step(2 * time.Second)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	step(8 * time.Second)
	close(stop)
	talking.Wait()

	for _, c := range all {
		c.comesBack(t)
	}
	histories := make(map[string][]remark)
	for _, key := range keys {
		var history []remark
		waitFor(t, func() (ok bool) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var err error
			history, err = rivet.Call[[]remark](ctx, at(s).client(t).GetOrCreate("chat", key), "history")
			return err == nil
		})
		histories[key.String()] = history
	}
	for i, c := range all {
		c.check(t, histories[keys[i%2].String()])
	}
}

func newChatter(t *testing.T, on target, name string, key rivet.Key) *chatter {
	t.Helper()
	client := on.client(t, rivet.WithBackoff(backoff.Exponential(250*time.Millisecond, 2*time.Second)))
	c := &chatter{name: name}
	c.conn = connect(t, client.GetOrCreate("chat", key), rivet.WithParams(map[string]string{"name": name}))
	sub := remarks.Subscribe(c.conn, stream.Gaps(true), stream.Buffer(1<<16))
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		for m, err := range sub.All(context.Background()) {
			c.mu.Lock()
			switch {
			case err == nil:
				c.heard = append(c.heard, m)
			case stream.IsNotice(err):
				c.gaps++
			default:
				c.ending = err
			}
			c.mu.Unlock()
		}
	}()
	c.view = rivet.NewView(c.conn, func(ctx context.Context, caller rivet.Caller) (talk, error) {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		history, err := rivet.Call[[]remark](ctx, caller, "history")
		return talkOf(history), err
	}, rivet.Fold(remarks, func(_ talk, m remark) talk { return talk{m.N + 1, m.Text} }), rivet.Refresh(3*time.Second))
	t.Cleanup(func() {
		_ = c.view.Close()
		_ = c.conn.Close()
		<-listening
		if c.ending != nil && !errors.Is(c.ending, rivet.ErrClosed) {
			t.Errorf("%s: subscription ended: %v", name, c.ending)
		}
	})
	if err := c.conn.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// say calls once.
func (c *chatter) say(ctx context.Context, text string) error {
	m, err := rivet.Call[remark](ctx, c.conn, "say", text)
	if err == nil && m.Text != text {
		err = fmt.Errorf("said %q, was answered %q", text, m.Text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, spoken{text, err})
	return err
}

// talk goes on until stop is closed, with several calls in flight.
func (c *chatter) talk(stop <-chan struct{}) {
	var all sync.WaitGroup
	defer all.Wait()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = c.say(ctx, fmt.Sprintf("%s: %d", c.name, i))
		})
	}
}

// comesBack talks until its own words come as an event.
func (c *chatter) comesBack(t *testing.T) {
	t.Helper()
	for attempt := range 12 {
		text := fmt.Sprintf("%s: back %d", c.name, attempt)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		err := c.say(ctx, text)
		cancel()
		if err != nil {
			t.Logf("%s: %v", c.name, err)
			continue
		}
		// The event comes ahead of the reply.
		<-time.After(100 * time.Millisecond)
		c.mu.Lock()
		heard := slices.ContainsFunc(c.heard, func(m remark) bool { return m.Text == text })
		c.mu.Unlock()
		if heard {
			return
		}
	}
	t.Errorf("%s does not come back: %v", c.name, c.conn.State())
}

func (c *chatter) check(t *testing.T, history []remark) {
	t.Helper()
	// Nobody talks any more.
	want := talkOf(history)
	var got talk
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for s, err := range c.view.All(ctx) {
		if err == nil {
			got = s
		}
		if got == want {
			break
		}
	}
	if got != want {
		t.Errorf("%s: view %+v (%v), want %+v", c.name, got, c.view.Err(), want)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	var answered, unsent, maybe, twice int
	shown := make(map[string]int)
	for _, m := range history {
		shown[m.Text]++
	}
	seen := make(map[remark]bool)
	heard := make(map[string]bool)
	for _, m := range c.heard {
		if seen[m] {
			t.Errorf("%s: event %+v came twice", c.name, m)
		}
		seen[m], heard[m.Text] = true, true
	}
	for _, s := range c.said {
		if shown[s.text] > 1 {
			twice++
		}
		var ce *rivet.CallError
		switch {
		case s.err == nil:
			answered++
		case !errors.As(s.err, &ce):
			t.Errorf("%s: %q ended with %v (%T)", c.name, s.text, s.err, s.err)
		case ce.MaybeExecuted:
			maybe++
		default:
			unsent++
			if shown[s.text] > 0 || heard[s.text] {
				t.Errorf("%s: %q was not sent (%v), and yet it ran", c.name, s.text, s.err)
			}
		}
	}
	t.Logf("%s: %d links, %d gaps; %d answered, %d failed unsent, %d may have run, %d ran twice; %d events",
		c.name, c.conn.Stats().Links, c.gaps, answered, unsent, maybe, twice, len(c.heard))
	if answered == 0 || c.conn.Stats().Links < 2 {
		t.Errorf("%s: %d calls answered on %d links", c.name, answered, c.conn.Stats().Links)
	}
}
