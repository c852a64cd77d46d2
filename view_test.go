package rivet_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

type sum struct{ Total, Version int }

type added struct{ By, Version int }

const (
	getSum = rivet.Action[rivet.None, sum]("getSum")
	addSum = rivet.Action[int, rivet.None]("add")
	addEv  = rivet.Event[added]("added")
)

// summer is an actor with a running total. Its fields are the actor's: tests
// change them by with, and the total by add, which goes through the actor, so
// that the total and its events keep one order.
type summer struct {
	gw     *rivettest.Gateway
	handle *rivet.Handle

	mu    sync.Mutex
	now   sum
	fail  error // what getSum answers while set
	calls int   // of getSum
	// before runs before getSum looks at the total.
	before func()
}

func newSummer(t *testing.T) (*summer, *conn.Conn) {
	t.Helper()
	s := &summer{gw: rivettest.NewGateway(t, rivettest.InMemory())}
	a := s.gw.Actor("summer")
	a.Handle("getSum", func(context.Context, *rivettest.Request) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls++
		if s.before != nil {
			s.before()
		}
		return s.now, s.fail
	})
	a.Handle("add", func(_ context.Context, r *rivettest.Request) (any, error) {
		var by int
		if err := r.Decode(&by); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.raise(by)
		return nil, nil
	})
	s.handle = s.gw.Client(t).GetOrCreate("summer", rivet.Key{"a"})
	return s, s.handle.Connect(t.Context())
}

func (s *summer) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// raise changes the total and tells of it; s.mu is held.
func (s *summer) raise(by int) {
	s.now.Total += by
	s.now.Version++
	s.gw.Actor("summer").Emit("added", added{By: by, Version: s.now.Version})
}

func (s *summer) add(t *testing.T, by int) {
	t.Helper()
	if _, err := addSum.Call(t.Context(), s.handle, by); err != nil {
		t.Fatal(err)
	}
}

func (s *summer) total() sum {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *summer) snapshots() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func follow(t *testing.T, c *conn.Conn, opts ...rivet.ViewOption) *rivet.View[sum] {
	t.Helper()
	v := rivet.NewView(c, func(ctx context.Context, c rivet.Caller) (sum, error) {
		return rivet.Do(ctx, c, getSum)
	}, append(opts, rivet.Fold(addEv, func(s sum, a added) sum {
		s.Total += a.By
		s.Version = a.Version
		return s
	}))...)
	t.Cleanup(func() { v.Close() })
	return v
}

func mustBe(t *testing.T, v *rivet.View[sum], want sum) {
	t.Helper()
	synctest.Wait()
	got, ok := v.Value()
	if !ok || got != want {
		t.Fatalf("view %+v (ready %v), want %+v; err %v", got, ok, want, v.Err())
	}
	read := false
	if !v.Read(func(s sum) { read = s == want }) || !read {
		t.Errorf("Read and Value differ")
	}
}

func TestViewFollowsEventsAfterItsSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		var v *rivet.View[sum]
		s.with(func() { // no snapshot is answered meanwhile
			s.now = sum{Total: 100, Version: 7}
			v = follow(t, c)
			if _, ok := v.Value(); ok {
				t.Error("value before the first snapshot")
			}
		})
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.snapshots() != 2 {
			t.Errorf("%d calls for the first snapshot, want 2", s.snapshots())
		}
		if n := len(s.gw.Conn(0).Messages(rivettest.IsSubscribe("added"))); n != 2 {
			t.Errorf("subscribed %d times, want 2", n)
		}
		mustBe(t, v, s.total())
		for i := range 50 {
			s.add(t, i)
		}
		mustBe(t, v, s.total())
		if s.snapshots() != 2 {
			t.Error("took snapshots without a reason")
		}
	})
}

func TestViewCountsEachEventOnceAroundTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		// Each snapshot has an event right before its reply, and more while the
		// next is on its way.
		s.with(func() { s.before = func() { s.raise(1) } })
		v := follow(t, c, rivet.Refresh(10*time.Second))
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustBe(t, v, s.total())
		for range 200 {
			<-time.After(time.Duration(rand.IntN(1000)) * time.Millisecond)
			s.add(t, rand.IntN(10))
			synctest.Wait() // for a snapshot that began at the same instant
			mustBe(t, v, s.total())
		}
		if s.snapshots() < 10 {
			t.Errorf("only %d snapshots", s.snapshots())
		}
	})
}

