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
	"github.com/rivet-go/rivet/actor/local"
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
func enter(t *testing.T, ctx context.Context, client *rivet.Client, p Params) *terminal {
	screen, out := io.Pipe()
	in, keyboard := io.Pipe()
	s := &terminal{t, bufio.NewScanner(screen), keyboard, make(chan error, 1)}
	go func() {
		s.done <- join(ctx, client, "general", p, in, out)
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

// hears is expect for what is said, whoever comes and goes meanwhile.
func (s *terminal) hears(want string) {
	s.t.Helper()
	for s.screen.Scan() {
		if line := s.screen.Text(); line == want {
			return
		} else if !strings.HasSuffix(line, " came in") && !strings.HasSuffix(line, " left") {
			s.t.Fatalf("printed %q, want %q", line, want)
		}
	}
	s.t.Fatalf("the program ended, want %q", want)
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
	alice := enter(t, t.Context(), host.Client(), Params{Name: "alice"})
	alice.expect("here: alice")
	alice.say("nobody here?")
	alice.expect("alice: nobody here?")

	bob := enter(t, t.Context(), host.Client(), Params{Name: "bob"})
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
	alice := enter(t, t.Context(), host.Client(), Params{Name: "alice", Password: "sesame"})
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

// serve runs a host on addr with its data in a folder, until stop is called.
func serve(t *testing.T, addr, data string) (client *rivet.Client, at string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- actor.Serve(ctx, actor.Registry{Rooms("")}, local.Dir(data), actor.Addr(addr),
			actor.OnListen(func(a net.Addr) { listening <- a.String() }))
	}()
	select {
	case at = <-listening:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	client, err := rivet.NewClient(rivet.WithEndpoint("http://" + at))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	return client, at, func() {
		t.Helper()
		cancel()
		if err := errors.Join(<-done, client.Close()); err != nil {
			t.Error(err)
		}
	}
}

// What was said while a client was away, it tells when it is back, once.
func TestChatHostRestarts(t *testing.T) {
	data := t.TempDir()
	bob, at, stop := serve(t, "localhost:0", data)
	client, err := rivet.NewClient(rivet.WithEndpoint("http://" + at))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	say := func(text string) {
		t.Helper()
		room := bob.GetOrCreate("chat", rivet.Key{"general"}, rivet.WithParams(Params{Name: "bob"}))
		if _, err := Say.Call(t.Context(), room, text); err != nil {
			t.Fatal(err)
		}
	}
	alice := enter(t, t.Context(), client, Params{Name: "alice"})
	alice.expect("here: alice")
	say("one")
	alice.hears("bob: one")
	stop()
	bob, _, stop = serve(t, at, data)
	defer stop()
	say("two")
	alice.hears("bob: two")
	alice.say("three")
	alice.hears("alice: three")
	alice.keyboard.Close()
	for alice.screen.Scan() { // who came and left
	}
	if err := <-alice.done; err != nil {
		t.Error(err)
	}
}

// An interrupt ends the program while it waits for somebody to type.
func TestChatInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	alice := enter(t, ctx, rooms(t, "").Client(), Params{Name: "alice"})
	alice.expect("here: alice")
	cancel()
	if err := <-alice.done; err != nil {
		t.Error(err)
	}
}

// So does the end of the connection, and says why.
func TestChatClosed(t *testing.T) {
	host := rooms(t, "")
	alice := enter(t, t.Context(), host.Client(), Params{Name: "alice"})
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
