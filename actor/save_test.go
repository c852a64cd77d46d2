package actor_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

var (
	addN = func(c sctx, n int) (int, error) { c.State.N += n; return c.State.N, nil }
	getN = func(c sctx, _ int) (int, error) { return c.State.N, nil }
)

// simple adds and gets.
func simple(opts ...actor.DefinitionOption) actor.Actor {
	return define(func(d *actor.Definition[S]) {
		on(d, "add", addN)
		on(d, "first", addN, actor.SaveFirst())
		on(d, "get", getN)
		on(d, "save", func(c sctx, n int) (int, error) { c.State.N += n; return c.State.N, c.SaveState(c) })
	}, opts...)
}

// stored starts another driver over what this one has on disk, and asks what n is.
func stored(t *testing.T, b *bench, a actor.Actor) string {
	t.Helper()
	b.mu.Lock()
	data := maps.Clone(b.data)
	b.mu.Unlock()
	again := newBench(t, a)
	again.data = data
	in := again.mustStart(t)
	defer again.stop(t, in, actor.Lost)
	return ask(in, "get", 0)
}

// A changing state is saved when SaveInterval is over, counted from the first
// change, and one that does not change is not.
func TestSaveInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begun := time.Now()
		b := newBench(t, simple(actor.SaveInterval(time.Second)))
		b.seeApply(func(actor.Batch) error { at = append(at, time.Since(begun)); return nil })
		in := b.mustStart(t) // the first save
		<-time.After(10 * time.Second)
		for i := range 35 { // up to 14.42 s
			ask(in, "add", 1)
			if i < 34 {
				<-time.After(130 * time.Millisecond)
			}
		}
		<-time.After(10 * time.Second)
		ask(in, "add", 0)
		ask(in, "get", 0)
		<-time.After(10 * time.Second)
		ask(in, "save", 1)
		<-time.After(1100 * time.Millisecond)
		b.stop(t, in, actor.Sleeping)
		want(t, fmt.Sprint(at), "[0s 11s 12.04s 13.08s 14.12s 15.16s 34.42s]")
	})
}

// A reply of SaveFirst tells what is on disk. The turn is not held meanwhile, and
// all that wait share one write.
func TestSaveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		in := b.mustStart(t)
		writes := 0
		b.seeApply(func(actor.Batch) error { writes++; <-time.After(100 * time.Millisecond); return nil })
		begun := time.Now()
		first := later(in, "first", 1)
		synctest.Wait()
		want(t, ask(in, "get", 0), "1")
		if time.Since(begun) != 0 {
			t.Errorf("the turn was held for %v", time.Since(begun))
		}
		var more []<-chan string
		for range 50 {
			more = append(more, later(in, "first", 1))
		}
		want(t, <-first, "1")
		if d := time.Since(begun); d != 100*time.Millisecond {
			t.Errorf("the first reply came after %v", d)
		}
		want(t, stored(t, b, simple()), "1")
		for _, answer := range more {
			<-answer
		}
		if d := time.Since(begun); d != 200*time.Millisecond || writes != 2 {
			t.Errorf("the last reply came after %v and %d writes", d, writes)
		}
		want(t, stored(t, b, simple()), "51")
		b.stop(t, in, actor.Lost)
	})
}

// What OnStateChange makes of the state is saved first, too.
func TestSaveFirstWithOnStateChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := define(func(d *actor.Definition[S]) {
			d.OnStateChange(func(c sctx) { c.State.N *= 10 })
			on(d, "first", addN, actor.SaveFirst())
			on(d, "get", getN)
		})
		b := newBench(t, a)
		in := b.mustStart(t)
		want(t, ask(in, "first", 1), "1")
		want(t, stored(t, b, a), "10")
		b.stop(t, in, actor.Lost)
	})
}

// A crash between two saves loses what came after the first.
func TestCrashLosesAtMostTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		in := b.mustStart(t)
		ask(in, "add", 1)
		<-time.After(time.Second)
		synctest.Wait()
		ask(in, "add", 1)
		want(t, stored(t, b, simple()), "1")
		ask(in, "save", 1)
		want(t, stored(t, b, simple()), "3")
		ask(in, "add", 1)
		b.stop(t, in, actor.Lost)
		want(t, stored(t, b, simple()), "3")
	})
}

