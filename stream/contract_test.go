package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// contract lists operators for the tests of what holds for every one. Given
// the alphabet, each has at least five steps.
var contract = map[string]func(s Stream[string]) Stream[any]{
	"none": func(s Stream[string]) Stream[any] { return anyOf(s) },
	"Map":  func(s Stream[string]) Stream[any] { return anyOf(Map(s, strings.ToUpper)) },
	"Tap":  func(s Stream[string]) Stream[any] { return anyOf(s.Tap(func(string) {})) },
	"Strict": func(s Stream[string]) Stream[any] {
		return anyOf(s.Strict())
	},
	"OnNotice": func(s Stream[string]) Stream[any] {
		return anyOf(s.OnNotice(func(error) {}))
	},
	"TryMap": func(s Stream[string]) Stream[any] {
		return anyOf(TryMap(s, func(v string) (string, error) {
			if v == "b" {
				return v, &DecodeError{errors.New(v)}
			}
			return v, nil
		}))
	},
	"TryMap, failing": func(s Stream[string]) Stream[any] {
		return anyOf(TryMap(s, func(v string) (string, error) {
			if v == "g" {
				return v, errSource
			}
			return v, nil
		}))
	},
	"Scan": func(s Stream[string]) Stream[any] {
		return anyOf(Scan(s, "", func(all, v string) string { return all + v }))
	},
	"FlatMap": func(s Stream[string]) Stream[any] {
		return anyOf(FlatMap(s, func(v string) Stream[string] { return From(v, v+v) }))
	},
	"FlatMap, nested": func(s Stream[string]) Stream[any] {
		none := func(v string) bool { return v != "b" }
		return anyOf(FlatMap(s, func(v string) Stream[string] {
			return FlatMap(From(v, v), func(v string) Stream[string] { return From(v).Filter(none) })
		}))
	},
	"FlatMap of run streams": func(s Stream[string]) Stream[any] {
		return anyOf(FlatMap(s, func(v string) Stream[string] { return FromSeq(slices.Values([]string{v, v + v})) }))
	},
	"FlatMap of notices": func(s Stream[string]) Stream[any] {
		return anyOf(FlatMap(s, func(v string) Stream[string] {
			return FromError[string](&DecodeError{errors.New(v)})
		}))
	},
	"FlatMap, failing inside": func(s Stream[string]) Stream[any] {
		return anyOf(FlatMap(s, func(v string) Stream[string] {
			return FromError[string](errSource).StartWith(v, v, v, v, v)
		}))
	},
	"FlatMap, failing": func(s Stream[string]) Stream[any] {
		return anyOf(FlatMap(s, func(v string) Stream[string] {
			if v == "d" {
				return FromError[string](errSource)
			}
			return From(v, v+v)
		}))
	},
	"Filter":    func(s Stream[string]) Stream[any] { return anyOf(s.Filter(func(v string) bool { return v != "b" })) },
	"Take":      func(s Stream[string]) Stream[any] { return anyOf(s.Take(5)) },
	"TakeWhile": func(s Stream[string]) Stream[any] { return anyOf(s.TakeWhile(func(v string) bool { return v < "g" })) },
	"Skip":      func(s Stream[string]) Stream[any] { return anyOf(s.Skip(2)) },
	"SkipWhile": func(s Stream[string]) Stream[any] { return anyOf(s.SkipWhile(func(v string) bool { return v < "c" })) },
	"Distinct":  func(s Stream[string]) Stream[any] { return anyOf(DistinctUntilChanged(s)) },
	"DistinctFunc": func(s Stream[string]) Stream[any] {
		return anyOf(s.DistinctUntilChangedFunc(func(a, b string) bool { return a == b }))
	},
	"Pairwise":  func(s Stream[string]) Stream[any] { return anyOf(Pairwise(s)) },
	"StartWith": func(s Stream[string]) Stream[any] { return anyOf(s.StartWith("0", "1")) },
	"chain": func(s Stream[string]) Stream[any] {
		return anyOf(Pairwise(Map(DistinctUntilChanged(s.Skip(1)).StartWith("0"), strings.ToUpper)).Take(5))
	},
}

const alphabet = "abcdefghijkl"

