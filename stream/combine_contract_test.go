package stream

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/internal/testgoroutines"
)

func init() {
	join := func(a, b string) string { return a + b }
	many := From(make([]string, 40)...)
	maps.Copy(contract, map[string]func(s Stream[string]) Stream[any]{
		"Merge":                 func(s Stream[string]) Stream[any] { return anyOf(Merge(s, Empty[string]())) },
		"Merge beside another":  func(s Stream[string]) Stream[any] { return anyOf(Merge(Empty[string](), Merge(s))) },
		"Concat":                func(s Stream[string]) Stream[any] { return anyOf(Concat(Empty[string](), s)) },
		"Concat before another": func(s Stream[string]) Stream[any] { return anyOf(Concat(s, Empty[string]())) },
		"MergeMany":             func(s Stream[string]) Stream[any] { return anyOf(MergeMany(From(s, Empty[string]()), 0)) },
		"MergeMany, one by one": func(s Stream[string]) Stream[any] {
			return anyOf(MergeMany(From(Empty[string](), s, Empty[string]()), 1))
		},
		"MergeMany, outer": func(s Stream[string]) Stream[any] {
			return anyOf(MergeMany(Map(s, func(v string) Stream[string] { return From(v) }), 1))
		},
		"Switch":          func(s Stream[string]) Stream[any] { return anyOf(Switch(From(Never[string](), s))) },
		"TakeUntil never": func(s Stream[string]) Stream[any] { return anyOf(TakeUntil(s, Never[int]())) },
		"CombineLatest":   func(s Stream[string]) Stream[any] { return anyOf(CombineLatest(From("x"), s, join)) },
		"CombineAll":      func(s Stream[string]) Stream[any] { return anyOf(CombineAll(s)) },
		"CombineAll of two": func(s Stream[string]) Stream[any] {
			return anyOf(CombineAll(From("x"), s))
		},
		"WithLatestFrom": func(s Stream[string]) Stream[any] { return anyOf(WithLatestFrom(s, From("x"), join)) },
		"Zip":            func(s Stream[string]) Stream[any] { return anyOf(Zip(s, many, join)) },
		"Zip, right":     func(s Stream[string]) Stream[any] { return anyOf(Zip(many, s, join)) },
		"Race":           func(s Stream[string]) Stream[any] { return anyOf(Race(s, Never[string]())) },
		"Race, second":   func(s Stream[string]) Stream[any] { return anyOf(Race(Never[string](), s)) },
		"nested": func(s Stream[string]) Stream[any] {
			return anyOf(Merge(Concat(Switch(From(MergeMany(From(Merge(Race(s))), 2))))))
		},
	})
}

// combiners are operators of two streams, of which either side may be the one
// that matters.
var combiners = map[string]func(a, b Stream[string]) Stream[any]{
	"Merge":     func(a, b Stream[string]) Stream[any] { return anyOf(Merge(a, b)) },
	"Concat":    func(a, b Stream[string]) Stream[any] { return anyOf(Concat(a, b)) },
	"MergeMany": func(a, b Stream[string]) Stream[any] { return anyOf(MergeMany(From(a, b), 0)) },
	"CombineLatest": func(a, b Stream[string]) Stream[any] {
		return anyOf(CombineLatest(a, b, func(a, b string) string { return a + b }))
	},
	"CombineAll": func(a, b Stream[string]) Stream[any] { return anyOf(CombineAll(a, b)) },
	"WithLatestFrom": func(a, b Stream[string]) Stream[any] {
		return anyOf(WithLatestFrom(a, b, func(a, b string) string { return a + b }))
	},
	"TakeUntil": func(a, b Stream[string]) Stream[any] { return anyOf(TakeUntil(a, b)) },
	"Switch": func(a, b Stream[string]) Stream[any] {
		return anyOf(Switch(Map(a, func(string) Stream[string] { return b })))
	},
	"Zip": func(a, b Stream[string]) Stream[any] {
		return anyOf(Zip(a, b, func(a, b string) string { return a + b }))
	},
	"Race": func(a, b Stream[string]) Stream[any] { return anyOf(Race(a, b)) },
}

// Whatever the two sides do, and wherever the consumer leaves, both sides are
// released.
func TestCombinersRelease(t *testing.T) {
	scripts := []string{"", "a", "#", "!", "~", "a~", "ab#", "ab!c", alphabet + "~"}
	for name, combine := range combiners {
		for kindA, sourceA := range sources {
			for kindB, sourceB := range sources {
				t.Run(name+"/"+kindA+"/"+kindB, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						for _, a := range scripts {
							for _, b := range scripts {
								leaveEverywhere(t, func(open *atomic.Int32) Stream[any] {
									return combine(sourceA(a, open), sourceB(b, open))
								})
							}
						}
					})
				})
			}
		}
	}
}

// leaveEverywhere leaves a stream at each of its first steps, in each way.
func leaveEverywhere(t *testing.T, build func(open *atomic.Int32) Stream[any]) {
	t.Helper()
	for at := 1; at <= 3; at++ {
		var open atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		play(t, ctx, build(&open), at, nil)
		released(t, &open)
		play(t, ctx, build(&open), 0, func(step int) {
			if step == at {
				cancel()
			}
		})
		released(t, &open)
		cancel()

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		func() {
			defer func() {
				if p := recover(); p != nil && p != errLoop {
					t.Errorf("the panic became %v", p)
				}
			}()
			play(t, ctx, build(&open), 0, func(step int) {
				if step == at {
					panic(errLoop)
				}
			})
		}()
		released(t, &open)
		cancel()
	}
}

