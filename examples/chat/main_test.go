package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/rivettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rooms serves chat rooms in memory.
func rooms(t *testing.T, password string) *actor.Host {
	return rivettest.Serve(t, actor.Registry{Rooms(password)})
}

// terminal is somebody in a room.
type terminal struct {
	t        *testing.T
	screen   *bufio.Scanner
	keyboard *io.PipeWriter
	done     chan error
}

// enter has somebody join the room general.
func enter(t *testing.T, ctx context.Context, host *actor.Host, p Params) *terminal {
	screen, out := io.Pipe()
	in, keyboard := io.Pipe()
	s := &terminal{t, bufio.NewScanner(screen), keyboard, make(chan error, 1)}
	go func() {
		s.done <- join(ctx, host.Client(), "general", p, in, out)
		out.Close()
		in.Close()
	}()
	return s
}

func (s *terminal) expect(lines ...string) {
	s.t.Helper()
	for _, want := range lines {
		if !s.screen.Scan() || s.screen.Text() != want {
			s.t.Fatalf("printed %q, want %q", s.screen.Text(), want)
		}
	}
}

func (s *terminal) say(text string) { fmt.Fprintln(s.keyboard, text) }

func (s *terminal) leave() {
	s.t.Helper()
	s.keyboard.Close()
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
}

func TestChat(t *testing.T) {
	host := rooms(t, "")
	alice := enter(t, t.Context(), host, Params{Name: "alice"})
	alice.expect("here: alice")
	alice.say("nobody here?")
	alice.expect("alice: nobody here?")

	bob := enter(t, t.Context(), host, Params{Name: "bob"})
	alice.expect("bob came in")
	bob.expect("here: alice, bob", "alice: nobody here?")
	bob.say("hi")
	alice.expect("bob: hi")
	bob.expect("bob: hi")
	bob.say("")
	bob.expect("the room says: Say something")
	bob.leave()
	alice.expect("bob left")
	alice.leave()
}

func TestChatRefuses(t *testing.T) {
	host := rooms(t, "sesame")
	alice := enter(t, t.Context(), host, Params{Name: "alice", Password: "sesame"})
	alice.expect("here: alice")
	defer alice.leave()
	for p, want := range map[Params]string{
		{Name: "bob"}:                       "Wrong password",
		{Name: "bob", Password: "sesam"}:    "Wrong password",
		{Name: "", Password: "sesame"}:      "Come in with a name",
		{Name: "alice", Password: "sesame"}: "alice is in the room already",
	} {
		err := join(t.Context(), host.Client(), "general", p, strings.NewReader(""), io.Discard)
		if err == nil || err.Error() != want {
			t.Errorf("%v gets %v, want %s", p, err, want)
		}
	}
	if err := join(t.Context(), host.Client(), "another room", Params{Name: "alice", Password: "sesame"}, strings.NewReader(""), io.Discard); err != nil {
		t.Error(err)
	}
}

// An interrupt ends the program while it waits for somebody to type.
func TestChatInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	alice := enter(t, ctx, rooms(t, ""), Params{Name: "alice"})
	alice.expect("here: alice")
	cancel()
	if err := <-alice.done; err != nil {
		t.Error(err)
	}
}

// So does the end of the connection, and says why.
func TestChatClosed(t *testing.T) {
	host := rooms(t, "")
	alice := enter(t, t.Context(), host, Params{Name: "alice"})
	alice.expect("here: alice")
	if err := host.Client().Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-alice.done; !errors.Is(err, rivet.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// Who has no host is told what to do.
func TestChatWithoutHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := rivet.NewClient(rivet.WithEndpoint("http://127.0.0.1:6420"),
			rivet.WithDialer(func(_ context.Context, network, _ string) (net.Conn, error) {
				addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 6420}
				return nil, &net.OpError{Op: "dial", Net: network, Addr: addr, Err: syscall.ECONNREFUSED}
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		err = join(t.Context(), client, "general", Params{Name: "alice"}, strings.NewReader(""), io.Discard)
		const want = "there is no host at 127.0.0.1:6420; start one by: go run ./examples/chat serve"
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
}
