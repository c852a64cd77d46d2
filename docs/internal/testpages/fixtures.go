package testpages

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// fixtures are the actors that snippets take for granted. All have the same
// actions and events; a page that needs others defines actors of its own.
func fixtures() (registry actor.Registry) {
	for _, name := range []string{
		"analytics", "chat", "chatRoom", "chatRoomList", "counter", "game", "guestbook", "myActor", "rateLimiter", "room", "user",
	} {
		registry = append(registry, actor.Define(name, fixture))
	}
	return registry
}

type memory struct {
	Count    int
	Name     string
	Messages []message
	Rooms    []string
}

type message struct {
	From string `json:"from"`
	Name string `json:"name"`
	Text string `json:"text"`
}

type (
	by struct { // increment() and increment(5) alike
		rivet.Positional
		By *int
	}
	pair struct { // add(1) and add(1, 2)
		rivet.Positional
		A int
		B *int
	}
	move struct {
		rivet.Positional
		Piece string
		X, Y  int
	}
	position struct {
		X int `json:"x"`
		Y int `json:"y"`
	}
	said struct { // sendMessage(text) and sendMessage(from, text)
		rivet.Positional
		From string
		Text *string
	}
)

// fixture defines one of the actors. While somebody is connected it counts by
// itself and sends every event that there is, so that no loop waits for long.
func fixture(d *actor.Definition[memory]) {
	counts(d)
	talks(d)
	actor.OnBeforeConnect(d, func(_ *actor.ConnectContext, params codec.Value) error {
		var p map[string]any
		if err := params.Decode(&p); err == nil && (p["token"] == "expired" || p["authToken"] == "expired") {
			return actor.UserError("forbidden", "Invalid token", nil)
		}
		return nil
	})
	d.OnRequest(func(c *actor.Context[memory], w http.ResponseWriter, r *http.Request) {
		var answer any = []string{"hello"} // of /history
		if r.URL.Path == "/count" {
			answer = 1
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	d.OnWebSocket(func(c *actor.Context[memory], ws *actor.WebSocket) error {
		for m, err := range ws.Messages(c) {
			if err != nil {
				return err
			}
			if err := ws.Send(c, m); err != nil {
				return err
			}
		}
		return nil
	})
	d.Run(func(c *actor.Context[memory]) error {
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for i := 0; ; i++ {
			select {
			case <-c.Done():
				return nil
			case <-ticks.C:
			}
			if err := tick(c, i); err != nil && c.Err() == nil {
				return err
			}
		}
	})
}

// tick is what happens every 50 ms while somebody is connected.
func tick(c *actor.Context[memory], i int) error {
	for range c.Conns() { // there is one
		n := 0
		err := c.Update(func(m *memory) {
			m.Count += 10
			n = m.Count
		})
		if err == nil {
			err = errors.Join(actor.Broadcast(c, rivet.Event[int]("countChanged"), n), actor.Broadcast(c, rivet.Event[int]("count"), n))
		}
		if err != nil || i%5 != 0 {
			return err
		}
		m := message{From: "Ada", Name: "Ada", Text: "hello"}
		return errors.Join(
			actor.Broadcast(c, rivet.Event[rivet.None]("gameStarted"), rivet.None{}),
			actor.Broadcast(c, rivet.Event[rivet.None]("gameOver"), rivet.None{}),
			actor.Broadcast(c, rivet.Event[message]("messageReceived"), m),
			actor.Broadcast(c, rivet.Event[message]("newMessage"), m),
			actor.Broadcast(c, rivet.Event[message]("joined"), m),
			actor.Broadcast(c, rivet.Event[message]("left"), m),
			actor.Broadcast(c, rivet.Event[string]("message"), m.Text),
			actor.Broadcast(c, rivet.Event[string]("event"), m.Text),
		)
	}
	return nil
}

func counts(d *actor.Definition[memory]) {
	count := func(c *actor.Context[memory], by int) (int, error) {
		c.State.Count += by
		return c.State.Count, actor.Broadcast(c, rivet.Event[int]("countChanged"), c.State.Count)
	}
	actor.Handle(d, rivet.Action[by, int]("increment"), func(c *actor.Context[memory], in by) (int, error) {
		if in.By == nil {
			return count(c, 1)
		}
		return count(c, *in.By)
	})
	actor.Handle(d, rivet.Action[pair, int]("add"), func(c *actor.Context[memory], in pair) (int, error) {
		if in.B == nil {
			return count(c, in.A)
		}
		return in.A + *in.B, nil
	})
	actor.Handle(d, rivet.Action[rivet.None, int]("getCount"), func(c *actor.Context[memory], _ rivet.None) (int, error) {
		return c.State.Count, nil
	})
	actor.Do(d, rivet.Action[rivet.None, rivet.None]("reset"), func(c *actor.Context[memory], _ rivet.None) error {
		c.State.Count = 0
		return nil
	})
	actor.Consume(d, rivet.Queue[string, int]("jobs"), func(_ *actor.Context[memory], job string) (int, error) {
		return len(job), nil
	})
}

func talks(d *actor.Definition[memory]) {
	actor.Do(d, rivet.Action[string, rivet.None]("rename"), func(c *actor.Context[memory], name string) error {
		c.State.Name = name
		return nil
	})
	actor.Do(d, rivet.Action[string, rivet.None]("updateUsername"), func(c *actor.Context[memory], name string) error {
		if len(name) < 3 {
			return actor.UserError("username_too_short", "Username too short", map[string]int{"minLength": 3, "actual": len(name)})
		}
		c.State.Name = name
		return nil
	})
	actor.Handle(d, rivet.Action[move, position]("board.move"), func(_ *actor.Context[memory], in move) (position, error) {
		return position{in.X, in.Y}, nil
	})
	actor.Do(d, rivet.Action[said, rivet.None]("sendMessage"), func(c *actor.Context[memory], in said) error {
		m := message{From: "Ada", Name: "Ada", Text: in.From}
		if in.Text != nil {
			m = message{From: in.From, Name: in.From, Text: *in.Text}
		}
		c.State.Messages = append(c.State.Messages, m)
		return errors.Join(
			actor.Broadcast(c, rivet.Event[message]("messageReceived"), m),
			actor.Broadcast(c, rivet.Event[message]("newMessage"), m),
		)
	})
	actor.Handle(d, rivet.Action[rivet.None, []message]("getMessages"), func(c *actor.Context[memory], _ rivet.None) ([]message, error) {
		return c.State.Messages, nil
	})
	actor.Handle(d, rivet.Action[message, int]("sign"), func(c *actor.Context[memory], m message) (int, error) {
		c.State.Messages = append(c.State.Messages, m)
		return len(c.State.Messages), nil
	})
	actor.Do(d, rivet.Action[string, rivet.None]("addRoom"), func(c *actor.Context[memory], name string) error {
		c.State.Rooms = append(c.State.Rooms, name)
		return nil
	})
	actor.Handle(d, rivet.Action[rivet.None, []string]("listRooms"), func(c *actor.Context[memory], _ rivet.None) ([]string, error) {
		return c.State.Rooms, nil
	})
	for _, name := range []rivet.Action[rivet.None, string]{"someAction", "action"} {
		actor.Handle(d, name, func(*actor.Context[memory], rivet.None) (string, error) { return "done", nil })
	}
}
