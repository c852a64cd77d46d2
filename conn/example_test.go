package conn_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// exampleT stands for the *testing.T that an example does not have.
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Helper()                   {}
func (t *exampleT) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (t *exampleT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *exampleT) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// A connection as package rivet's Handle.Connect opens it, without types and
// with everything set by hand.
func Example() {
	t := new(exampleT) // in a test: its *testing.T
	defer t.end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	gw := rivettest.NewGateway(t, rivettest.InMemory())
	gw.Actor("counter").Handle("increment", func(_ context.Context, r *rivettest.Request) (any, error) {
		var by int
		if err := r.Decode(&by); err != nil {
			return nil, err
		}
		r.Emit("countChanged", by)
		return by, nil
	})

	c := conn.New(context.Background(), conn.Config{
		Actor:    "counter[mine]",
		Encoding: codec.BARE,
		NetDial:  gw.Dial,
		// Asked for each attempt, so that token and parameters may change.
		Target: func(context.Context) (*conn.Target, error) {
			return &conn.Target{
				URL:       gw.ConnectURL("counter", "mine"),
				Protocols: []string{"rivet", "rivet_encoding.bare"},
			}, nil
		},
	})
	defer c.Close()

	sub := c.Subscribe([]string{"countChanged"})
	defer sub.Close()
	if _, err := c.Action(ctx, "increment", 5); err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range sub.All(ctx) {
		if stream.IsNotice(err) { // events were dropped or missed: go on
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		var args []int
		err = codec.Unmarshal(ev.Encoding, ev.Args, &args)
		fmt.Println(ev.Name, args, err)
		break
	}
	fmt.Println(c.Status(), c.Info().ActorID != "")
	c.Close()
	fmt.Println(c.Status(), c.Err())
	// Output:
	// countChanged [5] <nil>
	// connected true
	// closed rivet: closed
}
