package local_test

import (
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// An actor whose state cannot be made keeps its key and its input, and nobody
// else's, until it is destroyed.
func TestRefusedInputStays(t *testing.T) {
	const size = rivet.Action[rivet.None, int]("size")
	box := actor.Define("box", func(d *actor.Definition[int]) {
		actor.CreateState(d, func(_ *actor.CreateContext, in int) (int, error) {
			if in < 1 {
				return 0, actor.UserError("too_small", "Too small", nil)
			}
			return in, nil
		})
		actor.Handle(d, size, func(c *actor.Context[int], _ rivet.None) (int, error) { return *c.State, nil })
	})
	host, err := actor.New(actor.Registry{box}, local.Memory())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := host.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	key := rivet.Key{"a"}
	for _, in := range []int{-1, 5} {
		if n, err := rivet.Do(t.Context(), host.Client().GetOrCreate("box", key, rivet.WithInput(in)), size); err == nil {
			t.Errorf("the input %d made a box of %d", in, n)
		}
	}
	if err := host.Client().Get("box", key).Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := rivet.Do(t.Context(), host.Client().GetOrCreate("box", key, rivet.WithInput(5)), size); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
