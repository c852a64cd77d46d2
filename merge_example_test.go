package rivet_test

import (
	"context"
	"fmt"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// One loop follows the counters of many actors, and hears when one is gone.
func ExampleMergeEvents() {
	t := new(exampleTB)
	defer t.end()
	client := exampleClient(t) // in a program: rivet.NewClient()
	ctx := context.Background()

	counts := rivet.MergeEvents(CountChanged)
	defer counts.Close()
	conns := make(map[string]*conn.Conn)
	for _, name := range []string{"red", "blue"} {
		c := client.GetOrCreate("counter", rivet.Key{name}).Connect(ctx)
		defer c.Close()
		conns[name] = c
		counts.Add(c) // comes before the call that follows
	}
	increment := func(name string) {
		if _, err := Increment.Call(ctx, conns[name], 1); err != nil {
			fmt.Println(err)
		}
	}

	increment("red")
	for count, err := range counts.All(ctx) {
		if stream.IsNotice(err) {
			fmt.Println(err)
			break
		}
		if err != nil {
			fmt.Println("ended:", err)
			return
		}
		switch fmt.Println(count.Info.Key, count.Value); count.Value {
		case 1:
			increment("blue")
		case 2:
			conns["red"].Close()
		}
	}
	// Output:
	// [red] 1
	// [blue] 2
	// rivet: no more events of counter[red]: rivet: closed
}
