package stream_test

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

	"github.com/rivet-go/rivet/stream"
)

// seat is one subscriber. It comes half a frame before frame from, or at the
// beginning of frame 0, and leaves a quarter of a frame before frame to.
// What it sees is written as marbles, a field for each frame since the
// beginning, with ' before what comes half a frame early.
type seat struct {
	from, to int
	want     string
}

func checkSeats(t *testing.T, s stream.Stream[string], seats []seat) {
	t.Helper()
	start := time.Now()
	var all sync.WaitGroup
	for i, seat := range seats {
		all.Go(func() {
			if seat.from > 0 {
				<-time.After(time.Duration(seat.from)*frame - frame/2)
			}
			ctx, cancel := context.WithDeadline(t.Context(), start.Add(time.Duration(seat.to)*frame-frame/4))
			defer cancel()
			if got := heard(ctx, s, start); got != seat.want {
				t.Errorf("subscriber %d, from %d to %d:\n got %s\nwant %s", i, seat.from, seat.to, got, seat.want)
			}
		})
	}
	all.Wait()
}

// heard writes down what s does, in frames from start on.
func heard(ctx context.Context, s stream.Stream[string], start time.Time) string {
	var out []string
	early := false
	note := func(what string) {
		after := time.Since(start)
		at := int((after + frame - 1) / frame)
		for len(out) <= at {
			out = append(out, ".")
			early = false
		}
		out[at] = strings.TrimPrefix(out[at], ".")
		if after%frame != 0 && !early {
			out[at] += "'"
			early = true
		}
		out[at] += what
	}
	for v, err := range s.All(ctx) {
		switch {
		case err == nil:
			note(v)
		case stream.IsNotice(err):
			note("!")
		case errors.Is(err, errMarble):
			note("#")
		default:
			note("#" + err.Error())
		}
	}
	if ctx.Err() == nil && !strings.Contains(strings.Join(out, ""), "#") {
		note("|")
	}
	return strings.Join(out, " ")
}

func TestShareInTime(t *testing.T) {
	for name, test := range map[string]struct {
		source string
		opts   []stream.ShareOption
		seats  []seat
		starts int32
	}{
		"together": {
			source: "a b . ! c |", starts: 1,
			seats: []seat{{0, 9, "a b . ! c |"}, {1, 9, ". b . ! c |"}},
		},
		"an error reaches all": {
			source: "a b #", starts: 1,
			seats: []seat{{0, 9, "a b #"}, {1, 9, ". b #"}, {2, 9, ". . #"}},
		},
		"the first leaves first": {
			source: "a b c d e |", starts: 1,
			seats: []seat{{0, 2, "a b"}, {1, 3, ". b c"}, {2, 9, ". . c d e |"}},
		},
		"the last leaves first": {
			source: "a b c d e |", starts: 1,
			seats: []seat{{0, 9, "a b c d e |"}, {1, 4, ". b c d"}, {2, 3, ". . c"}},
		},
		"anew when all have left": {
			source: "a b c d e |", starts: 3,
			seats: []seat{{0, 2, "a b"}, {1, 3, ". b c"}, {4, 6, ". . . . 'a 'b 'c"}, {8, 20, ". . . . . . . . 'a 'b 'c 'd 'e '|"}},
		},
		"anew after the end": {
			source: "a b |", starts: 2,
			seats: []seat{{0, 9, "a b |"}, {3, 9, ". . . 'a 'b '|"}},
		},
		"anew after an error": {
			source: "a b #", starts: 2,
			seats: []seat{{0, 9, "a b #"}, {3, 9, ". . . 'a 'b '#"}},
		},
		"replay": {
			source: "a b c ! d |", opts: []stream.ShareOption{stream.Replay(2)}, starts: 1,
			seats: []seat{{0, 9, "a b c ! d |"}, {1, 9, ". 'ab c ! d |"}, {3, 9, ". . . 'bc! d |"}, {5, 9, ". . . . . 'cd|"}},
		},
		"no replay of what was before": {
			source: "a b c d |", opts: []stream.ShareOption{stream.Replay(2)}, starts: 2,
			seats: []seat{{0, 3, "a b c"}, {4, 20, ". . . . 'a 'b 'c 'd '|"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
				var starts atomic.Int32
				s := source(test.source).Filter(func(v string) bool {
					if v == "a" {
						starts.Add(1)
					}
					return true
				})
				checkSeats(t, s.Share(test.opts...), test.seats)
				if n := starts.Load(); n != test.starts {
					t.Errorf("the source was started %d times, want %d", n, test.starts)
				}
			})
		})
	}
}