var (
	errSource = errors.New("the source has failed")
	errLoop   = errors.New("the loop has failed")
)

func anyOf[T any](s Stream[T]) Stream[any] { return Map(s, func(v T) any { return v }) }

// sources are the ways in which a stream gets its values. Each plays a script,
// in which "!" is a notice, "#" an error and "~" the wait for something that
// never comes, and counts in open the consumptions that are under way.
var sources = map[string]func(script string, open *atomic.Int32) Stream[string]{
	"run": func(script string, open *atomic.Int32) Stream[string] {
		return scripted(script, open)
	},
	"attached": func(script string, open *atomic.Int32) Stream[string] {
		return Stream[string]{open: func(ctx context.Context, out observer[string]) pump {
			q := NewQueue(Config{Buffer: 1 << 10, Gaps: true}, Hooks[string]{})
			for _, r := range script {
				switch r {
				case '!':
					q.Notice(&LagError{Dropped: 1})
				case '#':
					q.CloseWith(errSource)
				case '~':
				default:
					q.Push([]string{string(r)})
				}
			}
			if !strings.ContainsAny(script, "#~") {
				q.CloseWith(nil)
			}
			p := &taking[string]{ctx: ctx, sub: Direct(q), out: out}
			p.enter()
			open.Add(1)
			return &countedPump{p, open}
		}}
	},
	"spawned": func(script string, open *atomic.Int32) Stream[string] {
		s := scripted(script, open)
		return Stream[string]{open: func(ctx context.Context, out observer[string]) pump {
			return opened(ctx, s, 1, out)
		}}
	},
}

func scripted(script string, open *atomic.Int32) Stream[string] {
	return Stream[string]{run: func(ctx context.Context, out observer[string]) {
		open.Add(1)
		defer open.Add(-1)
		for _, r := range script {
			if ctx.Err() != nil {
				return
			}
			switch r {
			case '!':
				if !out.notice(&LagError{Dropped: 1}) {
					return
				}
			case '#':
				out.end(errSource)
				return
			case '~':
				<-ctx.Done()
				return
			default:
				if !out.next(string(r)) {
					return
				}
			}
		}
		if ctx.Err() == nil {
			out.end(nil)
		}
	}}
}

type countedPump struct {
	pump
	open *atomic.Int32
}

func (p *countedPump) close() {
	p.pump.close()
	p.open.Add(-1)
}

// eachContract runs f for every operator over every kind of source, and that
// once driven alone and once as a member of a group.
func eachContract(t *testing.T, f func(t *testing.T, build func(script string, open *atomic.Int32) Stream[any])) {
	for name, operator := range contract {
		for kind, source := range sources {
			build := func(script string, open *atomic.Int32) Stream[any] { return operator(source(script, open)) }
			t.Run(name+"/"+kind, func(t *testing.T) { f(t, build) })
			t.Run(name+"/"+kind+", grouped", func(t *testing.T) {
				f(t, func(script string, open *atomic.Int32) Stream[any] { return Merge(build(script, open)) })
			})
		}
	}
}

// witness is an observer that records what it is told, stops at the step it is
// asked to, and complains about calls after its end.
type witness struct {
	t      *testing.T
	steps  []string
	stopAt int // refuse the step of this number, from 1
	at     func(step int)
	over   bool
}

func (w *witness) step(what string) bool {
	w.t.Helper()
	if w.over {
		w.t.Errorf("called with %s after its end; before: %v", what, w.steps)
	}
	w.steps = append(w.steps, what)
	if w.at != nil {
		w.at(len(w.steps))
	}
	if len(w.steps) == w.stopAt {
		w.over = true
	}
	return !w.over
}

func (w *witness) observer() observer[any] {
	return observer[any]{
		next:   func(v any) bool { return w.step(fmt.Sprint(v)) },
		notice: func(err error) bool { return w.step("!" + err.Error()) },
		end: func(err error) {
			w.step(fmt.Sprintf("end(%v)", err))
			w.over = true
		},
	}
}

// play drives s into a new witness.
func play(t *testing.T, ctx context.Context, s Stream[any], stopAt int, at func(step int)) []string {
	t.Helper()
	w := &witness{t: t, stopAt: stopAt, at: at}
	s.drive(ctx, w.observer())
	return w.steps
}

