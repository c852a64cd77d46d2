package stream_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/stream"
)

// sinks writes down what each sink makes of a stream: its result and its error.
var sinks = map[string]func(ctx context.Context, s stream.Stream[string]) (string, error){
	"Seq": func(ctx context.Context, s stream.Stream[string]) (string, error) {
		err := errors.New("not set")
		return strings.Join(slices.Collect(s.Seq(ctx, &err)), ""), err
	},
	"Chan": func(ctx context.Context, s stream.Stream[string]) (all string, err error) {
		for v := range s.Chan(ctx, &err) {
			all += v
		}
		return all, err
	},
	"ForEach": func(ctx context.Context, s stream.Stream[string]) (all string, err error) {
		err = s.ForEach(ctx, func(v string) error {
			all += v
			return nil
		})
		return all, err
	},
	"Collect": func(ctx context.Context, s stream.Stream[string]) (string, error) {
		all, err := s.Collect(ctx)
		return strings.Join(all, ""), err
	},
	"Reduce": func(ctx context.Context, s stream.Stream[string]) (string, error) {
		return stream.Reduce(ctx, s, "", func(all, v string) string { return all + v })
	},
	"Drain": func(ctx context.Context, s stream.Stream[string]) (all string, err error) {
		err = s.Tap(func(v string) { all += v }).Drain(ctx)
		return all, err
	},
	"First": func(ctx context.Context, s stream.Stream[string]) (string, error) { return s.First(ctx) },
	"Last":  func(ctx context.Context, s stream.Stream[string]) (string, error) { return s.Last(ctx) },
	"Count": func(ctx context.Context, s stream.Stream[string]) (string, error) {
		n, err := s.Count(ctx)
		return fmt.Sprint(n), err
	},
}

func TestSinks(t *testing.T) {
	for _, test := range []struct {
		in                     string
		all, first, last       string
		err, firstErr, lastErr error
		count                  string
	}{
		{in: "|", count: "0", firstErr: stream.ErrEmpty, lastErr: stream.ErrEmpty},
		{in: ". ! |", count: "0", firstErr: stream.ErrEmpty, lastErr: stream.ErrEmpty},
		{in: "a |", all: "a", first: "a", last: "a", count: "1"},
		{in: "! a b . ! c |", all: "abc", first: "a", last: "c", count: "3"},
		{in: "#", count: "0", err: errMarble, firstErr: errMarble, lastErr: errMarble},
		{in: "a ! b #", all: "ab", first: "a", last: "b", count: "2", err: errMarble, lastErr: errMarble},
		{ // ctx ends at 95 ms
			in: "a b . . . . . . . . c |", all: "ab", first: "a", last: "b", count: "2",
			err: context.DeadlineExceeded, lastErr: context.DeadlineExceeded,
		},
		{
			in: ". . . . . . . . . . c #", count: "0",
			err: context.DeadlineExceeded, firstErr: context.DeadlineExceeded, lastErr: context.DeadlineExceeded,
		},
	} {
		for name, sink := range sinks {
			want, wantErr := test.all, test.err
			switch name {
			case "First":
				want, wantErr = test.first, test.firstErr
			case "Last":
				want, wantErr = test.last, test.lastErr
			case "Count":
				want = test.count
			}
			t.Run(test.in+"/"+name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
					for range 2 {
						ctx, cancel := context.WithTimeout(t.Context(), 95*time.Millisecond)
						got, err := sink(ctx, source(test.in))
						if got != want || err != wantErr {
							t.Errorf("%q, %v; want %q, %v", got, err, want, wantErr)
						}
						cancel()
					}
				})
			})
		}
	}
}

// A sink whose ctx ended before has nothing, and does not touch the source.
func TestSinksCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, sink := range sinks {
		touched := false
		s := stream.FromSeq(func(func(string) bool) { touched = true })
		for kind, s := range map[string]stream.Stream[string]{
			"a source": s, "an end": stream.Empty[string](), "an error": stream.FromError[string](errMarble),
			"a subscription": stream.FromSubscription(func() *stream.Subscription[string] {
				touched = true
				return stream.Failed[string](errMarble)
			}),
		} {
			got, err := sink(ctx, s)
			if (got != "" && got != "0") || err != context.Canceled || touched {
				t.Errorf("%s of %s: %q, %v; touched: %v", name, kind, got, err, touched)
			}
		}
	}
}

// The end of ctx wins over an end that comes with it.
func TestSinksCancelledAtTheEnd(t *testing.T) {
	for name, sink := range sinks {
		if name == "First" {
			continue // has its value
		}
		for kind, end := range map[string]stream.Stream[string]{
			"clean": stream.Empty[string](), "error": stream.FromError[string](errMarble),
		} {
			ctx, cancel := context.WithCancel(t.Context())
			s := stream.FlatMap(stream.From(0, 1), func(i int) stream.Stream[string] {
				if i == 1 {
					cancel()
					return end
				}
				return stream.From("a")
			})
			if _, err := sink(ctx, s); err != context.Canceled {
				t.Errorf("%s of %s: %v", name, kind, err)
			}
			cancel()
		}
	}
}

