package rx_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

// played writes down the steps of s.
func played[T any](ctx context.Context, s stream.Stream[T]) string {
	var all []string
	for v, err := range s.All(ctx) {
		var mistyped *rx.TypeError
		switch {
		case stream.IsNotice(err):
			all = append(all, "!")
		case errors.As(err, &mistyped):
			all = append(all, mistyped.Error())
		case err != nil:
			all = append(all, "#")
		default:
			all = append(all, fmt.Sprint(v))
		}
	}
	return strings.Join(append(all, "|"), " ")
}

func TestStreamCarriesTheItems(t *testing.T) {
	of := func(all ...any) rxgo.Observable {
		return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
			for _, v := range all {
				if err, failed := v.(error); failed {
					rxgo.Error(err).SendContext(ctx, next)
				} else {
					rxgo.Of(v).SendContext(ctx, next)
				}
			}
		}})
	}
	lag := &stream.LagError{Dropped: 1}
	gap := &stream.GapError{}
	for name, test := range map[string]struct {
		s    stream.Stream[int]
		want string
	}{
		"values":            {rx.Stream[int](of(1, 2, 3)), "1 2 3 |"},
		"empty":             {rx.Stream[int](of()), "|"},
		"error first":       {rx.Stream[int](of(errSource)), "# |"},
		"error is the end":  {rx.Stream[int](of(1, errSource, 2)), "1 # |"},
		"notices go on":     {rx.Stream[int](of(1, lag, 2, gap, 3)), "1 ! 2 ! 3 |"},
		"another type":      {rx.Stream[int](of(1, "two", 3)), "1 rx: the observable has emitted a string, not a int |"},
		"nil":               {rx.Stream[int](of(nil)), "rx: the observable has emitted a <nil>, not a int |"},
		"no observable":     {rx.Stream[int](nil), "# |"},
		"options":           {rx.Stream[int](of(1, errSource, 2).Map(identity), rxgo.WithBufferedChannel(9)), "1 # |"},
		"Just":              {rx.Stream[int](rxgo.Just(1, 2)()), "1 2 |"},
		"hot":               {rx.HotStream[int](of(1, lag, 2)), "1 ! 2 |"},
		"hot, error":        {rx.HotStream[int](of(1, errSource, 2)), "1 # |"},
		"hot, another type": {rx.HotStream[int](of(1, "two")), "1 rx: the observable has emitted a string, not a int |"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			for range 2 {
				if got := played(t.Context(), test.s); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
		})
	}
	if got := played(t.Context(), rx.Stream[error](of(nil))); got != "<nil> |" {
		t.Errorf("nil, for an interface: %s", got)
	}
	if got := played(t.Context(), rx.Stream[fmt.Stringer](of(time.Second))); got != "1s |" {
		t.Errorf("a value that has the interface: %s", got)
	}
}

func identity(_ context.Context, v any) (any, error) { return v, nil }

