package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/conn"
)

// Everybody but the one who speaks gets the event.
func ExampleBroadcast() {
	const (
		Say  = rivet.Action[string, rivet.None]("say")
		Said = rivet.Event[string]("said")
	)
	Room := actor.Define("room", func(d *actor.Definition[struct{}]) {
		actor.Do(d, Say, func(c *actor.Context[struct{}], text string) error {
			return actor.Broadcast(c, Said, text, actor.Except(c.Conn()))
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Room}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	room := host.Client().GetOrCreate("room", rivet.Key{"general"})
	say := func(conn *conn.Conn, text string) {
		if _, err := Say.Call(ctx, conn, text); err != nil {
			log.Fatal(err)
		}
	}

	alice := room.Connect(ctx)
	defer alice.Close()
	toAlice := Said.Subscribe(alice)
	say(alice, "nobody here?")
	bob := room.Connect(ctx)
	defer bob.Close()
	toBob := Said.Subscribe(bob)
	say(bob, "hello")
	fmt.Println(toAlice.Next(ctx))
	say(alice, "hi, Bob")
	fmt.Println(toBob.Next(ctx))
	// Output:
	// hello <nil>
	// hi, Bob <nil>
}

// Who somebody is comes from the parameters of the connection, which are checked
// once, and not from the arguments of actions.
func ExampleCreateConnState() {
	type Params struct {
		Token string `json:"token"`
	}
	type Member struct{ Name string }
	const WhoAmI = rivet.Action[rivet.None, string]("whoAmI")

	Room := actor.Define("room", func(d *actor.Definition[struct{}]) {
		who := actor.CreateConnState(d, func(c *actor.ConnectContext, p Params) (Member, error) {
			if p.Token != "token of Ada" {
				return Member{}, actor.UserError("forbidden", "Invalid token", nil)
			}
			return Member{Name: "Ada"}, nil
		})
		actor.Handle(d, WhoAmI, func(c *actor.Context[struct{}], _ rivet.None) (string, error) {
			return who.Of(c.Conn()).Name, nil
		})
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Room}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	for _, token := range []string{"token of Ada", "guessed"} {
		room := host.Client().GetOrCreate("room", nil, rivet.WithParams(Params{token}))
		name, err := rivet.Do(ctx, room, WhoAmI)
		fmt.Printf("%q %v\n", name, rivet.IsCode(err, "forbidden"))
	}
	// Output:
	// "Ada" false
	// "" true
}

// Pages of one origin only.
func ExampleOnBeforeConnect() {
	type Params struct{}
	const Ping = rivet.Action[rivet.None, string]("ping")
	Room := actor.Define("room", func(d *actor.Definition[struct{}]) {
		actor.OnBeforeConnect(d, func(c *actor.ConnectContext, _ Params) error {
			if origin := c.Request().Header.Get("Origin"); origin != "" && origin != "https://myapp.example" {
				return actor.UserError("origin_not_allowed", "Origin not allowed", nil)
			}
			return nil
		})
		actor.Handle(d, Ping, func(*actor.Context[struct{}], rivet.None) (string, error) { return "pong", nil })
	})

	ctx := context.Background()
	host, err := actor.New(actor.Registry{Room}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	defer host.Shutdown(ctx)
	fmt.Println(rivet.Do(ctx, host.Client().GetOrCreate("room", nil), Ping))
	// Output:
	// pong <nil>
}
