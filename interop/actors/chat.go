package actors

import (
	"context"
	"slices"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

type line struct {
	From string      `json:"from"`
	Text codec.Value `json:"text"`
	N    int         `json:"n"`
}

type storedLine struct {
	From     string
	Text     []byte
	Encoding codec.Encoding
}

type chatState struct{ Messages []storedLine }

type named struct {
	Name *string `json:"name"`
}

type membership struct {
	Name string `json:"name"`
}

type connInfo struct {
	ID           string      `json:"id"`
	Params       codec.Value `json:"params"`
	State        membership  `json:"state"`
	Hibernatable bool        `json:"hibernatable"`
}

func chat(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[chatState]
	var (
		joined  = rivet.Event[string]("joined")
		left    = rivet.Event[string]("left")
		message = rivet.Event[line]("message")
		whisper = rivet.Event[codec.Value]("whisper")
	)
	return actor.Define("chat", func(d *actor.Definition[chatState]) {
		who := actor.CreateConnState(d, func(_ *actor.ConnectContext, params codec.Value) (membership, error) {
			var p named
			_ = params.Decode(&p) // else they have no name
			return membership{or(p.Name, "anonymous")}, nil
		})
		d.OnConnect(func(c self, conn *actor.Conn) error { return actor.Broadcast(c, joined, who.Of(conn).Name) })
		d.OnDisconnect(func(c self, conn *actor.Conn) { _ = actor.Broadcast(c, left, who.Of(conn).Name) })
		actor.Handle(d, rivet.Action[codec.Value, line]("say"), func(c self, text codec.Value) (line, error) {
			m := line{who.Of(c.Conn()).Name, text, len(c.State.Messages)}
			c.State.Messages = append(c.State.Messages, storedLine{m.From, text.Bytes(), text.Encoding()})
			return m, actor.Broadcast(c, message, m)
		})
		actor.Handle(d, rivet.Action[none, []line]("history"), func(c self, _ none) ([]line, error) {
			all := []line{}
			for i, m := range c.State.Messages {
				all = append(all, line{m.From, codec.RawValue(m.Encoding, m.Text), i})
			}
			return all, nil
		})
		actor.Do(d, rivet.Action[codec.Value, none]("whisper"), func(c self, text codec.Value) error { return actor.Send(c.Conn(), whisper, text) })
		actor.Handle(d, rivet.Action[none, connInfo]("me"), func(c self, _ none) (connInfo, error) {
			params, err := actor.Params[codec.Value](c.Conn())
			if params.IsUndefined() {
				params = codec.RawValue(codec.JSON, []byte("null"))
			}
			return connInfo{c.Conn().ID(), params, *who.Of(c.Conn()), c.Conn().Request().Method == "GET"}, err
		})
		actor.Handle(d, rivet.Action[none, []string]("conns"), func(c self, _ none) ([]string, error) {
			names := []string{}
			for conn := range c.Conns() {
				names = append(names, who.Of(conn).Name)
			}
			slices.Sort(names)
			return names, nil
		})
		type victim struct {
			rivet.Positional
			Name   string
			Reason *string
		}
		actor.Handle(d, rivet.Action[victim, int]("kick"), func(c self, in victim) (n int, _ error) {
			for conn := range c.Conns() {
				if who.Of(conn).Name == in.Name {
					n++
					conn.Disconnect(or(in.Reason, ""))
				}
			}
			return n, nil
		})
	}, opts...)
}

type credentials struct {
	Token *string `json:"token"`
	State *string `json:"state"`
}

type role struct {
	Role string `json:"role"`
}

func auth(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[struct{}]
	var (
		open   = rivet.Event[string]("open")
		secret = rivet.Event[string]("secret")
	)
	return actor.Define("auth", func(d *actor.Definition[struct{}]) {
		actor.OnBeforeConnect(d, func(_ *actor.ConnectContext, p credentials) error {
			switch or(p.Token, "") {
			case "secret", "admin":
				return nil
			case "crash":
				return errInternal
			}
			return actor.UserError("bad_token", "Bad token", map[string]any{"got": p.Token})
		})
		who := actor.CreateConnState(d, func(c *actor.ConnectContext, p credentials) (role, error) {
			switch or(p.State, "") {
			case "fail":
				return role{}, actor.UserError("no_state", "No state", nil)
			case "slow":
				if err := pause(c, 8000); err != nil {
					return role{}, err
				}
			}
			if or(p.Token, "") == "admin" {
				return role{"admin"}, nil
			}
			return role{"member"}, nil
		})
		admin := func(c self) (bool, error) { return who.Of(c.Conn()).Role == "admin", nil }
		actor.CanSubscribe(d, secret, admin)
		adminOnly := rivet.Queue[codec.Value, codec.Value]("adminOnly")
		actor.DeclareQueue(d, adminOnly)
		actor.CanPublish(d, adminOnly, admin)
		actor.Handle(d, rivet.Action[none, string]("role"), func(c self, _ none) (string, error) { return who.Of(c.Conn()).Role, nil })
		actor.Do(d, rivet.Action[none, none]("fire"), func(c self, _ none) error {
			_ = actor.Broadcast(c, open, "o")
			return actor.Broadcast(c, secret, "s")
		})
		actor.Handle(d, rivet.Action[none, string]("adminAction"), func(c self, _ none) (string, error) {
			if ok, _ := admin(c); !ok {
				return "", actor.UserError("forbidden", "Forbidden", nil)
			}
			return "ok", nil
		})
	}, opts...)
}

type talkState struct{}

func talk(opts []actor.DefinitionOption) actor.Actor {
	type self = *actor.Context[talkState]
	said := rivet.Event[codec.Value]("said")
	return actor.Define("talk", func(d *actor.Definition[talkState]) {
		who := actor.CreateConnState(d, func(_ *actor.ConnectContext, p named) (named, error) { return p, nil })
		actor.Handle(d, rivet.Action[codec.Value, codec.Value]("all"), func(c self, v codec.Value) (codec.Value, error) {
			return v, actor.Broadcast(c, said, v)
		})
		actor.Handle(d, rivet.Action[codec.Value, codec.Value]("twice"), func(c self, v codec.Value) (codec.Value, error) {
			pair := rivet.Event[[]any]("said")
			_ = actor.Broadcast(c, pair, []any{v, 1})
			_ = actor.Send(c.Conn(), pair, []any{v, 2})
			if err := c.Await(func() error { return pause(c, 20) }); err != nil {
				return v, err
			}
			return v, actor.Broadcast(c, pair, []any{v, 3})
		})
		actor.Handle(d, rivet.Action[codec.Value, int]("others"), func(c self, v codec.Value) (int, error) {
			return size(c), actor.Broadcast(c, said, v, actor.Except(c.Conn()))
		})
		type addressed struct {
			rivet.Positional
			Name string
			V    codec.Value
		}
		actor.Handle(d, rivet.Action[addressed, int]("to"), func(c self, in addressed) (n int, err error) {
			for conn := range c.Conns() {
				if or(who.Of(conn).Name, "") == in.Name {
					n++
					err = actor.Send(conn, said, in.V)
				}
			}
			return n, err
		})
		actor.Handle(d, rivet.Action[string, string]("rename"), func(c self, name string) (string, error) {
			who.Of(c.Conn()).Name = &name
			return name, nil
		})
		actor.Handle(d, rivet.Action[none, *string]("myName"), func(c self, _ none) (*string, error) { return who.Of(c.Conn()).Name, nil })
		actor.Handle(d, rivet.Action[none, string]("none"), func(c self, _ none) (string, error) {
			return "none", actor.Broadcast(c, rivet.Event[none]("said"), none{})
		})
		type several struct {
			rivet.Positional
			A int
			B string
			C map[string]int
			D any
		}
		actor.Handle(d, rivet.Action[none, string]("several"), func(c self, _ none) (string, error) {
			return "several", actor.Broadcast(c, rivet.Event[several]("said"), several{A: 1, B: "two", C: map[string]int{"three": 3}})
		})
		actor.Handle(d, rivet.Action[float64, string]("hangUp"), func(c self, millis float64) (string, error) {
			if millis > 0 {
				if err := c.Await(func() error { return pause(context.WithoutCancel(c), millis) }); err != nil {
					return "", err
				}
			}
			c.Conn().Disconnect("that is all")
			return "hung up", nil
		})
		actor.Handle(d, rivet.Action[none, int]("count"), func(c self, _ none) (int, error) { return size(c), nil })
	}, opts...)
}

func size[S any](c *actor.Context[S]) (n int) {
	for range c.Conns() {
		n++
	}
	return n
}
