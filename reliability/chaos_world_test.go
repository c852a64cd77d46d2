package reliability_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/rivettest"
)

// What the actors of the chaos test offer. Order identifies a call for ever.
const (
	add     = rivet.Action[order, receipt]("add")     // changes the state
	fail    = rivet.Action[order, receipt]("fail")    // runs, and fails with user.no
	dawdle  = rivet.Action[order, receipt]("dawdle")  // runs, and takes its time
	tell    = rivet.Action[rivet.None, tally]("tell") // returns the state
	changed = rivet.Event[change]("changed")          // of each add
	beats   = rivet.Event[change]("beat")             // of each add as well
)

type (
	order struct {
		ID int `json:"id"`
		By int `json:"by"` // what to add, or milliseconds to dawdle
	}
	receipt struct {
		ID int `json:"id"` // of the order
	}
	// tally is the state: how many changes there were, and a digest that tells
	// their order.
	tally struct {
		Seq    int `json:"seq"`
		Digest int `json:"digest"`
	}
	change struct {
		Seq int `json:"seq"`
		By  int `json:"by"`
	}
)

func (s tally) after(c change) tally {
	return tally{Seq: s.Seq + 1, Digest: (s.Digest*31 + c.By) % 1_000_003}
}

// world is the gateway's side: the actors, and what they know of each call and
// of each event.
type world struct {
	gw *rivettest.Gateway

	mu     sync.Mutex
	ran    map[int]int               // runs of each order
	states map[string]tally          // by key
	sent   map[*rivettest.Conn][]int // numbers of the "changed" put on each link, in order
}

func newWorld(t *testing.T, gw *rivettest.Gateway) *world {
	t.Helper()
	w := &world{gw: gw, ran: make(map[int]int), states: make(map[string]tally), sent: make(map[*rivettest.Conn][]int)}
	room := gw.Actor("room")
	rivettest.Handle(room, add, func(_ context.Context, r *rivettest.Request, o order) (receipt, error) {
		w.count(o)
		w.mu.Lock()
		key := r.Key[0]
		c := change{Seq: w.states[key].Seq + 1, By: o.By}
		w.states[key] = w.states[key].after(c)
		w.mu.Unlock()
		// One by one, to know who got it.
		for _, gc := range gw.Instance("room", key).Conns() {
			if rivettest.Emit(gc, changed, c) == 1 {
				w.mu.Lock()
				w.sent[gc] = append(w.sent[gc], c.Seq)
				w.mu.Unlock()
			}
			rivettest.Emit(gc, beats, c)
		}
		return receipt{o.ID}, nil
	})
	rivettest.Handle(room, fail, func(_ context.Context, _ *rivettest.Request, o order) (receipt, error) {
		w.count(o)
		return receipt{}, rivettest.UserError("no", fmt.Sprint(o.ID), nil)
	})
	rivettest.Handle(room, dawdle, func(ctx context.Context, r *rivettest.Request, o order) (receipt, error) {
		w.count(o)
		err := r.Await(func() error {
			timer := time.NewTimer(time.Duration(o.By) * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		return receipt{o.ID}, err
	})
	rivettest.Do(room, tell, func(_ context.Context, r *rivettest.Request) (tally, error) {
		return w.state(r.Key[0]), nil
	})
	return w
}

func (w *world) count(o order) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran[o.ID]++
}

func (w *world) runs(id int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ran[id]
}

func (w *world) state(key string) tally {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[key]
}

// links returns what was put on each link that one client has had, in the
// order of their opening.
func (w *world) links(client string) (all [][]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var mine []*rivettest.Conn
	for gc := range w.sent {
		if gc.Header.Get("X-Member") == client {
			mine = append(mine, gc)
		}
	}
	slices.SortFunc(mine, func(a, b *rivettest.Conn) int { return a.Index - b.Index })
	for _, gc := range mine {
		all = append(all, slices.Clone(w.sent[gc]))
	}
	return all
}
