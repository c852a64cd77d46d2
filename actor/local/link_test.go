package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

// peer is a client's end of a WebSocket.
type peer struct {
	t      testing.TB
	conn   net.Conn
	answer *http.Response
	r      *ws.Reader
	w      *ws.Writer
}

// dialPeer opens a WebSocket, with any path and protocols.
func dialPeer(t testing.TB, f *front, target, protocols string) *peer {
	t.Helper()
	conn, err := f.dial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if protocols != "" {
		protocols = "Sec-WebSocket-Protocol: " + protocols + "\r\n"
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: host.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://page.example\r\n%s\r\n", target, protocols)
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	early, _ := br.Peek(br.Buffered())
	return &peer{t, conn, res, ws.NewReader(conn, early, ws.ReaderConfig{}), ws.NewWriter(conn, ws.Client)}
}

func (p *peer) send(op ws.Op, data string) {
	p.t.Helper()
	if err := errors.Join(p.w.Append(op, []byte(data)), p.w.Flush()); err != nil {
		p.t.Errorf("send: %v", err)
	}
}

func (p *peer) close(code uint16, reason string) {
	p.t.Helper()
	if err := errors.Join(p.w.AppendClose(code, reason), p.w.Flush()); err != nil {
		p.t.Errorf("close: %v", err)
	}
}

// next is what comes next: a message, a close with code and reason, or the
// error that ends the stream.
func (p *peer) next() string {
	m, err := p.r.Next()
	switch {
	case err != nil:
		return err.Error()
	case m.Op == ws.OpClose:
		code, reason, err := ws.ParseClose(m.Payload)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("close %d %s", code, reason)
	}
	return m.Op.String() + " " + string(m.Payload)
}

func (p *peer) wants(want ...string) {
	p.t.Helper()
	for _, want := range want {
		if got := p.next(); got != want {
			p.t.Fatalf("got %.200s, want %.200s", got, want)
		}
	}
}

const connectURL = "/gateway/chat/connect?" + query

// connected opens a connection whose receiver the test has.
func connected(t testing.TB, f *front, p *fakePlaces, rcv *fakeReceiver) (*peer, *link) {
	t.Helper()
	var l *link
	p.accept = func(al actor.Link) actor.Receiver {
		l = al.(*link)
		rcv.link = al
		return rcv
	}
	c := dialPeer(t, f, connectURL, "rivet, rivet_encoding.json")
	synctest.Wait()
	if l == nil {
		t.Fatal("the actor has not got the link")
	}
	return c, l
}

func TestSocketsAreRefusedInAClose(t *testing.T) {
	const id = "a00000000000000000000000000000"
	tests := []struct{ target, protocols, want string }{
		{"/nope", "rivet", "guard.websocket_not_supported"},
		{"/connect", "rivet", "guard.websocket_not_supported"},
		{"/metadata", "rivet", "guard.websocket_not_supported"},
		{"/gateway/" + id + "//connect", "rivet", "guard.websocket_not_supported"},
		{"/gateway/chat/action/x?" + query, "rivet", "guard.websocket_not_supported"},
		{"/gateway/chat/websocketx?" + query, "rivet", "guard.websocket_not_supported"},
		{connectURL, "", "guard.missing_header"},
		{"/gateway/zz/connect", "rivet", "core.internal_error"},
		{"/gateway/" + id + "/connect", "rivet", "actor.not_found"},
		{"/gateway/chat/connect?rvt-namespace=default&rvt-method=get", "rivet", "actor.not_found"},
		{"/gateway/chat/connect?rvt-namespace=nope&rvt-method=get", "rivet", "namespace.not_found"},
		{"/gateway/chat/connect?rvt-namespace=default", "rivet", "guard.query_invalid_params"},
		{"/connect", "rivet, rivet_target.actor", "guard.missing_header"},
		{"/connect", "rivet, rivet_target.foo, rivet_actor." + id, "guard.no_route"},
		{"/connect", "rivet, rivet_actor." + id, "guard.websocket_not_supported"},
		{"/connect", "rivet, rivet_target.actor, rivet_actor." + id, "actor.not_found"},
	}
	for _, at := range []string{"", "/api/rivet"} {
		for _, tt := range tests {
			synctest.Test(t, func(t *testing.T) {
				p := &fakePlaces{}
				f := newTestFront(t, nil, p)
				c := dialPeer(t, f, at+tt.target, tt.protocols)
				ray := c.answer.Header.Get("X-Rivet-Ray-Id")
				if c.answer.StatusCode != 101 || c.answer.Header.Get("Sec-WebSocket-Protocol") != "rivet" || len(ray) != 30 {
					t.Errorf("%s: %d %v", tt.target, c.answer.StatusCode, c.answer.Header)
				}
				if got, want := c.next(), "close 1011 "+tt.want+"#"+ray; got != want {
					t.Errorf("%s %s: %s, want %s", tt.target, tt.protocols, got, want)
				}
				c.close(1011, "")
				c.wants("EOF")
				if len(p.detached) != 0 {
					t.Error("what was never opened was detached")
				}
			})
		}
	}
}

func TestSocketByHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		if _, _, err := p.getOrCreate(t.Context(), spec{Name: "chat"}); err != nil {
			t.Fatal(err)
		}
		var got *http.Request
		p.accept = func(l actor.Link) actor.Receiver {
			got = l.Request()
			return &fakeReceiver{link: l, refuseAt: -1}
		}
		c := dialPeer(t, f, "/api/rivet/websocket/a%2Fb?x=1", "rivet, rivet_target.actor, rivet_actor.%61"+strings.Repeat("0", 29)+", rivet_conn_params.%7B(x)")
		synctest.Wait()
		if got == nil {
			t.Fatal(c.next())
		}
		if got.RequestURI != "/websocket/a%2Fb?x=1" || got.URL.EscapedPath() != "/websocket/a%2Fb" || got.URL.RawQuery != "x=1" ||
			got.Header.Get("X-Rivet-Ray-Id") != c.answer.Header.Get("X-Rivet-Ray-Id") || got.Header.Get("Origin") != "https://page.example" {
			t.Errorf("%s %+v", got.RequestURI, got)
		}
		if h := c.answer.Header; h.Get("Access-Control-Allow-Origin") != "https://page.example" {
			t.Errorf("%v", h)
		}
	})
}

func TestSocketCarriesMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1, echo: true}
		c, l := connected(t, f, p, rcv)
		c.send(ws.OpText, "hällo")
		c.wants("text hällo")
		c.send(ws.OpPing, "are you there")
		c.wants("pong are you there")
		c.send(ws.OpPong, "unasked")
		large := strings.Repeat("x", 300<<10)
		c.send(ws.OpBinary, large)
		c.wants("binary " + large)
		// A message in two frames with a ping between them.
		c.conn.Write([]byte{0x01, 0x81, 0, 0, 0, 0, 'a', 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, 'b'})
		c.wants("pong ", "text ab")
		synctest.Wait()
		if got, want := rcv.messages(), []string{"1 text hällo", "2 binary " + large, "3 text ab"}; !slices.Equal(got, want) {
			t.Errorf("%.100q", got)
		}
		if l.in.chunk != nil || len(l.in.kept) != 0 || l.in.bytes != 0 {
			t.Error("a quiet link keeps something")
		}
		if len(p.woken) != 0 {
			t.Error("the actor was woken while it had the link")
		}
	})
}

func TestSocketIsClosedByTheClient(t *testing.T) {
	tests := []struct {
		name, frame, answer, told string
	}{
		{"with code and reason", "\x88\x85\x00\x00\x00\x00\x0f\xa1bye", "close 4001 bye", "4001 bye"},
		{"without", "\x88\x80\x00\x00\x00\x00", "close 1005 ", "1005 "},
		{"with a code that must not be sent", "\x88\x82\x00\x00\x00\x00\x03\xed", "close 1002 close code that must not be sent", "1005 "},
		{"with half a code", "\x88\x81\x00\x00\x00\x00\x03", "close 1002 close frame with half a code", "1005 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fakePlaces{}
				f := newTestFront(t, nil, p)
				rcv := &fakeReceiver{refuseAt: -1}
				c, l := connected(t, f, p, rcv)
				if err := l.Send(actor.NewFrame(true, []byte("before"))); err != nil {
					t.Error(err)
				}
				c.conn.Write([]byte(tt.frame))
				c.wants("text before", tt.answer, "EOF")
				synctest.Wait()
				if got := rcv.closed(); !slices.Equal(got, []string{tt.told}) {
					t.Errorf("the actor is told %q", got)
				}
				if len(p.detached) != 1 || p.detached[0] != "a00000000000000000000000000000 "+l.ID() {
					t.Errorf("%q", p.detached)
				}
				if err := l.Send(actor.NewFrame(true, nil)); !errors.Is(err, errLinkEnded) {
					t.Errorf("send: %v", err)
				}
				if len(f.links) != 0 {
					t.Error("the front still has the link")
				}
			})
		})
	}
}

func TestSocketOfAClientThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, _ := connected(t, f, p, rcv)
		c.send(ws.OpText, "last words")
		c.conn.Close()
		synctest.Wait()
		if got := rcv.messages(); !slices.Equal(got, []string{"1 text last words"}) {
			t.Errorf("%q", got)
		}
		if got := rcv.closed(); !slices.Equal(got, []string{"1011 ws.downstream_closed"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestSocketIsClosedByTheActor(t *testing.T) {
	long := strings.Repeat("ü", 100)
	tests := []struct {
		code         int
		reason, want string
	}{
		{1000, "", "close 1000 "},
		{4999, "kicked", "close 4999 kicked"},
		{1000, long, "close 1000 " + strings.Repeat("ü", 61)},
		{0, "", "close 1005 "},
		{1006, "x", "close 1011 x"},
		{70000, "x", "close 1011 x"},
		{-1, "x", "close 1011 x"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			rcv := &fakeReceiver{refuseAt: -1}
			c, l := connected(t, f, p, rcv)
			for i := range 100 {
				if err := l.Send(actor.NewFrame(i%2 == 0, fmt.Appendf(nil, "%d", i))); err != nil {
					t.Error(err)
				}
			}
			l.Close(tt.code, tt.reason)
			l.Close(4000, "a second time")
			if err := l.Send(actor.NewFrame(true, []byte("late"))); !errors.Is(err, errLinkEnded) {
				t.Errorf("send: %v", err)
			}
			for i := range 100 {
				c.wants(fmt.Sprintf("%s %d", []ws.Op{ws.OpText, ws.OpBinary}[i%2], i))
			}
			c.wants(tt.want)
			c.send(ws.OpText, "did you say something?")
			c.close(1000, "")
			c.wants("EOF")
			synctest.Wait()
			if got := rcv.messages(); len(got) != 0 {
				t.Errorf("after the end came %q", got)
			}
			if got, want := rcv.closed(), []string{fmt.Sprint(tt.code, " ", tt.reason)}; !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestSocketOfAClientThatDoesNotAnswerAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, l := connected(t, f, p, rcv)
		began := time.Now()
		l.Close(1000, "")
		c.wants("close 1000 ", "EOF")
		if took := time.Since(began); took != linger {
			t.Errorf("it was dropped after %v", took)
		}
	})
}

func TestSocketWithBadFrames(t *testing.T) {
	tests := map[string]string{
		"\x81\x02hi":                   "close 1002 ", // not masked
		"\x83\x80\x00\x00\x00\x00":     "close 1002 ", // reserved opcode
		"\x81\x81\x00\x00\x00\x00\xff": "close 1007 ", // not UTF-8
		"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00": "close 1002 ",
		"\x82\xff\x00\x00\x00\x00\x02\x00\x00\x01\x00\x00\x00\x00": "close 1009 ", // 32 MiB and one
	}
	for frame, want := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			rcv := &fakeReceiver{refuseAt: -1}
			c, _ := connected(t, f, p, rcv)
			c.conn.Write([]byte(frame))
			c.conn.Write(make([]byte, 1000))
			if got := c.next(); !strings.HasPrefix(got, want) {
				t.Errorf("%q: %s, want %s", frame, got, want)
			}
			c.wants("EOF")
			synctest.Wait()
			if got := rcv.closed(); len(got) != 1 || !strings.HasPrefix(got[0], want[6:10]) {
				t.Errorf("%q: told %q", frame, got)
			}
		})
	}
}

func TestSlowClientIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		p := &fakePlaces{}
		g := &fakeRegistry{buffer: 1 << 20, log: slog.New(slog.NewTextHandler(&lines, nil))}
		f := newTestFront(t, g, p)
		frame := actor.NewFrame(false, make([]byte, 100<<10))
		for n := range 3 {
			rcv := &fakeReceiver{refuseAt: -1}
			c, l := connected(t, f, p, rcv)
			sent := 0
			for ; sent < 100; sent++ {
				if err := l.Send(frame); err != nil {
					break
				}
				synctest.Wait()
			}
			// 256 KiB in the connection, 1 MiB in the buffer.
			if sent < 10 || sent > 13 {
				t.Errorf("%d frames went out", sent)
			}
			began := time.Now()
			<-time.After(2 * linger)
			synctest.Wait()
			if got := rcv.closed(); !slices.Equal(got, []string{"1011 guard.websocket_pending_limit_reached"}) {
				t.Errorf("after %v the actor is told %q", time.Since(began), got)
			}
			if _, err := io.Copy(io.Discard, c.conn); err != nil {
				t.Error(err)
			}
			if got := g.slow.Load(); got != int64(n+1) {
				t.Errorf("%d are counted", got)
			}
			if l.out.size != 0 || l.out.frames != nil {
				t.Error("it holds frames")
			}
		}
		if got := strings.Count(lines.String(), "level=WARN"); got != 1 {
			t.Errorf("%d lines:\n%s", got, lines.String())
		}
	})
}

// TestSlowClientThatComesBack holds that who reads in the end is told why it
// was cut.
func TestSlowClientThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 64 << 10}, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, l := connected(t, f, p, rcv)
		for l.Send(actor.NewFrame(false, make([]byte, 60<<10))) == nil {
			synctest.Wait()
		}
		got := ""
		for got = c.next(); strings.HasPrefix(got, "binary"); got = c.next() {
		}
		if want := "close 1011 guard.websocket_pending_limit_reached#" + l.ray; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestOneLargeFrameIsNotTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 10}, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		large := strings.Repeat("x", 1<<20)
		if err := l.Send(actor.NewFrame(true, []byte(large))); err != nil {
			t.Error(err)
		}
		c.wants("text " + large)
	})
}

func TestADeadClientDoesNotHoldMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		_, l := connected(t, f, p, rcv)
		if err := l.Send(actor.NewFrame(false, make([]byte, 512<<10))); err != nil {
			t.Error(err)
		}
		<-time.After(writeTimeout + time.Second)
		synctest.Wait()
		if got := rcv.closed(); len(got) != 1 {
			t.Errorf("after the timeout: %q", got)
		}
	})
}

// TestWriteDeadlineIsForEachWrite holds that a link that was quiet for longer
// than the timeout can still send.
func TestWriteDeadlineIsForEachWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		for range 5 {
			if err := l.Send(actor.NewFrame(true, []byte("x"))); err != nil {
				t.Error(err)
			}
			c.wants("text x")
			<-time.After(writeTimeout * 2 / 3)
		}
		<-time.After(10 * writeTimeout)
		l.Close(1000, "")
		c.wants("close 1000 ")
	})
}

func TestFramesOfAllSizesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 64 << 20}, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		rnd := rand.New(rand.NewPCG(1, 2))
		var want []string
		for i := range 2000 {
			size := rnd.IntN(300)
			switch rnd.IntN(50) {
			case 0:
				size = rnd.IntN(200 << 10)
			case 1:
				size = smallFrame - 5 + rnd.IntN(10)
			case 2:
				synctest.Wait()
			}
			data := fmt.Sprintf("%d %s", i, strings.Repeat("x", size))
			want = append(want, "text "+data)
			if err := l.Send(actor.NewFrame(true, []byte(data))); err != nil {
				t.Fatal(err)
			}
		}
		c.wants(want...)
	})
}

func TestAFrameIsSharedBySockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		var peers []*peer
		var links []*link
		for range 100 {
			c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
			peers, links = append(peers, c), append(links, l)
		}
		frames := []*actor.Frame{actor.NewFrame(true, []byte("one")), actor.NewFrame(false, []byte("two"))}
		for _, frame := range frames {
			for _, l := range links {
				if err := l.Send(frame); err != nil {
					t.Error(err)
				}
			}
		}
		for _, c := range peers {
			c.wants("text one", "binary two")
		}
	})
}

func TestSocketOutlivesGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "a00000000000000000000000000000"
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		first := &fakeReceiver{refuseAt: 5, keep: true}
		c, l := connected(t, f, p, first)
		for i := range 4 {
			c.send(ws.OpText, fmt.Sprint("m", i+1))
		}
		synctest.Wait()
		l.Ack(2)
		c.send(ws.OpText, "m5") // refused
		synctest.Wait()
		if !slices.Equal(p.woken, []string{id}) {
			t.Errorf("woken: %q", p.woken)
		}
		l.unbind() // 3 to 5 are due
		if !slices.Equal(p.woken, []string{id, id}) {
			t.Errorf("woken: %q", p.woken)
		}
		c.send(ws.OpBinary, "m6")
		c.send(ws.OpPing, "still there?")
		c.wants("pong still there?")
		if !slices.Equal(p.woken, []string{id, id, id}) {
			t.Errorf("woken: %q", p.woken)
		}
		second := &fakeReceiver{link: l, refuseAt: -1, keep: true}
		l.Ack(3) // the next generation has found it done
		l.bind(second)
		c.send(ws.OpText, "m7")
		synctest.Wait()
		if got, want := second.messages(), []string{"4 text m4", "5 text m5", "6 binary m6", "7 text m7"}; !slices.Equal(got, want) {
			t.Errorf("the second gets %q", got)
		}
		if got, want := first.messages(), []string{"1 text m1", "2 text m2", "3 text m3", "4 text m4"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q", got)
		}
		l.Ack(7)
		l.Ack(100)
		l.unbind()
		if len(p.woken) != 3 {
			t.Errorf("woken for nothing: %q", p.woken)
		}
		// It ends while nobody has it: the next generation hears of it.
		c.close(1000, "Disposed")
		c.wants("close 1000 Disposed", "EOF")
		synctest.Wait()
		if len(p.detached) != 1 || len(second.closed()) != 0 {
			t.Errorf("detached %q, told %q", p.detached, second.closed())
		}
		third := &fakeReceiver{link: l, refuseAt: -1}
		l.bind(third)
		if got := third.closed(); !slices.Equal(got, []string{"1000 Disposed"}) || len(third.messages()) != 0 {
			t.Errorf("the third is told %q", got)
		}
	})
}

func TestReaderStopsWhenTooMuchIsKept(t *testing.T) {
	tests := []struct {
		name    string
		message string
		limit   int
	}{
		{"messages", "m", maxKept},
		{"bytes", strings.Repeat("x", 1<<20), 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fakePlaces{}
				f := newTestFront(t, nil, p)
				rcv := &fakeReceiver{refuseAt: -1, keep: true}
				c, l := connected(t, f, p, rcv)
				go func() {
					for range tt.limit + 10 {
						c.send(ws.OpText, tt.message)
					}
				}()
				synctest.Wait()
				if got := len(rcv.messages()); got != tt.limit {
					t.Errorf("%d messages came through, want %d", got, tt.limit)
				}
				l.Ack(3)
				synctest.Wait()
				if got := len(rcv.messages()); got != tt.limit+3 {
					t.Errorf("after the ack of 3: %d", got)
				}
				// And the end of the link sets the reader free.
				l.Close(1000, "")
				synctest.Wait()
				c.wants("close 1000 ")
			})
		})
	}
}

func TestOneLargeMessageComesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, _ := connected(t, f, p, rcv)
		large := strings.Repeat("x", 6<<20)
		c.send(ws.OpBinary, large)
		c.send(ws.OpBinary, "more")
		synctest.Wait()
		if got := rcv.messages(); !slices.Equal(got, []string{"1 binary " + large, "2 binary more"}) {
			t.Errorf("%.50q", got)
		}
	})
}

