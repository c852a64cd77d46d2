package stream_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// Sources that come and go while nobody consumes leave nothing behind.
func TestFanInKeepsNothingOfRemoved(t *testing.T) {
	f := stream.NewFanIn[int]()
	defer f.Close()
	const n = 20000
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range n {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		remove := f.Add(stream.Direct(q), nil)
		q.Push([]int{1})
		remove()
	}
	if after := heap(); after > before+n*50 {
		t.Errorf("%d bytes for each source that was removed", (after-before)/n)
	}
	// The fan-in works as before.
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
	f.Add(stream.Direct(q), nil)
	q.Push([]int{7})
	for v, err := range f.All(context.Background()) {
		if v != 7 || err != nil {
			t.Errorf("got %v, %v", v, err)
		}
		break
	}
}

// The end of the context comes before that of the fan-in: what an operator
// holds is not handed on.
func TestFanInClosedAfterTheContext(t *testing.T) {
	for range 200 {
		f := stream.NewFanIn[int]()
		q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
		f.Add(stream.Direct(q), nil)
		q.Push([]int{1})
		ctx, cancel := context.WithCancel(context.Background())
		held := make(chan struct{})
		go func() {
			<-held
			cancel()
			f.Close()
		}()
		s := f.Stream().Tap(func(int) { close(held) })
		for v, err := range stream.Batch(s, 2, 0).All(ctx) {
			t.Fatalf("after the end of the context: %v, %v", v, err)
		}
	}
}
