package stream_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/stream"
)

// A source that takes its time to be released is not started before that, and
// not for a subscriber that has left meanwhile.
func TestShareStartsAfterTheRelease(t *testing.T) {
	for kind, source := range map[string]func(begin, end func()) stream.Stream[string]{
		"run": func(begin, end func()) stream.Stream[string] {
			return stream.FromSeq(func(yield func(string) bool) {
				begin()
				defer end()
				for more := true; more; more = yield("a") {
					<-time.After(frame)
				}
			})
		},
		"attached": func(begin, end func()) stream.Stream[string] {
			return stream.FromSubscription(func() *stream.Subscription[string] {
				begin()
				q := stream.NewQueue(stream.Config{}, stream.Hooks[string]{Closed: end})
				go func() {
					for more := true; more; more = q.Push([]string{"a"}) == 1 {
						<-time.After(frame)
					}
				}()
				return stream.Direct(q)
			})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var starts, open atomic.Int32
				s := source(func() {
					starts.Add(1)
					if open.Add(1) > 1 {
						t.Error("consumed twice at a time")
					}
				}, func() {
					<-time.After(2 * frame)
					open.Add(-1)
				}).Share()
				begin := time.Now()
				var everyone sync.WaitGroup
				// In quarters of a frame. The second comes and leaves, and the
				// third comes, while what the first has left is being released.
				for i, stay := range []struct{ from, to, least int }{{0, 7, 1}, {10, 11, 0}, {14, 40, 3}} {
					everyone.Go(func() {
						<-time.After(time.Duration(stay.from) * frame / 4)
						ctx, cancel := context.WithDeadline(t.Context(), begin.Add(time.Duration(stay.to)*frame/4))
						defer cancel()
						got, err := all(ctx, s)
						if len(got) < stay.least || err != nil || ctx.Err() == nil {
							t.Errorf("subscriber %d: %v, %v after %v", i, got, err, time.Since(begin))
						}
					})
				}
				everyone.Wait()
				if starts.Load() != 2 || open.Load() != 0 {
					t.Errorf("started %d times, %d are open", starts.Load(), open.Load())
				}
			})
		})
	}
}

// Who comes after the end starts anew, also when others still have something
// waiting.
func TestShareAnewWhileOthersDrain(t *testing.T) {
	inBubble(t, func(t *testing.T, source func(string) stream.Stream[string]) {
		s := source("a b |").Share()
		slow := s.Filter(func(v string) bool {
			if v == "a" {
				<-time.After(8 * frame)
			}
			return true
		})
		var both sync.WaitGroup
		both.Go(func() { checkSeats(t, slow, []seat{{0, 20, ". . . . . . . . ab|"}}) })
		both.Go(func() { checkSeats(t, s, []seat{{4, 20, ". . . . 'a 'b '|"}}) })
		both.Wait()
	})
}

// With Block those that have room get a value before the source waits for the
// one that has none.
func TestShareBlockServesTheOthersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cold("a b c d e |").Share(stream.Buffer(1), stream.Overflow(stream.Block))
		slow := s.Filter(func(v string) bool {
			if v == "a" {
				<-time.After(4*frame + frame/2)
			}
			return true
		})
		var both sync.WaitGroup
		both.Go(func() { checkSeats(t, slow, []seat{{0, 20, ". . . . . 'abcde|"}}) })
		both.Go(func() { checkSeats(t, s, []seat{{1, 20, ". b c . . 'de|"}}) })
		both.Wait()
	})
}

// An end that the stream has come to by itself stays, also when it is stopped
// before its source is released.
func TestPublishEndedBeforeItWasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for how, stop := range map[string]func(p *stream.Shared[string], cancel func()){
			"Close":  func(p *stream.Shared[string], _ func()) { p.Close() },
			"cancel": func(_ *stream.Shared[string], cancel func()) { cancel() },
		} {
			p := stream.FromSeq2(func(yield func(string, error) bool) {
				yield("", errMarble)
				<-time.After(2 * frame)
			}).Publish()
			ctx, cancel := context.WithCancel(t.Context())
			if err := p.Start(ctx); err != nil {
				t.Fatal(err)
			}
			sub := p.Subscribe()
			<-time.After(frame)
			stop(p, cancel)
			if _, err := sub.Next(t.Context()); err != errMarble {
				t.Errorf("%s: ended with %v", how, err)
			}
			sub.Close()
			p.Close()
			cancel()
		}
	})
}

// What the source was given is released at its end, without a Close.
func TestPublishEndReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given context.Context
		p := stream.FromFunc(func(ctx context.Context) (int, error) {
			given = ctx
			return 0, errMarble
		}).Publish()
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if given.Err() == nil {
			t.Error("the context of the source has not ended")
		}
	})
}