// A store that fails for a while delays, and loses nothing.
func TestStoreFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b := newBench(t, simple(), j.logger())
		in := b.mustStart(t)
		b.seeApply(func(actor.Batch) error { return errors.New("no room") })
		answer := later(in, "first", 1)
		<-time.After(10 * time.Second)
		want(t, ask(in, "add", 1), "2") // the actor goes on
		<-time.After(10 * time.Second)
		b.seeApply(nil)
		want(t, <-answer, "1")
		<-time.After(2 * time.Second)
		want(t, stored(t, b, simple()), "2")
		if n := strings.Count(j.String(), "no room"); n < 5 || n > 12 {
			t.Errorf("it was logged %d times: %s", n, &j)
		}
		b.stop(t, in, actor.Sleeping)
	})
}

// One that fails for good ends the calls that count on it in their time, and Stop
// with an error in its.
func TestStoreFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple(actor.ActionTimeout(20*time.Second), actor.StopGrace(10*time.Second)))
		in := b.mustStart(t)
		b.seeApply(func(actor.Batch) error { return errors.New("no room") })
		begun := time.Now()
		want(t, ask(in, "first", 1), "408 action_timed_out")
		if d := time.Since(begun); d != 20*time.Second {
			t.Errorf("the answer came after %v", d)
		}
		answer := later(in, "first", 1)
		synctest.Wait()
		begun = time.Now()
		if err := in.Stop(t.Context(), actor.Sleeping); err == nil {
			t.Error("Stop returned nil")
		}
		if d := time.Since(begun); d > 30*time.Second {
			t.Errorf("Stop took %v", d)
		}
		if a := <-answer; a != "503 stopping" && a != "408 action_timed_out" {
			t.Errorf("the answer is %s", a)
		}
		b.seeApply(nil)
		synctest.Wait()
		want(t, stored(t, b, simple()), "0")
	})
}

// A store whose hold on the actor is over is not asked again.
func TestStoreIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		in := b.mustStart(t)
		asked := 0
		b.seeApply(func(actor.Batch) error { asked++; return fmt.Errorf("wrapped: %w", actor.ErrLeaseEnded) })
		want(t, ask(in, "first", 1), "500 internal_error")
		if asked != 1 {
			t.Errorf("it was asked %d times", asked)
		}
		b.stop(t, in, actor.Lost)
	})
}

// A start that cannot store the new actor is none.
func TestStoreFailsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		b.seeApply(func(actor.Batch) error { return actor.ErrLeaseEnded })
		if _, err := b.start(t.Context()); !errors.Is(err, actor.ErrLeaseEnded) {
			t.Errorf("Start returned %v", err)
		}
	})
}

type blob struct {
	Data []byte
	Bad  func() `json:"-"`
}

func large() actor.Actor {
	return actor.Define("a", func(d *actor.Definition[blob]) {
		actor.Handle(d, rivet.Action[int, int]("set"), func(c *actor.Context[blob], n int) (int, error) {
			c.State.Data = bytes.Repeat([]byte{byte(n%251 + 1)}, n)
			return n, nil
		}, actor.SaveFirst())
		actor.Handle(d, rivet.Action[int, int]("get"), func(c *actor.Context[blob], _ int) (int, error) {
			n := len(c.State.Data)
			if n > 0 && bytes.Count(c.State.Data, []byte{byte(n%251 + 1)}) != n {
				return -1, nil // a mix
			}
			return n, nil
		})
	})
}

