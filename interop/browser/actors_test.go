package browser_test

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

const (
	increment    = rivet.Action[int, int]("increment")
	countChanged = rivet.Event[int]("countChanged")
	echo         = rivet.Action[codec.Value, codec.Value]("echo")
	fail         = rivet.Action[int, rivet.None]("fail")
	whoAmI       = rivet.Action[rivet.None, string]("whoAmI")
)

type (
	count  struct{ N int }
	person struct {
		Name string `json:"name"`
	}
)

// counter is for pages of all origins, as actors are unless they say otherwise.
func counter() actor.Actor {
	return actor.Define("counter", func(d *actor.Definition[count]) {
		caller := actor.CreateConnState(d, func(_ *actor.ConnectContext, p person) (person, error) { return p, nil })
		actor.Handle(d, increment, func(c *actor.Context[count], by int) (int, error) {
			c.State.N += by
			return c.State.N, actor.Broadcast(c, countChanged, c.State.N)
		})
		actor.Handle(d, echo, func(_ *actor.Context[count], v codec.Value) (codec.Value, error) { return v, nil })
		actor.Handle(d, fail, func(_ *actor.Context[count], by int) (rivet.None, error) {
			return rivet.None{}, actor.UserError("too_far", "no further", map[string]any{"by": by, "limits": []int{1, 2}})
		})
		actor.Handle(d, whoAmI, func(c *actor.Context[count], _ rivet.None) (string, error) {
			return caller.Of(c.Conn()).Name, nil
		})
		d.OnRequest(func(_ *actor.Context[count], w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Answer", strconv.Itoa(len(r.Header.Get("X-Mine"))))
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, "%s %s, hello %s", r.Method, r.URL.Path, r.URL.Query().Get("name"))
		})
	})
}

// guarded is for the pages of one origin.
func guarded(origin string) actor.Actor {
	return actor.Define("guarded", func(d *actor.Definition[count]) {
		actor.OnBeforeConnect(d, func(c *actor.ConnectContext, _ codec.Value) error {
			if got := c.Request().Header.Get("Origin"); got != origin {
				return actor.UserError("origin_not_allowed", "Origin not allowed", map[string]string{"origin": got})
			}
			return nil
		})
		actor.Handle(d, whoAmI, func(*actor.Context[count], rivet.None) (string, error) { return "a friend", nil })
	})
}