func TestViewTakesASnapshotAfterAGapAndShowsNothingWrongBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.add(t, 1)
		mustBe(t, v, s.total())
		old := s.total()
		s.gw.Down()
		s.with(func() {
			s.raise(1000) // nobody hears it
			s.fail = rivettest.UserError("busy", "not now", nil)
		})
		s.gw.Up()
		s.gw.Conn(1)
		if err := s.gw.Conn(1).WaitSubscribed(t.Context(), "added"); err != nil {
			t.Fatal(err)
		}
		s.add(t, 1) // must not be folded into the old state
		<-time.After(time.Second)
		mustBe(t, v, old)
		if !rivet.IsCode(v.Err(), "busy") {
			t.Errorf("Err while the snapshot fails: %v", v.Err())
		}
		s.with(func() { s.fail = nil })
		<-time.After(time.Minute)
		mustBe(t, v, s.total())
		if v.Err() != nil {
			t.Errorf("Err after the snapshot: %v", v.Err())
		}
	})
}

func TestViewHealsALossThatLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.with(func() { s.now.Total = 555 }) // and no event
		<-time.After(rivet.DefaultRefresh + time.Second)
		mustBe(t, v, s.total())
	})
}

func TestViewTakesASnapshotAfterABadEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		v := follow(t, c, rivet.Refresh(0))
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.with(func() {
			s.gw.Emit("added", "not an object")
			s.now.Total += 5 // what that event would have told
		})
		<-time.After(time.Second)
		mustBe(t, v, s.total())

	})
}

func TestViewTakesASnapshotAfterLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		hold := make(chan struct{})
		v := rivet.NewView(c, func(ctx context.Context, c rivet.Caller) (sum, error) {
			return rivet.Do(ctx, c, getSum)
		}, rivet.Refresh(0), rivet.Fold(addEv, func(s sum, a added) sum {
			<-hold // so that the view falls behind by more than its buffer
			return sum{Total: s.Total + a.By, Version: a.Version}
		}))
		defer v.Close()
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls := s.snapshots()
		s.with(func() {
			for range 2 * stream.DefaultBuffer {
				s.raise(1)
			}
		})
		synctest.Wait()
		close(hold)
		<-time.After(time.Second)
		mustBe(t, v, s.total())
		if s.snapshots() == calls {
			t.Error("no snapshot after lag")
		}
	})
}

func TestVersionedViewIsExactOnAnyHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		versions := rivet.Versioned(func(s sum) uint64 { return uint64(s.Version) }, func(a added) uint64 { return uint64(a.Version) })
		v := follow(t, c, versions)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The reply is overtaken by an event that it does not contain, and one
		// that it does contain comes late.
		gc := s.gw.Conn(0)
		stale := added{By: 3, Version: 1}
		s.with(func() {
			s.before = func() {
				s.before = nil
				s.now = sum{Total: 3, Version: 1}
				gc.Emit("added", added{By: 4, Version: 2})
			}
		})
		<-time.After(rivet.DefaultRefresh)
		synctest.Wait()
		gc.Emit("added", stale)
		mustBe(t, v, sum{Total: 7, Version: 2})
	})
}

func TestViewAllConflatesAndReportsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		s.with(func() { s.fail = rivettest.UserError("busy", "not now", nil) })
		v := follow(t, c)
		var got []sum
		failures := 0
		for now, err := range v.All(t.Context()) {
			var failed *rivet.SnapshotError
			if errors.As(err, &failed) {
				if !stream.IsNotice(err) || !rivet.IsCode(err, "busy") {
					t.Errorf("notice %v", err)
				}
				if failures++; failures == 3 {
					s.with(func() { s.fail = nil })
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				for range 100 { // the loop is slow: it sees the last of them
					s.add(t, 1)
				}
				synctest.Wait()
			}
			if got = append(got, now); len(got) == 2 {
				break
			}
		}
		if len(got) != 2 || got[1] != s.total() || failures != 3 {
			t.Errorf("got %+v after %d failures, want the last to be %+v", got, failures, s.total())
		}
	})
}

func TestViewEndsWithItsConnectionAndWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newSummer(t)
		v, w := follow(t, c), follow(t, c)
		if err := errors.Join(v.Ready(t.Context()), w.Ready(t.Context())); err != nil {
			t.Fatal(err)
		}
		v.Close()
		v.Close()
		end := func(v *rivet.View[sum]) (last error) {
			for _, err := range v.All(t.Context()) {
				last = err
			}
			return last
		}
		if err := end(v); err != rivet.ErrClosed {
			t.Errorf("closed view: %v", err)
		}
		if w.Err() != nil {
			t.Errorf("the other view: %v", w.Err())
		}
		c.Close()
		if err := end(w); !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("closed connection: %v", err)
		}
		if _, ok := w.Value(); !ok {
			t.Error("the last value is gone")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		x := follow(t, c)
		if err := x.Ready(ctx); err == nil {
			t.Error("ready on a closed connection")
		}
		for _, err := range x.All(ctx) {
			t.Errorf("step after the end of the context: %v", err)
		}
	})
}