// Wherever a crash comes while large states are written, grown and shrunk, what
// is found is what was written before or what was being written; and whatever
// was found, the next state can be written over it.
func TestLargeStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes := []int{10, 3 << 20, 100, 70 << 10, 2 << 20, 900 << 10, 64<<10 - 100, 5 << 20, 4 << 20, 0}
		b := newBench(t, large())
		type point struct {
			data     map[string][]byte
			old, new int
		}
		var points []point
		old, next := 0, 0
		b.seeApply(func(batch actor.Batch) error {
			size := 0
			for _, c := range batch {
				size += len(c.Key) + len(c.Value) + len(c.To)
				if len(c.Value) > actor.MaxValue || len(c.Key) > actor.MaxKey {
					t.Errorf("a value of %d bytes under a key of %d", len(c.Value), len(c.Key))
				}
			}
			if size > actor.MaxBatchBytes || len(batch) > actor.MaxBatch {
				t.Errorf("a batch of %d bytes and %d changes", size, len(batch))
			}
			b.mu.Lock()
			points = append(points, point{maps.Clone(b.data), old, next})
			b.mu.Unlock()
			return nil
		})
		in := b.mustStart(t)
		points = nil
		for _, size := range sizes {
			next = size
			want(t, ask(in, "set", size), fmt.Sprint(size))
			old = next
		}
		b.mu.Lock()
		if len(b.data) != 1 {
			t.Errorf("%d entries are left of a small state", len(b.data))
		}
		points = append(points, point{maps.Clone(b.data), 0, 0})
		b.mu.Unlock()
		b.stop(t, in, actor.Lost)
		if len(points) < 20 {
			t.Fatalf("only %d batches", len(points))
		}
		for i, p := range points {
			again := newBench(t, large())
			again.data = p.data
			in := again.mustStart(t)
			if got := ask(in, "get", 0); got != fmt.Sprint(p.old) && got != fmt.Sprint(p.new) {
				t.Errorf("at %d of %d, from %d to %d: found %s", i, len(points), p.old, p.new, got)
			}
			for _, size := range []int{1<<20 + i, 2<<20 + i} {
				want(t, ask(in, "set", size), fmt.Sprint(size))
			}
			again.stop(t, in, actor.Sleeping)
			in = again.mustStart(t)
			want(t, ask(in, "get", 0), fmt.Sprint(2<<20+i))
			again.stop(t, in, actor.Lost)
		}
	})
}

// What does not decode is refused and left as it is, whatever is done to the
// actor.
func TestUnreadableState(t *testing.T) {
	first := newBench(t, large())
	in := first.mustStart(t)
	ask(in, "set", 300<<10)
	first.stop(t, in, actor.Sleeping)
	head := first.data["\x01"]
	chunk := slices.Sorted(maps.Keys(first.data))[1]
	for name, c := range map[string]struct {
		spoil func(map[string][]byte)
		says  string
	}{
		"damaged":       {func(m map[string][]byte) { m["\x01"] = head[:len(head)-1] }, "damaged"},
		"of the future": {func(m map[string][]byte) { m["\x01"] = append([]byte{0xa2, 0x01, 0x18, 99}, 0x02, 0xf5) }, "format 99"},
		"incomplete":    {func(m map[string][]byte) { delete(m, chunk) }, "incomplete"},
		"shorter":       {func(m map[string][]byte) { m[chunk] = m[chunk][1:] }, "incomplete"},
		"other bytes":   {func(m map[string][]byte) { m[chunk] = bytes.Repeat([]byte{0xff}, len(m[chunk])) }, "does not decode"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, large())
			b.data = maps.Clone(first.data)
			c.spoil(b.data)
			before := maps.Clone(b.data)
			for range 2 {
				if _, err := b.start(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("Start returned %v", err)
				}
			}
			if !maps.EqualFunc(before, b.data, bytes.Equal) {
				t.Error("the stored state was changed")
			}
		})
	}
	other := newBench(t, actor.Define("a", func(*actor.Definition[struct{ Data map[string]int }]) {}))
	other.data = maps.Clone(first.data)
	if _, err := other.start(t.Context()); err == nil || !strings.Contains(err.Error(), "does not decode into a struct") {
		t.Errorf("Start returned %v", err)
	}
}

// bad is a state that cannot be encoded while V is odd.
type bad struct{ V odd }
type odd int