func TestThereAndBack(t *testing.T) {
	defer goleak.VerifyNone(t)
	lag := &stream.LagError{Dropped: 1}
	for _, all := range [][]any{{}, {1, 2, 3}, {errSource}, {1, errSource}, {lag}, {1, lag, 2, lag, errSource}} {
		s := steps(all...)
		back := rx.Stream[any](rx.Observable(s, rx.WithNotices()))
		if got, want := played(t.Context(), back), played(t.Context(), s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const n = 20_000
	var l live
	all, err := rx.Stream[int](rx.Observable(l.stream().Take(n)).Map(identity)).Collect(t.Context())
	if err != nil || len(all) != n || !slices.IsSorted(all) {
		t.Errorf("%d values, error %v", len(all), err)
	}
}

// However a loop ends, nothing is left behind, also of the operators between.
func TestLoopsLeaveNothing(t *testing.T) {
	type anys = stream.Stream[any]
	ways := map[string]func(open func() anys){
		"break": func(open func() anys) {
			for range open().All(context.Background()) {
				break
			}
		},
		"cancel": func(open func() anys) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for range open().All(ctx) {
				cancel()
			}
		},
		"panic": func(open func() anys) {
			defer func() {
				if r := recover(); r != errSource {
					panic(r)
				}
			}()
			for range open().All(context.Background()) {
				panic(errSource)
			}
		},
		"Take": func(open func() anys) {
			for _, err := range open().Take(1).All(context.Background()) {
				if err != nil {
					panic(err)
				}
			}
		},
		"Merge": func(open func() anys) {
			for range stream.Merge(open(), open()).All(context.Background()) {
				break
			}
		},
	}
	again := maps.Clone(ways) // for what can be observed again, too
	again["Merge with itself"] = func(open func() anys) {
		s := open()
		for range stream.Merge(s, s).All(context.Background()) {
			break
		}
	}
	for chain, test := range map[string]struct {
		through func(o rxgo.Observable) rxgo.Observable
		ways    map[string]func(open func() anys)
	}{
		"none":   {func(o rxgo.Observable) rxgo.Observable { return o }, again},
		"Map":    {func(o rxgo.Observable) rxgo.Observable { return o.Map(identity).Map(identity).Map(identity) }, again},
		"Take":   {func(o rxgo.Observable) rxgo.Observable { return o.Map(identity).Take(10) }, again},
		"pool":   {func(o rxgo.Observable) rxgo.Observable { return o.Map(identity, rxgo.WithPool(3)) }, again},
		"Buffer": {func(o rxgo.Observable) rxgo.Observable { return o.BufferWithCount(2) }, again},
		"own context": {func(o rxgo.Observable) rxgo.Observable {
			return o.Map(identity, rxgo.WithContext(context.Background()))
		}, again},
		"BufferWithTime": {func(o rxgo.Observable) rxgo.Observable {
			return o.BufferWithTime(rxgo.WithDuration(time.Millisecond))
		}, ways},
		"FlatMap": {func(o rxgo.Observable) rxgo.Observable {
			return o.FlatMap(func(it rxgo.Item) rxgo.Observable { return rx.Observable(stream.From(it.V)) })
		}, ways},
	} {
		for name, leave := range test.ways {
			t.Run(chain+"/"+name, func(t *testing.T) {
				defer goleak.VerifyNone(t)
				var l live
				for range 10 {
					leave(func() anys { return rx.Stream[any](test.through(rx.Observable(l.stream()))) })
				}
			})
		}
	}
}

// When a loop over an observable of this package has returned, the stream
// behind it has been released.
func TestLoopWaitsForTheSource(t *testing.T) {
	for range 100 {
		var l live
		for range rx.Stream[int](rx.Observable(l.stream())).All(t.Context()) {
			break
		}
		if l.now.Load() != 0 {
			t.Fatal("the source is still being consumed")
		}
	}
}

// A source that has nothing at the moment is left, too.
func TestLoopLeavesAQuietSource(t *testing.T) {
	defer goleak.VerifyNone(t)
	quiet := stream.Never[int]().StartWith(1)
	for _, o := range []rxgo.Observable{rx.Observable(quiet), rx.Observable(quiet).Map(identity)} {
		if v, err := rx.Stream[int](o).First(t.Context()); v != 1 || err != nil {
			t.Errorf("got %d, error %v", v, err)
		}
	}
}

// An end that the observable does not know of has to reach it, and the consumer
// even where it does not.
func TestEndsOfTheBridgeItself(t *testing.T) {
	defer goleak.VerifyNone(t)
	var l live
	var mistyped *rx.TypeError
	if _, err := rx.Stream[string](rx.Observable(l.stream())).First(t.Context()); !errors.As(err, &mistyped) {
		t.Errorf("error %v", err)
	}
	if n := l.now.Load(); n != 0 {
		t.Errorf("%d consumptions of the source go on", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hot := rx.HotStream[string](rxgo.Interval(rxgo.WithDuration(time.Millisecond), rxgo.WithContext(ctx)))
	if _, err := hot.First(t.Context()); !errors.As(err, &mistyped) {
		t.Errorf("hot: error %v", err)
	}
}

func TestStreamByManyAtATime(t *testing.T) {
	var l live
	s := rx.Stream[int](rx.Observable(l.stream()).Map(identity).Filter(func(v any) bool { return v.(int)%2 == 0 }))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, err := s.Take(500).Collect(t.Context())
			if err != nil || len(got) != 500 || got[499] != 998 {
				t.Errorf("%d values, error %v", len(got), err)
			}
		})
	}
	all.Wait()
}

// A stream does not run ahead of its consumer by more than it says.
func TestStreamPushesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l live
		for range rx.Stream[int](rx.Observable(l.stream(), rx.WithBufferedChannel(8))).All(t.Context()) {
			synctest.Wait()
			// What the loop has taken, what waits for it, the channel, and one in
			// each of two hands.
			if got := int(l.sent.Load()); got > 64+stream.MergeAhead+8+2 {
				t.Errorf("the source has sent %d", got)
			}
			break
		}
	})
}

// A loop over an observable that goes on without its observer is left at once,
// and does not stop the others.
func TestHotStreamIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := make(chan rxgo.Item)
		o := rxgo.FromEventSource(source)
		other := o.Observe(rxgo.WithBufferedChannel(100))
		go func() {
			defer close(source)
			for i := range 100 {
				<-time.After(time.Second)
				source <- rxgo.Of(i)
			}
		}()
		for v, err := range rx.HotStream[int](o).All(t.Context()) {
			if v == 9 || err != nil {
				break
			}
		}
		if stopped := time.Now(); len(other) != 10 {
			t.Errorf("the other observer has %d items at %v", len(other), stopped)
		}
		n := 0
		for range other {
			n++
		}
		if n != 100 {
			t.Errorf("the other observer got %d of 100", n)
		}
	})
}

// Operators that observe at once end with the context they are given, and take
// nothing with them that a loop has left.
func TestHotStreamOfEagerOperators(t *testing.T) {
	for name, o := range map[string]func(live rxgo.Observable, ctx rxgo.Option) rxgo.Observable{
		"Merge": func(live rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return rxgo.Merge([]rxgo.Observable{live, live}, ctx)
		},
		"Retry": func(live rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return live.Retry(1, func(error) bool { return true }, ctx)
		},
		"eager": func(live rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return live.Map(identity, ctx, rxgo.WithObservationStrategy(rxgo.Eager))
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var l live
			for range rx.HotStream[int](o(rx.Observable(l.stream()), rxgo.WithContext(ctx))).All(t.Context()) {
				break
			}
		})
	}
}
