package actor_test

import (
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// curious is a value that calls back while it is encoded.
type curious struct{ ask func() }

func (c curious) MarshalJSON() ([]byte, error) {
	c.ask()
	return []byte("1"), nil
}

// TestBroadcastHoldsNoLockForMethods has a connection open while the value of an
// event is being encoded.
func TestBroadcastHoldsNoLockForMethods(t *testing.T) {
	const (
		tell = rivet.Action[rivet.None, rivet.None]("tell")
		told = rivet.Event[curious]("told")
	)
	ask := make(chan func(), 1)
	b := newBench(t, actor.Define("a", func(d *actor.Definition[struct{}]) {
		actor.Do(d, tell, func(c *actor.Context[struct{}], _ rivet.None) error {
			return actor.Broadcast(c, told, curious{<-ask})
		})
	}))
	in := b.mustStart(t)
	first := newLink("l1", "/connect", "rivet, rivet_encoding.json")
	r := in.Open(first)
	if m := first.next(t); m.Kind != codec.KindInit {
		t.Fatalf("the first message is %v", m.Kind)
	}
	r.Message(1, true, codec.AppendSubscription(nil, codec.JSON, "told", true))
	second := newLink("l2", "/connect", "rivet, rivet_encoding.json")
	ask <- func() {
		in.Open(second)
		if m := second.next(t); m.Kind != codec.KindInit {
			t.Errorf("the first message is %v", m.Kind)
		}
	}
	if w := callHTTP(in, "tell", `{}`); w.Code != 200 {
		t.Fatalf("the answer is %d %s", w.Code, w.Body)
	}
	if m := first.next(t); m.Kind != codec.KindEvent || string(m.Value) != "[1]" {
		t.Errorf("the event is %v %s", m.Kind, m.Value)
	}
	b.stop(t, in, actor.Sleeping)
}
