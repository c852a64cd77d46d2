package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	return shake(t, conn, target, protocols)
}

// shake opens a WebSocket over conn, which the end of the test closes.
func shake(t testing.TB, conn net.Conn, target, protocols string) *peer {
	t.Helper()
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
