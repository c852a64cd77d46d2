package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"golang.org/x/sync/errgroup"
)

// host runs actors that call each other.
func host(t *testing.T, actors ...actor.Actor) *rivet.Client {
	t.Helper()
	h, err := actor.New(actors, local.Memory(), actor.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return h.Client()
}

type (
	task    struct{ ID, Data string }
	result  struct{ TaskID, Output string }
	results struct{ Results []result }
)

const (
	startJob     = rivet.Action[[]task, int]("startJob")
	reportResult = rivet.Action[result, rivet.None]("reportResult")
	process      = rivet.Action[task, rivet.None]("process")
)

// TestFanOutFanIn: workers call the coordinator that waits for them.
func TestFanOutFanIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		coordinator := func(await bool) actor.Actor {
			return actor.Define("coordinator", func(d *actor.Definition[results]) {
				actor.Handle(d, startJob, func(c *actor.Context[results], tasks []task) (int, error) {
					g, ctx := errgroup.WithContext(c)
					for _, task := range tasks {
						h := c.Client().GetOrCreate("worker", rivet.Key{task.ID})
						g.Go(func() error { _, err := process.Call(ctx, h, task); return err })
					}
					wait := g.Wait
					if await {
						wait = func() error { return c.Await(g.Wait) }
					}
					err := wait()
					return len(c.State.Results), err
				})
				actor.Do(d, reportResult, func(c *actor.Context[results], r result) error {
					c.State.Results = append(c.State.Results, r)
					return nil
				})
			})
		}
		worker := actor.Define("worker", func(d *actor.Definition[struct{}]) {
			actor.Do(d, process, func(c *actor.Context[struct{}], in task) error {
				_, err := reportResult.Call(c, c.Client().GetOrCreate("coordinator", rivet.Key{"org"}), result{in.ID, "Processed " + in.Data})
				return err
			})
		})
		var tasks []task
		for i := range 20 {
			tasks = append(tasks, task{fmt.Sprint(i), "data"})
		}
		n, err := startJob.Call(t.Context(), host(t, coordinator(true), worker).GetOrCreate("coordinator", rivet.Key{"org"}), tasks)
		if n != len(tasks) || err != nil {
			t.Errorf("%d results, %v", n, err)
		}

		// Without Await it is a call cycle, which is told at once.
		begun := time.Now()
		_, err = startJob.Call(t.Context(), host(t, coordinator(false), worker).GetOrCreate("coordinator", rivet.Key{"org"}), tasks)
		if err == nil || time.Since(begun) > time.Second {
			t.Errorf("without Await: %v, after %v", err, time.Since(begun))
		}
	})
}

// visit is a way through actors: each calls the next, and waits for it as told.
type visit struct{ Path []string }

const visiting = rivet.Action[visit, []string]("visit")

// traveller defines actors that go where they are sent.
func travellers(cycles chan<- string) actor.Actor {
	return actor.Define("t", func(d *actor.Definition[S]) {
		actor.Handle(d, visiting, func(c sctx, v visit) (out []string, err error) {
			if len(v.Path) == 0 {
				return nil, nil
			}
			next, how := strings.CutPrefix(v.Path[0], "~")
			call := func() error {
				out, err = visiting.Call(c, c.Client().GetOrCreate("t", rivet.Key{next}), visit{v.Path[1:]})
				return err
			}
			if how {
				err = c.Await(call)
			} else {
				err = call()
			}
			if e, ok := errors.AsType[*rivet.Error](err); ok && e.Code == "call_cycle" {
				cycles <- e.Message
				return []string{"cycle"}, nil
			}
			return append(out, next), err
		})
		actor.Handle(d, "beside", func(c sctx, v visit) ([]string, error) {
			return visiting.Call(c, c.Client().GetOrCreate("t", rivet.Key{v.Path[0]}), visit{v.Path[1:]})
		}, actor.Concurrent())
	})
}

