package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/stream"
)

// noBlanks writes batches as words.
func noBlanks(s stream.Stream[[]string]) stream.Stream[string] {
	return stream.Map(s, func(b []string) string { return fmt.Sprintf("[%s]", strings.Join(b, "")) })
}

// ofTime lists the operators of time, for what holds for each.
var ofTime = map[string]func(s stream.Stream[string], d time.Duration) stream.Stream[string]{
	"Batch": func(s stream.Stream[string], d time.Duration) stream.Stream[string] {
		return noBlanks(stream.Batch(s, 100, d))
	},
	"Window": func(s stream.Stream[string], d time.Duration) stream.Stream[string] {
		return noBlanks(stream.Window(s, d))
	},
	"Rate": func(s stream.Stream[string], d time.Duration) stream.Stream[string] {
		return stream.Map(stream.Rate(s, d), func(r float64) string { return fmt.Sprint(r) })
	},
	"Debounce": stream.Stream[string].Debounce,
	"Throttle": stream.Stream[string].Throttle,
	"Sample":   stream.Stream[string].Sample,
	"Timeout":  stream.Stream[string].Timeout,
	"Delay":    stream.Stream[string].Delay,
}

// eachOfTime runs f for each of them in a bubble, over a source that is run and
// one that is attached to.
func eachOfTime(t *testing.T, f func(t *testing.T, name string, source func(string) stream.Stream[string])) {
	for name := range ofTime {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) { f(t, name, source) })
		})
	}
}

// Cancelled is not complete: what is held is not for a consumer that has left.
func TestTimedIsCancelled(t *testing.T) {
	want := map[string]string{"Throttle": "a", "Timeout": "a b"}
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		check(t, ofTime[name](source("a b . . |"), 20*time.Millisecond), 2, want[name])
	})
}

// The end of the context is looked at also where the consumer itself has
// caused it, in the step before the end.
func TestTimedIsCancelledInsideTheFlush(t *testing.T) {
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range ofTime[name](source("abc . #"), time.Hour).All(ctx) {
			if err != nil {
				t.Errorf("error %v after the end of the context", err)
			}
			cancel()
		}
	})
}

// So it is where a notice was the occasion, and the time comes after it.
func TestTimedIsCancelledInANotice(t *testing.T) {
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for v, err := range ofTime[name](source("ab !. . . . . . . . . . |"), 25*time.Millisecond).All(ctx) {
			if ctx.Err() != nil {
				t.Errorf("value %q, error %v after the end of the context", v, err)
			}
			if stream.IsNotice(err) {
				cancel()
				<-time.After(50 * time.Millisecond)
			}
		}
	})
}

func TestTimedBreak(t *testing.T) {
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		steps := 0
		for _, err := range ofTime[name](source("a b . c d . . |"), 25*time.Millisecond).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			steps++
			break
		}
		if steps != 1 {
			t.Errorf("%d steps", steps)
		}
	})
}

// A consumer that panics in what a timer has handed on leaves nothing open:
// else its bubble would not end.
func TestTimedPanic(t *testing.T) {
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		defer func() {
			if r := recover(); r != "loop" {
				t.Errorf("recovered %v", r)
			}
		}()
		for range ofTime[name](source("a b . c d . . |"), 25*time.Millisecond).All(t.Context()) {
			panic("loop")
		}
		t.Error("no step")
	})
}

func TestTimedOverNothing(t *testing.T) {
	for name, op := range ofTime {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want := "|"
				if name == "Delay" {
					want = ". . |(+5ms)"
				}
				check(t, op(stream.Stream[string]{}, 25*time.Millisecond), 10, want)
				check(t, op(stream.Empty[string](), 25*time.Millisecond), 10, want)
			})
		})
	}
}

