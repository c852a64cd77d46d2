package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// A counter, which remembers its count and tells who listens.
func ExampleDefine() {
	const (
		Increment    = rivet.Action[int, int]("increment")
		CountChanged = rivet.Event[int]("countChanged")
	)
	type State struct{ Count int }

	Counter := actor.Define("counter", func(d *actor.Definition[State]) {
		actor.Handle(d, Increment, func(c *actor.Context[State], by int) (int, error) {
			c.State.Count += by
			return c.State.Count, actor.Broadcast(c, CountChanged, c.State.Count)
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Counter}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)

	apples := host.Client().GetOrCreate("counter", rivet.Key{"apples"})
	fmt.Println(Increment.Call(ctx, apples, 5))
	fmt.Println(Increment.Call(ctx, apples, 1))
	// Output:
	// 5 <nil>
	// 6 <nil>
}

// A program that hosts actors until it is interrupted.
func ExampleServe() {
	var Counter, ChatRoom actor.Actor // as Define makes them

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := actor.Serve(ctx, actor.Registry{Counter, ChatRoom}, actor.Addr("localhost:6420"), local.Dir("./data"))
	if err != nil {
		log.Fatal(err)
	}
}

// An existing server hosts actors, too.
func ExampleHost_Handler() {
	const Increment = rivet.Action[int, int]("increment")
	Counter := actor.Define("counter", func(d *actor.Definition[int]) {
		actor.Handle(d, Increment, func(c *actor.Context[int], by int) (int, error) {
			*c.State += by
			return *c.State, nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Counter}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	mux := http.NewServeMux()
	mux.Handle("/api/rivet/", host.Handler())
	mux.HandleFunc("POST /increment/{name}", func(w http.ResponseWriter, r *http.Request) {
		counter := host.Client().GetOrCreate("counter", rivet.Key{r.PathValue("name")})
		n, err := Increment.Call(r.Context(), counter, 1)
		if err != nil {
			http.Error(w, "the counter cannot be reached", http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, n)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	// Clients of Rivet use the path as part of their endpoint.
	client, err := rivet.NewClient(rivet.WithEndpoint(server.URL + "/api/rivet"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(Increment.Call(ctx, client.GetOrCreate("counter", rivet.Key{"apples"}), 5))
	// Output:
	// 5 <nil>
}

func ExampleHandle() {
	// Move are the arguments of move(piece, x, y).
	type Move struct {
		rivet.Positional
		Piece string
		X, Y  int
	}
	const MovePiece = rivet.Action[Move, int]("board.move")
	type Board struct{ Moves []Move }

	Game := actor.Define("game", func(d *actor.Definition[Board]) {
		actor.Handle(d, MovePiece, func(c *actor.Context[Board], m Move) (int, error) {
			c.State.Moves = append(c.State.Moves, m)
			return len(c.State.Moves), nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Game}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	game := host.Client().GetOrCreate("game", rivet.Key{"1"})
	fmt.Println(MovePiece.Call(ctx, game, Move{Piece: "rook", X: 1, Y: 8}))
	_, err = rivet.Call[int](ctx, game, "board.move", "rook", "a8")
	fmt.Println(rivet.IsCode(err, "invalid_request")) // not what the handler takes
	// Output:
	// 1 <nil>
	// true
}

func ExampleUserError() {
	const Rename = rivet.Action[string, rivet.None]("rename")
	User := actor.Define("user", func(d *actor.Definition[string]) {
		actor.Do(d, Rename, func(c *actor.Context[string], name string) error {
			switch {
			case len(name) < 3:
				return actor.UserError("name_too_short", "Name too short", map[string]int{"minLength": 3})
			case name == "root":
				return errors.New("nobody needs to know why")
			}
			*c.State = name
			return nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{User}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	user := host.Client().GetOrCreate("user", rivet.Key{"1"})
	for _, name := range []string{"ab", "root", "Ada"} {
		_, err := Rename.Call(ctx, user, name)
		e, ok := errors.AsType[*rivet.Error](err)
		if !ok {
			fmt.Println(name, err)
			continue
		}
		var meta struct{ MinLength int }
		_ = e.Decode(&meta)
		fmt.Printf("%s: %s.%s, %s, %d\n", name, e.Group, e.Code, e.Message, meta.MinLength)
	}
	// Output:
	// ab: user.name_too_short, Name too short, 3
	// root: rivetkit.internal_error, An internal error occurred, 0
	// Ada <nil>
}
