package actor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// What is too much for a state, or too rarely needed, goes into the KV.
func ExampleKV() {
	type page struct {
		rivet.Positional
		Title, Text string
	}
	const (
		Write  = rivet.Action[page, rivet.None]("write")
		Titles = rivet.Action[string, []string]("titles")
	)
	wiki := actor.Define("wiki", func(d *actor.Definition[struct{}]) {
		actor.Do(d, Write, func(c *actor.Context[struct{}], p page) error {
			return c.KV().Put(c, "page/"+p.Title, []byte(p.Text))
		})
		actor.Handle(d, Titles, func(c *actor.Context[struct{}], start string) ([]string, error) {
			var titles []string
			for e, err := range c.KV().List(c, actor.KVRange{Prefix: "page/" + start, Limit: 10}) {
				if err != nil {
					return nil, err
				}
				titles = append(titles, e.Key[len("page/"):])
			}
			return titles, nil
		})
	})

	host, err := actor.New(actor.Registry{wiki}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer host.Shutdown(ctx)

	w := host.Client().GetOrCreate("wiki", rivet.Key{"home"})
	for _, title := range []string{"gopher", "go", "actor"} {
		if _, err := Write.Call(ctx, w, page{Title: title, Text: "…"}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(Titles.Call(ctx, w, "go"))
	// Output: [go gopher] <nil>
}