func TestTimedParameters(t *testing.T) {
	s := stream.From("a")
	for name, op := range ofTime {
		for _, d := range []time.Duration{0, -1} {
			if name == "Batch" && d == 0 {
				continue // is by size alone
			}
			wantOptionError(t, name, op(s, d))
		}
	}
	wantOptionError(t, "Batch", noBlanks(stream.Batch(s, 0, time.Second)))
	wantOptionError(t, "Batch", noBlanks(stream.Batch(s, -1, 0)))
}

func wantOptionError(t *testing.T, operator string, s stream.Stream[string]) {
	t.Helper()
	v, err := s.First(t.Context())
	var bad *stream.OptionError
	if !errors.As(err, &bad) || bad.Option != operator {
		t.Errorf("%s: value %q, error %v", operator, v, err)
	}
}

// Each consumption has a state of its own, also at the same time.
func TestTimedAgain(t *testing.T) {
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		s := ofTime[name](source("a b c . d e . f |"), 23*time.Millisecond)
		first := played(s, 30)
		if !strings.Contains(first, "|") {
			t.Errorf("no end: %s", first)
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if again := played(s, 30); again != first {
					t.Errorf("\nfirst %s\nagain %s", first, again)
				}
			})
		}
		both.Wait()
	})
}

// Beside others a stream keeps its time.
func TestTimedMerged(t *testing.T) {
	const script = "a b c . . . d e . ! . . f |"
	eachOfTime(t, func(t *testing.T, name string, source func(string) stream.Stream[string]) {
		s := ofTime[name](source(script), 23*time.Millisecond)
		quiet := source(". . . . . . . . . . . . . . . . |").Throttle(7 * time.Millisecond)
		alone := played(stream.Merge(s, source(". . . . . . . . . . . . . . . . |")), 30)
		if merged := played(stream.Merge(quiet, s, quiet), 30); merged != alone {
			t.Errorf("\nmerged %s\n alone %s", merged, alone)
		}
	})
}

// Over subscriptions, many of them cost no goroutine.
func TestTimedStartsNoGoroutine(t *testing.T) {
	one := stream.FromSubscription(func() *stream.Subscription[string] {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[string]{})
		q.Push([]string{"a", "b"})
		return stream.Direct(q)
	})
	for name, op := range ofTime {
		t.Run(name, func(t *testing.T) {
			many := []stream.Stream[string]{one}
			for range 100 {
				many = append(many, op(one, time.Hour).Debounce(time.Hour))
			}
			before := testgoroutines.Count()
			for _, err := range stream.Merge(many...).All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if now := testgoroutines.Count(); now > before+10 {
					t.Errorf("%d goroutines, %d before", now, before)
				}
				break
			}
		})
	}
}

// A source that always has more does not keep the timer waiting.
func TestTimedFlood(t *testing.T) {
	const (
		d     = 10 * time.Millisecond
		each  = 10 * time.Microsecond
		total = 10_000
	)
	flood := stream.From(slices.Repeat([]string{"a"}, total)...).Tap(func(string) { <-time.After(each) })
	for name, steps := range map[string]int{
		"Batch":    total / 100,
		"Window":   10,
		"Rate":     10,
		"Debounce": 1,
		"Throttle": 10,
		"Sample":   10,
		"Timeout":  total,
		"Delay":    total,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				prev := start
				got := 0
				for _, err := range ofTime[name](flood, d).All(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					got++
					if late := time.Since(prev) - d; name != "Debounce" && late > 3*time.Millisecond {
						t.Errorf("step %d is %v late", got, late)
					}
					prev = time.Now()
				}
				if got < steps*8/10 || got > steps+1 {
					t.Errorf("%d steps, want about %d", got, steps)
				}
			})
		})
	}
}

