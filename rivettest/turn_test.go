package rivettest_test

import (
	"context"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

// Hooks of subscriptions and queues hold no turn: an Await of theirs neither
// takes one away from the handler that runs, nor keeps one for ever.
func TestAwaitWithoutATurn(t *testing.T) {
	wait := func(r *rivettest.Request) error { return r.Await(func() error { return nil }) }
	for name, hook := range map[string]func(a *rivettest.Actor){
		"OnConnect": func(a *rivettest.Actor) {
			a.OnConnect(func(_ context.Context, r *rivettest.Request) error { return wait(r) })
		},
		"OnSubscribe": func(a *rivettest.Actor) {
			a.OnSubscribe(func(_ context.Context, r *rivettest.Request) error { return wait(r) })
		},
		"OnPublish": func(a *rivettest.Actor) {
			a.OnPublish(func(_ context.Context, m *rivettest.QueueMessage) error { return wait(m.Request) })
		},
		"Queue": func(a *rivettest.Actor) {
			a.Queue("jobs", func(_ context.Context, m *rivettest.QueueMessage) (any, error) { return 1, wait(m.Request) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
				a := counter(gw)
				hook(a)
				running, others := 0, make(chan struct{})
				a.Handle("alone", func(context.Context, *rivettest.Request) (any, error) {
					running++ // the race detector tells as well
					defer func() { running-- }()
					<-others
					return running, nil
				})
				c := connectRaw(t, gw, codec.BARE)
				c.init()
				first, second := c.call("alone"), c.call("alone")
				if _, err := gw.Conn(0).WaitMessages(timeout(t), 2, rivettest.IsAction("alone")); err != nil {
					t.Fatal(err)
				}
				c.subscribe("countChanged", true)
				if err := gw.Conn(0).WaitSubscribed(timeout(t), "countChanged"); err != nil {
					t.Fatal(err)
				}
				if name == "OnPublish" || name == "Queue" {
					client := gw.Client(t)
					if err := client.GetOrCreate("counter", []string{"k"}).Send(timeout(t), "jobs", 1); err != nil {
						t.Fatal(err)
					}
				}
				close(others)
				for _, id := range []uint64{first, second} {
					if m := c.read(); m.ID != id || decode[int](t, codec.BARE, m.Value) != 1 {
						t.Errorf("reply to %d: %+v", id, m)
					}
				}
				c.call("increment")
				c.read() // the turn is free
			})
		})
	}
}
