package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/stream"
)

// waits are delays of that many frames; there are no others.
type waits struct {
	frames []int
	next   int
}

func (w *waits) Next() time.Duration {
	if w.next++; w.next > len(w.frames) {
		return -1
	}
	return time.Duration(w.frames[w.next-1]) * frame
}

func (w *waits) Reset() { w.next = 0 }

func waiting(frames ...int) func() stream.Delays {
	return func() stream.Delays { return &waits{frames: frames} }
}

// everyForm runs f for s alone, and for s attached to by another.
func everyForm(t *testing.T, s stream.Stream[string], frames int, want string) {
	t.Helper()
	check(t, s, frames, want)
	check(t, stream.Merge(s), frames, want)
	check(t, s, frames, want)
}

func TestRetryInTime(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		delays func() stream.Delays
		want   string
	}{
		"no error":            {"a ! b |", waiting(1), "a ! b |"},
		"empty":               {"|", waiting(1), "|"},
		"gives up":            {"#", waiting(1, 2), "! ! . #"},
		"reset by a value":    {"a #", waiting(1, 2), "a ! a ! a ! a ! a ! a"},
		"at once":             {". #", waiting(0, 0), ". ! ! #"},
		"not at all":          {"a #", waiting(), "a #"},
		"not reset by notice": {"! #", waiting(1, 1), "! ! ! ! ! #"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				everyForm(t, source(test.source).Retry(test.delays), 11, test.want)
			})
		})
	}
}

func TestRetryUntilItWorks(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		failures := 0
		s := stream.TryMap(source("a b |"), func(v string) (string, error) {
			if v == "b" && failures < 2 {
				failures++
				return "", errMarble
			}
			return v, nil
		}).Retry(waiting(2))
		check(t, s, 20, "a ! . a ! . a b |")
		failures = 0
		check(t, stream.Merge(s), 20, "a ! . a ! . a b |")
	})
}

func TestRetryTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := 0
		s := stream.FromSeq2(func(yield func(int, error) bool) {
			open++
			defer func() { open-- }()
			yield(0, errMarble)
		}).Retry(backoff.Func(func(n int) time.Duration {
			if n == 3 {
				return -1
			}
			return time.Duration(n) * time.Second
		}).New)
		var got []string
		for _, err := range s.All(t.Context()) {
			if open != 0 {
				t.Error("the source is open while the failure is told")
			}
			var retry *stream.RetryError
			if errors.As(err, &retry) != stream.IsNotice(err) || !errors.Is(err, errMarble) {
				t.Errorf("%v is no notice, or not of the error", err)
			}
			got = append(got, err.Error())
		}
		want := []string{
			"stream: failure 1, trying again in 1s: marble",
			"stream: failure 2, trying again in 2s: marble",
			"marble",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
	})
}

// The end of the context, and the consumer's wish, end the wait.
func TestRetryLeaveWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		hour := backoff.Constant(time.Hour).New
		everyForm(t, source("a #").Retry(hour), 5, "a !")
		start := time.Now()
		for _, err := range stream.Merge(source("#").Retry(hour), stream.Never[string]()).All(t.Context()) {
			if err != nil {
				break
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("left after %v", d)
		}
	})
}

func TestRetryNilDelays(t *testing.T) {
	s := stream.FromError[int](errMarble).Retry(func() stream.Delays { return nil })
	_, err := all(t.Context(), s)
	if !errors.As(err, new(*stream.OptionError)) || !errors.Is(err, errMarble) {
		t.Errorf("failed with %v", err)
	}
}

func TestCatchInTime(t *testing.T) {
	for name, test := range map[string]struct{ first, second, want string }{
		"no error":        {"a ! b |", "c |", "a ! b |"},
		"empty":           {"|", "c |", "|"},
		"goes on":         {"a ! #", "c . ! d |", "a ! c . ! d |"},
		"error first":     {"#", "a |", "a |"},
		"error of second": {"a #", "b #", "a b #"},
		"empty second":    {"a #", "|", "a |"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				for _, second := range []stream.Stream[string]{cold(test.second), hot(test.second)} {
					s := source(test.first).Catch(func(err error) stream.Stream[string] {
						if err != errMarble {
							t.Errorf("caught %v", err)
						}
						return second
					})
					everyForm(t, s, 9, test.want)
				}
			})
		})
	}
}

func TestCatchCannotHelp(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		everyForm(t, source("a #").Catch(stream.FromError[string]), 9, "a #")
		everyForm(t, source("a #").Catch(func(error) stream.Stream[string] { return stream.Stream[string]{} }), 9, "a |")
	})
}

// The first stream is released before the second is made, and a panic there
// reaches the consumer.
func TestCatchReleases(t *testing.T) {
	open := 0
	first := stream.FromSeq2(func(yield func(int, error) bool) {
		open++
		defer func() { open-- }()
		yield(0, errMarble)
	})
	s := first.Catch(func(error) stream.Stream[int] {
		if open != 0 {
			t.Error("the first stream is open")
		}
		panic("bad f")
	})
	defer func() {
		if r := recover(); !strings.Contains(fmt.Sprint(r), "bad f") {
			t.Errorf("recovered %v", r)
		}
	}()
	for range s.All(context.Background()) {
	}
	t.Error("no panic")
}

// counted are delays that note what they are asked for.
type counted struct {
	waits
	calls string
}

func (c *counted) Next() time.Duration { c.calls += "n"; return c.waits.Next() }
func (c *counted) Reset()              { c.calls += "r"; c.waits.Reset() }

// Failures are counted from the last value on, and the first value after a
// failure, and no other, resets the delays.
func TestRetryCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		delays := &counted{waits: waits{frames: []int{1, 1}}}
		fail := 0
		s := stream.TryMap(source("a b |"), func(v string) (string, error) {
			fail++
			if strings.Contains("2 4 5", fmt.Sprint(fail)) {
				return "", errMarble
			}
			return v, nil
		}).Retry(func() stream.Delays { return delays })
		var attempts []int
		for _, err := range s.All(t.Context()) {
			if retry := new(stream.RetryError); errors.As(err, &retry) {
				attempts = append(attempts, retry.Attempt)
			}
		}
		if fmt.Sprint(attempts) != "[1 1 2]" || delays.calls != "nrnnr" {
			t.Errorf("attempts %v, calls %s", attempts, delays.calls)
		}
	})
}

// A consumer that leaves when it is told of the failure is not waited for.
func TestRetryLeaveAtTheNotice(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		start := time.Now()
		steps := 0
		for range source("#").Retry(waiting(1, 1)).All(t.Context()) {
			steps++
			break
		}
		if d := time.Since(start); steps != 1 || d != 0 {
			t.Errorf("%d steps, left after %v", steps, d)
		}
	})
}
