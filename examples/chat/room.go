package main

import (
	"crypto/subtle"
	"slices"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// What a room offers, by name and type.
const (
	Say     = rivet.Action[string, rivet.None]("say")
	History = rivet.Action[int, []Line]("history") // the lines after one with that number
	Present = rivet.Action[rivet.None, []string]("present")

	Joined  = rivet.Event[string]("joined")
	Left    = rivet.Event[string]("left")
	Message = rivet.Event[Line]("message")
)

// Params are what a client tells a room about itself.
type Params struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
}

// Line is one thing said.
type Line struct {
	Number int    `json:"number"` // counted from 1 in each room
	From   string `json:"from"`
	Text   string `json:"text"`
}

// Room is what a room remembers.
type Room struct{ Lines []Line }

// Member is what a room knows of a connection that it has let in.
type Member struct{ Name string }

const remembered = 1000 // lines

// Rooms says what a room does. It lets in who knows the password.
func Rooms(password string) actor.Actor {
	return actor.Define("chat", func(d *actor.Definition[Room]) {
		who := actor.CreateConnState(d, func(_ *actor.ConnectContext, p Params) (Member, error) {
			switch {
			case subtle.ConstantTimeCompare([]byte(p.Password), []byte(password)) == 0:
				return Member{}, actor.UserError("wrong_password", "Wrong password", nil)
			case p.Name == "":
				return Member{}, actor.UserError("no_name", "Come in with a name", nil)
			}
			return Member{p.Name}, nil
		})

		d.OnConnect(func(c *actor.Context[Room], conn *actor.Conn) error {
			name := who.Of(conn).Name
			for other := range c.Conns() {
				if other != conn && who.Of(other).Name == name {
					return actor.UserError("name_taken", name+" is in the room already", nil)
				}
			}
			return actor.Broadcast(c, Joined, name, actor.Except(conn))
		})
		d.OnDisconnect(func(c *actor.Context[Room], conn *actor.Conn) {
			_ = actor.Broadcast(c, Left, who.Of(conn).Name) // the log has it if it fails
		})

		actor.Do(d, Say, func(c *actor.Context[Room], text string) error {
			if text == "" {
				return actor.UserError("empty", "Say something", nil)
			}
			number := 1
			if n := len(c.State.Lines); n > 0 {
				number = c.State.Lines[n-1].Number + 1
			}
			line := Line{number, who.Of(c.Conn()).Name, text} // not a name that the client sends along
			c.State.Lines = append(c.State.Lines, line)
			c.State.Lines = c.State.Lines[max(0, len(c.State.Lines)-remembered):]
			return actor.Broadcast(c, Message, line)
		})
		actor.Handle(d, History, func(c *actor.Context[Room], after int) ([]Line, error) {
			i, _ := slices.BinarySearchFunc(c.State.Lines, after+1, func(l Line, n int) int { return l.Number - n })
			return c.State.Lines[i:], nil
		})
		actor.Handle(d, Present, func(c *actor.Context[Room], _ rivet.None) ([]string, error) {
			var names []string
			for conn := range c.Conns() {
				names = append(names, who.Of(conn).Name)
			}
			slices.Sort(names)
			return names, nil
		})
	})
}