// A call that waits for itself fails at once and names the way; one that only
// seems to goes through. A ~ before a name is Await.
func TestCallCycles(t *testing.T) {
	for _, c := range []struct{ path, cycle string }{
		{"a", "t[a].visit → t[a].visit"},
		{"b a", "t[a].visit → t[b].visit → t[a].visit"},
		{"~b b", "t[b].visit → t[b].visit"},
		{"b ~a", "t[a].visit → t[b].visit → t[a].visit"},
		{"b c d b", "t[b].visit → t[c].visit → t[d].visit → t[b].visit"},
		{"~a", ""},
		{"~b a", ""},
		{"~b ~a ~b ~a", ""},
		{"b c d e", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cycles := make(chan string, 10)
				client := host(t, travellers(cycles))
				begun := time.Now()
				for _, action := range []rivet.Action[visit, []string]{visiting, "beside"} {
					v := visit{strings.Fields(c.path)}
					if action == "beside" {
						v.Path = append([]string{"a"}, v.Path...)
					}
					out, err := action.Call(t.Context(), client.GetOrCreate("t", rivet.Key{"a"}), v)
					if err != nil {
						t.Fatal(err)
					}
					if told := slices.Contains(out, "cycle"); told != (c.cycle != "") {
						t.Errorf("%s: %v", action, out)
					}
					if c.cycle != "" {
						if m := <-cycles; !strings.Contains(m, c.cycle) || !strings.Contains(m, "Await") {
							t.Errorf("%s: %s", action, m)
						}
					}
				}
				if d := time.Since(begun); d > time.Second {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

// A chain that somebody makes up, or that is of another generation, is no cycle
// and does no harm.
func TestForeignChains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, simple())
		b.stop(t, b.mustStart(t), actor.Sleeping)
		in := b.mustStart(t)
		id := strings.Repeat("a", 30)
		for _, chain := range []string{
			"", ",", ";;;", "x;1;1;y", id, id + ";1;1", id + ";1;1;w", id + ";2;1;w", id + ";2;0;w", id + ";2;99999999999999999999;w",
			id + ";2;1;%zz", strings.Repeat(id+";2;1;w,", 1000), "\x00\xff",
		} {
			if w := callHTTP(in, "add", `{"args":[0]}`, "X-Rivet-Call-Chain", chain); w.Code != 200 {
				t.Errorf("%.40q: %d %s", chain, w.Code, w.Body)
			}
		}
		b.stop(t, in, actor.Sleeping)
	})
}

// A message to a queue of the actor itself waits for the turn it is sent in when
// a guard looks at it, or its sender waits for a worker.
func TestQueueCycles(t *testing.T) {
	const (
		guarded = rivet.Queue[int, int]("guarded")
		worked  = rivet.Queue[int, int]("worked")
	)
	a := actor.Define("q", func(d *actor.Definition[S]) {
		actor.CanPublish(d, guarded, func(sctx) (bool, error) { return true, nil })
		actor.Consume(d, worked, func(_ sctx, n int) (int, error) { return n + 1, nil })
		self := func(c sctx) *rivet.Handle { return c.Client().GetOrCreate("q", c.Key()) }
		on(d, "guarded", func(c sctx, n int) (int, error) { return 0, guarded.Send(c, self(c), n) })
		on(d, "worked", func(c sctx, n int) (int, error) { return 0, worked.Send(c, self(c), n) })
		on(d, "waits", func(c sctx, n int) (int, error) {
			return worked.SendWait(c, self(c), n)
		})
		on(d, "awaits", func(c sctx, n int) (got int, err error) {
			err = c.Await(func() error {
				got, err = worked.SendWait(c, self(c), n)
				return err
			})
			return got, err
		})
	})
	synctest.Test(t, func(t *testing.T) {
		h := host(t, a).GetOrCreate("q", rivet.Key{"k"})
		for name, want := range map[string]string{
			"guarded": "0 cycle", "waits": "0 cycle", "worked": "0", "awaits": "2",
		} {
			begun := time.Now()
			n, err := rivet.Action[int, int](name).Call(t.Context(), h, 1)
			got := fmt.Sprint(n)
			if err != nil {
				got += " cycle"
			}
			if d := time.Since(begun); got != want || d > time.Second {
				t.Errorf("%s: %s, %v after %v", name, got, err, d)
			}
		}
	})
}