func released(t *testing.T, open *atomic.Int32) {
	t.Helper()
	if n := open.Load(); n != 0 {
		t.Errorf("%d consumptions of the source are open", n)
	}
}

// Every way to leave at every step: nothing is called any more, and everything
// is released by then.
func TestContractStop(t *testing.T) {
	eachContract(t, func(t *testing.T, build func(string, *atomic.Int32) Stream[any]) {
		for _, script := range []string{alphabet, "a!bcdef!ghijkl#", alphabet + "~", "!", "#"} {
			for at := 1; at <= 5; at++ {
				var open atomic.Int32
				ctx, cancel := context.WithCancel(t.Context())
				s := build(script, &open)

				if script != "#" && script != "!" || at == 1 {
					got := play(t, ctx, s, at, nil)
					if len(got) > at || strings.HasSuffix(script, "~") && len(got) != at {
						t.Errorf("refused at %d: %v", at, got)
					}
					released(t, &open)
				}

				// Cancelled is not complete: no step and no end from then on.
				got := play(t, ctx, s, 0, func(step int) {
					if step == at {
						cancel()
					}
				})
				if len(got) > at {
					t.Errorf("ctx ended at %d: %v", at, got)
				}
				released(t, &open)
				cancel()
				if got := play(t, ctx, s, 0, nil); len(got) > 0 {
					t.Errorf("ctx ended before: %v", got)
				}
				released(t, &open)

				func() {
					defer func() {
						if p := recover(); p != errLoop && p != nil {
							t.Errorf("panic at %d became %v", at, p)
						}
					}()
					play(t, t.Context(), build(script[:1]+alphabet, &open), 0, func(step int) {
						if step == at {
							panic(errLoop)
						}
					})
					if script[0] == 'a' {
						t.Errorf("no panic at %d", at)
					}
				}()
				released(t, &open)
			}
		}
	})
}

// A stream that waits for its source leaves it when ctx ends.
func TestContractCancelWaiting(t *testing.T) {
	eachContract(t, func(t *testing.T, build func(string, *atomic.Int32) Stream[any]) {
		for _, script := range []string{"~", "a~", "abc!~"} {
			var open atomic.Int32
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			for _, step := range play(t, ctx, build(script, &open), 0, nil) {
				if strings.HasPrefix(step, "end(<nil>") {
					t.Errorf("%q: told to have ended", script)
				}
			}
			cancel()
			released(t, &open)
		}
	})
}

// A stream plays the same again, also when two consume it at a time, whatever
// its source is; errors and notices come through.
func TestContractAgain(t *testing.T) {
	want := make(map[string]string)
	var mu sync.Mutex
	eachContract(t, func(t *testing.T, build func(string, *atomic.Int32) Stream[any]) {
		operator := strings.ReplaceAll(strings.Split(t.Name(), "/")[1], "_", " ")
		for _, script := range []string{"", "a", "ab", "#", "!", "!#", "a#", alphabet, alphabet + "#", "a!bb!cdefghijkl#"} {
			var open atomic.Int32
			s := build(script, &open)
			first := fmt.Sprint(play(t, t.Context(), s, 0, nil))
			released(t, &open)

			mu.Lock()
			id := operator + " of " + script
			if want[id] == "" {
				want[id] = first
			}
			if first != want[id] {
				t.Errorf("%q gives\n     %s\nhere %s", script, want[id], first)
			}
			mu.Unlock()

			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					if again := fmt.Sprint(play(t, t.Context(), s, 0, nil)); again != first {
						t.Errorf("%q gives\n     %s\nthen %s", script, first, again)
					}
				})
			}
			both.Wait()
			released(t, &open)

			if !strings.Contains(first, "end(") {
				t.Errorf("%q has no end: %s", script, first)
			}
			cut := strings.HasPrefix(operator, "Take") || operator == "chain" || strings.Contains(operator, "failing")
			if strings.HasSuffix(script, "#") && !strings.Contains(first, "end("+errSource.Error()) && !cut && operator != "Strict" {
				t.Errorf("%q has lost its error: %s", script, first)
			}
			notices := strings.Count(script, "!")
			if told := strings.Count(first, "too slow"); told != notices && operator != "Strict" && operator != "FlatMap, failing inside" {
				t.Errorf("%q: %d of %d notices are told: %s", script, told, notices, first)
			}
		}
	})
}

