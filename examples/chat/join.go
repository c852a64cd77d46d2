package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// join goes into a room: what in has is said there, and what is said there is
// written to out. It returns when in has ended, or ctx, or the connection for
// good.
func join(ctx context.Context, client *rivet.Client, room string, p Params, in io.Reader, out io.Writer) error {
	handle := client.GetOrCreate("chat", rivet.Key{room}, rivet.WithParams(p))
	if err := find(ctx, handle); err != nil {
		return err
	}
	c := handle.Connect(ctx)
	defer c.Close()
	events := rivet.AnyOf(Joined, Left, Message).Subscribe(c, stream.Gaps(true))
	present, err := rivet.Do(ctx, c, Present)
	if e, ok := errors.AsType[*rivet.Error](err); ok && e.Group == "user" { // the room's own errors
		return errors.New(e.Message)
	} else if err != nil {
		return err
	}
	fmt.Fprintln(out, "here:", strings.Join(present, ", "))

	ended := make(chan error, 1)
	go func() { ended <- show(ctx, c, events, out) }()
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
			if e, ok := errors.AsType[*rivet.Error](err); ok && e.Group == "user" {
				fmt.Fprintln(out, "the room says:", e.Message)
			} else if err != nil && ctx.Err() == nil {
				fmt.Fprintln(out, "not said:", err)
			}
		case err := <-ended: // by an interrupt, or the connection is closed for good
			return err
		}
	}
}

// find looks whether there is a host, for a connection would go on trying.
func find(ctx context.Context, room *rivet.Handle) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := room.Resolve(ctx)
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return fmt.Errorf("there is no host at %v; start one by: go run ./examples/chat serve", dial.Addr)
	}
	return err
}

// show writes what happens in the room, and once each line, whatever happens to
// the connection.
func show(ctx context.Context, c *conn.Conn, events *stream.Subscription[rivet.Occurrence], out io.Writer) error {
	last := 0
	line := func(l Line) {
		if l.Number > last { // else it has come by the other way
			fmt.Fprintf(out, "%s: %s\n", l.From, l.Text)
			last = l.Number
		}
	}
	catchUp := func() {
		missed, err := History.Call(ctx, c, last)
		if err != nil && ctx.Err() == nil && c.Err() == nil {
			fmt.Fprintln(out, "cannot tell what was said:", err)
		}
		for _, l := range missed {
			line(l)
		}
	}
	catchUp()
	for ev, err := range events.All(ctx) {
		if stream.IsNotice(err) {
			catchUp() // events may be missing, as after a reconnect
			continue
		}
		if err != nil {
			return err
		}
		switch ev.Event {
		case string(Joined):
			fmt.Fprintln(out, ev.Value, "came in")
		case string(Left):
			fmt.Fprintln(out, ev.Value, "left")
		case string(Message):
			line(ev.Value.(Line))
		}
	}
	return nil
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
