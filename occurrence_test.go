package rivet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// story is an interface that the cases of a OneOf have in common.
type story interface{ tell() string }

type came int

func (c came) tell() string { return "came" + strings.Repeat("!", int(c)) }

type went position

func (w went) tell() string { return "went" + strings.Repeat("?", w.X+w.Y) }

func TestSeveralEventsComeInTheOrderOfArrival(t *testing.T) {
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		t.Run(enc.String(), func(t *testing.T) {
			gw := newGateway(t)
			c := connect(t, gw, rivet.WithEncoding(enc))
			ctx := t.Context()
			all := rivet.AnyOf(changed, moved, started).Subscribe(c)
			defer all.Close()
			one := rivet.OneOf(
				rivet.Case(changed, func(n int) story { return came(n) }),
				rivet.Case(moved, func(p position) story { return went(p) }),
			).Subscribe(c)
			defer one.Close()
			for _, event := range []rivet.Event[rivet.None]{"changed", "moved", "started"} {
				if err := gw.Conn(0).WaitSubscribed(ctx, string(event)); err != nil {
					t.Fatal(err)
				}
			}

			var wantAll []arrival
			var wantOne []string
			before := time.Now()
			for i := range 200 {
				switch (i * i / 3) % 3 {
				case 0:
					gw.Emit("changed", i%4)
					wantAll = append(wantAll, arrival{"changed", i % 4})
					wantOne = append(wantOne, came(i%4).tell())
				case 1:
					gw.Emit("moved", i%3, 1)
					wantAll = append(wantAll, arrival{"moved", position{X: i % 3, Y: 1}})
					wantOne = append(wantOne, went{X: i % 3, Y: 1}.tell())
				default:
					gw.Emit("started")
					wantAll = append(wantAll, arrival{"started", rivet.None{}})
				}
			}
			for i, want := range wantAll {
				ev, err := all.Next(ctx)
				if err != nil || (arrival{ev.Event, ev.Value}) != want {
					t.Fatalf("occurrence %d: %+v, %v; want %+v", i, ev, err, want)
				}
				if ev.At.Before(before) || ev.At.After(time.Now()) {
					t.Fatalf("occurrence %d was received at %v", i, ev.At)
				}
			}
			for i, want := range wantOne {
				if s, err := one.Next(ctx); err != nil || s.tell() != want {
					t.Fatalf("story %d: %v, %v; want %s", i, s, err, want)
				}
			}
		})
	}
}

// arrival is an Occurrence without its time.
type arrival struct {
	event string
	value any
}

func TestSeveralEventsTellWhichCouldNotBeDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway(t, rivettest.InMemory())
		c := connect(t, gw)
		one := rivet.OneOf(
			rivet.Case(changed, func(n int) int { return 10 / n }),
			rivet.Case(moved, func(p position) int { return p.X }),
		).Subscribe(c)
		defer one.Close()
		all := rivet.AnyOf(changed, moved).Subscribe(c)
		defer all.Close()
		synctest.Wait()
		gw.Emit("moved", "no number", 1)
		gw.Emit("changed", 0) // the case panics
		gw.Emit("changed", 5)

		var undecoded *rivet.DecodeError
		if _, err := one.Next(t.Context()); !errors.As(err, &undecoded) || !strings.Contains(err.Error(), `event "moved"`) {
			t.Errorf("undecodable: %v", err)
		}
		if _, err := one.Next(t.Context()); !errors.As(err, &undecoded) {
			t.Errorf("a case that panics: %v", err)
		}
		if n, err := one.Next(t.Context()); n != 2 || err != nil {
			t.Errorf("after it: %d, %v", n, err)
		}
		if _, err := all.Next(t.Context()); !errors.As(err, &undecoded) || !strings.Contains(err.Error(), `event "moved"`) {
			t.Errorf("undecodable occurrence: %v", err)
		}
		if ev, err := all.Next(t.Context()); ev.Value != 0 || err != nil {
			t.Errorf("after it: %v, %v", ev, err)
		}
	})
}

func TestSeveralEventsInEachForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := newGateway(t, rivettest.InMemory())
		c := connect(t, gw)
		both := rivet.AnyOf(changed, moved)
		name := func(ev rivet.Occurrence) string { return ev.Event }
		for form, listen := range map[string]func(heard chan<- string) (cancel func()){
			"On": func(heard chan<- string) func() {
				return both.On(c, func(ev rivet.Occurrence) { heard <- ev.Event })
			},
			"All": func(heard chan<- string) func() {
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					for ev, err := range both.All(ctx, c) {
						if err != nil {
							t.Error(err)
						}
						heard <- ev.Event
					}
				}()
				return cancel
			},
			"Stream": func(heard chan<- string) func() {
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					for name, err := range stream.Map(both.Stream(c), name).All(ctx) {
						if err != nil {
							t.Error(err)
						}
						heard <- name
					}
				}()
				return cancel
			},
		} {
			heard := make(chan string, 8)
			cancel := listen(heard)
			synctest.Wait()
			gw.Emit("moved", 1, 2)
			gw.Emit("changed", 3)
			if a, b := <-heard, <-heard; a != "moved" || b != "changed" {
				t.Errorf("%s: %s, then %s", form, a, b)
			}
			cancel()
			synctest.Wait()
			if left := gw.Conn(0).Subscriptions(); len(left) != 0 {
				t.Errorf("%s: still subscribed to %v", form, left)
			}
		}
	})
}

func TestSeveralEventsHaveToBeDifferent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, newGateway(t, rivettest.InMemory()))
		toInt := func(n int) int { return n }
		for name, test := range map[string]struct {
			err  error
			want string
		}{
			"AnyOf twice":   {firstError(rivet.AnyOf(changed, moved, changed).Stream(c)), `AnyOf names event "changed" twice`},
			"AnyOf none":    {firstError(rivet.AnyOf().Stream(c)), "AnyOf names no event"},
			"AnyOf nil":     {firstError(rivet.AnyOf(changed, nil).Stream(c)), "AnyOf has a case without"},
			"same name":     {firstError(rivet.AnyOf(changed, rivet.Event[string]("changed")).Stream(c)), `names event "changed" twice`},
			"OneOf twice":   {firstError(rivet.OneOf(rivet.Case(changed, toInt), rivet.Case(changed, toInt)).Stream(c)), `OneOf names event "changed" twice`},
			"OneOf none":    {firstError(rivet.OneOf[int]().Stream(c)), "OneOf names no event"},
			"OneOf nil":     {firstError(rivet.OneOf(rivet.Case[int, int](changed, nil)).Stream(c)), `case for event "changed"`},
			"zero value":    {firstError(rivet.Events[int]{}.Stream(c)), "no event named"},
			"stream option": {firstError(rivet.AnyOf(changed).Stream(c, stream.Buffer(0))), "Buffer"},
		} {
			var mistake *rivet.ConfigError
			if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", name, test.err, test.want)
			}
			if strings.Contains(name, "Of ") && !errors.As(test.err, &mistake) {
				t.Errorf("%s: %T, want a ConfigError", name, test.err)
			}
		}
	})
}

// firstError returns the error that s ends with before it has a value.
func firstError[T any](s stream.Stream[T]) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := s.First(ctx)
	return err
}
