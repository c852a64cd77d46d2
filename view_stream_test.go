package rivet_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/internal/testgoroutines"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func TestViewStreamConflatesWithoutRepeating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		const events = 500
		go func() {
			for range events {
				<-time.After(time.Duration(rand.IntN(3)) * time.Millisecond)
				s.add(t, 1)
			}
		}()
		loops := make(chan int, 2)
		for _, pace := range []time.Duration{0, 20 * time.Millisecond} {
			go func() {
				n, last := 0, sum{Version: -1}
				for now, err := range v.Stream().All(t.Context()) {
					if err != nil {
						t.Error(err)
						break
					}
					if now.Version <= last.Version {
						t.Errorf("%+v after %+v", now, last)
					}
					n, last = n+1, now
					if now.Version == events {
						break
					}
					<-time.After(pace)
				}
				loops <- n
			}()
		}
		a, b := <-loops, <-loops
		if slow := min(a, b); slow < 5 || slow > events/5 {
			t.Errorf("the slow loop saw %d of %d states", slow, events)
		}
	})
}

func TestViewStreamIsAttachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := testgoroutines.Count()
		many := make([]stream.Stream[int], 50)
		for i := range many {
			many[i] = stream.Map(v.Stream(), func(s sum) int { return s.Total })
		}
		for range 2 {
			steps := 0
			for _, err := range stream.CombineAll(many...).All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // for those of calls that are over
				if more := testgoroutines.Count() - before; more > 0 {
					t.Errorf("%d goroutines more", more)
				}
				if steps++; steps == 3 {
					break
				}
				s.add(t, 1)
				synctest.Wait()
			}
		}
		v.Close()
		if _, err := v.Stream().First(t.Context()); err != rivet.ErrClosed {
			t.Errorf("stream of a closed view: %v", err)
		}
	})
}

func TestViewStreamHandsOnTheLastStateBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []sum
		var last error
		for now, err := range v.Stream().All(t.Context()) {
			if last = err; err != nil {
				continue
			}
			if got = append(got, now); len(got) == 1 {
				s.add(t, 5)
				synctest.Wait()
				c.Close()
				synctest.Wait()
			}
		}
		if len(got) != 2 || got[1].Total != 5 || !errors.Is(last, rivet.ErrClosed) || stream.IsNotice(last) {
			t.Errorf("got %+v and %v", got, last)
		}
	})
}

// Many actors make one state: the failure of one is told, with its cause, and
// keeps the others from nothing.
func TestViewsOfManyActorsMakeOneState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const actors = 10
		var parts []stream.Stream[sum]
		var summers []*summer
		for i := range actors {
			s, c := newSummer(t)
			if i == 3 {
				s.with(func() { s.fail = rivettest.UserError("busy", "not now", nil) })
			}
			summers = append(summers, s)
			parts = append(parts, follow(t, c).Stream())
		}
		bad := summers[3]

		total := func(all []sum) (n int) {
			for _, s := range all {
				n += s.Total
			}
			return n
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		failures, want := 0, 0
		for n, err := range stream.Map(stream.CombineAll(parts...), total).All(ctx) {
			var failed *rivet.SnapshotError
			switch {
			case errors.As(err, &failed):
				if !stream.IsNotice(err) || !rivet.IsCode(err, "busy") {
					t.Errorf("notice %v", err)
				}
				if failures++; failures == 2 {
					bad.with(func() { bad.fail = nil })
				}
				continue
			case err != nil:
				t.Fatal(err)
			case failures < 2:
				t.Error("a state while one is missing")
			}
			if n < want {
				continue // on the way there
			}
			if n > want {
				t.Fatalf("total %d, want %d", n, want)
			}
			if want > 0 {
				break
			}
			for i, s := range summers {
				s.add(t, i)
				want += i
			}
		}
		if failures != 2 {
			t.Errorf("%d failures were told, want 2", failures)
		}
	})
}