func TestShareBadOptions(t *testing.T) {
	for name, opt := range map[string]stream.ShareOption{
		"Replay": stream.Replay(0),
		"Buffer": stream.Buffer(0),
	} {
		s := stream.From(1)
		for how, s := range map[string]stream.Stream[int]{
			"Share":   s.Share(nil, opt),
			"Publish": s.Publish(opt, nil).Stream(),
		} {
			var bad *stream.OptionError
			if _, err := all(t.Context(), s); !errors.As(err, &bad) || bad.Option != name {
				t.Errorf("%s(%s) fails with %v", how, name, err)
			}
		}
	}
}

// all returns the values of s and its error, and passes over notices.
func all[T any](ctx context.Context, s stream.Stream[T]) (vals []T, last error) {
	for v, err := range s.All(ctx) {
		switch {
		case stream.IsNotice(err):
		case err != nil:
			last = err
		default:
			vals = append(vals, v)
		}
	}
	return vals, last
}

// A subscriber that does not look at what it gets delays nobody, and is told
// what it has lost.
func TestShareSlowSubscriber(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		s := source("a b c d e f g |").Share(stream.Buffer(2))
		var both sync.WaitGroup
		both.Go(func() { checkSeats(t, s, []seat{{0, 20, "a b c d e f g |"}}) })
		both.Go(func() {
			checkSeats(t, s.Filter(func(v string) bool {
				if v == "b" {
					<-time.After(3*frame + frame/2)
				}
				return true
			}), []seat{{1, 20, ". . . . . 'b!def g |"}})
		})
		both.Wait()
	})
}

// With Block the source waits for the slowest, until it leaves.
func TestShareBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given atomic.Int64
		s := stream.FromFunc(func(context.Context) (int, error) { return int(given.Add(1)), nil }).
			Share(stream.Buffer(4), stream.Overflow(stream.Block))
		slow, leave := context.WithCancel(t.Context())
		var fast atomic.Int64
		var both sync.WaitGroup
		both.Go(func() {
			for n, err := range s.All(slow) {
				if err != nil || n != 1 {
					t.Errorf("slow: %d, %v", n, err)
				}
				<-slow.Done()
			}
		})
		synctest.Wait()
		both.Go(func() {
			last := 0
			for n, err := range s.All(t.Context()) {
				if err != nil || last > 0 && n != last+1 {
					t.Errorf("fast: %d after %d, %v", n, last, err)
				}
				last = n
				if fast.Add(1); last == 1000 {
					break
				}
			}
		})
		synctest.Wait()
		// What the slow one works on, four that wait, and one that cannot.
		if n := given.Load(); n < 6 || n > 9 || fast.Load() != 0 {
			t.Errorf("the source has given %d, the fast subscriber got %d", n, fast.Load())
		}
		leave()
		both.Wait()
	})
}

// Subscribers come and go while values flow. From its first value on each sees
// all of them, and the replay joins what comes after it.
func TestShareStress(t *testing.T) {
	const replay = 10
	for kind, source := range map[string]func() stream.Stream[int]{
		"run": func() stream.Stream[int] {
			n := 0
			return stream.FromFunc(func(context.Context) (int, error) { n++; return n, nil })
		},
		"attached": func() stream.Stream[int] {
			return stream.FromSubscription(func() *stream.Subscription[int] {
				q := stream.NewQueue(stream.Config{Buffer: 100, Overflow: stream.Block}, stream.Hooks[int]{})
				go func() {
					for n := 1; q.PushWait(nil, []int{n}) == 1; n++ {
					}
				}()
				return stream.Direct(q)
			})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			s := source().Share(stream.Replay(replay), stream.Overflow(stream.Block), stream.Buffer(8))
			var everyone sync.WaitGroup
			for i := range 8 {
				everyone.Go(func() {
					for round := range 30 {
						last, count := 0, 0
						for n, err := range s.All(t.Context()) {
							if err != nil || last > 0 && n != last+1 {
								t.Errorf("%d after %d, %v", n, last, err)
								return
							}
							last = n
							if count++; count == 50+10*i+round {
								break
							}
						}
					}
				})
			}
			everyone.Wait()
		})
	}
}