// A side that panics when it is opened releases the other, and the panic
// reaches the consumer.
func TestCombinersPanicOfSource(t *testing.T) {
	bad := map[string]Stream[string]{
		"opened": {open: func(context.Context, observer[string]) pump { panic(errSource) }},
		"run":    {run: func(context.Context, observer[string]) { panic(errSource) }},
	}
	for name, combine := range combiners {
		for how, panics := range bad {
			for kind, source := range sources {
				t.Run(name+"/"+how+"/"+kind, func(t *testing.T) {
					var open atomic.Int32
					waits := source("~", &open)
					if name == "Concat" || name == "Switch" {
						waits = source("a", &open) // has to give way
					}
					for _, s := range []Stream[any]{combine(waits, panics), combine(panics, waits)} {
						func() {
							defer func() {
								err, _ := recover().(error)
								if !errors.Is(err, errSource) {
									t.Errorf("the panic became %v", err)
								}
							}()
							play(t, t.Context(), s, 0, nil)
						}()
						released(t, &open)
					}
				})
			}
		}
	}
}

// Over subscriptions no combination starts a goroutine, however deep it goes.
func TestCombinersNeedNoGoroutine(t *testing.T) {
	var open atomic.Int32
	attached := func(script string) Stream[string] { return sources["attached"](script, &open) }
	join := func(a, b string) string { return a + b }
	two := make([]Stream[string], 1000)
	for i := range two {
		two[i] = attached("ab~").Filter(func(string) bool { return true })
	}
	for name, s := range map[string]Stream[any]{
		"Merge of 1,000":     anyOf(Merge(two...)),
		"MergeMany of 1,000": anyOf(MergeMany(From(two...), 0)),
		"Merge of Merge":     anyOf(Merge(Merge(two...), Merge(two...), attached("a~"))),
		"Switch in Merge":    anyOf(Merge(Switch(From(attached("a~"))), attached("a~"))),
		"all of them": anyOf(Race(Concat(Zip(TakeUntil(attached("abc~"), attached("~")),
			CombineLatest(attached("ab~"), WithLatestFrom(attached("ab~"), attached("a~"), join), join), join)), attached("~"))),
		"CombineAll": anyOf(CombineAll(two...)),
	} {
		t.Run(name, func(t *testing.T) {
			before := testgoroutines.Count()
			seen := 0
			for range s.All(t.Context()) {
				if now := testgoroutines.Count(); now > before {
					t.Fatalf("%d goroutines more", now-before)
				}
				if seen++; seen == 2 {
					break
				}
			}
			released(t, &open)
		})
	}
}

// A source that always has more does not starve the others: each has its turn
// after one batch.
func TestCombinersAreFair(t *testing.T) {
	flood := Stream[int]{open: func(ctx context.Context, out observer[int]) pump {
		p := &flooding{out: out}
		p.ring.init()
		return p
	}}
	for name, s := range map[string]Stream[int]{
		"Merge":     Merge(flood, From(1), flood),
		"nested":    Merge(Merge(flood, flood, Merge(flood)), From(1)),
		"MergeMany": MergeMany(From(flood, From(1)), 2),
		"TakeUntil": Concat(TakeUntil(flood, Merge(flood, From(1)).Filter(func(n int) bool { return n > 0 })), From(1)),
		"Switch":    Switch(Map(From(0, 0, 1), func(n int) Stream[int] { return From(n) })),
		"Zip":       Zip(flood, Merge(flood, From(1)), func(_, n int) int { return n }),
		"latest":    WithLatestFrom(flood, Merge(flood, From(1)), func(_, n int) int { return n }),
		"CombineLatest": CombineLatest(flood, Merge(flood, From(1)), func(_, n int) int {
			return n
		}),
	} {
		zeros := 0
		for n, err := range s.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				break
			}
			if zeros++; zeros > 20*batchEvents {
				t.Errorf("%s: %d values of the busy source, and none of the other", name, zeros)
				break
			}
		}
	}
}

// flooding has a batch of zeros at any time.
type flooding struct {
	out  observer[int]
	ring bell
}

func (p *flooding) bell() *bell { return &p.ring }
func (p *flooding) subscribe()  {}
func (p *flooding) close()      {}
func (p *flooding) step() state {
	for range batchEvents {
		if !p.out.next(0) {
			return ended
		}
	}
	return got
}

// A subscription that is consumed twice refuses the second, which must not
// take the first one's bell away.
func TestMergeRefusesASecondConsumer(t *testing.T) {
	q := NewQueue(Config{}, Hooks[string]{})
	sub := Direct(q)
	s := FromSubscription(func() *Subscription[string] { return sub })
	first := Merge(s, From("go"))
	var seen []string
	for v, err := range first.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if v == "go" {
			for _, err := range Merge(s).All(t.Context()) {
				if !errors.Is(err, ErrInUse) {
					t.Errorf("the second got %v", err)
				}
			}
			go func() {
				q.Push([]string{"late"})
				q.CloseWith(nil)
			}()
		}
		seen = append(seen, v)
	}
	if !slices.Equal(seen, []string{"go", "late"}) {
		t.Errorf("the first got %v", seen)
	}
}
