package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

const (
	// linger is how long a client has to answer a close frame.
	linger = time.Second
	// writeTimeout is how long a client may take to accept what is written to
	// it at once; half of it at least.
	writeTimeout = 30 * time.Second
)

// errLinkEnded is what Send returns when the link has ended or is closing.
var errLinkEnded = errors.New("local: the WebSocket has ended")

// A link is a client's WebSocket, from the handshake until both sides have
// ended it. It has one goroutine that reads; the front's writers write, or, where
// they would wait for the client, one of its own. It answers pings itself.
type link struct {
	f       *front
	id      string
	ray     string
	request *http.Request
	conn    net.Conn
	raw     syscall.RawConn // of conn, where that is a plain socket; else nil
	next    *link           // of those that wait for a writer

	in  inbox
	out outbox

	// giveUp ends the opening, for a client that has gone meanwhile.
	giveUp context.CancelFunc
}

var _ socket = (*link)(nil)

func newLink(f *front, hs *ws.Handshake, r *http.Request, ray string) *link {
	var id [16]byte
	rand.Read(id[:]) // never fails
	l := &link{f: f, id: hex.EncodeToString(id[:]), ray: ray, request: r, conn: hs.Conn, raw: rawConn(hs.Conn)}
	l.in.cond.L = &l.in.mu
	return l
}

// ID is actor.Link's.
func (l *link) ID() string { return l.id }

// Request is actor.Link's.
func (l *link) Request() *http.Request { return l.request }

// Ack is actor.Link's.
func (l *link) Ack(index uint64) { l.in.ack(index) }

// Close is actor.Link's.
func (l *link) Close(code int, reason string) { l.shut(code, reason) }

// shut closes the socket behind what was sent. Only the first call counts.
func (l *link) shut(code int, reason string) { l.finish(code, reason, closeFrame(code, reason)) }

// closeFrame is a close frame as it goes over the wire. Codes that nobody may
// send become 1011.
func closeFrame(code int, reason string) []byte {
	var b sliceWriter
	w := ws.NewWriter(&b, ws.Server)
	if code < 0 || code > 0xffff || w.AppendClose(uint16(code), reason) != nil {
		_ = w.AppendClose(ws.CloseInternalError, reason)
	}
	_ = w.Flush()
	return b
}

type sliceWriter []byte

func (b *sliceWriter) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// drop cuts the connection without a goodbye.
func (l *link) drop() { _ = l.conn.Close() }

// read is the goroutine of the socket.
func (l *link) read(early []byte) {
	defer l.f.sockets.Done()
	code, reason := l.readAll(ws.NewReader(l.conn, early, ws.ReaderConfig{Role: ws.Server}))
	l.out.stop()
	l.f.forget(l)
	if l.giveUp != nil {
		l.giveUp()
	}
	if actorID, opened := l.in.end(code, reason); opened {
		l.left(actorID)
	}
}

// left tells the actor that the link has ended. One that sleeps is woken to hear
// of it, as the engine does.
func (l *link) left(actorID string) {
	l.in.pump(l)
	l.f.places.detach(actorID, l.id)
	l.in.mu.Lock()
	wake := l.in.waits()
	l.in.mu.Unlock()
	if wake {
		l.f.places.wake(actorID)
	}
}

// readAll reads until the socket ends, and returns how the actor is to be told.
func (l *link) readAll(r *ws.Reader) (code int, reason string) {
	for {
		m, err := r.Next()
		if err != nil {
			return l.readFailed(err)
		}
		switch m.Op {
		case ws.OpPing:
			l.pong(m.Payload)
		case ws.OpPong:
		case ws.OpClose:
			return l.peerClose(m.Payload)
		default:
			if !l.out.closing.Load() {
				l.in.receive(l, m.Op == ws.OpText, m.Payload)
			}
		}
	}
}

// readFailed ends a socket whose client has gone, or does not speak
// WebSocket.
func (l *link) readFailed(err error) (code int, reason string) {
	if bad, ok := errors.AsType[*ws.ProtocolError](err); ok {
		l.shut(int(bad.Code), bad.Reason)
		// What the client has sent is read for a while: a connection that is
		// closed with bytes unread is reset, and the close frame lost.
		_ = l.conn.SetReadDeadline(time.Now().Add(linger))
		_, _ = io.Copy(io.Discard, l.conn)
	}
	_ = l.conn.Close()
	if code, reason, ours := l.out.reason(); ours {
		return code, reason
	}
	// What RivetKit tells actors of a client that has gone without a word.
	return int(ws.CloseInternalError), "ws.downstream_closed"
}

// peerClose answers a close frame, or takes it for the answer to ours.
func (l *link) peerClose(payload []byte) (code int, reason string) {
	got, reason, err := ws.ParseClose(payload)
	answer := closeFrame(int(got), reason)
	if bad, ok := errors.AsType[*ws.ProtocolError](err); ok {
		answer = closeFrame(int(bad.Code), bad.Reason)
	}
	if l.answerClose(answer) {
		_ = l.conn.Close()
	}
	if code, reason, ours := l.out.reason(); ours {
		return code, reason
	}
	return int(got), reason
}

// forget takes a socket that has ended off the list for shutdown.
func (f *front) forget(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.links, l)
}

// cutLog tells of sockets that were cut since their client does not read: counts
// them for the host, and logs once while it goes on.
type cutLog struct {
	log   *slog.Logger
	count func()

	mu     sync.Mutex
	quiet  time.Time // no line until then
	hidden int       // cuts without a line
}

// cutEpisode is for how long further cuts are counted only.
const cutEpisode = 10 * time.Second

func (c *cutLog) cut(actorID string, size int) {
	c.count()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.quiet) {
		c.hidden++
		return
	}
	c.quiet = now.Add(cutEpisode)
	c.log.Warn("cut a client that does not read what it is sent", "actor", actorID, "pending", size, "others_before", c.hidden)
	c.hidden = 0
}

var _ actor.Link = (*link)(nil)
