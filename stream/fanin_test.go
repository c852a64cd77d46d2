package stream_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

var errSource = errors.New("the source has failed")

// A source may come, end and go at any time; the others do not notice.
func TestFanInInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := stream.NewFanIn[string]()
		defer f.Close()
		add := func(marbles string) func() { return f.Add(subscribe(marbles), nil) }
		add("a . . b . . . |")
		remove := add(". c . . . d e f |")
		go func() {
			<-time.After(2*frame + frame/2)
			add(". . x #") // x at 45 ms
			<-time.After(3 * frame)
			remove()
			remove()
			<-time.After(3 * frame)
			if n := f.Len(); n != 0 {
				t.Errorf("%d sources are left", n)
			}
			<-time.After(frame)
			f.Close()
		}()
		check(t, f.Stream(), 20, "a c . b x(+5ms) d!(+5ms) . . . |(+5ms)")
		check(t, f.Stream(), 20, "|") // closed for good
	})
}

// subscribe returns a subscription to marbles.
func subscribe(marbles string) *stream.Subscription[string] {
	q := stream.NewQueue(stream.Config{}, stream.Hooks[string]{})
	go func() {
		for v, err := range hot(marbles).All(context.Background()) {
			if err != nil {
				q.Notice(err) // or the end
				continue
			}
			q.Push([]string{v})
		}
		q.CloseWith(nil)
	}()
	return stream.Direct(q)
}

// A loop that is left leaves the sources with what waits in them.
func TestFanInGoesOnWithTheNextLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := stream.NewFanIn[int]()
		defer f.Close()
		feeds := []*queueFeed[int]{newFeed[int](t), newFeed[int](t)}
		for i, feed := range feeds {
			f.Add(feed.sub, nil)
			for n := range 100 {
				feed.q.Push([]int{1000*i + n})
			}
		}
		seen := []int{0, 0}
		note := func(v int) {
			if v%1000 != seen[v/1000] {
				t.Fatalf("%d came after %v", v, seen)
			}
			seen[v/1000]++
		}
		leave := []func(){
			func() { // in the middle of a batch
				for v := range f.All(t.Context()) {
					if note(v); seen[0]+seen[1] == 70 {
						break
					}
				}
			},
			func() { // by its context
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for v := range f.All(ctx) {
					if note(v); seen[0]+seen[1] == 75 {
						cancel()
					}
				}
			},
			func() { // by a panic
				defer func() { _ = recover() }()
				for v := range f.All(t.Context()) {
					note(v)
					panic("no")
				}
			},
			func() { // merged, and waiting
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				for v := range stream.Merge(f.Stream()).All(ctx) {
					note(v)
				}
			},
		}
		for _, loop := range leave {
			loop()
		}
		if seen[0] != 100 || seen[1] != 100 {
			t.Errorf("came: %v", seen)
		}
		go func() {
			<-time.After(time.Second)
			feeds[1].q.Push([]int{1100})
		}()
		for v := range f.All(t.Context()) {
			note(v)
			break
		}
		if f.Len() != 2 || feeds[0].sub.Err() != nil {
			t.Error("a source was closed")
		}
		f.Close()
		for _, feed := range feeds {
			if st := feed.sub.Stats(); !errors.Is(feed.sub.Err(), stream.ErrClosed) || st.Received != st.Delivered+st.Dropped {
				t.Errorf("after Close: %v, %+v", feed.sub.Err(), st)
			}
		}
	})
}

func TestFanInTellsOfEnds(t *testing.T) {
	other := errors.New("enough")
	for name, test := range map[string]struct {
		end   error
		ended func(error) error
		want  string // notice, last, none
	}{
		"error":          {errSource, nil, "notice"},
		"clean":          {nil, nil, "none"},
		"own notice":     {errSource, func(err error) error { return &stream.DecodeError{Err: err} }, "notice"},
		"told of clean":  {nil, func(err error) error { return &stream.SourceError{Err: errSource} }, "notice"},
		"kept quiet":     {errSource, func(error) error { return nil }, "none"},
		"ends it all":    {errSource, func(err error) error { return errors.Join(err, other) }, "last"},
		"no notice kept": {errSource, func(err error) error { return err }, "last"},
	} {
		t.Run(name, func(t *testing.T) {
			f := stream.NewFanIn[int]()
			defer f.Close()
			feed, late := newFeed[int](t), newFeed[int](t)
			feed.q.Push([]int{1, 2})
			feed.q.CloseWith(test.end)
			f.Add(feed.sub, test.ended)
			got, vals := "none", 0
			for v, err := range f.All(t.Context()) {
				if err == nil {
					vals += v
					switch v {
					case 2:
						f.Add(late.sub, nil)
						late.q.Push([]int{3})
					case 3: // behind the end
						late.q.Push([]int{4})
					}
					if v == 4 {
						break
					}
					continue
				}
				if !errors.Is(err, errSource) {
					t.Errorf("got %v", err)
				}
				if got = "last"; stream.IsNotice(err) {
					got = "notice"
				}
			}
			if got != test.want || got != "last" && vals != 10 || vals < 3 {
				t.Errorf("%s, and values up to %d; want %s", got, vals, test.want)
			}
			if n := f.Len(); got != "last" && n != 1 {
				t.Errorf("%d sources are left", n)
			}
		})
	}
}

