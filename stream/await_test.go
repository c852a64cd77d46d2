package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// stage is a source whose subscribers hear what is said while they are there.
type stage struct {
	queues map[*stream.Queue[string]]bool
}

func (s *stage) stream(opts ...stream.Option) stream.Stream[string] {
	return stream.FromSubscription(func() *stream.Subscription[string] {
		cfg, err := stream.NewConfig(opts...)
		if err != nil {
			return stream.Failed[string](err)
		}
		var q *stream.Queue[string]
		q = stream.NewQueue(cfg, stream.Hooks[string]{Closed: func() { delete(s.queues, q) }})
		if s.queues == nil {
			s.queues = make(map[*stream.Queue[string]]bool)
		}
		s.queues[q] = true
		return stream.Direct(q)
	})
}

func (s *stage) say(text string) {
	for q := range s.queues {
		q.Push([]string{text})
	}
}

func loud(s string) bool { return strings.HasSuffix(s, "!") }

func TestAwaitHasSubscribedWhenItCalls(t *testing.T) {
	var a, b stage
	for name, test := range map[string]struct {
		s    stream.Stream[string]
		want string
	}{
		"source":    {a.stream(), "a"},
		"matching":  {a.stream().Filter(loud), "b!"},
		"piped":     {stream.Map(a.stream().Skip(1), strings.ToUpper).Take(3), "B!"},
		"merged":    {stream.Merge(b.stream(), a.stream().Filter(loud)), "b!"},
		"in merged": {stream.Merge(stream.Merge(b.stream(), stream.Merge(a.stream().Skip(2)))), "c"},
		"other":     {stream.Merge(b.stream(), a.stream()).Filter(loud), "b!"},
		"timed":     {a.stream().Throttle(frame), "a"},
		"raced":     {stream.Race(b.stream(), a.stream().Filter(loud)), "b!"},
		"combined":  {stream.Zip(a.stream(), a.stream().Skip(1), func(a, b string) string { return a + b }), "ab!"},
		"newest":    {a.stream(stream.Overflow(stream.Latest)), "c"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // to fail rather than wait for what was missed
				for range 2 {
					calls := 0
					got, err := test.s.Await(t.Context(), func(context.Context) error {
						calls++
						a.say("a")
						a.say("b!")
						a.say("c")
						return nil
					})
					if got != test.want || err != nil || calls != 1 {
						t.Errorf("%q, %v after %d calls, want %q", got, err, calls, test.want)
					}
					if n := len(a.queues) + len(b.queues); n != 0 {
						t.Errorf("%d subscriptions are left", n)
					}
				}
			})
		})
	}
}

func TestAwaitWaitsForWhatComesLater(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		start := time.Now()
		var came time.Duration
		after := func(s string) bool {
			came = time.Since(start)
			return s > "a"
		}
		got, err := source(". ! a . b c").Filter(after).Await(t.Context(), func(context.Context) error {
			<-time.After(frame)
			return nil
		})
		if got != "b" || err != nil || came != 4*frame {
			t.Errorf("%q, %v after %v", got, err, came)
		}
		// What comes while f runs waits for it.
		start = time.Now()
		got, err = source("a # ").Await(t.Context(), func(context.Context) error {
			<-time.After(4 * frame)
			return nil
		})
		if took := time.Since(start); got != "a" || err != nil || took != 4*frame {
			t.Errorf("%q, %v after %v", got, err, took)
		}
	})
}

func TestAwaitFails(t *testing.T) {
	no := errors.New("no")
	fail := func(context.Context) error { return no }
	pass := func(context.Context) error { return nil }
	var a stage
	for name, test := range map[string]struct {
		s      stream.Stream[string]
		f      func(context.Context) error
		want   error
		silent bool
	}{
		"f fails":              {s: a.stream(), f: fail, want: no},
		"f fails, other":       {s: stream.Never[string](), f: fail, want: no},
		"f fails, had value":   {s: stream.From("x"), f: fail, want: no},
		"zero":                 {f: pass, want: stream.ErrEmpty},
		"empty":                {s: stream.From[string](), f: pass, want: stream.ErrEmpty, silent: true},
		"notice only":          {s: stream.Merge(stream.FromError[string](&stream.LagError{})), f: pass, want: stream.ErrEmpty},
		"error":                {s: stream.FromSubscription(func() *stream.Subscription[string] { return stream.Failed[string](errMarble) }), f: pass, want: errMarble, silent: true},
		"error on a goroutine": {s: stream.FromError[string](errMarble), f: pass, want: errMarble},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			f := func(ctx context.Context) error { called = true; return test.f(ctx) }
			_, err := test.s.Await(t.Context(), f)
			if err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
			if test.silent && called {
				t.Error("f was called")
			}
			if len(a.queues) != 0 {
				t.Error("a subscription is left")
			}
		})
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a stage
		ctx, cancel := context.WithCancel(t.Context())
		for name, f := range map[string]func(context.Context) error{
			"inside f": func(context.Context) error { cancel(); return nil },
			"after f":  func(context.Context) error { go cancel(); return nil },
			"by f":     func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() },
			"before":   func(context.Context) error { t.Error("called"); return nil },
		} {
			if name == "before" {
				cancel()
			}
			if _, err := a.stream().Await(ctx, f); err != context.Canceled {
				t.Errorf("%s: %v", name, err)
			}
			if len(a.queues) != 0 {
				t.Errorf("%s: a subscription is left", name)
			}
			ctx, cancel = context.WithCancel(t.Context())
		}
		cancel()
	})
}

func TestAwaitReleasesWhenItsFunctionPanics(t *testing.T) {
	var a stage
	for name, s := range map[string]stream.Stream[string]{
		"attached": stream.Merge(a.stream(), a.stream()),
		"run":      stream.Never[string](),
	} {
		func() {
			defer func() {
				if r := recover(); r != "f" {
					t.Errorf("%s: recovered %v", name, r)
				}
				if len(a.queues) != 0 {
					t.Errorf("%s: a subscription is left", name)
				}
			}()
			_, _ = s.Await(t.Context(), func(context.Context) error { panic("f") })
		}()
	}
}

func ExampleStream_Await() {
	var lobby stage
	guest, err := lobby.stream().Filter(loud).Await(context.Background(), func(context.Context) error {
		lobby.say("bob")
		lobby.say("alice!")
		return nil
	})
	fmt.Println(guest, err)
	// Output: alice! <nil>
}
