package conn

import (
	"context"
	"io"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// The writer of a link that was lost, and that has not noticed yet, must leave
// the calls to the next one: nobody would send them again.
func TestLostLinkClaimsNoCalls(t *testing.T) {
	c := newConn(context.Background(), Config{})
	l := c.newLink(1)
	l.w = ws.NewWriter(io.Discard, ws.Client)
	l.up.Store(true)
	c.link = l
	p := &pending{done: make(chan outcome, 1)}
	if err := c.enqueue(t.Context(), p, []byte("call")); err != nil {
		t.Fatal(err)
	}
	c.forget(l, io.EOF)
	if err := l.gather(); err != nil {
		t.Fatal(err)
	}
	if p.state != callQueued || l.w.Buffered() != 0 {
		t.Errorf("state %v, %d bytes to be written on a link that was lost", p.state, l.w.Buffered())
	}
	next := c.newLink(1)
	next.w = ws.NewWriter(io.Discard, ws.Client)
	next.up.Store(true)
	c.link = next
	if err := next.gather(); err != nil {
		t.Fatal(err)
	}
	if p.state != callSent || p.sentGen != next.gen || next.w.Buffered() == 0 {
		t.Errorf("state %v on link %d, %d bytes to be written on the next", p.state, p.sentGen, next.w.Buffered())
	}
}
