package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/stream"
)

// script is what a stream does, written down: its steps and its end.
type script struct {
	steps []step
	end   error
}

// step is a value, or a notice instead.
type step struct {
	v      int
	notice error
}

func (s step) String() string {
	if s.notice != nil {
		return fmt.Sprintf("(%v)", s.notice)
	}
	return fmt.Sprint(s.v)
}

func (s script) lines() []string {
	var out []string
	for _, one := range s.steps {
		out = append(out, one.String())
	}
	if s.end != nil {
		out = append(out, "#"+s.end.Error())
	}
	return out
}

// each rewrites a script step by step: f gets each value and adds to out what
// becomes of it; when it returns false the script ends there.
func (s script) each(f func(v int, out *script) bool) script {
	var out script
	for _, one := range s.steps {
		if one.notice != nil {
			out.steps = append(out.steps, one)
		} else if !f(one.v, &out) {
			return out
		}
	}
	out.end = s.end
	return out
}

func (s *script) add(vs ...int) bool {
	for _, v := range vs {
		s.steps = append(s.steps, step{v: v})
	}
	return true
}

// operation is an operator, and what it does to a script, said as plainly as
// possible.
type operation struct {
	name  string
	apply func(stream.Stream[int]) stream.Stream[int]
	model func(script) script
}

var (
	errScript = errors.New("end of the script")
	errMapped = errors.New("a value that cannot be mapped")
)

type never struct{}

func (never) Next() time.Duration { return -1 }
func (never) Reset()              {}

func total(vs []int) int {
	n := 100 * len(vs)
	for _, v := range vs {
		n += v
	}
	return n
}

func unchanged(s script) script { return s }

