package actor_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// A coordinator waits for workers that bring their results to it. Without Await
// they would wait for its turn, and their calls fail as a call cycle.
func ExampleContext_Await() {
	const (
		Start  = rivet.Action[[]string, int]("start")
		Report = rivet.Action[int, rivet.None]("report")
		Work   = rivet.Action[string, rivet.None]("work")
	)
	type Sum struct{ Letters int }

	Coordinator := actor.Define("coordinator", func(d *actor.Definition[Sum]) {
		actor.Handle(d, Start, func(c *actor.Context[Sum], words []string) (int, error) {
			err := c.Await(func() error {
				var workers sync.WaitGroup
				for _, word := range words {
					worker := c.Client().GetOrCreate("worker", rivet.Key{word})
					workers.Go(func() {
						if _, err := Work.Call(c, worker, word); err != nil {
							c.Log().Error("a worker has failed", "word", word, "error", err)
						}
					})
				}
				workers.Wait()
				return nil
			})
			return c.State.Letters, err
		})
		actor.Do(d, Report, func(c *actor.Context[Sum], letters int) error {
			c.State.Letters += letters
			return nil
		})
	})
	Worker := actor.Define("worker", func(d *actor.Definition[struct{}]) {
		actor.Do(d, Work, func(c *actor.Context[struct{}], word string) error {
			_, err := Report.Call(c, c.Client().Get("coordinator", nil), len(word))
			return err
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Coordinator, Worker}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	fmt.Println(Start.Call(ctx, host.Client().GetOrCreate("coordinator", nil), []string{"fan", "out", "and", "in"}))
	// Output:
	// 11 <nil>
}

// What a new actor begins with depends on what its creator says.
func ExampleCreateState() {
	type Input struct {
		Start int `json:"start"`
	}
	type State struct{ Count int }
	const GetCount = rivet.Action[rivet.None, int]("getCount")
	Counter := actor.Define("counter", func(d *actor.Definition[State]) {
		actor.CreateState(d, func(c *actor.CreateContext, in Input) (State, error) {
			if !c.HasInput() {
				in.Start = 100
			}
			return State{Count: in.Start}, nil
		})
		actor.Handle(d, GetCount, func(c *actor.Context[State], _ rivet.None) (int, error) {
			return c.State.Count, nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Counter}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	client := host.Client()
	fmt.Println(rivet.Do(ctx, client.GetOrCreate("counter", rivet.Key{"a"}, rivet.WithInput(Input{Start: 7})), GetCount))
	fmt.Println(rivet.Do(ctx, client.GetOrCreate("counter", rivet.Key{"b"}), GetCount))
	// Output:
	// 7 <nil>
	// 100 <nil>
}

// Values that cannot be stored, or need not be, live as long as the actor is
// awake.
func ExampleCreateVars() {
	const Square = rivet.Action[int, int]("square")
	type State struct{ Asked int }
	Maths := actor.Define("maths", func(d *actor.Definition[State]) {
		known := actor.CreateVars(d, func(*actor.Context[State]) (map[int]int, error) {
			return make(map[int]int), nil
		})
		actor.Handle(d, Square, func(c *actor.Context[State], n int) (int, error) {
			c.State.Asked++
			cache := *known.Of(c)
			if _, ok := cache[n]; !ok {
				cache[n] = n * n
			}
			return cache[n], nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Maths}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	fmt.Println(Square.Call(ctx, host.Client().GetOrCreate("maths", nil), 12))
	// Output:
	// 144 <nil>
}

// Work that goes on while the actor is awake, beside what clients ask for.
func ExampleDefinition_Run() {
	const (
		Add   = rivet.Action[int, rivet.None]("add")
		Added = rivet.Event[int]("added")
	)
	type State struct{ Sum int }
	Adder := actor.Define("adder", func(d *actor.Definition[State]) {
		inbox := actor.CreateVars(d, func(*actor.Context[State]) (chan int, error) { return make(chan int, 100), nil })
		actor.Do(d, Add, func(c *actor.Context[State], n int) error {
			select {
			case *inbox.Of(c) <- n:
				return nil
			default:
				return actor.UserError("busy", "Too much to add", nil)
			}
		})
		d.Run(func(c *actor.Context[State]) error {
			for {
				select {
				case n := <-*inbox.Of(c):
					err := c.Update(func(s *State) { // a turn
						s.Sum += n
						_ = actor.Broadcast(c, Added, s.Sum)
					})
					if err != nil {
						return err
					}
				case <-c.Done():
					return nil
				}
			}
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Adder}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	conn := host.Client().GetOrCreate("adder", nil).Connect(ctx)
	defer conn.Close()
	sums := Added.Subscribe(conn)
	for n := range 3 {
		if _, err := Add.Call(ctx, conn, n+1); err != nil {
			log.Fatal(err)
		}
	}
	for range 3 {
		fmt.Println(sums.Next(ctx))
	}
	// Output:
	// 1 <nil>
	// 3 <nil>
	// 6 <nil>
}
