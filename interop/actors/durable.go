package actors

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type anything = codec.Value

// kept is a value within a state.
type kept struct {
	Data     []byte
	Encoding codec.Encoding
}

func keep(v anything) kept { return kept{v.Bytes(), v.Encoding()} }

// value is null for what was not there.
func (k kept) value() any {
	if len(k.Data) == 0 {
		return nil
	}
	return codec.RawValue(k.Encoding, k.Data)
}

func values(all []kept) []any {
	out := []any{}
	for _, k := range all {
		out = append(out, k.value())
	}
	return out
}

// queues answers what is sent to its queue jobs, as server.mjs says.
func queues(opts []actor.DefinitionOption) actor.Actor {
	type state struct{ Seen []kept }
	type self = *actor.Context[state]
	type echoed struct {
		Echoed anything `json:"echoed"`
	}
	type wish struct {
		Fail  bool
		Delay float64
	}
	jobs := rivet.Queue[anything, echoed]("jobs")
	return actor.Define("queues", func(d *actor.Definition[state]) {
		actor.DeclareQueue(d, jobs)
		actor.DeclareQueue(d, rivet.Queue[anything, anything]("parked"))
		d.Run(func(c self) error {
			for m, err := range actor.Messages(c, jobs) {
				if err != nil {
					return err
				}
				if err := c.Update(func(s *state) { s.Seen = append(s.Seen, keep(m.Body)) }); err != nil {
					return err
				}
				var w wish
				_ = m.Body.Decode(&w) // else it wishes nothing
				if w.Fail {
					continue
				}
				if w.Delay > 0 {
					if err := pause(c, w.Delay); err != nil {
						return err
					}
				}
				if err := m.Complete(c, echoed{m.Body}); err != nil {
					return err
				}
			}
			return nil
		})
		actor.Handle(d, rivet.Action[none, []any]("seen"), func(c self, _ none) ([]any, error) { return values(c.State.Seen), nil })
	}, opts...)
}

func work(opts []actor.DefinitionOption) actor.Actor {
	type seen struct {
		Queue string
		Body  kept
	}
	type state struct{ Seen []seen }
	type self = *actor.Context[state]
	type echoed struct {
		Echoed anything `json:"echoed"`
	}
	idle := rivet.Queue[anything, anything]("idle")
	return actor.Define("work", func(d *actor.Definition[state]) {
		note := func(c self, queue string, body anything) {
			c.State.Seen = append(c.State.Seen, seen{queue, keep(body)})
		}
		actor.Consume(d, rivet.Queue[anything, echoed]("echo"), func(c self, body anything) (echoed, error) {
			note(c, "echo", body)
			return echoed{body}, nil
		})
		actor.Consume(d, rivet.Queue[anything, none]("silent"), func(c self, body anything) (none, error) {
			note(c, "silent", body)
			return none{}, nil
		})
		actor.DeclareQueue(d, idle)
		actor.DeclareQueue(d, rivet.Queue[anything, anything]("mute"))
		actor.Handle(d, rivet.Action[none, [][]any]("seen"), func(c self, _ none) ([][]any, error) {
			out := [][]any{}
			for _, s := range c.State.Seen {
				out = append(out, []any{s.Queue, s.Body.value()})
			}
			return out, nil
		})
		type amount struct {
			rivet.Positional
			N    int
			Size *int
		}
		actor.Handle(d, rivet.Action[amount, int]("fill"), func(c self, in amount) (int, error) {
			for range in.N {
				if _, err := actor.Enqueue(c, rivet.Queue[string, anything]("idle"), strings.Repeat("x", or(in.Size, 1))); err != nil {
					return 0, err
				}
			}
			return in.N, nil
		})
		take := func(c self, m *actor.Message[anything, anything], err error) (any, error) {
			if m == nil || err != nil {
				return nil, err
			}
			return keep(m.Body).value(), m.Ack(c)
		}
		actor.Handle(d, rivet.Action[float64, any]("next"), func(c self, millis float64) (any, error) {
			ctx, cancel := context.WithTimeout(c, time.Duration(millis*float64(time.Millisecond)))
			defer cancel()
			m, err := actor.Next(c, idle, actor.Until(ctx))
			if errors.Is(err, context.DeadlineExceeded) && c.Err() == nil {
				return nil, nil
			}
			return take(c, m, err)
		})
		actor.Handle(d, rivet.Action[int, []any]("batch"), func(c self, n int) ([]any, error) {
			out := []any{}
			for range n {
				m, err := actor.TryNext(c, idle)
				if m == nil {
					return out, err
				}
				v, err := take(c, m, err)
				if err != nil {
					return out, err
				}
				out = append(out, v)
			}
			return out, nil
		})
		actor.Handle(d, rivet.Action[none, any]("try"), func(c self, _ none) (any, error) {
			m, err := actor.TryNext(c, idle)
			return take(c, m, err)
		})
	}, append([]actor.DefinitionOption{actor.QueueSize(20)}, opts...)...)
}