// A step of a loop is a value or an error, and what All gives is what the
// observer is told.
func TestContractAll(t *testing.T) {
	eachContract(t, func(t *testing.T, build func(string, *atomic.Int32) Stream[any]) {
		for _, script := range []string{"", "#", "!", alphabet, "ab!cdefgh#"} {
			var open atomic.Int32
			s := build(script, &open)
			want := play(t, t.Context(), s, 0, nil)
			if last := len(want) - 1; want[last] == "end(<nil>)" {
				want = want[:last]
			}
			var got []string
			for v, err := range s.All(t.Context()) {
				switch {
				case err != nil && v != nil:
					t.Errorf("%q: a step of %v and %v", script, v, err)
				case err == nil:
					got = append(got, fmt.Sprint(v))
				case IsNotice(err):
					got = append(got, "!"+err.Error())
				default:
					got = append(got, fmt.Sprintf("end(%v)", err))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q:\n got %v\nwant %v", script, got, want)
			}
		}
	})
}

// Operators of the zero Stream end at once, and cleanly.
func TestContractZero(t *testing.T) {
	for name, operator := range contract {
		for kind, s := range map[string]Stream[any]{
			"zero":    operator(Stream[string]{}),
			"grouped": Merge(operator(Empty[string]())),
		} {
			got := play(t, t.Context(), s, 0, nil)
			if name == "StartWith" && slices.Equal(got, []string{"0", "1", "end(<nil>)"}) {
				continue
			}
			if !slices.Equal(got, []string{"end(<nil>)"}) {
				t.Errorf("%s, %s: %v", name, kind, got)
			}
		}
	}
}

// Operators that only transform keep a stream attachable.
func TestContractAttachable(t *testing.T) {
	for name, operator := range contract {
		var open atomic.Int32
		s := operator(sources["attached"](alphabet, &open))
		if s.open == nil {
			t.Errorf("%s has to be run", name)
		}
	}
}

// An end that is told although ctx has ended does not make a sink believe it.
func TestContractLateEnd(t *testing.T) {
	for _, end := range []error{nil, errSource} {
		ctx, cancel := context.WithCancel(t.Context())
		s := Stream[int]{run: func(_ context.Context, out observer[int]) {
			cancel()
			out.end(end)
		}}
		if err := s.Drain(ctx); err != context.Canceled {
			t.Errorf("end(%v): %v", end, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		for _, err := range s.All(ctx) {
			t.Errorf("end(%v): a step with %v", end, err)
		}
		cancel()
	}
}

// What comes while an inner stream has its turn waits for its own, be it a
// value, a notice or the end.
func TestFlatMapKeepsTheOrderOfABatch(t *testing.T) {
	twice := func(v string) Stream[any] { return anyOf(From(v, v+v)) }
	for _, script := range []string{"ab", "a!bb!c#", "!a#", "ab!#", "a!!#"} {
		var open atomic.Int32
		one := scripted(script, &open)
		batch := Stream[string]{open: func(ctx context.Context, out observer[string]) pump {
			p := &stepPump{f: func() { one.run(ctx, out) }}
			p.ring.init()
			return p
		}}
		want := play(t, t.Context(), FlatMap(one, twice), 0, nil)
		s := Merge(FlatMap(batch, twice))
		if got := play(t, t.Context(), s, 0, nil); !slices.Equal(got, want) {
			t.Errorf("%q:\n got %v\nwant %v", script, got, want)
		}
		for at := 1; at < len(want); at++ {
			if got := play(t, t.Context(), s, at, nil); !slices.Equal(got, want[:at]) {
				t.Errorf("%q, refused at %d: %v", script, at, got)
			}
			ctx, cancel := context.WithCancel(t.Context())
			got := play(t, ctx, s, 0, func(step int) {
				if step == at {
					cancel()
				}
			})
			if !slices.Equal(got, want[:at]) {
				t.Errorf("%q, ctx ended at %d: %v", script, at, got)
			}
			cancel()
		}
		released(t, &open)
	}
}
