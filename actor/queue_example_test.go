package actor_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// Each message is handled in a turn, and what that does to the state is stored
// together with the end of the message.
func ExampleConsume() {
	type mailer struct{ Sent int }
	const Mails = rivet.Queue[string, int]("mails")

	post := actor.Define("mailer", func(d *actor.Definition[mailer]) {
		actor.Consume(d, Mails, func(c *actor.Context[mailer], to string) (int, error) {
			c.State.Sent++
			return c.State.Sent, nil
		})
	})

	host, err := actor.New(actor.Registry{post}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer host.Shutdown(ctx)

	m := host.Client().GetOrCreate("mailer", rivet.Key{})
	if err := Mails.Send(ctx, m, "ann@example.com"); err != nil { // stored
		log.Fatal(err)
	}
	n, err := Mails.SendWait(ctx, m, "bob@example.com") // stored and handled
	fmt.Println(n, err)
	// Output: 2 <nil>
}

// Run receives messages by itself. One that is not completed comes again.
func ExampleMessages() {
	const Words = rivet.Queue[string, string]("words")

	shouter := actor.Define("shouter", func(d *actor.Definition[struct{}]) {
		d.Run(func(c *actor.Context[struct{}]) error {
			for m, err := range actor.Messages(c, Words) {
				if err != nil {
					return err
				}
				if err := m.Complete(c, strings.ToUpper(m.Body)); err != nil {
					return err
				}
			}
			return nil
		})
	})

	host, err := actor.New(actor.Registry{shouter}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer host.Shutdown(ctx)

	fmt.Println(Words.SendWait(ctx, host.Client().GetOrCreate("shouter", rivet.Key{}), "hello"))
	// Output: HELLO <nil>
}
