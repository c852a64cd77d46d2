package actors

import (
	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type counterState struct {
	Count int
	// Input is an encoded value, so that it comes back as it went in.
	Input    []byte
	Encoding codec.Encoding
}

func (s *counterState) setInput(v codec.Value) {
	s.Input, s.Encoding = v.Bytes(), v.Encoding()
}

type by struct {
	rivet.Positional
	X *int
}

type identity struct {
	ActorID string    `json:"actorId"`
	Name    string    `json:"name"`
	Key     rivet.Key `json:"key"`
	Region  string    `json:"region"`
}

func counter(opts []actor.DefinitionOption) actor.Actor {
	type context = *actor.Context[counterState]
	changed := rivet.Event[int]("countChanged")
	return actor.Define("counter", func(d *actor.Definition[counterState]) {
		actor.CreateState(d, func(c *actor.CreateContext, input codec.Value) (s counterState, err error) {
			var start struct{ Start int }
			if input.Decode(&start) == nil { // else it is no object
				s.Count = start.Start
			}
			if c.HasInput() && !input.IsUndefined() {
				s.setInput(input)
			}
			return s, nil
		})
		actor.Handle(d, rivet.Action[by, int]("increment"), func(c context, in by) (int, error) {
			c.State.Count += or(in.X, 1)
			return c.State.Count, actor.Broadcast(c, changed, c.State.Count)
		})
		actor.Handle(d, rivet.Action[none, int]("getCount"), func(c context, _ none) (int, error) { return c.State.Count, nil })
		actor.Handle(d, rivet.Action[none, any]("getInput"), func(c context, _ none) (any, error) {
			if c.State.Input == nil {
				return nil, nil
			}
			return codec.RawValue(c.State.Encoding, c.State.Input), nil
		})
		actor.Handle(d, rivet.Action[none, rivet.Key]("getKey"), func(c context, _ none) (rivet.Key, error) { return c.Key(), nil })
		actor.Handle(d, rivet.Action[none, identity]("whoami"), func(c context, _ none) (identity, error) {
			return identity{c.ID(), c.Name(), c.Key(), c.Region()}, nil
		})
		actor.Handle(d, rivet.Action[codec.Value, codec.Value]("setInput"), func(c context, v codec.Value) (codec.Value, error) {
			c.State.setInput(v)
			return v, nil
		})
		actor.Do(d, rivet.Action[none, none]("nothing"), func(context, none) error { return nil })
		actor.Handle(d, rivet.Action[codec.Value, []any]("nested.deep.ping"), func(_ context, v codec.Value) ([]any, error) {
			return []any{"pong", v}, nil
		})
	}, opts...)
}