// Subscriptions of one consumer wait for each other only as far as their
// buffers go.
func TestShareMergedWithItself(t *testing.T) {
	vals := make([]int, 1000)
	s := stream.From(vals...).Share(stream.Buffer(1), stream.Overflow(stream.Block), stream.Replay(1000))
	got, err := all(t.Context(), stream.Merge(s, s, s))
	if len(got) != 3000 || err != nil {
		t.Errorf("%d values, %v", len(got), err)
	}
}

// The source is released before it is started again, and before the last
// subscriber has left.
func TestShareReleases(t *testing.T) {
	var open atomic.Int32
	s := stream.FromSeq(func(yield func(int) bool) {
		if open.Add(1) > 1 {
			t.Error("consumed twice at a time")
		}
		defer open.Add(-1)
		for i := range 100 {
			if !yield(i) {
				return
			}
		}
	}).Share(stream.Overflow(stream.Block))
	var everyone sync.WaitGroup
	for i := range 4 {
		everyone.Go(func() {
			for range 200 {
				n := 0
				for range s.All(t.Context()) {
					if n++; n == 10*i+1 {
						break
					}
				}
			}
		})
	}
	everyone.Wait()
	if open.Load() != 0 {
		t.Error("the source is open")
	}
	for range s.All(t.Context()) {
		break
	}
	if open.Load() != 0 {
		t.Error("the source is open after a break")
	}
}

func TestSharePanicReachesAll(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		s := stream.Map(source("a b |"), func(v string) string {
			if v == "b" {
				panic("bad b")
			}
			return v
		}).Share()
		var everyone sync.WaitGroup
		for range 3 {
			everyone.Go(func() {
				defer func() {
					if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "bad b") {
						t.Errorf("recovered %v", r)
					}
				}()
				vals, err := all(t.Context(), s)
				t.Errorf("ended with %v, %v", vals, err)
			})
		}
		everyone.Wait()
	})
}

// What comes in one go keeps its order, and comes before a panic.
func TestShareKeepsOrder(t *testing.T) {
	var got []string
	defer func() {
		if r := recover(); r == nil || fmt.Sprint(got) != "[1 ! 3 4]" {
			t.Errorf("got %v, recovered %v", got, r)
		}
	}()
	s := stream.TryMap(stream.From(1, 2, 3, 4, 5), func(n int) (int, error) {
		switch n {
		case 2:
			return 0, &stream.DecodeError{Err: errMarble}
		case 5:
			panic("bad 5")
		}
		return n, nil
	}).Share()
	for n, err := range s.All(t.Context()) {
		switch {
		case err == nil:
			got = append(got, fmt.Sprint(n))
		case stream.IsNotice(err):
			got = append(got, "!")
		default:
			t.Error(err)
		}
	}
}

// A subscriber that panics is one that leaves.
func TestShareSubscriberPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		s := source("a b c |").Share()
		var both sync.WaitGroup
		both.Go(func() { checkSeats(t, s, []seat{{0, 9, "a b c |"}}) })
		synctest.Wait()
		both.Go(func() {
			defer func() {
				if r := recover(); r != "mine" {
					t.Errorf("recovered %v", r)
				}
			}()
			for range s.All(t.Context()) {
				panic("mine")
			}
		})
		both.Wait()
	})
}

// The values of the first subscriber's context are there, its end is not.
func TestShareContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		s := stream.FromFunc(func(ctx context.Context) (string, error) {
			select {
			case <-time.After(frame):
				return fmt.Sprint(ctx.Value(key{})), nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}).Share()
		var both sync.WaitGroup
		start := time.Now()
		both.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "1"), frame/2)
			defer cancel()
			if got := heard(ctx, s, start); got != "" {
				t.Errorf("first: %s", got)
			}
		})
		synctest.Wait()
		both.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "2"), 2*frame+frame/2)
			defer cancel()
			if got := heard(ctx, s, start); got != ". 1 1" {
				t.Errorf("second: %s", got)
			}
		})
		both.Wait()
	})
}
