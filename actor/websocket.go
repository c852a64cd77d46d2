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
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	if ended {
		return fmt.Errorf("actor: send on WebSocket: %w", rivet.ErrClosed)
	}
	if err := w.c.link.Send(NewFrame(m.Text, append([]byte(nil), m.Data...))); err != nil {
		return fmt.Errorf("actor: send on WebSocket: %w", err)
	}
	return nil
}

// Messages yields what the client sends. The loop ends without an error when the
// client has closed the socket with 1000 or 1001, or without a code, and at once
// when Close was called or the actor is to stop; with a *rivet.CloseError for
// every other end; and with the cause of ctx when that is done. A client whose
// messages are not taken has to wait.
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
		if !w.ended && w.head < len(w.queue) {
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

// Close ends the socket behind what was sent, with a code of RFC 6455 that may be
// sent or one from 3000 to 4999, and a reason, of which 123 bytes go over the
// wire. It returns at once; calling it again does nothing. With any other code it
// does nothing, either, and that is the error.
func (w *WebSocket) Close(code int, reason string) error {
	if !closeCode(code) {
		return fmt.Errorf("actor: close WebSocket: %d is no code to close with: 1000 or 3000 to 4999 are", code)
	}
	w.mu.Lock()
	again := w.ended
	w.ended = true
	w.queue, w.head = nil, 0
	w.mu.Unlock()
	if !again {
		w.c.link.Close(code, reason)
		w.signal()
	}
	return nil
}

func closeCode(code int) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
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
	if text && !utf8.Valid(data) {
		_ = w.Close(1007, "message.invalid_utf8")
		return true
	}
	w.mu.Lock()
	if !w.ended {
		w.queue = append(w.queue, rawMessage{index, rivet.Message{Text: text, Data: data}})
	}
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
		// Who may not connect is told that first, as by RivetKit, which leaves the
		// others' sockets open for ever, and silent.
		f = func(*scope, *WebSocket) error { return errNoWebSocket }
	}
	in.raw.add(w)
	in.connecting(c, func(err error) {
		if err != nil {
			in.raw.remove(w)
			e, _ := describe(err)
			_ = w.Close(1011, e.Group+"."+e.Code)
			return
		}
		in.spawn("OnWebSocket", func() { in.serveRaw(f, w) })
	})
	return rawReceiver{w}
}

func (in *Instance) serveRaw(f func(*scope, *WebSocket) error, w *WebSocket) {
	err := errEnded
	defer func() {
		in.raw.remove(w)
		code, reason := 1000, ""
		if err != nil {
			e, masked := describe(err)
			if masked && in.ctx.Err() == nil && !w.failedWith(err) {
				in.report("hook", "OnWebSocket", err)
			}
			code, reason = 1011, e.Group+"."+e.Code
		}
		_ = w.Close(code, reason)
		in.disconnected(w.c)
	}()
	ctx, cancel := context.WithCancelCause(in.ctx)
	defer cancel(context.Canceled)
	sc := in.scopeOf(ctx, nil, w.c, chainOf(w.c.req.Header), "OnWebSocket")
	err = in.protect(func() error { return f(sc, w) })
}

// failedWith reports whether err only says how the client has ended the socket.
func (w *WebSocket) failedWith(err error) bool {
	_, ok := errors.AsType[*rivet.CloseError](err)
	w.mu.Lock()
	defer w.mu.Unlock()
	return ok && w.over
}

// rawSockets are the raw sockets of a generation, which they do not survive.
type rawSockets struct {
	mu   sync.Mutex
	all  map[*WebSocket]struct{}
	over *string // the reason with which they were closed
}

// add adds a socket. When they have been closed already, so is this one.
func (s *rawSockets) add(w *WebSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		_ = w.Close(1000, *s.over)
		return
	}
	if s.all == nil {
		s.all = make(map[*WebSocket]struct{})
	}
	s.all[w] = struct{}{}
}

func (s *rawSockets) remove(w *WebSocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, w)
}

// closeAll closes them, and all that are added later.
func (s *rawSockets) closeAll(reason StopReason) {
	text := "actor.stopped"
	if reason == Destroying {
		text = ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == nil {
		s.over = &text
	}
	for w := range s.all {
		_ = w.Close(1000, text)
	}
}