func TestViewOfMapsNeedsClone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newSummer(t)
		type people map[string]int
		fold := rivet.Fold(addEv, func(p people, a added) people { p["n"] += a.By; return p })
		snapshot := func(ctx context.Context, c rivet.Caller) (people, error) {
			s, err := rivet.Do(ctx, c, getSum)
			return people{"n": s.Total}, err
		}
		var bad *rivet.ConfigError
		if err := rivet.NewView(c, snapshot, fold).Err(); !errors.As(err, &bad) || bad.Field != "Clone" {
			t.Errorf("without Clone: %v", err)
		}
		other := rivet.Fold(addEv, func(s sum, _ added) sum { return s })
		for name, opts := range map[string][]rivet.ViewOption{
			"fold of another state": {rivet.Clone(maps.Clone[people]), other},
			"no fold":               {rivet.Clone(maps.Clone[people])},
			"event twice":           {rivet.Clone(maps.Clone[people]), fold, fold},
			"clone of another":      {rivet.Clone(maps.Clone[map[string]int]), fold},
			"clone without a func":  {rivet.Clone[people](nil), fold},
			"fold without a func":   {rivet.Clone(maps.Clone[people]), rivet.Fold[people, added](addEv, nil)},
			"versions without":      {rivet.Clone(maps.Clone[people]), fold, rivet.Versioned[people, added](nil, nil)},
		} {
			v := rivet.NewView(c, snapshot, opts...)
			if err := v.Ready(t.Context()); !errors.As(err, &bad) {
				t.Errorf("%s: %v", name, err)
			}
			v.Close()
		}

		if err := rivet.NewView[people](c, nil, rivet.Clone(maps.Clone[people]), fold).Err(); !errors.As(err, &bad) {
			t.Errorf("no snapshot function: %v", err)
		}

		v := rivet.NewView(c, snapshot, rivet.Clone(maps.Clone[people]), fold)
		defer v.Close()
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		mine, _ := v.Value()
		mine["n"] = 12345
		if _, err := addSum.Call(t.Context(), c, 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if now, _ := v.Value(); now["n"] != 1 {
			t.Errorf("a copy that was changed changed the view: %v", now)
		}
	})
}

func TestViewSurvivesPanicsOfItsUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newSummer(t)
		calls := 0
		v := rivet.NewView(c, func(ctx context.Context, c rivet.Caller) (sum, error) {
			if calls++; calls == 1 {
				panic("snapshot")
			}
			return rivet.Do(ctx, c, getSum)
		}, rivet.Fold(addEv, func(sum, added) sum { panic("fold") }))
		defer v.Close()
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.add(t, 1)
		synctest.Wait()
		if err := v.Err(); err == nil || errors.Is(err, rivet.ErrClosed) {
			t.Errorf("after a fold that panicked: %v", err)
		}
	})
}

type roster struct {
	Names   []string
	Version int
}

type named struct {
	Names   []string
	Version int
}

// A fold may make what an event holds a part of the state, and change it there.
// While a snapshot is on its way, an event is folded into two states.
func TestViewFoldsMayKeepWhatAnEventHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := rivettest.NewGateway(t, rivettest.InMemory())
		a := gw.Actor("roster")
		snapshots := 0
		a.Handle("get", func(_ context.Context, r *rivettest.Request) (any, error) {
			if snapshots++; snapshots == 4 { // of the refresh: its reply is overtaken
				a.Emit("set", named{Names: []string{"a"}, Version: 1})
				a.Emit("mark", 2)
			}
			return roster{}, nil
		})
		c := gw.Client(t).GetOrCreate("roster", nil).Connect(t.Context())
		v := rivet.NewView(c, func(ctx context.Context, c rivet.Caller) (roster, error) {
			r, err := rivet.Call[roster](ctx, c, "get")
			<-time.After(time.Second) // the events are there before the snapshot is
			return r, err
		},
			rivet.Clone(func(r roster) roster { r.Names = slices.Clone(r.Names); return r }),
			rivet.Versioned(func(r roster) uint64 { return uint64(r.Version) }, func(n named) uint64 { return uint64(n.Version) }),
			rivet.Versioned(func(r roster) uint64 { return uint64(r.Version) }, func(n int) uint64 { return uint64(n) }),
			rivet.Fold(rivet.Event[named]("set"), func(r roster, n named) roster { return roster(n) }),
			rivet.Fold(rivet.Event[int]("mark"), func(r roster, n int) roster {
				r.Names[0] += "!"
				r.Version = n
				return r
			}))
		defer v.Close()
		<-time.After(rivet.DefaultRefresh + 5*time.Second)
		if now, _ := v.Value(); snapshots != 4 || now.Version != 2 || len(now.Names) != 1 || now.Names[0] != "a!" {
			t.Errorf("%+v after %d snapshots", now, snapshots)
		}
	})
}
