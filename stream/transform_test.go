package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/stream"
)

func notB(v string) bool { return v != "b" }

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// twice makes of "a" a stream of a at once and A a frame later.
func twice(v string) stream.Stream[string] { return cold(v + " " + strings.ToUpper(v) + "|") }

// parsed fails for "f", and skips "s" with a notice.
func parsed(v string) (string, error) {
	switch v {
	case "f":
		return "lost", errMarble
	case "s":
		return "lost", &stream.DecodeError{Err: errMarble}
	}
	return strings.ToUpper(v), nil
}

func TestTransformInTime(t *testing.T) {
	type streamOf = stream.Stream[string]
	for _, test := range []struct {
		name, in, want string
		operator       func(streamOf) streamOf
	}{
		{"Map", "a . bc ! . |", "A . BC ! . |", func(s streamOf) streamOf { return stream.Map(s, strings.ToUpper) }},
		{"Map: error", "a . #", "A . #", func(s streamOf) streamOf { return stream.Map(s, strings.ToUpper) }},
		{"TryMap", "a . bc ! . |", "A . BC ! . |", func(s streamOf) streamOf { return stream.TryMap(s, parsed) }},
		{"TryMap: fails", "a . bf ! . |", "A . B#", func(s streamOf) streamOf { return stream.TryMap(s, parsed) }},
		{"TryMap: fails first", "f a |", "#", func(s streamOf) streamOf { return stream.TryMap(s, parsed) }},
		{"TryMap: skips", "a s bsc |", "A ! B!C |", func(s streamOf) streamOf { return stream.TryMap(s, parsed) }},
		{"Scan", "a . bc ! d |", "-a . -ab-abc ! -abcd |", func(s streamOf) streamOf {
			return stream.Scan(s, "-", func(all, v string) string { return all + v })
		}},
		{"Scan: empty", ". |", ". |", func(s streamOf) streamOf {
			return stream.Scan(s, "-", func(all, v string) string { return all + v })
		}},
		{"Filter", "a b ! bc b|", "a . ! c |", func(s streamOf) streamOf { return s.Filter(notB) }},
		{"Filter: error", "b . #", ". . #", func(s streamOf) streamOf { return s.Filter(notB) }},
		{"Tap", "a b ! bc #", "a b ! bc #", func(s streamOf) streamOf { return s.Tap(func(string) {}) }},

		{"Take", "a ! b . c d |", "a ! b|", func(s streamOf) streamOf { return s.Take(2) }},
		{"Take: less come", "a ! b . |", "a ! b . |", func(s streamOf) streamOf { return s.Take(3) }},
		{"Take: error first", "# a |", "#", func(s streamOf) streamOf { return s.Take(3) }},
		{"Take: error after", "a b # |", "a b|", func(s streamOf) streamOf { return s.Take(2) }},
		{"Take: none", ". . #", "|", func(s streamOf) streamOf { return s.Take(0) }},
		{"TakeWhile", "a c ! b c |", "a c ! |", func(s streamOf) streamOf { return s.TakeWhile(notB) }},
		{"TakeWhile: to the end", "a c ! #", "a c ! #", func(s streamOf) streamOf { return s.TakeWhile(notB) }},
		{"Skip", "a ! b . cd |", ". ! . . cd |", func(s streamOf) streamOf { return s.Skip(2) }},
		{"Skip: less come", "a ! #", ". ! #", func(s streamOf) streamOf { return s.Skip(2) }},
		{"Skip: none", "a ! b |", "a ! b |", func(s streamOf) streamOf { return s.Skip(0) }},
		{"SkipWhile", "a c ! b c b |", ". . ! b c b |", func(s streamOf) streamOf { return s.SkipWhile(notB) }},
		{"SkipWhile: to the end", "a c ! |", ". . ! |", func(s streamOf) streamOf { return s.SkipWhile(notB) }},

		{"DistinctUntilChanged", "a a b ! bba |", "a . b ! a |", stream.DistinctUntilChanged[string]},
		{"DistinctUntilChangedFunc", "a A B bA #", "a . B A #", func(s streamOf) streamOf { return s.DistinctUntilChangedFunc(equalFold) }},
		{"Pairwise", "a b ! cd |", ". ab ! bccd |", func(s streamOf) streamOf {
			return stream.Map(stream.Pairwise(s), func(p [2]string) string { return p[0] + p[1] })
		}},
		{"Pairwise: one", "a . #", ". . #", func(s streamOf) streamOf {
			return stream.Map(stream.Pairwise(s), func(p [2]string) string { return p[0] + p[1] })
		}},
		{"StartWith", ". a ! #", "01 a ! #", func(s streamOf) streamOf { return s.StartWith("0", "1") }},
		{"StartWith: none", ". a |", ". a |", func(s streamOf) streamOf { return s.StartWith() }},

		{"FlatMap", "a . . b . . |", "a A . b B . |", func(s streamOf) streamOf { return stream.FlatMap(s, twice) }},
		{"FlatMap: one after the other", "ab c . . . . |", "a Ab Bc C . . |", func(s streamOf) streamOf { return stream.FlatMap(s, twice) }},
		{"FlatMap: notice", "a . ! b . |", "a A ! b B |", func(s streamOf) streamOf { return stream.FlatMap(s, twice) }},
		{"FlatMap: error", "a . . #", "a A . #", func(s streamOf) streamOf { return stream.FlatMap(s, twice) }},
		{"FlatMap: error inside", "a . b c #", "a ! . #", func(s streamOf) streamOf {
			return stream.FlatMap(s, func(v string) streamOf {
				if v == "b" {
					return cold(". #")
				}
				return cold(v + " ! |")
			})
		}},
		{"FlatMap: of nothing", "a b c . #", ". . . . #", func(s streamOf) streamOf {
			return stream.FlatMap(s, func(string) streamOf { return streamOf{} })
		}},

		{"OnNotice", "a ! b |", "a ! b |", func(s streamOf) streamOf { return s.OnNotice(func(error) {}) }},
		{"Strict: whole", "a . b |", "a . b |", streamOf.Strict},
		{"Strict: error", "a . b #", "a . b #", streamOf.Strict},
		{"Strict: loss", "a b . ! b |", "a b . #stream: not complete: stream: consumer too slow, 1 events dropped", streamOf.Strict},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				s := test.operator(source(test.in))
				check(t, s, 20, test.want)
				check(t, s, 20, test.want) // again
				check(t, stream.Merge(test.operator(source(test.in))), 20, test.want)
			})
		})
	}
}