func (o odd) MarshalText() ([]byte, error) {
	if o%2 == 1 {
		return nil, fmt.Errorf("odd: %d", int(o))
	}
	return fmt.Append(nil, int(o)), nil
}
func (o *odd) UnmarshalText(b []byte) error { _, err := fmt.Sscan(string(b), (*int)(o)); return err }

// A state that cannot be encoded is logged once for as long as that lasts, keeps
// the actor from nothing, and is an error where saving was asked for.
func TestStateThatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		a := actor.Define("a", func(d *actor.Definition[bad]) {
			add := func(c *actor.Context[bad], n int) (int, error) { c.State.V += odd(n); return int(c.State.V), nil }
			actor.Handle(d, rivet.Action[int, int]("add"), add)
			actor.Handle(d, rivet.Action[int, int]("first"), add, actor.SaveFirst())
			actor.Handle(d, rivet.Action[int, int]("get"), func(c *actor.Context[bad], n int) (int, error) { return int(c.State.V), nil })
		})
		b := newBench(t, a, j.logger())
		in := b.mustStart(t)
		logged := func(n int) {
			t.Helper()
			if got := strings.Count(j.String(), "save failed"); got != n {
				t.Errorf("logged %d times, not %d: %s", got, n, &j)
			}
		}
		for range 10 {
			ask(in, "add", 2)
			ask(in, "add", 1)
			<-time.After(2 * time.Second)
			ask(in, "add", 1)
			<-time.After(2 * time.Second)
		}
		logged(10)
		ask(in, "add", 1)
		for range 10 {
			ask(in, "add", 2)
			<-time.After(2 * time.Second)
		}
		logged(11)
		want(t, ask(in, "first", 2), "500 internal_error")
		want(t, stored(t, b, a), "40")
		if err := in.Stop(t.Context(), actor.Sleeping); err == nil || !strings.Contains(err.Error(), "odd: 63") {
			t.Errorf("Stop returned %v", err)
		}
		want(t, stored(t, b, a), "40")
	})
}

// A handler that fails is not rolled back.
func TestFailureIsNotRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "fail", func(c sctx, n int) (int, error) { c.State.N = n; return 0, actor.UserError("no", "no", nil) })
			on(d, "get", getN)
		}))
		in := b.mustStart(t)
		want(t, ask(in, "fail", 6), "500 no")
		b.stop(t, in, actor.Sleeping)
		want(t, ask(b.mustStart(t), "get", 0), "6")
	})
}

// Who still has the KV of a generation that is over is told so.
func TestKVOfAGenerationThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kv *actor.KV
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnWake(func(c sctx) error { kv = c.KV(); return nil })
		}))
		b.stop(t, b.mustStart(t), actor.Sleeping)
		if err := kv.Put(t.Context(), "a", nil); !errors.Is(err, actor.ErrLeaseEnded) {
			t.Errorf("Put: %v", err)
		}
		if n := b.keys(4); n != 0 {
			t.Errorf("%d keys were put all the same", n)
		}
	})
}

// OnCreate that has run is known to have, although it changed nothing since a
// start that failed behind its SaveState.
func TestOnCreateAfterAStartThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		created := 0
		b := newBench(t, define(func(d *actor.Definition[S]) {
			d.OnCreate(func(c sctx) error {
				created++
				c.State.N = 1
				if err := c.SaveState(c); err != nil {
					return err
				}
				if created == 1 {
					return errors.New("the first one fails")
				}
				return nil
			})
		}))
		if _, err := b.start(t.Context()); err == nil {
			t.Fatal("no error")
		}
		for range 2 {
			b.stop(t, b.mustStart(t), actor.Sleeping)
		}
		if created != 2 {
			t.Errorf("OnCreate ran %d times", created)
		}
	})
}

// What is lost does not wait for a disk that fails.
func TestLostIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		in := b.mustStart(t)
		b.seeApply(func(actor.Batch) error { return errors.New("the disk is full") })
		ask(in, "add", 1)
		<-time.After(2 * time.Second)
		begun := time.Now()
		_ = in.Stop(t.Context(), actor.Lost)
		if d := time.Since(begun); d != 0 {
			t.Errorf("it took %v", d)
		}
	})
}
