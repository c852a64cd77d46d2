package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// Coordinator and data actors: a coordinator for each organisation knows which
// chat rooms there are; the rooms do the work, and do not wait for it.

// What lists of rooms and rooms offer.
const (
	AddRoom   = rivet.Action[string, rivet.None]("addRoom")
	ListRooms = rivet.Action[rivet.None, []string]("listRooms")
	Send      = rivet.Action[string, int]("send")
)

// Rooms is what a list of rooms remembers.
type Rooms struct{ Names []string }

// ChatRoomList is the coordinator.
var ChatRoomList = actor.Define("chatRoomList", func(d *actor.Definition[Rooms]) {
	actor.Do(d, AddRoom, func(c *actor.Context[Rooms], name string) error {
		_, err := c.Client().Create(c, "chatRoom", rivet.Key{c.Key()[0], name})
		if errors.Is(err, rivet.ErrActorExists) {
			return actor.UserError("room_exists", "There is a room of that name", nil)
		} else if err != nil {
			return err
		}
		c.State.Names = append(c.State.Names, name)
		return nil
	})
	actor.Handle(d, ListRooms, func(c *actor.Context[Rooms], _ rivet.None) ([]string, error) {
		return c.State.Names, nil
	})
})

// Messages is what a chat room remembers.
type Messages struct{ Texts []string }

// ChatRoom is the data actor.
var ChatRoom = actor.Define("chatRoom", func(d *actor.Definition[Messages]) {
	actor.Handle(d, Send, func(c *actor.Context[Messages], text string) (int, error) {
		c.State.Texts = append(c.State.Texts, text)
		return len(c.State.Texts), nil
	})
})

func coordinators(ctx context.Context, client *rivet.Client, out io.Writer) error {
	list := client.GetOrCreate("chatRoomList", rivet.Key{"org-acme"})
	for _, name := range []string{"general", "random", "general"} {
		_, err := AddRoom.Call(ctx, list, name)
		if rivet.IsCode(err, "room_exists") {
			fmt.Fprintf(out, "there is a room %s already\n", name)
		} else if err != nil {
			return err
		}
	}
	names, err := rivet.Do(ctx, list, ListRooms)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := Send.Call(ctx, client.Get("chatRoom", rivet.Key{"org-acme", name}), "hello")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has %d message\n", name, n)
	}
	return nil
}
