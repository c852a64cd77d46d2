// Command chat is a chat room in a terminal: what is typed is said, what is
// said is printed.
//
//	RIVET_ENDPOINT=http://localhost:6420 go run ./examples/chat alice
//
// It shows connection parameters, several events in one loop and in one order,
// and the errors that an actor answers with.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// Params are what the room sees of a connection, before it lets it in.
type Params struct {
	Name string `json:"name"`
}

// Line is one thing said.
type Line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// What the actor offers, by name and type.
const (
	Say     = rivet.Action[string, Line]("say")
	Joined  = rivet.Event[string]("joined")
	Left    = rivet.Event[string]("left")
	Message = rivet.Event[Line]("message")
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: chat NAME")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := rivet.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := run(ctx, client, os.Args[1], os.Stdin, os.Stdout); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, client *rivet.Client, name string, in io.Reader, out io.Writer) error {
	room := client.GetOrCreate("chat", rivet.Key{"general"}, rivet.WithParams(Params{Name: name}))
	c := room.Connect(ctx)
	defer c.Close()
	events := c.Subscribe([]string{string(Joined), string(Left), string(Message)})
	if err := c.Ready(ctx); rivet.IsCode(err, "name_taken") {
		return fmt.Errorf("there is a %s in the room already", name)
	} else if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- show(ctx, out, events) }()
	lines := read(ctx, in)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				c.Close() // ends the loop of show
				<-ended
				return nil
			}
			_, err := Say.Call(ctx, c, line)
			var e *rivet.Error
			if errors.As(err, &e) && e.Group == "user" { // the actor's own errors
				fmt.Fprintln(out, "the room says:", e.Message)
			} else if err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-ended: // by an interrupt, or the connection is closed for good
			return err
		}
	}
}

// read gives the lines of in. A terminal cannot be told to stop reading, so a
// goroutine does it that the end of the program takes with it.
func read(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func show(ctx context.Context, out io.Writer, events *stream.Subscription[conn.Event]) error {
	for ev, err := range events.All(ctx) {
		if stream.IsNotice(err) {
			continue
		}
		if err != nil {
			return err
		}
		switch ev.Name {
		case string(Joined):
			if who, err := Joined.Decode(ev); err == nil {
				fmt.Fprintln(out, who, "came in")
			}
		case string(Left):
			if who, err := Left.Decode(ev); err == nil {
				fmt.Fprintln(out, who, "left")
			}
		case string(Message):
			if l, err := Message.Decode(ev); err == nil {
				fmt.Fprintf(out, "%s: %s\n", l.From, l.Text)
			}
		}
	}
	return nil
}
