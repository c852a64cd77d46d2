package actor_test

import (
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// TestTransient tells who is connected from who only asks.
func TestTransient(t *testing.T) {
	const ask = rivet.Action[rivet.None, []bool]("ask")
	b := newBench(t, actor.Define("room", func(d *actor.Definition[struct{}]) {
		actor.Handle(d, ask, func(c *actor.Context[struct{}], _ rivet.None) (kinds []bool, _ error) {
			for conn := range c.Conns() {
				kinds = append(kinds, conn.Transient())
			}
			return kinds, nil
		})
	}))
	in := b.mustStart(t)
	l := newLink("l1", "/connect", "rivet, rivet_encoding.json")
	in.Open(l)
	if m := l.next(t); m.Kind != codec.KindInit {
		t.Fatalf("the first message is %v", m.Kind)
	}
	if w := callHTTP(in, "ask", `{}`); w.Body.String() != `{"output":[false,true]}` {
		t.Errorf("the answer is %s", w.Body)
	}
	b.stop(t, in, actor.Sleeping)
}
