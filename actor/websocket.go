package actor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"unicode/utf8"

	"github.com/rivet-go/rivet"
)

// WebSocket is a client's raw WebSocket, for OnWebSocket. Its methods are safe
// for concurrent use, but Messages is for one loop at a time.
type WebSocket struct {
	c *Conn

	mu     sync.Mutex
	queue  []rawMessage
	head   int
	wake   chan struct{} // holds a token when there is something new
	over   bool          // nothing comes any more
	code   int
	reason string
	ended  bool // by this side
}

type rawMessage struct {
	index uint64
	m     rivet.Message
}

// Send queues a message and returns at once. It is an error when the socket is
// closed, or the client is so slow that it was closed now.
func (w *WebSocket) Send(ctx context.Context, m rivet.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("actor: send on WebSocket: %w", context.Cause(ctx))
	}
	if m.Text && !utf8.Valid(m.Data) {
		return errors.New("actor: send on WebSocket: text is not UTF-8")
	}
	if err := w.c.link.Send(NewFrame(m.Text, append([]byte(nil), m.Data...))); err != nil {
		return fmt.Errorf("actor: send on WebSocket: %w", err)
	}
	return nil
}

// Messages yields what the client sends. The loop ends without an error when the
// client has closed the socket with 1000 or 1001, or without a code, or when
// Close was called; with a *rivet.CloseError for every other end; and with the
// cause of ctx when that is done. A client whose messages are not taken has to
// wait.
func (w *WebSocket) Messages(ctx context.Context) iter.Seq2[rivet.Message, error] {
	return func(yield func(rivet.Message, error) bool) {
		for {
			m, err, ok := w.next(ctx)
			if err != nil {
				yield(rivet.Message{}, err)
				return
			}
			if !ok || !yield(m, nil) {
				return
			}
		}
	}
}

func (w *WebSocket) next(ctx context.Context) (rivet.Message, error, bool) {
	for {
		w.mu.Lock()
		if w.head < len(w.queue) {
			m := w.queue[w.head]
			w.queue[w.head] = rawMessage{}
			if w.head++; w.head == len(w.queue) {
				w.queue, w.head = w.queue[:0], 0
			}
			w.mu.Unlock()
			w.c.link.Ack(m.index)
			return m.m, nil, true
		}
		over, ended, code, reason := w.over, w.ended, w.code, w.reason
		w.mu.Unlock()
		if over || ended {
			if ended || code == 1000 || code == 1001 || code == 1005 {
				return rivet.Message{}, nil, false
			}
			return rivet.Message{}, &rivet.CloseError{Code: code, Reason: reason}, false
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return rivet.Message{}, fmt.Errorf("actor: receive on WebSocket: %w", context.Cause(ctx)), false
		}
	}
}

// Close ends the socket behind what was sent. It returns at once; calling it
// again does nothing.
func (w *WebSocket) Close(code int, reason string) {
	w.mu.Lock()
	again := w.ended
	w.ended = true
	w.mu.Unlock()
	if !again {
		w.c.link.Close(code, reason)
		w.signal()
	}
}

func (w *WebSocket) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// rawReceiver brings to a WebSocket what its link receives.
type rawReceiver struct{ w *WebSocket }

// Message implements Receiver. What is not taken yet is not acknowledged, so the
// link bounds it.
func (r rawReceiver) Message(index uint64, text bool, data []byte) bool {
	w := r.w
	w.mu.Lock()
	w.queue = append(w.queue, rawMessage{index, rivet.Message{Text: text, Data: data}})
	w.mu.Unlock()
	w.signal()
	return true
}

// Closed implements Receiver.
func (r rawReceiver) Closed(code int, reason string) {
	w := r.w
	w.mu.Lock()
	w.over, w.code, w.reason = true, code, reason
	w.mu.Unlock()
	w.signal()
}

// openRaw serves a raw WebSocket.
func (in *Instance) openRaw(c *Conn) Receiver {
	w := &WebSocket{c: c, wake: make(chan struct{}, 1)}
	f := in.b.hooks.webSocket
	if f == nil {
		c.link.Close(1011, "actor.not_found")
		return refused{}
	}
	in.links.add(w)
	in.connecting(c, func(err error) {
		if err != nil {
			in.links.remove(w)
			e, _ := describe(err)
			c.refuse(e)
			return
		}
		in.spawn("OnWebSocket", func() { in.serveRaw(f, w) })
	})
	return rawReceiver{w}
}

func (in *Instance) serveRaw(f func(*scope, *WebSocket) error, w *WebSocket) {
	err := errEnded
	defer func() {
		in.links.remove(w)
		in.disconnected(w.c)
		if err == nil {
			w.Close(1000, "")
			return
		}
		e, masked := describe(err)
		if masked && in.ctx.Err() == nil {
			in.report("hook", "OnWebSocket", err)
		}
		w.Close(1011, e.Group+"."+e.Code)
	}()
	ctx, cancel := context.WithCancelCause(in.ctx)
	defer cancel(context.Canceled)
	sc := in.scopeOf(ctx, nil, w.c, chainOf(w.c.req.Header), "OnWebSocket")
	err = in.protect(func() error { return f(sc, w) })
}

// linkSet is the raw sockets of a generation, which it does not survive.
type linkSet struct {
	mu  sync.Mutex
	all map[*WebSocket]struct{}
}

func (s *linkSet) add(w *WebSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*WebSocket]struct{})
	}
	s.all[w] = struct{}{}
}

func (s *linkSet) remove(w *WebSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, w)
}

// closeAll closes them.
func (s *linkSet) closeAll(reason StopReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "actor.stopped"
	if reason == Destroying {
		text = ""
	}
	for w := range s.all {
		w.Close(1000, text)
	}
}