func plan(opts []actor.DefinitionOption) actor.Actor {
	type state struct{ Fired [][]kept }
	type self = *actor.Context[state]
	type timed struct {
		rivet.Positional
		Millis float64
		A, B   anything
	}
	type two struct {
		rivet.Positional
		A, B anything
	}
	fire := rivet.Action[rest, none]("fire")
	broken := rivet.Action[none, none]("broken")
	after := func(c self, in timed) (string, error) {
		args := rest{A0: in.A, A1: in.B}
		d := time.Duration(in.Millis * float64(time.Millisecond))
		var err error
		switch len(args.list()) {
		case 1:
			_, err = actor.After(c, d, rivet.Action[anything, none](fire), in.A)
		case 2:
			_, err = actor.After(c, d, rivet.Action[two, none](fire), two{A: in.A, B: in.B})
		default:
			_, err = actor.After(c, d, rivet.Action[none, none](fire), none{})
		}
		return "string", err
	}
	return actor.Define("plan", func(d *actor.Definition[state]) {
		actor.Handle(d, rivet.Action[timed, string]("after"), after)
		actor.Handle(d, rivet.Action[timed, string]("at"), func(c self, in timed) (string, error) {
			_, err := actor.At(c, time.Now().Add(time.Duration(in.Millis*float64(time.Millisecond))), rivet.Action[anything, none](fire), in.A)
			return "string", err
		})
		actor.Handle(d, rivet.Action[float64, string]("afterUnknown"), func(c self, millis float64) (string, error) {
			_, err := actor.After(c, time.Duration(millis*float64(time.Millisecond)), rivet.Action[none, none]("nothingOfThatName"), none{})
			return "string", err
		})
		actor.Handle(d, rivet.Action[float64, string]("afterBroken"), func(c self, millis float64) (string, error) {
			_, err := actor.After(c, time.Duration(millis*float64(time.Millisecond)), broken, none{})
			return "string", err
		})
		type outcome struct {
			Listed int  `json:"listed"`
			First  bool `json:"first"`
			Second bool `json:"second"`
			Left   int  `json:"left"`
		}
		listed := func(c self) (n int) {
			for range c.Schedule().All() {
				n++
			}
			return n
		}
		actor.Handle(d, rivet.Action[float64, outcome]("cancelled"), func(c self, millis float64) (o outcome, err error) {
			id, err := actor.After(c, time.Duration(millis*float64(time.Millisecond)), rivet.Action[string, none](fire), "cancelled")
			if err != nil {
				return o, err
			}
			o.Listed = listed(c)
			if o.First, err = c.Schedule().Cancel(c, id); err != nil {
				return o, err
			}
			o.Second, err = c.Schedule().Cancel(c, id)
			o.Left = listed(c)
			return o, err
		})
		type entry struct {
			Action string     `json:"action"`
			Args   []anything `json:"args"`
			HasID  string     `json:"hasId"`
		}
		actor.Handle(d, rivet.Action[none, []entry]("list"), func(c self, _ none) ([]entry, error) {
			out := []entry{}
			for s := range c.Schedule().All() {
				out = append(out, entry{s.Action, s.Args, "string"})
			}
			return out, nil
		})
		actor.Do(d, fire, func(c self, in rest) error {
			var args []kept
			for _, v := range in.list() {
				args = append(args, keep(v))
			}
			c.State.Fired = append(c.State.Fired, args)
			return actor.Broadcast(c, rivet.Event[[]any]("fired"), values(args))
		})
		actor.Do(d, broken, func(self, none) error { return errInternal })
		actor.Do(d, rivet.Action[none, none]("sleep"), func(c self, _ none) error { c.Sleep(); return nil })
	}, opts...)
}

type kvOptions struct {
	Reverse bool
	Limit   int
}

func store(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[struct{}]
	return actor.Define("store", func(d *actor.Definition[struct{}]) {
		type pair struct {
			rivet.Positional
			Key, Value string
		}
		actor.Do(d, rivet.Action[pair, none]("put"), func(c self, in pair) error { return c.KV().Put(c, in.Key, []byte(in.Value)) })
		actor.Handle(d, rivet.Action[string, *string]("get"), func(c self, key string) (*string, error) {
			v, ok, err := c.KV().Get(c, key)
			if !ok || err != nil {
				return nil, err
			}
			text := string(v)
			return &text, nil
		})
		actor.Do(d, rivet.Action[string, none]("del"), func(c self, key string) error { return c.KV().Delete(c, key) })
		type listing struct {
			rivet.Positional
			Prefix  string
			Options *kvOptions
		}
		actor.Handle(d, rivet.Action[listing, [][]string]("list"), func(c self, in listing) ([][]string, error) {
			out := [][]string{}
			o := or(in.Options, kvOptions{})
			for e, err := range c.KV().List(c, actor.KVRange{Prefix: in.Prefix, Reverse: o.Reverse, Limit: o.Limit}) {
				if err != nil {
					return nil, err
				}
				out = append(out, []string{e.Key, string(e.Value)})
			}
			return out, nil
		})
		type lengths struct {
			rivet.Positional
			Key, Value int
		}
		actor.Do(d, rivet.Action[lengths, none]("big"), func(c self, in lengths) error {
			return c.KV().Put(c, strings.Repeat("k", in.Key), []byte(strings.Repeat("v", in.Value)))
		})
		actor.Do(d, rivet.Action[none, none]("sleep"), func(c self, _ none) error { c.Sleep(); return nil })
	}, opts...)
}