// What waits when a consumer comes back late is known before anything is
// handed on.
func TestTimedSlowConsumer(t *testing.T) {
	//              0         10        20        30
	const script = "abcdefghijklmnopqrstuvwxyzABCDE"
	for name, want := range map[string]string{
		"Throttle": "a@0 h@70 o@140 v@210 C@280 E@350",
		// A beat that is missed is not made up for.
		"Sample": "c@23 l@115 u@207 D@299 E@369",
		"Window": "[abc]@23 [defghijkl]@115 [mnopqrstu]@207 [vwxyzABCD]@299 [E]@369",
		"Batch":  "[abc]@25 [defghijklm]@120 [nopqrstuv]@215 [wxyzABCDE]@310",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				d := 25 * time.Millisecond
				if name == "Sample" || name == "Window" {
					d = 23 * time.Millisecond
				}
				s := ofTime[name](source(strings.Join(strings.Split(script, ""), " ")+" |"), d)
				var got []string
				start := time.Now()
				for v, err := range s.All(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprintf("%s@%d", v, time.Since(start).Milliseconds()))
					<-time.After(70*time.Millisecond + time.Microsecond)
				}
				if got := strings.Join(got, " "); got != want {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			})
		})
	}
}

// Also when that is more than a batch.
func TestTimedSlowConsumerOfMany(t *testing.T) {
	const total = 1000
	for name, want := range map[string][]int{
		"Throttle": {1, total},
		"Sample":   {1, total},
		"Window":   {1, total - 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
				s := stream.FromSubscription(func() *stream.Subscription[int] { return stream.Direct(q) })
				const d = 10 * time.Millisecond
				switch name {
				case "Throttle":
					s = s.Throttle(d)
				case "Sample":
					s = s.Sample(d)
				case "Window":
					s = stream.Map(stream.Window(s, d), func(w []int) int { return len(w) })
				}
				q.Push([]int{1})
				var got []int
				for v, err := range s.Take(len(want)).All(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if got = append(got, v); len(got) == 1 {
						q.Push(upTo(total)[1:])
						<-time.After(5 * d / 2)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		})
	}
}

// Whatever comes when: nothing is made up, nothing is out of order, and what
// may not be lost is there.
func TestTimedAnyScript(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		for seed := range uint64(60) {
			random := rand.New(rand.NewPCG(seed, 0))
			var script, values strings.Builder
			for range random.IntN(30) {
				if random.IntN(3) > 0 {
					script.WriteString(".")
				}
				for range random.IntN(4) {
					v := string(rune('a' + values.Len()%26))
					script.WriteString(v)
					values.WriteString(v)
				}
				script.WriteString(" ")
			}
			script.WriteString([]string{"|", "#"}[random.IntN(2)])
			for name, op := range ofTime {
				d := time.Duration(1+random.IntN(50))*time.Millisecond + 100*time.Microsecond
				if name == "Timeout" {
					d = time.Second
				}
				var list []string
				for v, err := range op(source(script.String()), d).All(t.Context()) {
					if err == nil {
						list = append(list, strings.Trim(v, "[]"))
					} else if !errors.Is(err, errMarble) {
						t.Fatal(err)
					}
				}
				all, whole := strings.Join(list, ""), values.String()
				switch name {
				case "Rate":
				case "Batch", "Window", "Timeout", "Delay":
					if all != whole {
						t.Errorf("%s of %v: %q\n got %s\nwant %s", name, d, &script, all, whole)
					}
				default:
					if !within(all, whole) || whole != "" && !strings.HasSuffix(all, whole[len(whole)-1:]) {
						t.Errorf("%s of %v: %q\n got %s\nof %s", name, d, &script, all, whole)
					}
				}
			}
		}
	})
}

// within reports whether some of whole is part, in the same order.
func within(part, whole string) bool {
	for _, r := range part {
		i := strings.IndexRune(whole, r)
		if i < 0 {
			return false
		}
		whole = whole[i+1:]
	}
	return true
}

// Of several values whose time has come at once none follows the one in which
// the consumer ends the context.
func TestDelayIsCancelledInAValue(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		for v := range source("abc |").Delay(frame).All(ctx) {
			got = append(got, v)
			cancel()
		}
		if len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}
