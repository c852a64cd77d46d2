package stream_test

import (
	"context"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/stream"
)

// A loop over a shared stream may subscribe to it, consume it to its end, and
// leave it, also when the source has ended by then.
func TestShareSubscribedFromInsideItsLoop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := context.Background()
	for name, source := range map[string]stream.Stream[int]{
		"attached": stream.From(1, 2, 3),
		"run":      stream.FromSeq2(stream.From(1, 2, 3).All(ctx)),
	} {
		s := source.Share()
		outer := 0
		for range s.All(ctx) {
			outer++
			for range s.All(ctx) {
				break
			}
			if _, err := s.Collect(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if outer != 3 {
			t.Errorf("%s: %d values outside", name, outer)
		}
	}
}

// runtime.Goexit in a loop, as t.FailNow calls it, releases everything.
func TestGoexitInTheLoopReleases(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	never := stream.FromSeq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	f := stream.NewFanIn[int]()
	defer f.Close()
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
	f.Add(stream.Direct(q), nil)
	q.Push([]int{1, 2})
	for name, s := range map[string]stream.Stream[int]{
		"Merge":    stream.Merge(never, never),
		"Buffered": never.Buffered(),
		"Share":    never.Share(stream.Overflow(stream.Block)),
		"ParallelMap": stream.ParallelMap(never, 3, func(_ context.Context, v int) (int, error) {
			return v, nil
		}),
		"LatestBy": stream.LatestBy(never, func(v int) int { return v % 3 }),
		"FanIn":    f.Stream(),
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range s.All(context.Background()) {
				runtime.Goexit()
			}
			t.Errorf("%s: has gone on", name)
		}()
		<-done
	}
	for v, err := range f.All(context.Background()) {
		if v != 2 || err != nil {
			t.Errorf("the next consumer of the fan-in got %v, %v", v, err)
		}
		break
	}
}
