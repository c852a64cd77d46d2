package actors

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// hookParams say what a client wants of the hooks.
type hookParams struct {
	Tag       *string `json:"tag"`
	At        string  `json:"at"`
	How       string  `json:"how"`
	Subscribe bool    `json:"subscribe"`
	Publish   bool    `json:"publish"`
}

func (p hookParams) tag() string { return or(p.Tag, "undefined") }

// refuse fails in the hook that the parameters name, in the way that they name.
func (p hookParams) refuse(c context.Context, hook string) error {
	if p.At != hook {
		return nil
	}
	switch p.How {
	case "user":
		return actor.UserError("refused", "refused by "+hook, map[string]any{"hook": hook})
	case "plain":
		return errInternal
	case "slow":
		return pause(c, 7000)
	}
	return nil
}

func where(r *http.Request) string {
	return r.Method + " " + r.URL.Path
}

func hooked(opts []actor.DefinitionOption) actor.Actor {
	type state struct{ N int }
	type self = *actor.Context[state]
	type connState struct {
		Tag *string `json:"tag"`
	}
	var log notes
	note := func(c interface{ ID() string }, p hookParams, format string, args ...any) {
		log.add(c.ID(), p.tag()+": "+fmt.Sprintf(format, args...))
	}
	params := func(conn *actor.Conn) hookParams {
		p, _ := actor.Params[hookParams](conn)
		return p
	}
	return actor.Define("hooked", func(d *actor.Definition[state]) {
		type payload = codec.Value
		for _, name := range []string{"jobs", "guarded", "broken"} {
			actor.DeclareQueue(d, rivet.Queue[payload, payload](name))
		}
		actor.CanPublish(d, rivet.Queue[payload, payload]("guarded"), func(c self) (bool, error) {
			p := params(c.Conn())
			note(c, p, "canPublish conn=%t", c.Conn() != nil)
			return p.Publish, nil
		})
		actor.CanPublish(d, rivet.Queue[payload, payload]("broken"), func(self) (bool, error) {
			return false, actor.UserError("not_today", "not today", nil)
		})
		actor.CanSubscribe(d, rivet.Event[string]("guarded"), func(c self) (bool, error) {
			p := params(c.Conn())
			note(c, p, "canSubscribe conn=%t", c.Conn() != nil)
			return p.Subscribe, nil
		})
		actor.CanSubscribe(d, rivet.Event[string]("broken"), func(self) (bool, error) {
			return false, actor.UserError("not_today", "not today", nil)
		})
		actor.OnBeforeConnect(d, func(c *actor.ConnectContext, p hookParams) error {
			note(c, p, "onBeforeConnect %s", where(c.Request()))
			return p.refuse(c, "onBeforeConnect")
		})
		who := actor.CreateConnState(d, func(c *actor.ConnectContext, p hookParams) (connState, error) {
			note(c, p, "createConnState %s", where(c.Request()))
			return connState{p.Tag}, p.refuse(c, "createConnState")
		})
		d.OnConnect(func(c self, conn *actor.Conn) error {
			p := params(conn)
			note(c, p, "onConnect %s same=%t conns=%d", where(conn.Request()), c.Conn() == conn, size(c))
			return p.refuse(c, "onConnect")
		})
		d.OnDisconnect(func(c self, conn *actor.Conn) { note(c, params(conn), "onDisconnect conns=%d", size(c)) })
		d.OnBeforeActionResponse(func(_ self, name string, args []codec.Value, output any) (any, error) {
			switch name {
			case "passed":
				return map[string]any{"name": name, "args": args, "output": output}, nil
			case "passedBroken":
				return nil, actor.UserError("no_response", "response refused", nil)
			}
			return output, nil
		})
		d.OnRequest(func(c self, w http.ResponseWriter, r *http.Request) {
			note(c, params(c.Conn()), "onRequest %s conn=%t", where(r), c.Conn() != nil)
			w.Header().Set("Content-Type", "application/json")
			text, _ := json.Marshal(who.Of(c.Conn()))
			_, _ = w.Write(text)
		})
		d.OnWebSocket(func(c self, ws *actor.WebSocket) error {
			note(c, params(c.Conn()), "onWebSocket %s conn=%t", where(c.Conn().Request()), c.Conn() != nil)
			text, _ := json.Marshal(who.Of(c.Conn()))
			if err := ws.Send(c, rivet.Text(string(text))); err != nil {
				return err
			}
			for m, err := range ws.Messages(c) {
				if err != nil {
					return nil
				}
				if err := ws.Send(c, m); err != nil {
					return err
				}
			}
			return nil
		})
		actor.Handle(d, rivet.Action[rest, int]("hit"), func(c self, in rest) (int, error) {
			note(c, params(c.Conn()), "action conn=%t conns=%d", c.Conn() != nil, size(c))
			return len(in.list()), nil
		})
		actor.Handle(d, rivet.Action[rest, int]("passed"), func(_ self, in rest) (int, error) { return len(in.list()), nil })
		actor.Handle(d, rivet.Action[none, int]("passedBroken"), func(self, none) (int, error) { return 1, nil })
		actor.Do(d, rivet.Action[string, none]("say"), func(c self, name string) error {
			return actor.Broadcast(c, rivet.Event[string](name), "said")
		})
		actor.Handle(d, rivet.Action[string, []string]("log"), func(c self, tag string) ([]string, error) {
			lines := []string{}
			for _, l := range log.of(c.ID()) {
				if strings.HasPrefix(l, tag+":") {
					lines = append(lines, l)
				}
			}
			return lines, nil
		})
	}, opts...)
}
