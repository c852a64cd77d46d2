package local

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

// tcpFront is a front that clients reach over TCP.
type tcpFront struct {
	t      testing.TB
	addr   string
	links  chan *link // of connections, as they come
	ends   chan string
	served *front
}

func newTCPFront(t testing.TB, buffer int) *tcpFront {
	t.Helper()
	f := &tcpFront{t: t, links: make(chan *link, 100), ends: make(chan string, 100)}
	p := &fakePlaces{accept: func(l actor.Link) actor.Receiver {
		f.links <- l.(*link)
		return telling{f.ends}
	}}
	f.served = newTestFront(t, &fakeRegistry{buffer: buffer}, p)
	srv := httptest.NewServer(f.served)
	t.Cleanup(srv.Close)
	f.addr = srv.Listener.Addr().String()
	return f
}

// telling is a receiver that tells of the end.
type telling struct{ ends chan string }

func (telling) Message(uint64, bool, []byte) bool { return true }
func (r telling) Closed(code int, reason string)  { r.ends <- fmt.Sprint(code, " ", reason) }

func (f *tcpFront) connect() (*peer, *link) {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	return shake(f.t, conn, connectURL, "rivet"), <-f.links
}

// pending is how many bytes a link has to send.
func (l *link) pending() (size int, closing bool) {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.out.size, l.out.closeWith != nil
}

// stall sends until the client's system takes no more: until a frame waits that
// cannot be the newest one.
func stall(t testing.TB, l *link) (sent []string) {
	t.Helper()
	data := strings.Repeat("x", 100<<10)
	for len(sent) < 1000 {
		if size, _ := l.pending(); size > 4<<20 {
			return sent
		}
		text := fmt.Sprint(len(sent), data)
		if err := l.Send(actor.NewFrame(true, []byte(text))); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, "text "+text)
	}
	t.Fatal("the client takes everything")
	return nil
}

// TestTCPKeepsTheOrder has a client read late, so that what is sent goes all the
// ways there are: at once, gathered, and by a goroutine that waits.
func TestTCPKeepsTheOrder(t *testing.T) {
	f := newTCPFront(t, 64<<20)
	c, l := f.connect()
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 3 {
		c.send(ws.OpPing, "between")
		c.wants("pong between")
		want := stall(t, l)
		for i := range 5000 {
			size := rnd.IntN(100)
			switch rnd.IntN(50) {
			case 0:
				size = rnd.IntN(100 << 10)
			case 1:
				size = smallPiece - 10 + rnd.IntN(15)
			case 2:
				size = maxCopied - 10 + rnd.IntN(15)
			}
			text := fmt.Sprint(round, " ", i, " ", strings.Repeat("y", size))
			want = append(want, "text "+text)
			if err := l.Send(actor.NewFrame(true, []byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		c.wants(want...)
	}
	l.Close(1000, "bye")
	c.wants("close 1000 bye")
	c.close(1000, "")
	c.wants("EOF")
	if got := <-f.ends; got != "1000 bye" {
		t.Errorf("the actor is told %q", got)
	}
	if size, _ := l.pending(); size != 0 {
		t.Errorf("%d bytes are pending", size)
	}
}

// TestWritersWaitForNobody has more clients that do not read than there are
// writers, beside one that reads.
func TestWritersWaitForNobody(t *testing.T) {
	f := newTCPFront(t, 64<<20)
	c, l := f.connect()
	type deaf struct {
		c    *peer
		l    *link
		want []string
	}
	var all []deaf
	for range runtime.GOMAXPROCS(0) + 1 {
		c, l := f.connect()
		all = append(all, deaf{c, l, stall(t, l)})
	}
	for i := range 1000 {
		text := fmt.Sprint(i)
		if err := l.Send(actor.NewFrame(true, []byte(text))); err != nil {
			t.Fatal(err)
		}
		c.wants("text " + text)
	}
	for _, d := range all {
		if size, closing := d.l.pending(); size == 0 || closing {
			t.Errorf("a client that did not read has %d bytes pending, closing %v", size, closing)
		}
		d.c.wants(d.want...)
		d.l.Close(1000, "")
		d.c.wants("close 1000 ")
	}
}

// TestNoDeadlineIsLeft holds that a link whose client was slow has no deadline
// afterwards, over which writes that do not wait would fail.
func TestNoDeadlineIsLeft(t *testing.T) {
	f := newTCPFront(t, 64<<20)
	c, l := f.connect()
	c.wants(stall(t, l)...)
	for flushing := true; flushing; { // the client may be faster than what is noted of it
		runtime.Gosched()
		l.out.mu.Lock()
		flushing = l.out.flushing
		l.out.mu.Unlock()
	}
	if l.raw != nil && !l.out.deadline.IsZero() {
		t.Errorf("the deadline is %v", l.out.deadline)
	}
}

// TestSlowTCPClientIsCut holds that who reads in the end is told why it was cut,
// and where.
func TestSlowTCPClientIsCut(t *testing.T) {
	f := newTCPFront(t, 64<<10)
	c, l := f.connect()
	sent := 0
	frame := actor.NewFrame(false, make([]byte, 50<<10))
	for l.Send(frame) == nil {
		sent++
	}
	got := 0
	last := ""
	for last = c.next(); strings.HasPrefix(last, "binary"); last = c.next() {
		got++
	}
	if want := "close 1011 guard.websocket_pending_limit_reached#" + l.ray; last != want {
		t.Errorf("got %.100s, want %s", last, want)
	}
	if got > sent {
		t.Errorf("%d frames came of %d", got, sent)
	}
	c.close(1000, "")
	if got := <-f.ends; got != "1011 guard.websocket_pending_limit_reached" {
		t.Errorf("the actor is told %q", got)
	}
	if size, _ := l.pending(); size != 0 || l.out.first != nil || l.out.copied != nil || l.out.frames != nil {
		t.Errorf("it holds %d bytes", size)
	}
}
