package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/rivet-go/rivet/stream"
)

// numbers returns a queue of ints and its subscription.
func numbers(cfg stream.Config) (*stream.Queue[int], *stream.Subscription[int]) {
	q := stream.NewQueue(cfg, stream.Hooks[int]{})
	return q, stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// collect ranges to the end. Notices stand in the list as negative numbers:
// the events lost, or 0 for another kind.
func collect(t *testing.T, s *stream.Subscription[int]) (list []int, end error) {
	t.Helper()
	for n, err := range s.All(t.Context()) {
		var lag *stream.LagError
		switch {
		case errors.As(err, &lag):
			list = append(list, -int(lag.Dropped))
		case stream.IsNotice(err):
			list = append(list, 0)
		case err != nil:
			end = err
		default:
			list = append(list, n)
		}
	}
	return list, end
}

func TestOverflow(t *testing.T) {
	overflow := &stream.OverflowError{Buffer: 4, BufferBytes: stream.DefaultBufferBytes}
	for _, tt := range []struct {
		policy stream.Policy
		taken  int
		want   []int
		end    error
		stats  stream.Stats
	}{
		{stream.DropOldest, 10, []int{-6, 7, 8, 9, 10}, nil, stream.Stats{Received: 10, Delivered: 4, Dropped: 6, HighWater: 4, Lags: 1}},
		{stream.DropNewest, 10, []int{1, 2, 3, 4, -6}, nil, stream.Stats{Received: 10, Delivered: 4, Dropped: 6, HighWater: 4, Lags: 1}},
		{stream.Latest, 10, []int{10}, nil, stream.Stats{Received: 10, Delivered: 1, Dropped: 9, HighWater: 1}},
		{stream.Block, 4, []int{1, 2, 3, 4}, nil, stream.Stats{Received: 4, Delivered: 4, HighWater: 4}},
		{stream.Fail, 4, []int{1, 2, 3, 4}, overflow, stream.Stats{Received: 4, Delivered: 4, HighWater: 4}},
	} {
		t.Run(tt.policy.String(), func(t *testing.T) {
			q, s := numbers(stream.Config{Buffer: 4, Overflow: tt.policy})
			if got := q.Push(upTo(10)); got != tt.taken {
				t.Errorf("took %d, want %d", got, tt.taken)
			}
			q.CloseWith(nil)
			got, end := collect(t, s)
			if !slices.Equal(got, tt.want) || fmt.Sprint(end) != fmt.Sprint(tt.end) {
				t.Errorf("got %v, %v; want %v, %v", got, end, tt.want, tt.end)
			}
			if got := s.Stats(); got != tt.stats {
				t.Errorf("got %+v, want %+v", got, tt.stats)
			}
			if got := q.Push(upTo(1)); got != 0 {
				t.Errorf("took %d after the end", got)
			}
		})
	}
}

func TestLargeEventIsTakenAlone(t *testing.T) {
	for p, want := range map[stream.Policy][]int{
		stream.DropOldest: {-2, 100},
		stream.DropNewest: {1, 2, -1},
		stream.Latest:     {100},
		stream.Fail:       {1, 2},
	} {
		q := stream.NewQueue(stream.Config{BufferBytes: 10, Overflow: p}, stream.Hooks[int]{Size: func(e *int) int { return *e }})
		s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
		q.Push([]int{1, 2, 100})
		q.CloseWith(nil)
		if got, _ := collect(t, s); !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", p, got, want)
		}
		if b := s.Stats().Bytes; b != 0 {
			t.Errorf("%v: %d bytes left", p, b)
		}
	}
}

// A consumer's private batch must not hold much more than the buffer may.
func TestBatchIsBoundedInBytes(t *testing.T) {
	const size = 100 << 10
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{Size: func(*int) int { return size }})
	s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
	defer s.Close()
	q.Push(upTo(50))
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Bytes < 47*size || got.Depth != 49 {
		t.Errorf("the first Next took more than three events of %d bytes out of the buffer: %+v", size, got)
	}
}

