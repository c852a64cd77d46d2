package main

import (
	"context"
	"fmt"
	"io"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// Actor per entity: one for each user and for each document. The key says which,
// and has a part for each thing that it is made of.

// What users and documents offer.
const (
	Rename = rivet.Action[string, rivet.None]("rename")
	Name   = rivet.Action[rivet.None, string]("name")
	Append = rivet.Action[string, int]("append")
)

// Profile is what a user remembers.
type Profile struct{ Name string }

// User is a user.
var User = actor.Define("user", func(d *actor.Definition[Profile]) {
	actor.Do(d, Rename, func(c *actor.Context[Profile], name string) error {
		c.State.Name = name
		return nil
	})
	actor.Handle(d, Name, func(c *actor.Context[Profile], _ rivet.None) (string, error) {
		return c.State.Name, nil
	})
})

// Text is what a document remembers.
type Text struct{ Content string }

// Document is a document of an organisation.
var Document = actor.Define("document", func(d *actor.Definition[Text]) {
	actor.Handle(d, Append, func(c *actor.Context[Text], text string) (int, error) {
		c.State.Content += text
		return len(c.State.Content), nil
	})
})

func entities(ctx context.Context, client *rivet.Client, out io.Writer) error {
	for _, name := range []string{"Ada", "Grace"} {
		if _, err := Rename.Call(ctx, client.GetOrCreate("user", rivet.Key{"user-" + name}), name); err != nil {
			return err
		}
	}
	name, err := rivet.Do(ctx, client.Get("user", rivet.Key{"user-Ada"}), Name)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "user-Ada is", name)

	// Two organisations may have a document of the same name.
	for _, org := range []string{"acme", "globex", "acme"} {
		length, err := Append.Call(ctx, client.GetOrCreate("document", rivet.Key{"org-" + org, "doc-456"}), "hello")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "doc-456 of %s has %d bytes\n", org, length)
	}
	return nil
}
