package actors

import (
	"errors"
	"math"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

var errInternal = errors.New("internal detail that must not leak")

func failing(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[struct{}]
	return actor.Define("errors", func(d *actor.Definition[struct{}]) {
		type text struct {
			rivet.Positional
			Message *string
		}
		actor.Do(d, rivet.Action[text, none]("user"), func(_ self, in text) error { return actor.UserError("", or(in.Message, "plain"), nil) })
		type coded struct {
			rivet.Positional
			Code     string
			Metadata codec.Value
		}
		actor.Do(d, rivet.Action[coded, none]("userCode"), func(_ self, in coded) error {
			var metadata any
			if !in.Metadata.IsNull() && !in.Metadata.IsUndefined() {
				metadata = in.Metadata
			}
			return actor.UserError(in.Code, "code "+in.Code, metadata)
		})
		actor.Do(d, rivet.Action[none, none]("userMeta"), func(self, none) error {
			return actor.UserError("with_metadata", "with metadata", map[string]any{
				"n": 1, "f": 1.5, "s": "h\u00e9llo", "list": []any{1, nil, true}, "nested": map[string]any{"a": map[string]any{"b": "c"}},
			})
		})
		actor.Do(d, rivet.Action[none, none]("internal"), func(self, none) error { return errInternal })
		actor.Do(d, rivet.Action[none, none]("throwString"), func(self, none) error { panic("a bare string") })
		actor.Handle(d, rivet.Action[none, any]("unserializable"), func(self, none) (any, error) { return func() {}, nil })
		actor.Handle(d, rivet.Action[float64, float64]("slow"), func(c self, millis float64) (float64, error) {
			return millis, c.Await(func() error { return pause(c, millis) })
		})
	}, append([]actor.DefinitionOption{actor.ActionTimeout(1500 * time.Millisecond)}, opts...)...)
}

type progress struct {
	Running  int `json:"running"`
	Finished int `json:"finished"`
}

func slow(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[progress]
	return actor.Define("slow", func(d *actor.Definition[progress]) {
		actor.Handle(d, rivet.Action[float64, float64]("wait"), func(c self, millis float64) (float64, error) {
			c.State.Running++
			defer func() { c.State.Running-- }()
			if err := c.Await(func() error { return pause(c, millis) }); err != nil {
				return 0, err
			}
			c.State.Finished++
			return millis, nil
		})
		actor.Handle(d, rivet.Action[none, progress]("stats"), func(c self, _ none) (progress, error) { return *c.State, nil })
	}, opts...)
}

func burst(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[struct{}]
	type numbered[T any] struct {
		rivet.Positional
		N       int
		Payload T
	}
	return actor.Define("burst", func(d *actor.Definition[struct{}]) {
		type wanted struct {
			rivet.Positional
			N          int
			Size, Rate *float64
		}
		actor.Handle(d, rivet.Action[wanted, int]("burst"), func(c self, in wanted) (int, error) {
			pad := string(make([]byte, int(or(in.Size, 0))))
			begin := time.Now()
			for i := range in.N {
				if err := actor.Broadcast(c, rivet.Event[numbered[string]]("tick"), numbered[string]{N: i, Payload: pad}); err != nil {
					return i, err
				}
				wait := 0.0
				if rate := or(in.Rate, 0); rate > 0 {
					wait = math.Max(0, float64(i+1)*1000/rate-float64(time.Since(begin).Milliseconds()))
				}
				if wait > 0 || i%100 == 99 {
					if err := c.Await(func() error { return pause(c, wait) }); err != nil {
						return i, err
					}
				}
			}
			return in.N, actor.Broadcast(c, rivet.Event[int]("done"), in.N)
		})
		type sized struct {
			rivet.Positional
			N, Size int
		}
		actor.Handle(d, rivet.Action[sized, int]("burstBytes"), func(c self, in sized) (int, error) {
			for i := range in.N {
				data := make([]byte, in.Size)
				for j := range data {
					data[j] = byte(i)
				}
				if err := actor.Broadcast(c, rivet.Event[numbered[[]byte]]("bytes"), numbered[[]byte]{N: i, Payload: data}); err != nil {
					return i, err
				}
			}
			return in.N, nil
		})
	}, opts...)
}

func failstart(opts []actor.DefinitionOption) actor.Actor {
	type state struct{ OK bool }
	return actor.Define("failstart", func(d *actor.Definition[state]) {
		actor.CreateState(d, func(_ *actor.CreateContext, in struct{ Fail bool }) (state, error) {
			if in.Fail {
				return state{}, actor.UserError("cannot_start", "cannot start", nil)
			}
			return state{true}, nil
		})
		actor.Handle(d, rivet.Action[none, bool]("ok"), func(c *actor.Context[state], _ none) (bool, error) { return c.State.OK, nil })
	}, opts...)
}
