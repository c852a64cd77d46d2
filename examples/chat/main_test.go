package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// room defines the actor as the program expects it.
func room(t *testing.T) *rivettest.Gateway {
	gw := rivettest.NewGateway(t)
	chat := gw.Actor("chat").OnConnect(func(_ context.Context, r *rivettest.Request) error {
		var p Params
		if err := r.Params.Decode(&p); err != nil || p.Name == "bob" {
			return rivettest.UserError("name_taken", "Name taken", nil)
		}
		return nil
	})
	rivettest.Handle(chat, Say, func(_ context.Context, r *rivettest.Request, text string) (Line, error) {
		if text == "" {
			return Line{}, rivettest.UserError("empty", "Say something", nil)
		}
		var p Params
		if err := r.Params.Decode(&p); err != nil {
			return Line{}, err
		}
		l := Line{From: p.Name, Text: text}
		rivettest.Emit(r, Message, l)
		return l, nil
	})
	return gw
}

func TestChat(t *testing.T) {
	gw := room(t)
	client := gw.Client(t)
	screen, out := io.Pipe()
	in, keyboard := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(t.Context(), client, "alice", in, out)
		out.Close()
	}()
	lines := bufio.NewScanner(screen)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("printed %q, want %q", lines.Text(), want)
		}
	}

	if err := gw.Conn(0).WaitSubscribed(t.Context(), string(Left)); err != nil {
		t.Fatal(err)
	}
	rivettest.Emit(gw, Joined, "carol")
	rivettest.Emit(gw, Message, Line{From: "carol", Text: "hi"})
	rivettest.Emit(gw, Left, "carol")
	expect("carol came in")
	expect("carol: hi")
	expect("carol left")
	fmt.Fprintln(keyboard, "nobody here?")
	expect("alice: nobody here?")
	fmt.Fprintln(keyboard, "")
	expect("the room says: Say something")
	keyboard.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestChatRefused(t *testing.T) {
	err := run(t.Context(), room(t).Client(t), "bob", strings.NewReader(""), io.Discard)
	if err == nil || err.Error() != "there is a bob in the room already" {
		t.Errorf("error %v", err)
	}
}

// An interrupt ends the program while it waits for somebody to type.
func TestChatInterrupted(t *testing.T) {
	gw := room(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, keyboard := io.Pipe()
	defer keyboard.Close()
	done := make(chan error, 1)
	client := gw.Client(t)
	go func() { done <- run(ctx, client, "alice", in, io.Discard) }()
	if err := gw.Conn(0).WaitSubscribed(t.Context(), string(Left)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// So does the end of the connection, and says why.
func TestChatClosed(t *testing.T) {
	gw := room(t)
	in, keyboard := io.Pipe()
	defer keyboard.Close()
	done := make(chan error, 1)
	client := gw.Client(t, rivet.WithRetry(func(conn.Failure) bool { return false }))
	go func() { done <- run(t.Context(), client, "alice", in, io.Discard) }()
	if err := gw.Conn(0).WaitSubscribed(t.Context(), string(Left)); err != nil {
		t.Fatal(err)
	}
	gw.Conn(0).Drop()
	if err := <-done; !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