func TestNoticesAreInPlace(t *testing.T) {
	q, s := numbers(stream.Config{Buffer: 3, Overflow: stream.DropNewest, Gaps: true})
	at := func(sec int64) time.Time { return time.Unix(sec, 0) }
	q.Notice(&stream.GapError{Down: at(1), Up: at(2), Reason: io.EOF})
	q.Notice(&stream.GapError{Down: at(3), Up: at(4), Reason: io.ErrClosedPipe})
	q.Push([]int{1, 2})
	q.Notice(&stream.DecodeError{Err: errBad})
	q.Push([]int{3, 4})
	q.Notice(nil)
	q.Push([]int{5})
	q.CloseWith(io.ErrUnexpectedEOF)
	q.Notice(&stream.LagError{Dropped: 99})
	q.CloseWith(nil)

	var got []string
	for n, err := range s.All(t.Context()) {
		var gap *stream.GapError
		if errors.As(err, &gap) {
			got = append(got, fmt.Sprint("gap ", gap.Down.Unix(), gap.Up.Unix(), gap.Reason))
			continue
		}
		got = append(got, fmt.Sprint(n, err))
	}
	want := []string{
		"gap 1 4 io: read/write on closed pipe",
		"1 <nil>", "2 <nil>",
		"0 stream: event skipped: bad",
		"3 <nil>",
		"0 stream: consumer too slow, 2 events dropped",
		"0 unexpected EOF",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Gaps != 2 || st.Lags != 1 || st.Undecoded != 1 {
		t.Errorf("notices are miscounted: %+v", st)
	}
}

// A notice that is shared by several queues must stay as it was.
func TestMergingGapsLeavesTheirsAlone(t *testing.T) {
	first, second := &stream.GapError{Up: time.Unix(1, 0)}, &stream.GapError{Up: time.Unix(2, 0)}
	q, s := numbers(stream.Config{Gaps: true})
	defer s.Close()
	q.Notice(first)
	q.Notice(second)
	if first.Up != time.Unix(1, 0) || second.Up != time.Unix(2, 0) {
		t.Error("the producer's notices were changed")
	}
}

func TestGapsAreOffUnlessAskedFor(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push([]int{1})
	q.Notice(&stream.GapError{Reason: io.EOF})
	q.Push([]int{2})
	q.CloseWith(nil)
	if got, err := collect(t, s); !slices.Equal(got, []int{1, 2}) || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got := s.Stats().Gaps; got != 1 {
		t.Errorf("%d gaps counted, want 1", got)
	}
}

// Notices must stay bounded however long nobody listens.
func TestNoticesAreBounded(t *testing.T) {
	q, s := numbers(stream.Config{Buffer: 2, Gaps: true})
	before := heap()
	for i := range 20_000 {
		q.Push([]int{i})
		q.Notice(&stream.GapError{Reason: io.EOF})
		q.Notice(&stream.DecodeError{Err: errBad})
	}
	if grown := heap() - before; grown > 128<<10 {
		t.Errorf("notices hold %d bytes", grown)
	}
	q.CloseWith(nil)
	steps := 0
	for range s.All(t.Context()) {
		steps++
	}
	if steps > 80 {
		t.Errorf("%d steps for two events, want at most 64 notices and a few", steps)
	}
	if st := s.Stats(); st.Received != st.Delivered+st.Dropped || st.Depth != 0 || st.Gaps != 20_000 {
		t.Errorf("stats do not add up: %+v", st)
	}
}

// heap returns the bytes that are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestErrorThatIsNoNoticeEnds(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push([]int{1})
	q.Notice(io.ErrUnexpectedEOF)
	if got, err := collect(t, s); !slices.Equal(got, []int{1}) || err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFailed(t *testing.T) {
	for _, want := range []error{io.ErrUnexpectedEOF, nil} {
		s := stream.Failed[string](want)
		nextWant := want
		if want == nil {
			nextWant = io.EOF
		}
		for range 2 {
			if _, err := s.Next(t.Context()); err != nextWant {
				t.Errorf("Next: %v, want %v", err, nextWant)
			}
		}
		if _, ok := <-s.C(); ok {
			t.Error("C has an event")
		}
		var steps []error
		for _, err := range s.All(t.Context()) {
			steps = append(steps, err)
		}
		if want != nil && !slices.Equal(steps, []error{want}) || want == nil && steps != nil {
			t.Errorf("All: %v, want %v", steps, want)
		}
		if err := s.Err(); err != want {
			t.Errorf("Err: %v, want %v", err, want)
		}
	}
}

// Each way out of a loop closes the subscription and accounts for what is
// left.
func TestEveryWayOutCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ways := map[string]struct {
		run  func(s *stream.Subscription[int])
		seen uint64
	}{
		"break": {func(s *stream.Subscription[int]) {
			for n := range s.All(t.Context()) {
				if n == 3 {
					break
				}
			}
		}, 3},
		"break out of Batches": {func(s *stream.Subscription[int]) {
			for range s.Batches(t.Context()) {
				break
			}
		}, 64},
		"panic": {func(s *stream.Subscription[int]) {
			defer func() {
				if recover() != "of the body" {
					t.Error("the panic did not come through")
				}
			}()
			for n := range s.All(t.Context()) {
				if n == 70 {
					panic("of the body")
				}
			}
		}, 70},
		"Goexit": {func(s *stream.Subscription[int]) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for n := range s.All(t.Context()) {
					if n == 2 {
						runtime.Goexit()
					}
				}
			}()
			<-done
		}, 2},
		"Close in the body": {func(s *stream.Subscription[int]) {
			for n, err := range s.All(t.Context()) {
				if err != nil || n > 3 {
					t.Errorf("a step after Close: %d, %v", n, err)
				}
				if n == 3 {
					s.Close()
				}
			}
		}, 3},
		"cancel in the body": {func(s *stream.Subscription[int]) {
			for n, err := range s.All(ctx) {
				if err != nil || n > 3 {
					t.Errorf("a step after cancel: %d, %v", n, err)
				}
				if n == 3 {
					cancel()
				}
			}
		}, 3},
		"cancel in the body of Batches": {func(s *stream.Subscription[int]) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for range s.Batches(ctx) {
				cancel()
			}
		}, 64},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			closes, released := 0, 0
			q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{
				Closed:  func() { closes++ },
				Release: func(b []int) { released += len(b) },
			})
			s := stream.Decoded(q, func(e, n *int) error { *n = *e; return nil })
			q.Push(upTo(200))
			way.run(s)
			if closes != 1 || released != 200 {
				t.Errorf("closed %d times, released %d of 200", closes, released)
			}
			want := stream.Stats{Received: 200, Delivered: way.seen, Dropped: 200 - way.seen, HighWater: 200}
			if got := s.Stats(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if _, err := s.Next(t.Context()); err != stream.ErrClosed || s.Err() != stream.ErrClosed {
				t.Errorf("Next: %v, Err: %v; want ErrClosed", err, s.Err())
			}
			for n, err := range s.All(t.Context()) {
				t.Errorf("a step after the loop: %d, %v", n, err)
			}
		})
	}
}

