package stream_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/rivet-go/rivet/stream"
)

// heap returns the bytes that are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// What has been delivered must not be kept alive by the queue.
func TestDeliveredEventsAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := stream.NewQueue(stream.Config{}, stream.Hooks[*[1000]int]{})
		s := stream.Decoded(q, func(e, dst **[1000]int) error { *dst = *e; return nil })
		var refs []weak.Pointer[[1000]int]
		for range 100 {
			p := new([1000]int)
			refs = append(refs, weak.Make(p))
			q.Push([]*[1000]int{p})
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range s.All(t.Context()) {
				if err != nil {
					t.Error(err)
				}
			}
		}()
		synctest.Wait()
		runtime.GC()
		for i, r := range refs {
			if r.Value() != nil {
				t.Errorf("event %d is still held", i)
			}
		}
		s.Close()
		<-done
		runtime.KeepAlive(q)
	})
}

// A queue must not keep the memory of a burst for the quiet time after it.
func TestMemoryOfBurstIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queues, burst = 100, 4096
		type big [16]int // 512 KiB a burst
		var subs []*stream.Subscription[big]
		batch := make([]big, burst)
		before := heap()
		var qs []*stream.Queue[big]
		for range queues {
			q := stream.NewQueue(stream.Config{}, stream.Hooks[big]{})
			s := stream.Decoded(q, func(e, dst *big) error { *dst = *e; return nil })
			q.Push(batch)
			qs, subs = append(qs, q), append(subs, s)
		}
		if full := heap() - before; full < queues*burst*128/2 {
			t.Errorf("%d bytes in full queues cannot be", full)
		}
		for _, s := range subs {
			go func() {
				for range s.Batches(t.Context()) {
				}
			}()
		}
		synctest.Wait()
		if idle := (heap() - before) / queues; idle > 24<<10 {
			t.Errorf("an idle queue holds %d bytes after a burst", idle)
		}
		for _, s := range subs {
			if st := s.Stats(); st.Delivered != burst {
				t.Errorf("not all delivered: %+v", st)
			}
			s.Close()
		}
		runtime.KeepAlive(qs)
	})
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batch := make([]event, burst)
	hooks := stream.Hooks[event]{Size: func(e *event) int { return 10 }, Release: func([]event) {}}
	check := func(name string, f func()) {
		t.Helper()
		for range 100 {
			f()
		}
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations for %d events", name, n, burst)
		}
	}

	q := stream.NewQueue(stream.Config{}, hooks)
	s := stream.Decoded(q, decodeTick)
	check("Next", func() {
		q.Push(batch)
		for range batch {
			if _, err := s.Next(ctx); err != nil {
				t.Error(err)
			}
		}
	})

	loop := func() {
		q := stream.NewQueue(stream.Config{}, hooks)
		s := stream.Decoded(q, decodeTick)
		q.Push(batch)
		n := 0
		for _, err := range s.All(ctx) {
			if err != nil {
				t.Error(err)
			}
			if n++; n == 200*burst {
				break
			}
			if n%burst == 0 {
				q.Push(batch)
			}
		}
	}
	if n := testing.AllocsPerRun(2, loop); n > 30 {
		t.Errorf("All: %v allocations for %d events", n, 200*burst)
	}

	q = stream.NewQueue(stream.Config{Buffer: 100}, hooks)
	check("overflow", func() { q.Push(batch) })

	q = stream.NewQueue(stream.Config{Overflow: stream.Latest}, hooks)
	check("Latest", func() { q.Push(batch) })
}