// operations returns every kind of operation, with n as its parameter.
func operations(n int) []operation {
	type st = stream.Stream[int]
	batch := func(s script) script {
		var out script
		var held []int
		flush := func() {
			if len(held) > 0 {
				out.add(total(held))
				held = nil
			}
		}
		for _, one := range s.steps {
			if one.notice != nil {
				flush()
				out.steps = append(out.steps, one)
			} else if held = append(held, one.v); len(held) == n+1 {
				flush()
			}
		}
		flush()
		out.end = s.end
		return out
	}
	tryMap := func(v int) (int, error) {
		switch {
		case v%11 == 10:
			return 0, errMapped
		case v%5 == 4:
			return 0, &stream.DecodeError{Err: errMapped}
		}
		return v + n, nil
	}
	tried := func(s script) script {
		return s.each(func(v int, out *script) bool {
			u, err := tryMap(v)
			switch {
			case err == errMapped:
				out.end = err
				return false
			case err != nil:
				out.steps = append(out.steps, step{notice: err})
			default:
				out.add(u)
			}
			return true
		})
	}
	return []operation{
		{"Map", func(s st) st { return stream.Map(s, func(v int) int { return v*3%13 + n }) },
			func(s script) script {
				return s.each(func(v int, out *script) bool { return out.add(v*3%13 + n) })
			}},
		{"Filter", func(s st) st { return s.Filter(func(v int) bool { return v%3 != n%3 }) },
			func(s script) script {
				return s.each(func(v int, out *script) bool { return v%3 == n%3 || out.add(v) })
			}},
		{"Take", func(s st) st { return s.Take(n) },
			func(s script) script {
				left := n
				if left == 0 {
					return script{}
				}
				return s.each(func(v int, out *script) bool {
					left--
					out.add(v)
					return left > 0
				})
			}},
		{"TakeWhile", func(s st) st { return s.TakeWhile(func(v int) bool { return v%9 != n }) },
			func(s script) script {
				return s.each(func(v int, out *script) bool { return v%9 != n && out.add(v) })
			}},
		{"Skip", func(s st) st { return s.Skip(n) },
			func(s script) script {
				left := n
				return s.each(func(v int, out *script) bool {
					left--
					return left >= 0 || out.add(v)
				})
			}},
		{"SkipWhile", func(s st) st { return s.SkipWhile(func(v int) bool { return v%3 != 0 }) },
			func(s script) script {
				begun := false
				return s.each(func(v int, out *script) bool {
					begun = begun || v%3 == 0
					return !begun || out.add(v)
				})
			}},
		{"Scan", func(s st) st { return stream.Scan(s, n, func(a, v int) int { return (a + v) % 97 }) },
			func(s script) script {
				a := n
				return s.each(func(v int, out *script) bool {
					a = (a + v) % 97
					return out.add(a)
				})
			}},
		{"DistinctUntilChanged", stream.DistinctUntilChanged[int],
			func(s script) script {
				last := -1 // no value is
				return s.each(func(v int, out *script) bool {
					if v == last {
						return true
					}
					last = v
					return out.add(v)
				})
			}},
		{"StartWith", func(s st) st { return s.StartWith(n, n+1) },
			func(s script) script {
				s.steps = append([]step{{v: n}, {v: n + 1}}, s.steps...)
				return s
			}},
		{"FlatMap", func(s st) st {
			return stream.FlatMap(s, func(v int) st {
				switch v % 3 {
				case 0:
					return stream.Empty[int]()
				case 1:
					return stream.FromSeq(slices.Values([]int{v, n}))
				}
				return stream.From(v)
			})
		}, func(s script) script {
			return s.each(func(v int, out *script) bool {
				switch v % 3 {
				case 0:
					return true
				case 1:
					return out.add(v, n)
				}
				return out.add(v)
			})
		}},
		{"FlatMapFailing", func(s st) st {
			return stream.FlatMap(s, func(v int) st {
				if v%7 == n {
					return stream.FromError[int](errMapped)
				}
				return stream.From(v)
			})
		}, func(s script) script {
			return s.each(func(v int, out *script) bool {
				if v%7 == n {
					out.end = errMapped
					return false
				}
				return out.add(v)
			})
		}},
		{"Concat", func(s st) st { return stream.Concat(stream.From(n), s, stream.From(7)) },
			func(s script) script {
				out := script{end: s.end}
				out.add(n)
				out.steps = append(out.steps, s.steps...)
				if out.end == nil {
					out.add(7)
				}
				return out
			}},
		{"Batch", func(s st) st { return stream.Map(stream.Batch(s, n+1, 0), total) }, batch},
		{"BatchTimed", func(s st) st { return stream.Map(stream.Batch(s, n+1, time.Hour), total) }, batch},
		{"Pairwise", func(s st) st {
			return stream.Map(stream.Pairwise(s), func(p [2]int) int { return (p[0]*31 + p[1]) % 97 })
		}, func(s script) script {
			last := -1
			return s.each(func(v int, out *script) bool {
				if last >= 0 {
					out.add((last*31 + v) % 97)
				}
				last = v
				return true
			})
		}},
		{"Catch", func(s st) st { return s.Catch(func(error) st { return stream.From(n, 1) }) },
			func(s script) script {
				if s.end == nil {
					return s
				}
				out := script{steps: slices.Clone(s.steps)}
				out.add(n, 1)
				return out
			}},
		{"Strict", st.Strict, func(s script) script {
			for i, one := range s.steps {
				if one.notice != nil {
					return script{s.steps[:i:i], &stream.LossError{Notice: one.notice}}
				}
			}
			return s
		}},
		{"TryMap", func(s st) st { return stream.TryMap(s, tryMap) }, tried},
		{"ParallelMap", func(s st) st {
			return stream.ParallelMap(s, n+1, func(_ context.Context, v int) (int, error) { return tryMap(v) })
		}, tried},
		{"Tap", func(s st) st { return s.Tap(func(int) {}) }, unchanged},
		{"OnNotice", func(s st) st { return s.OnNotice(func(error) {}) }, unchanged},
		{"Buffered", func(s st) st { return s.Buffered(stream.Buffer(n + 1)) }, unchanged},
		{"Share", func(s st) st { return s.Share(stream.Overflow(stream.Block), stream.Buffer(n+1)) }, unchanged},
		{"Merge", func(s st) st { return stream.Merge(s) }, unchanged},
		{"Race", func(s st) st { return stream.Race(s) }, unchanged},
		{"TakeUntil", func(s st) st { return stream.TakeUntil(s, stream.Never[int]()) }, unchanged},
		{"Switch", func(s st) st { return stream.Switch(stream.From(s)) }, unchanged},
		{"MergeMany", func(s st) st { return stream.MergeMany(stream.From(s), n) }, unchanged},
		{"Timeout", func(s st) st { return s.Timeout(time.Hour) }, unchanged},
		{"Retry", func(s st) st { return s.Retry(func() stream.Delays { return never{} }) }, unchanged},
	}
}

// scripted makes sources that play a script, and knows what is left of them.
type scripted struct {
	script
	running sync.WaitGroup
	open    atomic.Int32
	mu      sync.Mutex
	queues  []*stream.Queue[int]
}

// run is a source that has to be run.
func (s *scripted) run() stream.Stream[int] {
	return stream.FromSeq2(func(yield func(int, error) bool) {
		s.open.Add(1)
		defer s.open.Add(-1)
		for _, one := range s.steps {
			if !yield(one.v, one.notice) {
				return
			}
		}
		if s.end != nil {
			yield(0, s.end)
		}
	})
}

