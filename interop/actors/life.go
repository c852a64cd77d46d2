package actors

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type lives struct {
	ActorID string `json:"actorId"`
	Wakes   int    `json:"wakes"`
	N       int    `json:"n"`
}

func lifecycle(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[lives]
	return actor.Define("lifecycle", func(d *actor.Definition[lives]) {
		d.OnWake(func(c self) error { c.State.Wakes++; return nil })
		actor.Handle(d, rivet.Action[none, int]("bump"), func(c self, _ none) (int, error) {
			c.State.N++
			return c.State.N, actor.Broadcast(c, rivet.Event[int]("bumped"), c.State.N)
		})
		actor.Handle(d, rivet.Action[none, lives]("info"), func(c self, _ none) (lives, error) {
			return lives{c.ID(), c.State.Wakes, c.State.N}, nil
		})
		actor.Handle(d, rivet.Action[none, string]("sleep"), func(c self, _ none) (string, error) { c.Sleep(); return "sleeping", nil })
		actor.Handle(d, rivet.Action[float64, string]("sleepLater"), func(c self, millis float64) (string, error) {
			return "soon", later(c, millis, c.Sleep)
		})
		actor.Handle(d, rivet.Action[none, string]("destroy"), func(c self, _ none) (string, error) { c.Destroy(); return "destroyed", nil })
		actor.Handle(d, rivet.Action[float64, string]("destroyLater"), func(c self, millis float64) (string, error) {
			return "soon", later(c, millis, c.Destroy)
		})
	}, awake(opts)...)
}

func later[S any](_ *actor.Context[S], millis float64, f func()) error {
	time.AfterFunc(time.Duration(millis*float64(time.Millisecond)), f)
	return nil
}

// awake is how long those actors stay awake that are to sleep when told to.
func awake(opts []actor.DefinitionOption) []actor.DefinitionOption {
	return append([]actor.DefinitionOption{actor.SleepAfter(time.Minute), actor.StopGrace(3 * time.Second)}, opts...)
}

type sequence struct {
	Numbers   []float64
	Wakes     int
	WakeDelay float64
}

func order(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[sequence]
	var (
		marked  = rivet.Event[float64]("marked")
		guarded = rivet.Event[float64]("guarded")
	)
	return actor.Define("order", func(d *actor.Definition[sequence]) {
		d.State(sequence{Numbers: []float64{}})
		d.OnWake(func(c self) error {
			c.State.Wakes++
			return pause(c, c.State.WakeDelay)
		})
		actor.CanSubscribe(d, guarded, func(c self) (bool, error) {
			return true, c.Await(func() error { return pause(c, 300) })
		})
		actor.Handle(d, rivet.Action[float64, float64]("mark"), func(c self, n float64) (float64, error) {
			c.State.Numbers = append(c.State.Numbers, n)
			_ = actor.Broadcast(c, marked, n)
			return n, actor.Broadcast(c, guarded, n)
		})
		type twice struct {
			rivet.Positional
			N, Millis float64
		}
		actor.Handle(d, rivet.Action[twice, float64]("markTwice"), func(c self, in twice) (float64, error) {
			c.State.Numbers = append(c.State.Numbers, in.N)
			_ = actor.Broadcast(c, marked, in.N)
			if err := c.Await(func() error { return pause(c, in.Millis) }); err != nil {
				return 0, err
			}
			return in.N, actor.Broadcast(c, marked, in.N)
		})
		actor.Handle(d, rivet.Action[none, []float64]("seen"), func(c self, _ none) ([]float64, error) { return c.State.Numbers, nil })
		actor.Handle(d, rivet.Action[none, int]("wakes"), func(c self, _ none) (int, error) { return c.State.Wakes, nil })
		actor.Handle(d, rivet.Action[float64, float64]("setWakeDelay"), func(c self, millis float64) (float64, error) {
			c.State.WakeDelay = millis
			return millis, nil
		})
		actor.Handle(d, rivet.Action[none, string]("sleep"), func(c self, _ none) (string, error) { c.Sleep(); return "sleeping", nil })
	}, awake(opts)...)
}

type watchedState struct {
	N    int   `json:"n"`
	List []int `json:"list"`
}

func watched(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[watchedState]
	var log notes
	return actor.Define("watched", func(d *actor.Definition[watchedState]) {
		actor.CreateState(d, func(c *actor.CreateContext, input codec.Value) (watchedState, error) {
			text := []byte("null")
			if c.HasInput() {
				var v any
				if err := input.Decode(&v); err != nil {
					return watchedState{}, err
				}
				text, _ = json.Marshal(v)
			}
			log.add(c.ID(), "life: onCreate "+string(text))
			return watchedState{List: []int{}}, nil
		})
		d.OnStateChange(func(c self) { _ = actor.Broadcast(c, rivet.Event[int]("changed"), c.State.N) })
		d.OnWake(func(c self) error { log.add(c.ID(), "life: onWake"); return nil })
		d.OnSleep(func(c self) { log.add(c.ID(), "life: onSleep") })
		d.OnDestroy(func(c self) { log.add(c.ID(), "life: onDestroy") })
		actor.Handle(d, rivet.Action[int, int]("add"), func(c self, n int) (int, error) {
			c.State.N += n
			c.State.List = append(c.State.List, n)
			return c.State.N, nil
		})
		actor.Do(d, rivet.Action[none, none]("same"), func(c self, _ none) error { n := c.State.N; c.State.N = n; return nil })
		actor.Handle(d, rivet.Action[none, watchedState]("get"), func(c self, _ none) (watchedState, error) { return *c.State, nil })
		actor.Handle(d, rivet.Action[none, []string]("log"), func(c self, _ none) ([]string, error) { return log.of(c.ID()), nil })
		actor.Do(d, rivet.Action[none, none]("sleep"), func(c self, _ none) error { c.Sleep(); return nil })
		actor.Handle(d, rivet.Action[float64, string]("slowThenSleep"), func(c self, millis float64) (string, error) {
			c.Sleep()
			return "done", c.Await(func() error { return pause(c, millis) })
		})
		type ended struct {
			Aborted bool `json:"aborted"`
		}
		actor.Handle(d, rivet.Action[float64, ended]("slow"), func(c self, millis float64) (ended, error) {
			_ = actor.Broadcast(c, rivet.Event[none]("slowing"), none{})
			err := c.Await(func() error { return pause(c, millis) })
			return ended{err != nil}, nil
		})
		actor.Do(d, rivet.Action[none, none]("destroy"), func(c self, _ none) error { c.Destroy(); return nil })
		actor.Handle(d, rivet.Action[float64, string]("slowDestroy"), func(c self, millis float64) (string, error) {
			c.Destroy()
			return "done", c.Await(func() error { return pause(c, millis) })
		})
	}, opts...)
}

type trade struct {
	Price float64 `json:"price"`
	Size  int     `json:"size"`
}

func market(opts []actor.DefinitionOption) actor.Actor {
	return actor.Define("market", func(d *actor.Definition[struct{}]) {
		d.Run(func(c *actor.Context[struct{}]) error {
			for pause(c, 100) == nil {
				price := math.Round(1000+100*rand.Float64()) / 100
				if err := actor.Broadcast(c, rivet.Event[trade]("traded"), trade{price, 1 + rand.IntN(9)}); err != nil {
					return err
				}
			}
			return nil
		})
	}, opts...)
}
