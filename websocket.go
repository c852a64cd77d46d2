package rivet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
)

// WebSocket is a raw WebSocket to an actor's handler (onWebSocket). It carries
// the actor's own messages, with no calls or events, and is not reopened when
// it is lost. All methods are safe for concurrent use.
type WebSocket struct {
	client   *Client
	nc       net.Conn
	protocol string
	pong     time.Duration
	limit    time.Duration // of Close

	messages chan Message
	writing  chan struct{} // holds a token while somebody writes
	w        *ws.Writer    // of whoever has the token

	quit     chan struct{} // closed by Close
	quitOnce sync.Once
	gone     chan struct{} // closed when the reader has ended, after err is set
	done     chan struct{} // closed when nothing is left
	err      error
	broken   atomic.Pointer[error] // why a writer gave the socket up
	holding  atomic.Bool           // the reader waits for somebody to take a message
	heard    atomic.Bool           // something arrived since the last ping
}

// WebSocket opens a WebSocket to the actor's handler at path, which may have a
// query: "/stream?from=7". ctx bounds the opening only. Parameters travel as
// for Connect.
//
// The gateway opens the socket before it looks for the actor. That there is no
// such actor, or that it refuses, is learned from the first message not coming:
// Messages ends with a *CloseError.
func (h *Handle) WebSocket(ctx context.Context, path string, opts ...ConnectOption) (*WebSocket, error) {
	set := h.connectSettings(opts)
	if len(set.errs) > 0 {
		return nil, wrap("open WebSocket to", h, errors.Join(set.errs...))
	}
	ctx, end, err := h.beginUnbounded(ctx)
	if err != nil {
		return nil, wrap("open WebSocket to", h, err)
	}
	defer end()
	u, err := url.Parse("http://actor/" + trimSlash(path))
	if err == nil {
		path, err = actorPath("/websocket", u)
	} else {
		err = &ConfigError{Field: "path", Rule: "is no valid URL path"}
	}
	if err != nil {
		return nil, wrap("open WebSocket to", h, err)
	}
	var hs *ws.Handshake
	var at *target
	err = h.client.retry(ctx, func() (verdict, error) {
		var target *conn.Target
		var err error
		if target, at, err = h.dialTarget(ctx, set, path); err != nil {
			return unsent(err, h.addressing), err
		}
		if hs, err = dial(ctx, set, target); err != nil && ctx.Err() == nil {
			h.client.learnLink(at, err, false)
		}
		return judge(err, h.addressing, false), err
	})
	if err != nil {
		return nil, wrap("open WebSocket to", h, err)
	}
	w := newWebSocket(h.client, set.link, hs, at)
	if !h.client.keepSocket(w) {
		_ = w.Close()
		return nil, wrap("open WebSocket to", h, ErrClosed)
	}
	return w, nil
}

func trimSlash(path string) string {
	if path != "" && path[0] == '/' {
		return path[1:]
	}
	return path
}

// dial opens the socket one time.
func dial(ctx context.Context, set *connectSettings, target *conn.Target) (*ws.Handshake, error) {
	hs, err := ws.Dial(ctx, ws.DialConfig{
		URL: target.URL, Header: target.Header, Protocols: target.Protocols,
		NetDial: set.link.NetDial, TLS: set.link.TLS, Timeout: set.link.DialTimeout,
	})
	if ctx.Err() != nil && err != nil {
		return nil, contextError(ctx)
	}
	if refused, ok := errors.AsType[*ws.RefusedError](err); ok {
		if err := failure(codec.JSON, refused.Status, refused.Header, refused.Body); err != nil {
			return nil, err
		}
		return nil, &answerError{fmt.Sprintf("has the status %d and opens no WebSocket", refused.Status)}
	}
	return hs, err
}