// attached is a source with a queue that a goroutine fills.
func (s *scripted) attached(buffer int) stream.Stream[int] {
	return stream.FromSubscription(func() *stream.Subscription[int] {
		q := stream.NewQueue(stream.Config{Buffer: buffer, Overflow: stream.Block}, stream.Hooks[int]{})
		s.mu.Lock()
		s.queues = append(s.queues, q)
		s.mu.Unlock()
		s.running.Go(func() {
			for _, one := range s.steps {
				if one.notice != nil {
					q.Notice(one.notice)
				} else if q.PushWait(nil, []int{one.v}) == 0 {
					return
				}
			}
			q.CloseWith(s.end)
		})
		return stream.Direct(q)
	})
}

// released fails the test if a source is still open.
func (s *scripted) released(t *rapid.T) {
	if n := s.open.Load(); n != 0 {
		t.Errorf("%d sources are still running", n)
	}
	s.running.Wait() // which does not end if a queue waits for its consumer
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		if st := q.Stats(); st.Depth != 0 {
			t.Errorf("left open: %+v", st)
		}
	}
	s.queues = nil
}

// consumed consumes s and calls at, which reports whether to go on, after each
// step.
func consumed(ctx context.Context, s stream.Stream[int], at func(n int) bool) []string {
	var out []string
	for v, err := range s.All(ctx) {
		switch {
		case err == nil:
			out = append(out, step{v: v}.String())
		case stream.IsNotice(err):
			out = append(out, step{notice: err}.String())
		default:
			out = append(out, "#"+err.Error())
		}
		if !at(len(out)) {
			break
		}
	}
	return out
}

func TestAnyPipeline(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rapid.Check(t, checkPipeline)
}

func checkPipeline(t *rapid.T) {
	src := &scripted{}
	for i := range rapid.IntRange(0, 40).Draw(t, "steps") {
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			src.steps = append(src.steps, step{notice: &stream.LagError{Dropped: uint64(i + 1)}})
		} else {
			src.add(rapid.IntRange(0, 12).Draw(t, "v"))
		}
	}
	if rapid.Bool().Draw(t, "fails") {
		src.end = errScript
	}
	var s stream.Stream[int]
	names := []string{rapid.SampledFrom([]string{"run", "attached", "merged run", "merged attached"}).Draw(t, "source")}
	switch names[0] {
	case "run":
		s = src.run()
	case "attached":
		s = src.attached(rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "buffer"))
	case "merged run":
		s = stream.Merge(src.run())
	case "merged attached":
		s = stream.Merge(src.attached(rapid.SampledFrom([]int{1, 100}).Draw(t, "buffer")))
	}
	expected := src.script
	for range rapid.IntRange(0, 6).Draw(t, "length") {
		all := operations(rapid.IntRange(0, 6).Draw(t, "n"))
		op := rapid.SampledFrom(all).Draw(t, "op")
		names = append(names, op.name)
		s, expected = op.apply(s), op.model(expected)
	}
	want := expected.lines()
	chain := strings.Join(names, " ")
	same := func(how string, got, want []string) {
		if !slices.Equal(got, want) {
			t.Errorf("%s, %s:\n got %v\nwant %v", chain, how, got, want)
		}
		src.released(t)
	}
	bg := context.Background()
	same("to the end", consumed(bg, s, func(int) bool { return true }), want)
	if len(want) == 0 {
		return
	}
	stop := rapid.IntRange(1, len(want)).Draw(t, "stop")
	same("left", consumed(bg, s, func(n int) bool { return n < stop }), want[:stop])

	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	same("cancelled", consumed(ctx, s, func(n int) bool {
		if n == stop {
			cancel()
		}
		return true
	}), want[:stop])

	func() {
		defer func() {
			if r := recover(); r != "consumer" {
				t.Errorf("%s: recovered %v", chain, r)
			}
		}()
		consumed(bg, s, func(n int) bool {
			if n == stop {
				panic("consumer")
			}
			return true
		})
	}()
	src.released(t)

	// Together with itself: each consumption has its own state.
	var both sync.WaitGroup
	var first, second []string
	both.Go(func() { first = consumed(bg, stream.Concat(s), func(int) bool { return true }) })
	if !strings.Contains(chain, "Share") {
		both.Go(func() { second = consumed(bg, s, func(int) bool { return true }) })
	} else {
		second = want
	}
	both.Wait()
	same("twice at a time", first, want)
	same("twice at a time", second, want)
}
