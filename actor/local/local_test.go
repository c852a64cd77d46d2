package local_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/codec"
)

const (
	add     = rivet.Action[int, int]("add")
	goSleep = rivet.Action[struct{}, struct{}]("sleep")
	goAway  = rivet.Action[struct{}, struct{}]("destroy")
)

type tally struct{ N int }

func registry() actor.Registry {
	return actor.Registry{actor.Define("tally", func(d *actor.Definition[tally]) {
		actor.Handle(d, add, func(c *actor.Context[tally], n int) (int, error) {
			c.State.N += n
			return c.State.N, nil
		})
		actor.Handle(d, goSleep, func(c *actor.Context[tally], _ struct{}) (struct{}, error) {
			c.Sleep()
			return struct{}{}, nil
		})
		actor.Handle(d, goAway, func(c *actor.Context[tally], _ struct{}) (struct{}, error) {
			c.Destroy()
			return struct{}{}, nil
		})
	})}
}

func open(t *testing.T, o actor.Option) *actor.Host {
	t.Helper()
	h, err := actor.New(registry(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, h) })
	return h
}

func shut(t *testing.T, h *actor.Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// An actor's state outlives its sleep, and the host.
func TestStateLasts(t *testing.T) {
	dir := t.TempDir()
	want := 0
	for range 3 {
		h := open(t, local.Dir(dir))
		one := h.Client().GetOrCreate("tally", rivet.Key{"one"})
		for range 3 {
			want += 2
			if got, err := add.Call(t.Context(), one, 2); err != nil || got != want {
				t.Fatalf("%d, want %d: %v", got, want, err)
			}
			if _, err := goSleep.Call(t.Context(), one, struct{}{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := actor.New(registry(), local.Dir(dir)); !errors.Is(err, local.ErrInUse) {
			t.Error("a second host:", err)
		}
		shut(t, h)
		if _, err := add.Call(t.Context(), one, 2); err == nil {
			t.Error("it answers after the shutdown")
		}
	}
}

func TestDestroyedActorStartsAnew(t *testing.T) {
	h := open(t, local.Memory())
	one := h.Client().GetOrCreate("tally", rivet.Key{"one"})
	if got, err := add.Call(t.Context(), one, 5); err != nil || got != 5 {
		t.Fatal(got, err)
	}
	if _, err := goAway.Call(t.Context(), one, struct{}{}); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := add.Call(t.Context(), one, 1)
		if errors.Is(err, codec.ErrActorDestroyed) {
			continue // for a moment
		}
		if err != nil || got != 1 {
			t.Error(got, err)
		}
		break
	}
}

func TestDirNeedsAPath(t *testing.T) {
	if _, err := actor.New(registry(), local.Dir("")); err == nil || !strings.Contains(err.Error(), "path of a folder") {
		t.Error(err)
	}
}
