package rivet_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

func ExampleEvent_Stream() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleClient(t).GetOrCreate("counter", rivet.Key{"a"}).Connect(ctx)
	defer c.Close()

	round := CountChanged.Stream(c).Filter(func(n int) bool { return n%10 == 0 })
	n, err := round.Await(ctx, func(ctx context.Context) error { // the first round one that this causes
		for range 5 {
			if _, err := Increment.Call(ctx, c, 5); err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Println(n, err)
	// Output: 10 <nil>
}

// A room tells its story in several events.
type (
	Join  struct{ Name string }
	Leave struct{ Name, Reason string }
)

const (
	Joined = rivet.Event[Join]("joined")
	Left   = rivet.Event[Leave]("left")
	Knock  = rivet.Action[rivet.None, rivet.None]("knock")
)

// exampleRoom returns a connection to a room in which a knock makes somebody
// come, somebody leave, and somebody else come.
func exampleRoom(t *exampleTB, key string) *conn.Conn {
	gw := rivettest.NewGateway(t)
	rivettest.Do(gw.Actor("room"), Knock, func(_ context.Context, r *rivettest.Request) (rivet.None, error) {
		rivettest.Emit(r, Joined, Join{"ann"})
		rivettest.Emit(r, Left, Leave{"ann", "timeout"})
		rivettest.Emit(r, Joined, Join{"bob"})
		return rivet.None{}, nil
	})
	c := gw.Client(t).GetOrCreate("room", rivet.Key{key}).Connect(context.Background())
	t.Cleanup(func() { c.Close() })
	return c
}

func ExampleAnyOf() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleRoom(t, "lobby")

	sub := rivet.AnyOf(Joined, Left).Subscribe(c) // ahead of the call
	if _, err := rivet.Do(ctx, c, Knock); err != nil {
		fmt.Println(err)
	}
	for ev, err := range sub.All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		switch v := ev.Value.(type) {
		case Join:
			fmt.Println(v.Name, "came in")
		case Leave:
			fmt.Println(v.Name, "left:", v.Reason)
		}
		if ev.Value == (Join{"bob"}) {
			break
		}
	}
	// Output:
	// ann came in
	// ann left: timeout
	// bob came in
}

func ExampleOneOf() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	c := exampleRoom(t, "lobby")

	story := rivet.OneOf(
		rivet.Case(Joined, func(j Join) string { return "+" + j.Name }),
		rivet.Case(Left, func(l Leave) string { return "-" + l.Name }),
	)
	three := stream.Batch(story.Stream(c), 3, 0)
	lines, err := three.Await(ctx, func(ctx context.Context) error {
		_, err := rivet.Do(ctx, c, Knock)
		return err
	})
	fmt.Println(strings.Join(lines, " "), err)
	// Output: +ann -ann +bob <nil>
}

// The first of several events, of several connections.
func Example_firstOfSeveral() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	lobby, cellar := exampleRoom(t, "lobby"), exampleRoom(t, "cellar")

	knock := func(ctx context.Context) error {
		_, err := rivet.Do(ctx, cellar, Knock)
		return err
	}
	somewhere := stream.Merge(Left.Stream(lobby), Left.Stream(cellar))
	who, err := somewhere.Await(ctx, knock)
	fmt.Println(who.Name, err)
	// Output: ann <nil>
}

// Views of several actors make one state.
func ExampleView_Stream() {
	t := new(exampleTB)
	defer t.end()
	ctx := context.Background()
	client := exampleClient(t)

	type row struct {
		name  string
		count int
	}
	var rows []stream.Stream[row]
	var conns []*conn.Conn
	for _, name := range []string{"apples", "pears"} {
		c := client.GetOrCreate("counter", rivet.Key{name}).Connect(ctx)
		defer c.Close()
		view := rivet.NewView(c,
			func(ctx context.Context, c rivet.Caller) (int, error) { return rivet.Do(ctx, c, GetCount) },
			rivet.Fold(CountChanged, func(_, n int) int { return n }))
		defer view.Close()
		rows = append(rows, stream.Map(view.Stream(), func(n int) row { return row{name, n} }))
		conns = append(conns, c)
	}
	for dashboard, err := range stream.CombineAll(rows...).All(ctx) {
		if stream.IsNotice(err) {
			fmt.Println(err) // such as a *rivet.SnapshotError: it will be tried again
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(dashboard)
		if dashboard[1].count > 0 {
			break
		}
		if _, err := Increment.Call(ctx, conns[1], 3); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// [{apples 0} {pears 0}]
	// [{apples 0} {pears 3}]
}
