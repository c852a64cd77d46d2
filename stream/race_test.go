package stream_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// releases counts what comes back from a queue.
type releases struct {
	mu   sync.Mutex
	seen map[int]int
}

func (r *releases) hooks() stream.Hooks[item] {
	r.seen = map[int]int{}
	return stream.Hooks[item]{
		Size: func(e *item) int { return e.bytes },
		Release: func(batch []item) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range batch {
				r.seen[e.id]++
			}
		},
	}
}

// check verifies that the first n events came back once each.
func (r *releases) check(t *testing.T, n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) != n {
		t.Errorf("%d events were released, want %d", len(r.seen), n)
	}
	for id, times := range r.seen {
		if times != 1 {
			t.Errorf("event %d was released %d times", id, times)
		}
	}
}

// produce pushes n events in batches of random size until the queue ends, and
// returns how many were taken.
func produce(q *stream.Queue[item], n int) (taken int) {
	var batch []item
	for id := 1; id <= n; {
		batch = batch[:0]
		for range min(1+rand.IntN(100), n-id+1) {
			batch = append(batch, item{id: id, bytes: rand.IntN(20), bad: id%97 == 0})
			id++
		}
		got := q.PushWait(nil, batch)
		if taken += got; got < len(batch) {
			break
		}
	}
	return taken
}

func checkSum(t *testing.T, st stream.Stats, taken int) {
	t.Helper()
	if st.Received != uint64(taken) || st.Received != st.Delivered+st.Dropped || st.Depth != 0 || st.Bytes != 0 {
		t.Errorf("stats do not add up to %d: %+v", taken, st)
	}
}

// A producer and a consumer at full speed, under every policy and with every
// way to consume: order is kept, and all that is missing has been told.
func TestProducerAndConsumer(t *testing.T) {
	const total = 30_000
	for p := stream.DropOldest; p <= stream.Fail; p++ {
		for _, way := range []string{"All", "Next", "C"} {
			t.Run(fmt.Sprint(p, "/", way), func(t *testing.T) {
				var back releases
				q := stream.NewQueue(stream.Config{Buffer: 200, BufferBytes: 1500, Overflow: p}, back.hooks())
				s := stream.Decoded(q, decodeItem)
				var taken int
				var producer sync.WaitGroup
				producer.Go(func() {
					taken = produce(q, total)
					q.CloseWith(nil)
				})
				var last, seen, lost int
				step := func(id int, err error) {
					var lag *stream.LagError
					switch {
					case err == nil && id <= last:
						t.Errorf("event %d came after %d", id, last)
					case err == nil:
						last = id
						seen++
					case errors.As(err, &lag):
						lost += int(lag.Dropped)
					case errors.Is(err, errBad):
						seen++
					default:
						var full *stream.OverflowError
						if p != stream.Fail || !errors.As(err, &full) {
							t.Errorf("ended with %v", err)
						}
					}
				}
				switch way {
				case "All":
					for id, err := range s.All(t.Context()) {
						step(id, err)
					}
				case "Next":
					for {
						id, err := s.Next(t.Context())
						if err == io.EOF {
							break
						}
						step(id, err)
						if err != nil && !stream.IsNotice(err) {
							break
						}
					}
				case "C":
					for id := range s.C() {
						step(id, nil)
					}
				}
				producer.Wait()
				s.Close()
				st := s.Stats()
				checkSum(t, st, taken)
				back.check(t, taken)
				if p == stream.Block && st.Dropped != 0 {
					t.Errorf("Block dropped %d", st.Dropped)
				}
				if way == "C" {
					return // cannot carry the losses
				}
				if uint64(seen) != st.Delivered {
					t.Errorf("saw %d of %d delivered", seen, st.Delivered)
				}
				if p != stream.Latest && uint64(lost) != st.Dropped {
					t.Errorf("told of %d of %d dropped", lost, st.Dropped)
				}
			})
		}
	}
}

// Close in the midst of everything, from another goroutine: nothing hangs,
// nothing leaks, each event is released once and the counters add up.
func TestCloseDuringEverything(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		policy := stream.Policy(round % 5)
		var back releases
		q := stream.NewQueue(stream.Config{Buffer: 50, Overflow: policy, Gaps: true}, back.hooks())
		s := stream.Decoded(q, decodeItem)
		var taken int
		var all sync.WaitGroup
		var count atomic.Int64
		closeAt := rand.Int64N(300)
		closing := make(chan struct{})
		var once sync.Once
		seen := func() {
			if count.Add(1) > closeAt {
				once.Do(func() { close(closing) })
			}
		}
		all.Go(func() {
			taken = produce(q, 20_000)
			q.CloseWith(io.ErrUnexpectedEOF)
			once.Do(func() { close(closing) })
		})
		all.Go(func() {
			for range 100 {
				q.Notice(&stream.GapError{Reason: io.EOF})
				s.Stats()
				s.Err()
			}
		})
		switch round / 5 % 4 {
		case 0:
			all.Go(func() {
				for range s.All(t.Context()) {
					seen()
				}
			})
		case 1:
			all.Go(func() {
				for range s.Batches(t.Context()) {
					seen()
				}
			})
		case 2:
			for range 4 {
				all.Go(func() {
					for {
						if _, err := s.Next(t.Context()); err != nil && !stream.IsNotice(err) {
							return
						}
						seen()
					}
				})
			}
		case 3:
			all.Go(func() {
				for range s.C() {
					seen()
				}
			})
		}
		for range 3 {
			all.Go(func() {
				<-closing
				s.Close()
			})
		}
		all.Wait()
		s.Close()
		checkSum(t, s.Stats(), taken)
		back.check(t, taken)
		if t.Failed() {
			t.Fatalf("in round %d, %v", round, policy)
		}
	}
}

// One producer, a thousand subscriptions, each at its own pace: one that does
// nothing stalls nobody.
func TestThousandSubscriptions(t *testing.T) {
	const subs, events = 1000, 640
	var queues []*stream.Queue[int]
	var all sync.WaitGroup
	var idle []*stream.Subscription[int]
	var delivered atomic.Int64
	for i := range subs {
		q, s := numbers(stream.Config{Buffer: events})
		queues = append(queues, q)
		switch i % 4 {
		case 0:
			idle = append(idle, s)
		case 1:
			all.Go(func() {
				for range s.C() {
					delivered.Add(1)
				}
			})
		default:
			all.Go(func() {
				for n, err := range s.All(t.Context()) {
					if err != nil || n == 0 {
						t.Errorf("got %d, %v", n, err)
					}
					delivered.Add(1)
				}
			})
		}
	}
	batch := upTo(burst)
	for range events / burst {
		for _, q := range queues {
			if q.Push(batch) != burst {
				t.Error("not all taken")
			}
		}
	}
	for _, q := range queues {
		q.CloseWith(nil)
	}
	all.Wait()
	if got := delivered.Load(); got != subs*3/4*events {
		t.Errorf("delivered %d of %d", got, subs*3/4*events)
	}
	for _, s := range idle {
		if st := s.Stats(); st.Depth != events {
			t.Errorf("want %d waiting: %+v", events, st)
		}
		s.Close()
	}
}
