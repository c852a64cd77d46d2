package actor_test

import (
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

const (
	Increment    = rivet.Action[int, int]("increment")
	CountChanged = rivet.Event[int]("countChanged")
)

type counterState struct{ Count int }

func counter(opts ...actor.DefinitionOption) actor.Actor {
	return actor.Define("counter", func(d *actor.Definition[counterState]) {
		actor.Handle(d, Increment, func(c *actor.Context[counterState], by int) (int, error) {
			if by < 0 {
				return 0, actor.UserError("negative", "must not be negative", map[string]int{"by": by})
			}
			c.State.Count += by
			return c.State.Count, actor.Broadcast(c, CountChanged, c.State.Count)
		})
	}, opts...)
}

// TestCounter walks through a life: calls over both ways, an event, sleep, and a
// connection that goes on in the next generation.
func TestCounter(t *testing.T) {
	b := newBench(t, counter())
	in := b.mustStart(t)
	if w := callHTTP(in, "increment", `{"args":[3]}`); w.Code != 200 || w.Body.String() != `{"output":3}` {
		t.Fatalf("the answer is %d %s", w.Code, w.Body)
	}
	w := callHTTP(in, "increment", `{"args":[-1]}`)
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"negative"`) || !strings.Contains(w.Body.String(), `"metadata":{"by":-1}`) {
		t.Fatalf("the answer is %d %s", w.Code, w.Body)
	}

	l := newLink("l1", "/connect", "rivet, rivet_encoding.json")
	r := in.Open(l)
	if m := l.next(t); m.Kind != codec.KindInit {
		t.Fatalf("the first message is %v", m.Kind)
	}
	r.Message(1, true, codec.AppendSubscription(nil, codec.JSON, "countChanged", true))
	r.Message(2, true, codec.AppendActionRequest(nil, codec.JSON, 0, "increment", []byte("[4]")))
	if m := l.next(t); m.Kind != codec.KindEvent || string(m.Value) != "[7]" {
		t.Fatalf("the event is %v %s", m.Kind, m.Value)
	}
	if m := l.next(t); m.Kind != codec.KindActionResponse || string(m.Value) != "7" {
		t.Fatalf("the reply is %v %s", m.Kind, m.Value)
	}
	b.stop(t, in, actor.Sleeping)
	if r.Message(3, true, []byte("{}")) {
		t.Fatal("a generation that has stopped took a message")
	}

	in = b.mustStart(t, l)
	r = in.Restored("l1")
	if r == nil {
		t.Fatal("the next generation does not know the connection")
	}
	r.Message(3, true, codec.AppendActionRequest(nil, codec.JSON, 1, "increment", []byte("[1]")))
	if m := l.next(t); m.Kind != codec.KindEvent || string(m.Value) != "[8]" {
		t.Fatalf("after the sleep the event is %v %s", m.Kind, m.Value)
	}
	b.stop(t, in, actor.Destroying)
}