func newWebSocket(c *Client, cfg conn.Config, hs *ws.Handshake, at *target) *WebSocket {
	orElse := func(d, standard time.Duration) time.Duration {
		if d == 0 {
			return standard
		}
		return d
	}
	w := &WebSocket{
		client: c, nc: hs.Conn, protocol: hs.Protocol,
		pong:     orElse(cfg.PongTimeout, conn.DefaultPongTimeout),
		limit:    orElse(cfg.CloseTimeout, conn.DefaultCloseTimeout),
		messages: make(chan Message),
		writing:  make(chan struct{}, 1),
		w:        ws.NewWriter(hs.Conn, ws.Client),
		quit:     make(chan struct{}),
		gone:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	r := ws.NewReader(hs.Conn, hs.Early, ws.ReaderConfig{Role: ws.Client, MaxMessage: cfg.ReadLimit})
	var wg sync.WaitGroup
	if every := orElse(cfg.PingInterval, conn.DefaultPingInterval); every > 0 {
		wg.Go(func() { w.ping(every) })
	}
	go func() {
		err := w.read(r)
		if cause := w.broken.Load(); cause != nil {
			err = *cause
		}
		w.err = err
		c.learnLink(at, err, true)
		_ = w.nc.Close()
		close(w.gone)
		wg.Wait()
		c.dropSocket(w)
		close(w.done)
	}()
	return w
}

// String names the kind of the value and no secret.
func (w *WebSocket) String() string { return "rivet.WebSocket" }

// GoString is String.
func (w *WebSocket) GoString() string { return w.String() }

// Subprotocol returns what the server chose: "rivet", whatever was offered.
func (w *WebSocket) Subprotocol() string { return w.protocol }

// Send sends one message and returns when the network has taken it. When ctx
// ends in the middle of a message the socket is of no further use and is
// closed. After Close, by whichever side, the error is that of Err.
func (w *WebSocket) Send(ctx context.Context, m Message) error {
	op := ws.OpBinary
	if m.Text {
		op = ws.OpText
		if !utf8.Valid(m.Data) {
			return errors.New("rivet: send on WebSocket: text is not UTF-8")
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rivet: send on WebSocket: %w", contextError(ctx))
	}
	select {
	case w.writing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("rivet: send on WebSocket: %w", contextError(ctx))
	case <-w.quit:
		return fmt.Errorf("rivet: send on WebSocket: %w", ErrClosed)
	case <-w.gone:
		return fmt.Errorf("rivet: send on WebSocket: %w", w.err)
	}
	defer func() { <-w.writing }()
	select {
	case <-w.quit:
		return fmt.Errorf("rivet: send on WebSocket: %w", ErrClosed)
	case <-w.gone:
		return fmt.Errorf("rivet: send on WebSocket: %w", w.err)
	default:
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.nc.SetWriteDeadline(time.Unix(1, 0))
		close(cut)
	})
	err := w.w.Append(op, m.Data)
	if err == nil {
		err = w.w.Flush()
	}
	if !stop() {
		// The message may be out all the same: spare the next one the deadline.
		<-cut
		_ = w.nc.SetWriteDeadline(time.Time{})
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = contextError(ctx)
	}
	select {
	case <-w.quit:
		err = ErrClosed
	default:
		w.fail(err)
	}
	return fmt.Errorf("rivet: send on WebSocket: %w", err)
}

// control sends a control frame within d.
func (w *WebSocket) control(d time.Duration, appendFrame func() error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case w.writing <- struct{}{}:
	case <-timer.C:
		return errWriteStuck
	case <-w.gone:
		return w.err
	}
	defer func() { <-w.writing }()
	_ = w.nc.SetWriteDeadline(time.Now().Add(d))
	defer w.nc.SetWriteDeadline(time.Time{})
	if err := appendFrame(); err != nil {
		return err
	}
	return w.w.Flush()
}

var (
	errWriteStuck = errors.New("a write takes too long")
	errNoPong     = errors.New("no answer to a ping")
)

// fail gives the socket up; the first cause counts.
func (w *WebSocket) fail(err error) {
	w.broken.CompareAndSwap(nil, &err)
	_ = w.nc.Close()
}

// Messages ranges over the messages that arrive. Each message goes to one loop,
// and its data is the loop's. Leaving the loop leaves the socket open, and
// while nobody takes messages the actor's are held back. When the actor closes
// the socket in good order (1000, 1001 or no code) the loop ends; any other
// end is an error in the last step. The end of ctx ends the loop without one.
func (w *WebSocket) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			select {
			case m := <-w.messages:
				if !yield(m, nil) {
					return
				}
				continue
			case <-ctx.Done():
				return
			case <-w.gone:
			}
			if !orderly(w.err) {
				yield(Message{}, fmt.Errorf("rivet: WebSocket: %w", w.err))
			}
			return
		}
	}
}

// orderly reports whether the peer closed without a complaint.
func orderly(err error) bool {
	ce, ok := errors.AsType[*CloseError](err)
	if !ok {
		return false
	}
	switch uint16(ce.Code) {
	case ws.CloseNormal, ws.CloseGoingAway, ws.CloseNoStatus:
		return true
	}
	return false
}

