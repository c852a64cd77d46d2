package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// Fan-out and fan-in: a coordinator hands tasks out to workers, all at once, and
// each worker brings its result to the coordinator, which waits for them.

// What coordinators and workers offer.
const (
	StartJob     = rivet.Action[[]Task, []Result]("startJob")
	ReportResult = rivet.Action[Result, rivet.None]("reportResult")
	Process      = rivet.Action[Task, rivet.None]("process")
)

// Task is what a worker gets.
type Task struct {
	ID   string `json:"id"`
	Data string `json:"data"`
	// For is who wants the result.
	For rivet.Key `json:"for"`
}

// Result is what it makes of it.
type Result struct {
	TaskID string `json:"taskId"`
	Output string `json:"output"`
}

// Results is what a coordinator remembers.
type Results struct{ All []Result }

// Coordinator hands tasks out.
var Coordinator = actor.Define("coordinator", func(d *actor.Definition[Results]) {
	actor.Handle(d, StartJob, func(c *actor.Context[Results], tasks []Task) ([]Result, error) {
		g, ctx := errgroup.WithContext(c)
		for _, t := range tasks {
			t.For = c.Key()
			worker := c.Client().GetOrCreate("worker", rivet.Key{t.ID})
			g.Go(func() error {
				_, err := Process.Call(ctx, worker, t)
				return err
			})
		}
		// The turn is given away, so that ReportResult has one.
		err := c.Await(g.Wait)
		return c.State.All, err
	})
	actor.Do(d, ReportResult, func(c *actor.Context[Results], r Result) error {
		c.State.All = append(c.State.All, r)
		return nil
	})
})

// Worker does a task. It has no state.
var Worker = actor.Define("worker", func(d *actor.Definition[struct{}]) {
	actor.Do(d, Process, func(c *actor.Context[struct{}], t Task) error {
		r := Result{TaskID: t.ID, Output: strings.ToUpper(t.Data)}
		_, err := ReportResult.Call(c, c.Client().Get("coordinator", t.For), r)
		return err
	})
})

func fanOutAndIn(ctx context.Context, client *rivet.Client, out io.Writer) error {
	var tasks []Task
	for i, word := range strings.Fields("spread out and brought together") {
		tasks = append(tasks, Task{ID: fmt.Sprintf("task-%d", i), Data: word})
	}
	results, err := StartJob.Call(ctx, client.GetOrCreate("coordinator", rivet.Key{"org-acme"}), tasks)
	if err != nil {
		return err
	}
	slices.SortFunc(results, func(a, b Result) int { return strings.Compare(a.TaskID, b.TaskID) }) // they came as they were done
	for _, r := range results {
		fmt.Fprintln(out, r.TaskID, r.Output)
	}
	return nil
}
