package rx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/stream"
	"github.com/rivet-go/rivet/stream/rx"
)

var errSource = errors.New("the source has failed")

// steps is a stream of what is given: errors are errors, anything else values.
func steps(all ...any) stream.Stream[any] {
	return stream.FromSeq2(func(yield func(any, error) bool) {
		for _, s := range all {
			err, _ := s.(error)
			if !yield(s, err) {
				return
			}
		}
	})
}

// live is a stream of 0, 1, 2 … that always has more, and which counts those
// who consume it.
type live struct {
	consumed atomic.Int32 // how often it was
	now      atomic.Int32 // by how many it is
	sent     atomic.Int64
}

func (l *live) stream() stream.Stream[int] {
	return stream.FromSeq(func(yield func(int) bool) {
		l.consumed.Add(1)
		l.now.Add(1)
		defer l.now.Add(-1)
		for i := 0; yield(i); i++ {
			l.sent.Add(1)
		}
	})
}

// items writes down what o emits, until it completes.
func items(o rxgo.Observable, opts ...rxgo.Option) string {
	var all []string
	for it := range o.Observe(opts...) {
		switch {
		case stream.IsNotice(it.E):
			all = append(all, "!")
		case it.E != nil:
			all = append(all, "#")
		default:
			all = append(all, fmt.Sprint(it.V))
		}
	}
	return strings.Join(append(all, "|"), " ")
}

func TestObservableCarriesTheSteps(t *testing.T) {
	lag := &stream.LagError{Dropped: 1}
	for name, test := range map[string]struct {
		s    stream.Stream[any]
		opts []rx.Option
		want string
	}{
		"values":            {steps(1, 2, 3), nil, "1 2 3 |"},
		"empty":             {steps(), nil, "|"},
		"the zero Stream":   {stream.Stream[any]{}, nil, "|"},
		"error first":       {steps(errSource), nil, "# |"},
		"error later":       {steps(1, errSource), nil, "1 # |"},
		"nil is a value":    {steps(nil), nil, "<nil> |"},
		"notices skipped":   {steps(1, lag, 2), nil, "1 2 |"},
		"notices carried":   {steps(1, lag, 2, errSource), []rx.Option{rx.WithNotices()}, "1 ! 2 # |"},
		"without a buffer":  {steps(1, 2, errSource), []rx.Option{rx.WithBufferedChannel(0)}, "1 2 # |"},
		"a nil option":      {steps(1), []rx.Option{nil}, "1 |"},
		"an ended context":  {steps(1), []rx.Option{rx.WithContext(ended())}, "|"},
		"negative buffer":   {steps(1), []rx.Option{rx.WithBufferedChannel(-1)}, "# |"},
		"no context":        {steps(1), []rx.Option{rx.WithContext(nil)}, "# |"}, //lint:ignore SA1012 on purpose
		"unknown strategy":  {steps(1), []rx.Option{rx.WithBackPressureStrategy(7)}, "# |"},
		"dropping, no need": {steps(1, 2), []rx.Option{rx.WithBackPressureStrategy(rxgo.Drop)}, "1 2 |"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			o := rx.Observable(test.s, test.opts...)
			for range 2 { // each Observe anew
				if got := items(o); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
		})
	}
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestObservableNamesBadOptions(t *testing.T) {
	_, err := rx.Observable(steps(1), rx.WithBufferedChannel(-1)).ToSlice(0)
	var bad *stream.OptionError
	if !errors.As(err, &bad) || bad.Option != "WithBufferedChannel" {
		t.Errorf("error %v", err)
	}
}

func TestObservableThroughOperators(t *testing.T) {
	double := func(_ context.Context, v any) (any, error) { return 2 * v.(int), nil }
	sum := func(_ context.Context, a, v any) (any, error) {
		if a == nil {
			return v, nil
		}
		return a.(int) + v.(int), nil
	}
	it, err := rx.Observable(stream.From(1, 2, 3)).Map(double).Reduce(sum).Get()
	if err != nil || it.E != nil || it.V != 12 {
		t.Errorf("item %v, error %v", it, err)
	}
	it, _ = rx.Observable(steps(1, errSource)).Map(double).Reduce(sum).Get()
	if it.E != errSource {
		t.Errorf("item %v", it)
	}
}

func TestObserversHaveTheirOwnConsumption(t *testing.T) {
	defer goleak.VerifyNone(t)
	const observers, n = 8, 1000
	var l live
	o := rx.Observable(l.stream().Take(n)).Map(func(_ context.Context, v any) (any, error) { return v, nil })
	var all sync.WaitGroup
	for range observers {
		all.Go(func() {
			next := 0
			for it := range o.Observe() {
				if it.V != next {
					t.Errorf("got %v, want %d", it.V, next)
				}
				next++
			}
			if next != n {
				t.Errorf("got %d values, want %d", next, n)
			}
		})
	}
	all.Wait()
	if got := l.consumed.Load(); got != observers {
		t.Errorf("consumed %d times, want %d", got, observers)
	}
}

// Nothing may be left of an observer that has stopped receiving, once its
// context has ended, whatever is between it and the stream.
func TestNothingIsLeftAfterTheContext(t *testing.T) {
	pass := func(_ context.Context, v any) (any, error) { return v, nil }
	for name, chain := range map[string]func(o rxgo.Observable, ctx rxgo.Option) rxgo.Observable{
		"none":  func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o },
		"Map":   func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o.Map(pass) },
		"Take":  func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o.Take(1) },
		"chain": func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o.Map(pass).Map(pass).Take(1).Map(pass) },
		"pool":  func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o.Map(pass, rxgo.WithPool(4)) },
		"a context for each": func(o rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return o.Map(pass, ctx).Map(pass, ctx).Take(1, ctx)
		},
		"BufferWithTime": func(o rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return o.BufferWithTime(rxgo.WithDuration(time.Millisecond), ctx)
		},
		"BufferWithCount": func(o rxgo.Observable, _ rxgo.Option) rxgo.Observable { return o.BufferWithCount(3) },
		"FlatMap": func(o rxgo.Observable, ctx rxgo.Option) rxgo.Observable {
			return o.FlatMap(func(it rxgo.Item) rxgo.Observable { return rx.Observable(stream.From(it.V)) }, ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			var l live
			for range 20 {
				ctx, cancel := context.WithCancel(context.Background())
				with := rxgo.WithContext(ctx)
				first, open := <-chain(rx.Observable(l.stream()), with).Observe(with)
				if !open || first.E != nil {
					t.Errorf("got %v, open %t", first, open)
				}
				cancel()
			}
		})
	}
}