func TestFanInHasOneConsumer(t *testing.T) {
	f := stream.NewFanIn[int]()
	feed := newFeed[int](t)
	feed.q.Push([]int{1})
	f.Add(feed.sub, nil)
	f.Add(feed.sub, func(err error) error { // has a consumer: f
		if err != stream.ErrInUse {
			t.Errorf("a source that is taken ended with %v", err)
		}
		return nil
	})
	for range f.All(t.Context()) {
		for _, s := range []stream.Stream[int]{f.Stream(), stream.Merge(f.Stream())} {
			n := 0
			for _, err := range s.All(t.Context()) {
				if n++; err != stream.ErrInUse {
					t.Errorf("a second consumer got %v", err)
				}
			}
			if n != 1 {
				t.Errorf("a second consumer got %d steps", n)
			}
		}
		go func() { feed.q.Push([]int{2}) }()
		for range 2 {
			f.Close() // from inside
		}
	}
	if got := newFeed[int](t); true {
		f.Add(got.sub, nil)()
		if got.sub.Err() != stream.ErrClosed {
			t.Error("added after Close, and open")
		}
	}
}

// Nothing of a source comes after remove has returned, and everything is
// closed in the end, whoever adds and removes meanwhile.
func TestFanInAddAndRemoveWhileConsumed(t *testing.T) {
	f := stream.NewFanIn[int]()
	const workers, rounds = 4, 100
	var gone [workers * rounds]bool
	var after [workers * rounds]int
	var mu sync.Mutex
	var subs []*stream.Subscription[int]
	var all, producers sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for r := range rounds {
				id := w*rounds + r
				q := stream.NewQueue(stream.Config{Buffer: 16, Overflow: stream.Block}, stream.Hooks[int]{})
				sub := stream.Direct(q)
				remove := f.Add(sub, nil)
				producers.Go(func() {
					for q.PushWait(nil, []int{id, id, id}) == 3 {
					}
				})
				for sub.Stats().Delivered < 20 {
					runtime.Gosched()
				}
				mu.Lock()
				remove()
				gone[id] = true
				subs = append(subs, sub)
				mu.Unlock()
			}
		})
	}
	go func() {
		all.Wait()
		f.Close()
	}()
	n := 0
	for more := true; more; { // leaves and comes back
		more = false
		for id, err := range f.All(t.Context()) {
			mu.Lock()
			if gone[id] {
				after[id]++ // was in the loop's hands
			}
			if err != nil || after[id] > 1 {
				t.Errorf("source %d, %d after its end: %v", id, after[id], err)
			}
			mu.Unlock()
			if n++; n%100 == 0 {
				more = true
				break
			}
		}
	}
	producers.Wait()
	for _, sub := range subs {
		if st := sub.Stats(); st.Received != st.Delivered+st.Dropped || st.Depth != 0 {
			t.Fatalf("stats do not add up: %+v", st)
		}
	}
}

// A source that is removed by the step of its own loop, or of another's, is
// done with at once.
func TestFanInRemoveFromInside(t *testing.T) {
	f := stream.NewFanIn[int]()
	feeds := []*queueFeed[int]{newFeed[int](t), newFeed[int](t)}
	var removes []func()
	for i, feed := range feeds {
		feed.q.Push([]int{i, i, i})
		removes = append(removes, f.Add(feed.sub, func(error) error {
			t.Error("told of the end of a source that was removed")
			return nil
		}))
	}
	var seen []int
	for v, err := range f.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, v)
		for _, remove := range removes {
			remove()
		}
		f.Close()
	}
	if !slices.Equal(seen, []int{0}) {
		t.Errorf("came: %v", seen)
	}
}