// What First has found it returns, whatever became of ctx.
func TestFirstKeepsItsValue(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, err := stream.From(1, 2).Tap(func(int) { cancel() }).First(ctx)
	if v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

// A sink has released the source when it returns, also by a panic.
func TestSinksRelease(t *testing.T) {
	for name, sink := range sinks {
		for _, test := range []struct {
			in   string
			boom int
		}{{"abc|", 0}, {"abc#", 0}, {"abc|", 1}, {"abc|", 3}} {
			if test.boom > 0 && (name == "Chan" || name == "First" && test.boom > 1) {
				continue // a panic there ends the program
			}
			open, opened := 0, 0
			s := stream.FromSeq2(func(yield func(string, error) bool) {
				open++
				opened++
				defer func() { open-- }()
				for v, err := range cold(test.in).All(t.Context()) {
					if !yield(v, err) {
						return
					}
				}
			})
			seen := 0
			s = s.Tap(func(string) {
				if seen++; seen == test.boom {
					panic(errMarble)
				}
			})
			func() {
				defer func() {
					if p := recover(); (p == nil) != (test.boom == 0) {
						t.Errorf("%s: panic at %d: recovered %v", name, test.boom, p)
					}
				}()
				sink(t.Context(), s)
			}()
			if open != 0 || opened != 1 {
				t.Errorf("%s of %s, panic at %d: opened %d, %d left open", name, test.in, test.boom, opened, open)
			}
		}
	}
}

// Where only the receiver's end is of one goroutine, as with a subscription
// that many consume, each has its own.
func TestSinksAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stream.Merge(hot("a b c |"), cold("d e |")).Take(4)
		var all sync.WaitGroup
		for range 4 {
			for name, sink := range sinks {
				all.Go(func() {
					if got, err := sink(t.Context(), s); got == "" || err != nil {
						t.Errorf("%s: %q, %v", name, got, err)
					}
				})
			}
		}
		all.Wait()
	})
}

func TestForEachError(t *testing.T) {
	notice := &stream.LagError{Dropped: 1}
	for _, want := range []error{errMarble, notice, context.Canceled} {
		n := 0
		err := stream.From(1, 2, 3).ForEach(t.Context(), func(v int) error {
			if n++; v == 2 {
				return want
			}
			return nil
		})
		if err != want || n != 2 {
			t.Errorf("%v after %d, want %v", err, n, want)
		}
	}
	// Also when ctx ended in f: the caller knows best why.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := stream.From(1).ForEach(ctx, func(int) error { cancel(); return errMarble }); err != errMarble {
		t.Errorf("%v", err)
	}
}

func TestSinksBadParameters(t *testing.T) {
	n, reduceErr := stream.Reduce[int, int](t.Context(), stream.From(1), 7, nil)
	if n != 7 {
		t.Errorf("Reduce: %d", n)
	}
	for name, err := range map[string]error{
		"ForEach": stream.From(1).ForEach(t.Context(), nil),
		"Reduce":  reduceErr,
	} {
		var option *stream.OptionError
		if !errors.As(err, &option) || option.Option != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeqErr(t *testing.T) {
	failing := stream.FlatMap(stream.From(0, 1), func(i int) stream.Stream[int] {
		if i == 1 {
			return stream.FromError[int](errMarble)
		}
		return stream.From(1, 2)
	})
	var err error
	seq := failing.Seq(t.Context(), &err)
	if got := slices.Collect(seq); !slices.Equal(got, []int{1, 2}) || err != errMarble {
		t.Errorf("%v, %v", got, err)
	}
	for range seq {
		if err != nil {
			t.Errorf("inside the second loop: %v", err)
		}
		break
	}
	if err != nil {
		t.Errorf("after a break: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range failing.Seq(ctx, &err) {
		cancel()
	}
	if err != context.Canceled {
		t.Errorf("after ctx: %v", err)
	}
	for range failing.Seq(ctx, nil) {
		t.Error("a value after the end of ctx")
	}

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	for range failing.Seq(ctx, &err) {
		cancel()
		break
	}
	if err != nil {
		t.Errorf("after ctx and a break: %v", err)
	}
}

// Whoever has seen the channel closed can read the error, and the source is
// released.
func TestChanCloses(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		before := testgoroutines.Count()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var err error
		ch := source("a b c d e f g |").Chan(ctx, &err)
		if v := <-ch; v != "a" {
			t.Errorf("first is %q", v)
		}
		cancel()
		synctest.Wait()
		if v, ok := <-ch; ok {
			t.Errorf("%q after the end of ctx", v)
		}
		if err != context.Canceled {
			t.Errorf("%v", err)
		}
		if now := testgoroutines.Count(); now > before {
			t.Errorf("%d goroutines, %d before", now, before)
		}

		for range source("a |").Chan(t.Context(), nil) {
		}
	})
}

// In a select, beside others.
func TestChanInSelect(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		var errA, errB error
		a, b := source("a . c |").Chan(t.Context(), &errA), source(". b . d #").Chan(t.Context(), &errB)
		got := ""
		for a != nil || b != nil {
			select {
			case v, ok := <-a:
				if got += v; !ok {
					a = nil
				}
			case v, ok := <-b:
				if got += v; !ok {
					b = nil
				}
			}
		}
		if got != "abcd" || errA != nil || errB != errMarble {
			t.Errorf("%s, %v, %v", got, errA, errB)
		}
	})
}