// What the package documentation says of completed streams: a context for each
// operator leaves nothing while that context goes on.
func TestNothingIsLeftAfterTheEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	with := rxgo.WithContext(t.Context())
	pass := func(_ context.Context, v any) (any, error) { return v, nil }
	for range 20 {
		if got := items(rx.Observable(steps(1, 2), rx.WithContext(t.Context())).Map(pass, with).Map(pass, with), with); got != "1 2 |" {
			t.Errorf("got %s", got)
		}
	}
}

func TestForEach(t *testing.T) {
	for name, test := range map[string]struct {
		s    stream.Stream[any]
		want string
	}{
		"completed": {steps(1, 2), "1 2 completed"},
		"failed":    {steps(1, errSource), "1 the source has failed completed"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			var all []string
			<-rx.Observable(test.s).ForEach(
				func(v any) { all = append(all, fmt.Sprint(v)) },
				func(err error) { all = append(all, err.Error()) },
				func() { all = append(all, "completed") })
			if got := strings.Join(all, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		var l live
		ctx, cancel := context.WithCancel(t.Context())
		<-rx.Observable(l.stream()).Take(1000).ForEach(
			func(v any) {
				if v == 100 {
					cancel()
				}
			}, func(err error) { t.Error(err) }, func() {}, rxgo.WithContext(ctx))
	})
}

func TestWithContextEndsEveryObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l live
		ctx, cancel := context.WithCancel(t.Context())
		o := rx.Observable(l.stream(), rx.WithContext(ctx))
		left, other := o.Observe(), o.Observe(rxgo.WithContext(t.Context()))
		<-left
		<-other
		cancel()
		for range other { // one that receives sees the end
		}
		synctest.Wait()
		if n := l.now.Load(); n != 0 { // and one that does not is released
			t.Errorf("%d consumptions go on", n)
		}
	})
}

func TestBackPressure(t *testing.T) {
	fail := func(v int) (int, error) {
		if v == 9 {
			return 0, errSource
		}
		return v, nil
	}
	drop := rx.WithBackPressureStrategy(rxgo.Drop)
	for name, test := range map[string]struct {
		opts []rx.Option
		sent int64 // until everything waits
		want string
	}{
		"Block":      {nil, 4, "0 1 2 3 4 5 6 7 8 # |"},
		"Drop":       {[]rx.Option{drop}, 9, "0 1 2 3 # |"},
		"Drop, told": {[]rx.Option{drop, rx.WithNotices()}, 9, "0 1 2 3 ! # |"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l live
				waiting := rx.Observable(stream.TryMap(l.stream(), fail), append(test.opts, rx.WithBufferedChannel(4))...).Observe()
				synctest.Wait()
				if got := l.sent.Load(); got != test.sent {
					t.Errorf("the source has sent %d, want %d", got, test.sent)
				}
				if got := items(rxgo.FromChannel(waiting)); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}

// Every value is either there or in a LagError that stands in its place.
func TestDropCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frame = 10 * time.Millisecond
		o := rx.Observable(stream.Interval(frame).Take(100),
			rx.WithBackPressureStrategy(rxgo.Drop), rx.WithNotices(), rx.WithBufferedChannel(5))
		next, losses := 0, 0
		for it := range o.Observe() {
			var lag *stream.LagError
			switch {
			case errors.As(it.E, &lag):
				next += int(lag.Dropped)
				losses++
			case it.V != next:
				t.Fatalf("got %v, want %d", it.V, next)
			default:
				next++
			}
			<-time.After(7*frame + frame/2)
		}
		if next != 100 || losses < 5 {
			t.Errorf("%d values and losses, %d of these", next, losses)
		}
	})
}

// The traps that the package documentation names, as far as they show without
// a crash: with another RxGo the words may have to change.
func TestTakeWaitsForOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		items(rx.Observable(stream.Interval(time.Second).Take(3)).Take(2))
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Take(2) took %v", took)
		}
	})
}