func TestClosedHookIsForTheConsumerOnly(t *testing.T) {
	closes := 0
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{Closed: func() { closes++ }})
	s := stream.Direct(q)
	q.CloseWith(io.ErrUnexpectedEOF)
	s.Close()
	s.Close()
	if closes != 0 {
		t.Errorf("called %d times for a queue its producer had ended", closes)
	}
	if _, err := s.Next(t.Context()); err != io.ErrUnexpectedEOF {
		t.Errorf("Next: %v, want the producer's error, which came first", err)
	}
}

// Hooks may do what they like, such as close again.
func TestHooksMayCallBack(t *testing.T) {
	var s *stream.Subscription[int]
	q := stream.NewQueue(stream.Config{Buffer: 1}, stream.Hooks[int]{
		Closed:  func() { s.Close() },
		Release: func([]int) { s.Stats() },
	})
	s = stream.Decoded(q, func(e, n *int) error { return nil })
	q.Push(upTo(5))
	s.Close()
}

func TestUndecodableEventIsSkipped(t *testing.T) {
	q := stream.NewQueue(stream.Config{}, stream.Hooks[int]{})
	s := stream.Decoded(q, func(e, n *int) error {
		*n = *e
		switch *e {
		case 2:
			return errBad
		case 3:
			panic("no such thing")
		case 5:
			panic(io.ErrUnexpectedEOF)
		case 6:
			return &stream.DecodeError{Err: errBad}
		}
		return nil
	})
	q.Push(upTo(7))
	q.CloseWith(nil)
	var got []string
	for n, err := range s.All(t.Context()) {
		var dec *stream.DecodeError
		if err != nil && (!errors.As(err, &dec) || !stream.IsNotice(err)) {
			t.Errorf("%v is no DecodeError", err)
		}
		got = append(got, fmt.Sprint(n, err))
	}
	want := []string{
		"1 <nil>", "0 stream: event skipped: bad", "0 stream: event skipped: decoder panicked: no such thing", "4 <nil>",
		"0 stream: event skipped: decoder panicked: unexpected EOF", "0 stream: event skipped: bad", "7 <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Undecoded != 4 || st.Delivered != 7 {
		t.Errorf("want 4 undecoded of 7 delivered: %+v", st)
	}
}