// TestNothingIsLostBetweenGenerations changes generations at random while
// messages come. Whatever was not acked has to come again, in order.
func TestNothingIsLostBetweenGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rnd := rand.New(rand.NewPCG(3, 4))
		rcv := &fakeReceiver{refuseAt: -1, keep: true}
		c, l := connected(t, f, p, rcv)
		const total = 500
		go func() {
			for i := range total {
				c.send(ws.OpText, fmt.Sprint("m", i+1))
				if i%7 == 0 {
					<-time.After(time.Millisecond)
				}
			}
		}()
		acked := 0
		for acked < total {
			<-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond)
			synctest.Wait()
			got := rcv.messages()
			for i, m := range got {
				n := acked + i + 1
				if want := fmt.Sprintf("%d text m%d", n, n); m != want {
					t.Fatalf("got %q, want %q", m, want)
				}
			}
			n := rnd.IntN(len(got) + 1)
			if n > 0 {
				l.Ack(uint64(acked + n))
			}
			acked += n
			l.unbind()
			if rnd.IntN(2) == 0 {
				<-time.After(time.Duration(rnd.IntN(2000)) * time.Microsecond)
			}
			rcv = &fakeReceiver{link: l, refuseAt: -1, keep: true}
			l.bind(rcv)
		}
		if got := len(rcv.messages()); got != 0 {
			t.Errorf("%d messages too many", got)
		}
	})
}

func TestAClientThatGoesWhileItsActorWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{block: make(chan struct{})}
		f := newTestFront(t, nil, p)
		p.accept = func(actor.Link) actor.Receiver {
			t.Error("the link was opened")
			return nil
		}
		c := dialPeer(t, f, connectURL, "rivet")
		synctest.Wait()
		c.send(ws.OpPing, "x")
		c.wants("pong x") // although it is not open
		c.conn.Close()
		synctest.Wait()
		if len(f.links) != 0 || len(p.detached) != 0 {
			t.Errorf("%v %q", f.links, p.detached)
		}
		close(p.block)
	})
}

// TestOpenedWhileItsActorStops holds that a message wakes the next generation
// that comes when the link is unbound, but not yet known to be open.
func TestOpenedWhileItsActorStops(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			opened := make(chan struct{})
			p.opening = func(in instance, s socket) {
				in.Open(s)
				s.unbind()
				<-opened
			}
			c := dialPeer(t, f, connectURL, "rivet")
			c.send(ws.OpText, "hello")
			if leaves {
				c.close(1000, "")
			}
			synctest.Wait()
			if len(p.woken) != 0 {
				t.Error("woken for a link that is not open")
			}
			close(opened)
			synctest.Wait()
			if len(p.woken) != 1 {
				t.Errorf("leaves %v: woken %d times", leaves, len(p.woken))
			}
		})
	}
}

// TestAClientThatLeavesWakesItsActor holds that an actor that sleeps hears of a
// client that leaves, once.
func TestAClientThatLeavesWakesItsActor(t *testing.T) {
	for _, told := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			rcv := &fakeReceiver{refuseAt: -1}
			c, l := connected(t, f, p, rcv)
			if !told {
				l.unbind()
			}
			c.close(1000, "")
			synctest.Wait()
			if told {
				l.unbind()
			}
			if got, want := len(p.woken), map[bool]int{false: 1, true: 0}[told]; got != want || len(p.detached) != 1 {
				t.Errorf("told %v: woken %d times, detached %q", told, got, p.detached)
			}
		})
	}
}

func TestMessagesBeforeTheActorIsAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{block: make(chan struct{})}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		p.accept = func(l actor.Link) actor.Receiver {
			rcv.link = l
			return rcv
		}
		c := dialPeer(t, f, connectURL, "rivet")
		c.send(ws.OpText, "early")
		synctest.Wait()
		close(p.block)
		synctest.Wait()
		if got := rcv.messages(); !slices.Equal(got, []string{"1 text early"}) || len(p.woken) != 0 {
			t.Errorf("%q, woken %q", got, p.woken)
		}
	})
}

func TestShutdownClosesSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		c, _ := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		idle, err := f.dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- f.shutdown(t.Context()) }()
		c.wants("close 1001 ws.going_away")
		c.close(1001, "")
		c.wants("EOF")
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := idle.Read(make([]byte, 1)); err == nil {
			t.Error("the idle connection lives")
		}
		if _, err := f.dial(t.Context(), "tcp", ""); err == nil {
			t.Error("it can be dialed")
		}
		res := ask(t, f, "GET", "/gateway/chat/connect?"+query, "", "Upgrade", "websocket")
		if got := bodyOf(t, res); res.StatusCode != 503 || !strings.Contains(got, `"service_unavailable"`) {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	})
}

func TestShutdownCutsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		_, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		if err := l.Send(actor.NewFrame(false, make([]byte, 512<<10))); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := f.shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}