func TestTapSees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var values, notices []string
		s := cold("a b ! c ! |").
			Tap(func(v string) { values = append(values, v) }).
			OnNotice(func(err error) {
				notices = append(notices, fmt.Sprintf("%s %v", values[len(values)-1], stream.IsNotice(err)))
			})
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if want := []string{"a", "b", "c"}; !slices.Equal(values, want) {
			t.Errorf("values %v, want %v", values, want)
		}
		if want := []string{"b true", "c true"}; !slices.Equal(notices, want) {
			t.Errorf("notices %v, want %v", notices, want)
		}
	})
}

func TestStrictTellsTheNotice(t *testing.T) {
	lag := &stream.LagError{Dropped: 7}
	n, err := stream.FromError[int](lag).Strict().Count(t.Context())
	var loss *stream.LossError
	if n != 0 || !errors.As(err, &loss) || loss.Notice != lag || stream.IsNotice(err) {
		t.Errorf("%d, %v", n, err)
	}
	if !errors.Is(err, lag) || !strings.Contains(err.Error(), "7 events") {
		t.Errorf("%v does not tell the notice", err)
	}
}

// An error of TryMap is the caller's own.
func TestTryMapKeepsTheError(t *testing.T) {
	_, err := stream.TryMap(stream.From(1), func(int) (int, error) { return 0, errMarble }).First(t.Context())
	if err != errMarble {
		t.Errorf("%v", err)
	}
}

// Take does not ask for more than it needs.
func TestTakeIsLazy(t *testing.T) {
	asked := 0
	s := stream.FromFunc(func(context.Context) (int, error) { asked++; return asked, nil })
	for n := range 4 {
		asked = 0
		got, err := s.Take(n).Collect(t.Context())
		if err != nil || len(got) != n || asked != n {
			t.Errorf("Take(%d): %v, %v; asked %d times", n, got, err, asked)
		}
	}
	asked = 0
	got, err := s.TakeWhile(func(n int) bool { return n < 3 }).Collect(t.Context())
	if err != nil || len(got) != 2 || asked != 3 {
		t.Errorf("TakeWhile: %v, %v; asked %d times", got, err, asked)
	}
}

// SkipWhile asks until the first refusal only.
func TestSkipWhileIsDone(t *testing.T) {
	asked := 0
	n, err := stream.From(1, 2, 3, 1, 1).SkipWhile(func(n int) bool { asked++; return n < 2 }).Count(t.Context())
	if err != nil || n != 4 || asked != 2 {
		t.Errorf("%d values, %v; asked %d times", n, err, asked)
	}
}