func TestBatches(t *testing.T) {
	q := stream.NewQueue(stream.Config{}, stream.Hooks[item]{})
	s := stream.Decoded(q, decodeItem)
	q.Push([]item{{id: 1}, {id: 2}, {id: 3, bad: true}, {id: 4, bad: true}, {id: 5}})
	q.CloseWith(io.ErrUnexpectedEOF)
	var got []string
	for batch, err := range s.Batches(t.Context()) {
		if (len(batch) > 0) == (err != nil) {
			t.Errorf("%v with %v", batch, err)
		}
		got = append(got, fmt.Sprint(batch, err))
	}
	want := []string{
		"[1 2] <nil>", "[] stream: event skipped: bad", "[] stream: event skipped: bad", "[5] <nil>", "[] unexpected EOF",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if st := s.Stats(); st.Delivered != 5 {
		t.Errorf("want 5 delivered: %+v", st)
	}
}

func TestOneConsumerAtATime(t *testing.T) {
	q, s := numbers(stream.Config{})
	q.Push(upTo(10))
	if n, err := s.Next(t.Context()); n != 1 || err != nil { // a loop goes on where Next stopped
		t.Fatal(n, err)
	}
	seen := 1
	for n, err := range s.All(t.Context()) {
		if seen++; n != seen || err != nil {
			t.Fatalf("got %d, %v; want %d", n, err, seen)
		}
		if _, err := s.Next(t.Context()); err != stream.ErrInUse {
			t.Errorf("Next in a loop: %v", err)
		}
		if _, ok := <-s.C(); ok || s.Err() != stream.ErrInUse {
			t.Errorf("C in a loop: %v, %v", ok, s.Err())
		}
		steps := 0
		for _, err := range s.All(t.Context()) {
			steps++
			if err != stream.ErrInUse {
				t.Errorf("All in a loop: %v", err)
			}
		}
		for _, err := range s.Batches(t.Context()) {
			steps++
			if err != stream.ErrInUse {
				t.Errorf("Batches in a loop: %v", err)
			}
		}
		if steps != 2 {
			t.Errorf("%d steps, want 2", steps)
		}
		if n == 10 {
			q.CloseWith(nil)
		}
	}
	if seen != 10 || s.Err() != nil {
		t.Errorf("saw %d, Err %v", seen, s.Err())
	}
}

func TestLoopIsRefusedWhileNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, s := numbers(stream.Config{})
		got := make(chan int)
		go func() {
			n, _ := s.Next(t.Context())
			got <- n
		}()
		synctest.Wait()
		for _, err := range s.All(t.Context()) {
			if err != stream.ErrInUse {
				t.Errorf("All beside a waiting Next: %v", err)
			}
		}
		if _, ok := <-s.C(); ok || s.Err() != stream.ErrInUse {
			t.Errorf("C beside a waiting Next: %v, %v", ok, s.Err())
		}
		q.Push([]int{7})
		if n := <-got; n != 7 {
			t.Errorf("Next got %d", n)
		}
		c := s.C() // free again
		q.Push([]int{8})
		if n := <-c; n != 8 || s.Err() != nil {
			t.Errorf("C got %d, Err %v", n, s.Err())
		}
		s.Close()
	})
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
