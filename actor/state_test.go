package actor_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// A static state is a copy for each actor: none sees what another one does to it.
func TestStaticState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type list struct{ Names map[string]int }
		template := list{map[string]int{"a": 1}}
		a := actor.Define("a", func(d *actor.Definition[list]) {
			d.State(template)
			actor.Handle(d, rivet.Action[int, int]("add"), func(c *actor.Context[list], n int) (int, error) {
				c.State.Names[strings.Repeat("x", n)]++
				return len(c.State.Names), nil
			})
		})
		for range 3 {
			in := newBench(t, a).mustStart(t)
			want(t, ask(in, "add", 3), "2")
			if err := in.Stop(t.Context(), actor.Sleeping); err != nil {
				t.Error(err)
			}
		}
		if len(template.Names) != 1 {
			t.Error("the value given to State was changed")
		}
	})
}

// CreateState has the creator's input, or knows that there is none; one that does
// not fit is an error.
func TestCreateStateInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := define(func(d *actor.Definition[S]) {
			actor.CreateState(d, func(c *actor.CreateContext, in struct{ Start int }) (S, error) {
				if !c.HasInput() {
					return S{-1}, nil
				}
				return S{in.Start}, nil
			})
			on(d, "get", getN)
		})
		b := newBench(t, a)
		in := b.mustStart(t)
		want(t, ask(in, "get", 0), "-1")
		b.stop(t, in, actor.Lost)
		b.input = must(codec.Marshal(codec.CBOR, map[string]int{"start": 5}))
		in = b.mustStart(t)
		want(t, ask(in, "get", 0), "-1") // it is there already
		b.stop(t, in, actor.Lost)

		b = newBench(t, a)
		b.input = must(codec.Marshal(codec.CBOR, map[string]int{"Start": 5}))
		in = b.mustStart(t)
		want(t, ask(in, "get", 0), "5")
		b.stop(t, in, actor.Lost)

		b = newBench(t, a)
		b.input = must(codec.Marshal(codec.CBOR, "five"))
		if _, err := b.start(t.Context()); err == nil || !strings.Contains(err.Error(), "CreateState: the input is no struct") {
			t.Errorf("Start returned %v", err)
		}
		if len(b.data) > 0 {
			t.Error("an actor that did not come into being has data")
		}
	})
}

// Vars are of one generation, and are found by their key only.
func TestVars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var vars actor.Vars[map[string]int]
		var others actor.Vars[string]
		b := newBench(t, define(func(d *actor.Definition[S]) {
			vars = actor.CreateVars(d, func(c sctx) (map[string]int, error) { return map[string]int{"n": c.State.N}, nil })
			on(d, "add", func(c sctx, n int) (int, error) {
				if others.Of(c) != nil {
					t.Error("vars of another type were found")
				}
				c.State.N += 10
				(*vars.Of(c))["n"] += n
				return (*vars.Of(c))["n"], nil
			})
		}))
		in := b.mustStart(t)
		want(t, ask(in, "add", 1), "1")
		want(t, ask(in, "add", 1), "2")
		b.stop(t, in, actor.Sleeping)
		in = b.mustStart(t)
		want(t, ask(in, "add", 1), "21")
		b.stop(t, in, actor.Sleeping)
	})
}

// Turns come one at a time; Await lets others in, and Concurrent runs beside them
// and reaches the state in turns of its own.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		second := func() error { <-time.After(time.Second); return nil }
		b := newBench(t, define(func(d *actor.Definition[S]) {
			on(d, "serial", func(c sctx, n int) (int, error) {
				j.note("s%d", n)
				_ = second()
				j.note("s%d.", n)
				c.State.N++
				return c.State.N, nil
			})
			on(d, "await", func(c sctx, n int) (int, error) {
				j.note("a%d", n)
				c.State.N++
				err := c.Await(second)
				j.note("a%d.", n)
				return c.State.N, err
			})
			on(d, "beside", func(c sctx, n int) (int, error) {
				j.note("c%d", n)
				_ = second()
				j.note("c%d.", n)
				err := c.Update(func(s *S) { s.N += 10; n = s.N })
				return n, err
			}, actor.Concurrent())
		}))
		in := b.mustStart(t)
		begun := time.Now()
		var answers []<-chan string
		for i, name := range []string{"await", "await", "beside", "serial", "serial"} {
			answers = append(answers, later(in, name, i))
			synctest.Wait()
		}
		for i := range answers {
			<-answers[i]
		}
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("it took %v", d)
		}
		if got := j.String(); !strings.HasPrefix(got, "a0 a1 c2 s3 ") || strings.Index(got, "s4") < strings.Index(got, "s3.") {
			t.Errorf("the order was %s", got)
		}
		want(t, ask(in, "beside", 9), "24")
		b.stop(t, in, actor.Sleeping)
	})
}