// Err returns nil while the socket is open, then why it is not: a *CloseError
// when the actor or the gateway closed it, ErrClosed after Close, or what broke
// the connection.
func (w *WebSocket) Err() error {
	select {
	case <-w.gone:
		return w.err
	default:
		return nil
	}
}

// Close closes the socket in good order, with code 1000. It is bounded in time
// (1 s), may be called from anywhere and again, and returns nil.
func (w *WebSocket) Close() error { return w.CloseWith(int(ws.CloseNormal), "") }

// CloseWith is Close with a code and reason for the actor; the reason is cut to
// 123 bytes. It returns an error if the code is not one that may be sent.
func (w *WebSocket) CloseWith(code int, reason string) error {
	if code < 1000 || code > 4999 {
		return &ConfigError{Field: "close code", Rule: "must be between 1000 and 4999"}
	}
	w.quitOnce.Do(func() {
		close(w.quit)
		deadline := time.Now().Add(w.limit)
		_ = w.nc.SetReadDeadline(deadline)
		if err := w.control(w.limit, func() error { return w.w.AppendClose(uint16(code), reason) }); err != nil {
			_ = w.nc.Close()
		}
	})
	<-w.done
	return nil
}

// read takes messages until the socket ends, and returns why.
func (w *WebSocket) read(r *ws.Reader) error {
	for {
		m, err := r.Next()
		if err != nil {
			return w.readError(err)
		}
		w.heard.Store(true)
		switch m.Op {
		case ws.OpText, ws.OpBinary:
			w.deliver(Message{Text: m.Op == ws.OpText, Data: append([]byte{}, m.Payload...)})
		case ws.OpPing:
			if err := w.control(w.pong, func() error { return w.w.Append(ws.OpPong, m.Payload) }); err != nil {
				return w.readError(err)
			}
		case ws.OpClose:
			return w.peerClosed(m.Payload)
		}
	}
}

// deliver hands m to a loop over Messages, or drops it when the socket closes.
func (w *WebSocket) deliver(m Message) {
	w.holding.Store(true)
	select {
	case w.messages <- m:
	case <-w.quit:
	}
	w.heard.Store(true) // for the answer to a ping, which could not be read meanwhile
	w.holding.Store(false)
}

func (w *WebSocket) readError(err error) error {
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	if pe, ok := errors.AsType[*ws.ProtocolError](err); ok {
		_ = w.control(w.limit, func() error { return w.w.AppendClose(pe.Code, pe.Reason) })
	}
	if errors.Is(err, io.EOF) {
		err = &CloseError{Code: 1006}
	}
	return err
}

// peerClosed answers a close frame and says what it meant.
func (w *WebSocket) peerClosed(payload []byte) error {
	code, reason, err := ws.ParseClose(payload)
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	if err != nil {
		return w.readError(err)
	}
	_ = w.control(w.limit, func() error { return w.w.AppendClose(code, "") })
	ce := &CloseError{Code: int(code), Reason: reason}
	if group, name, ray, ok := codec.ParseCloseReason(reason); ok {
		ce.RayID = ray
		if !orderly(ce) {
			ce.Err = &codec.Error{Group: group, Code: name, RayID: ray}
		}
	}
	return ce
}

// ping sends pings until the socket ends, and gives it up when nothing comes
// back. While nobody takes messages nothing can.
func (w *WebSocket) ping(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.quit:
			return
		case <-w.gone:
			return
		}
		w.heard.Store(false)
		if err := w.control(w.pong, func() error { return w.w.Append(ws.OpPing) }); err != nil {
			w.fail(err)
			return
		}
		timer := time.NewTimer(w.pong)
		select {
		case <-timer.C:
		case <-w.quit:
			timer.Stop()
			return
		case <-w.gone:
			timer.Stop()
			return
		}
		if !w.heard.Load() && !w.holding.Load() {
			w.fail(errNoPong)
			return
		}
	}
}

// keepSocket registers a socket so that Close closes it; it reports false when
// the client is closed.
func (c *Client) keepSocket(w *WebSocket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing {
		return false
	}
	select {
	case <-w.gone:
	default:
		c.sockets[w] = struct{}{}
	}
	return true
}

func (c *Client) dropSocket(w *WebSocket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sockets, w)
}