// What comes while the consumer works on the values to start with is not
// missed: the subscription comes first.
func TestStartWithSubscribesFirst(t *testing.T) {
	type st = stream.Stream[int]
	none := stream.Empty[int]()
	for name, operator := range map[string]func(s st) st{
		"alone":       func(s st) st { return s },
		"transformed": func(s st) st { return s.Take(9).Filter(func(int) bool { return true }) },
		"timed":       func(s st) st { return s.Timeout(time.Hour) },
		"FlatMap":     func(s st) st { return stream.FlatMap(s, func(n int) st { return stream.From(n) }) },
		"Retry":       func(s st) st { return s.Retry(func() stream.Delays { return never{} }) },
		"Catch":       func(s st) st { return s.Catch(stream.FromError[int]) },
		"Concat":      func(s st) st { return stream.Concat(s, none) },
		"Merge":       func(s st) st { return stream.Merge(none, s) },
		"nested":      func(s st) st { return stream.Merge(stream.Race(stream.Concat(s)).Catch(stream.FromError[int]).Skip(0)) },
		"late, and transformed": func(s st) st {
			return stream.Map(s.Catch(stream.FromError[int]), func(n int) int { return n }).TakeWhile(func(int) bool { return true })
		},
		"started twice": func(s st) st { return stream.Merge(s).StartWith(0).Skip(1) },
	} {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		subscribed := false
		s := stream.FromSubscription(func() *stream.Subscription[int] {
			subscribed = true
			return stream.Direct(q)
		})
		var got []int
		for n, err := range operator(s).StartWith(0, 1).All(t.Context()) {
			if err != nil {
				t.Fatal(name, err)
			}
			if got = append(got, n); n == 0 {
				if !subscribed {
					t.Errorf("%s: not subscribed before the first value", name)
				}
				q.Push([]int{2, 3})
				q.CloseWith(nil)
			}
		}
		if want := []int{0, 1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// More values than are handed on in one step of a member of a group.
func TestStartWithMany(t *testing.T) {
	many := slices.Repeat([]string{"0"}, 200)
	synctest.Test(t, func(t *testing.T) {
		got, err := stream.Merge(hot("a b |").StartWith(many...)).Collect(t.Context())
		if want := append(slices.Clone(many), "a", "b"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// FlatMap has one inner stream open at a time, and none when it is over.
func TestFlatMapOpensOneAtATime(t *testing.T) {
	open, most := 0, 0
	inner := func(n int) stream.Stream[int] {
		return stream.FromSeq(func(yield func(int) bool) {
			open++
			defer func() { open-- }()
			most = max(most, open)
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})
	}
	s := stream.FlatMap(stream.From(1, 2, 3), inner)
	got, err := s.Collect(t.Context())
	if want := []int{0, 0, 1, 0, 1, 2}; err != nil || !slices.Equal(got, want) || most != 1 || open != 0 {
		t.Errorf("%v, %v; at most %d open, %d left", got, err, most, open)
	}
	for n := range 7 {
		if got, err := s.Take(n).Collect(t.Context()); err != nil || len(got) != n || open != 0 {
			t.Errorf("Take(%d): %v, %v; %d left", n, got, err, open)
		}
	}
}

// Each consumption has its own state.
func TestTransformStateIsPerConsumption(t *testing.T) {
	sum := func(a, b int) int { return a + b }
	s := stream.Scan(stream.DistinctUntilChanged(stream.From(1, 1, 2, 3, 3, 4)).Skip(1), 0, sum).Take(2)
	want := []int{2, 5}
	for range 2 {
		for n := range s.Seq(t.Context(), nil) {
			if inner, err := s.Collect(t.Context()); err != nil || !slices.Equal(inner, want) {
				t.Errorf("at %d: %v, %v; want %v", n, inner, err, want)
			}
		}
	}
}

func TestBadParameters(t *testing.T) {
	s := stream.From("a", "b")
	for operator, bad := range map[string]stream.Stream[string]{
		"Map":                      stream.Map[string, string](s, nil),
		"TryMap":                   stream.TryMap[string, string](s, nil),
		"Scan":                     stream.Scan[string, string](s, "", nil),
		"FlatMap":                  stream.FlatMap[string, string](s, nil),
		"Filter":                   s.Filter(nil),
		"Tap":                      s.Tap(nil),
		"OnNotice":                 s.OnNotice(nil),
		"TakeWhile":                s.TakeWhile(nil),
		"SkipWhile":                s.SkipWhile(nil),
		"DistinctUntilChangedFunc": s.DistinctUntilChangedFunc(nil),
		"Take":                     s.Take(-1),
		"Skip":                     s.Skip(-1),
		"FromSeq":                  stream.FromSeq[string](nil),
		"FromSeq2":                 stream.FromSeq2[string](nil),
		"FromFunc":                 stream.FromFunc[string](nil),
		"FromSubscription":         stream.FromSubscription[string](nil),
		"Interval":                 stream.Map(stream.Interval(0), func(n int) string { return fmt.Sprint(n) }),
	} {
		got, err := bad.Collect(t.Context())
		var option *stream.OptionError
		if !errors.As(err, &option) || option.Option != operator || len(got) > 0 {
			t.Errorf("%s: %v, %v", operator, got, err)
		}
	}
}

// A consumption costs what it costs, and the items of it nothing.
func TestTransformAllocatesNothingPerItem(t *testing.T) {
	sum := func(a, b int) int { return a + b }
	next := func(n int) int { return n + 1 }
	odd := func(n int) bool { return n%2 == 1 }
	for name, operator := range map[string]func(stream.Stream[int]) stream.Stream[int]{
		"Map": func(s stream.Stream[int]) stream.Stream[int] { return stream.Map(s, next) },
		"TryMap": func(s stream.Stream[int]) stream.Stream[int] {
			return stream.TryMap(s, func(n int) (int, error) { return n, nil })
		},
		"Filter":               func(s stream.Stream[int]) stream.Stream[int] { return s.Filter(odd) },
		"Scan":                 func(s stream.Stream[int]) stream.Stream[int] { return stream.Scan(s, 0, sum) },
		"Tap":                  func(s stream.Stream[int]) stream.Stream[int] { return s.Tap(func(int) {}) },
		"Take":                 func(s stream.Stream[int]) stream.Stream[int] { return s.Take(1e6) },
		"TakeWhile":            func(s stream.Stream[int]) stream.Stream[int] { return s.TakeWhile(func(int) bool { return true }) },
		"Skip":                 func(s stream.Stream[int]) stream.Stream[int] { return s.Skip(3) },
		"SkipWhile":            func(s stream.Stream[int]) stream.Stream[int] { return s.SkipWhile(func(n int) bool { return n < 3 }) },
		"DistinctUntilChanged": stream.DistinctUntilChanged[int],
		"Pairwise": func(s stream.Stream[int]) stream.Stream[int] {
			return stream.Map(stream.Pairwise(s), func(p [2]int) int { return p[0] })
		},
		"StartWith": func(s stream.Stream[int]) stream.Stream[int] { return s.StartWith(7) },
		"Strict":    stream.Stream[int].Strict,
	} {
		cost := func(items int) float64 {
			values := make([]int, items)
			for i := range values {
				values[i] = i
			}
			s := operator(stream.From(values...))
			ctx := t.Context()
			sum := 0
			return testing.AllocsPerRun(20, func() {
				for n, err := range s.All(ctx) {
					if err == nil {
						sum += n
					}
				}
			})
		}
		if few, many := cost(10), cost(2000); many != few {
			t.Errorf("%s: %v allocations for 10 items, %v for 2,000", name, few, many)
		}
	}
}

// Where everything is over subscriptions, one after the other needs no
// goroutine, in Merge too.
func TestFlatMapNeedsNoGoroutine(t *testing.T) {
	numbers := func(n int) stream.Stream[int] {
		return stream.FromSubscription(func() *stream.Subscription[int] { return source(n) })
	}
	s := stream.FlatMap(numbers(100), func(n int) stream.Stream[int] { return numbers(n).Take(2) })
	before := testgoroutines.Count()
	n, err := stream.Merge(s, s).Tap(func(int) {
		if now := testgoroutines.Count(); now > before {
			t.Fatalf("%d goroutines more", now-before)
		}
	}).Count(t.Context())
	if want := 2 * 199; n != want || err != nil {
		t.Errorf("%d, %v; want %d", n, err, want)
	}
}

// The outer stream is held while an inner one has its turn.
func TestFlatMapPushesBack(t *testing.T) {
	handed := 0
	outer := stream.From(make([]int, 1000)...).Tap(func(int) { handed++ })
	s := stream.FlatMap(outer, func(int) stream.Stream[int] { return stream.From(make([]int, 200)...) })
	for name, s := range map[string]stream.Stream[int]{"alone": s, "merged": stream.Merge(s)} {
		handed = 0
		n, err := s.Take(1000).Count(t.Context())
		if n != 1000 || err != nil || handed < 5 || handed > 64 {
			t.Errorf("%s: %d values, %v; %d of the outer stream", name, n, err, handed)
		}
	}
}