// Chan has subscribed when it returns: what comes from then on is not missed.
func TestChanSubscribesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		subscribed := false
		s := stream.FromSubscription(func() *stream.Subscription[int] {
			subscribed = true
			return stream.Direct(q)
		})
		ctx, cancel := context.WithCancel(t.Context())
		ch := s.Filter(func(n int) bool { return n > 1 }).Take(5).Chan(ctx, nil)
		if !subscribed {
			t.Error("not subscribed")
		}
		q.Push([]int{1, 2, 3})
		if n := <-ch; n != 2 {
			t.Errorf("first is %d", n)
		}
		cancel()
		synctest.Wait()
		if q.Push([]int{4}) != 0 {
			t.Error("not released")
		}
	})
}

func TestStandardLibrary(t *testing.T) {
	ctx := t.Context()
	words := []string{"one", "two", "three"}

	if got := slices.Collect(stream.FromSeq(slices.Values(words)).Seq(ctx, nil)); !slices.Equal(got, words) {
		t.Errorf("slices.Values → slices.Collect: %v", got)
	}
	if got := slices.Sorted(stream.FromSeq(maps.Keys(map[string]int{"b": 1, "a": 2})).Seq(ctx, nil)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("maps.Keys → slices.Sorted: %v", got)
	}
	if got := slices.AppendSeq([]string{"zero"}, stream.From(words...).Seq(ctx, nil)); len(got) != 4 {
		t.Errorf("slices.AppendSeq: %v", got)
	}
	chunks := slices.Collect(slices.Chunk(words, 2))
	if n, err := stream.FromSeq(slices.Chunk(words, 2)).Count(ctx); n != len(chunks) || err != nil {
		t.Errorf("slices.Chunk: %d, %v", n, err)
	}

	byLength := maps.Collect(func(yield func(int, string) bool) {
		for w := range stream.From(words...).Seq(ctx, nil) {
			if !yield(len(w), w) {
				return
			}
		}
	})
	if want := map[int]string{3: "two", 5: "three"}; !maps.Equal(byLength, want) {
		t.Errorf("maps.Collect: %v, want %v", byLength, want)
	}
	// The steps of All are pairs as well.
	for v, err := range stream.From(words...).All(ctx) {
		if err != nil || !slices.Contains(words, v) {
			t.Errorf("All: %v, %v", v, err)
		}
	}

	// An iterator of one's own, at either end.
	fibonacci := func(yield func(int) bool) {
		for a, b := 0, 1; yield(a); a, b = b, a+b {
		}
	}
	got, err := stream.FromSeq(fibonacci).Filter(func(n int) bool { return n%2 == 0 }).Take(5).Collect(ctx)
	if want := []int{0, 2, 8, 34, 144}; err != nil || !slices.Equal(got, want) {
		t.Errorf("a generator: %v, %v", got, err)
	}
	if n, err := stream.FromSeq2(stream.From(1, 2).All(ctx)).Count(ctx); n != 2 || err != nil {
		t.Errorf("All → FromSeq2: %d, %v", n, err)
	}
	if n, err := stream.FromChan(stream.From(1, 2).Chan(ctx, nil)).Count(ctx); n != 2 || err != nil {
		t.Errorf("Chan → FromChan: %d, %v", n, err)
	}

	// Pulled.
	next, stop := iter.Pull(stream.FromSeq(fibonacci).Seq(ctx, nil))
	for _, want := range []int{0, 1, 1, 2} {
		if n, ok := next(); !ok || n != want {
			t.Errorf("iter.Pull: %d, %v; want %d", n, ok, want)
		}
	}
	stop()
	if _, ok := next(); ok {
		t.Error("iter.Pull: goes on after stop")
	}
}
