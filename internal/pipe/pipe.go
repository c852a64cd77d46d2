// Package pipe is a network in memory, for tests and for clients in the process
// of their server. Unlike those of net.Pipe its connections buffer, and they can
// be reset.
package pipe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Buffer is how many bytes one direction of an in-memory connection holds
// before writes block, as a socket buffer would.
const Buffer = 256 << 10

// Addr is both ends' address in the in-memory network.
type Addr string

// Network returns "mem".
func (Addr) Network() string { return "mem" }

// String returns the address.
func (a Addr) String() string { return string(a) }

// Conn is one end of an in-memory connection. Unlike net.Pipe it buffers,
// so a write does not wait for the reader, and it can be reset. It waits on
// sync.Cond only, which testing/synctest counts as durably blocked.
type Conn struct {
	in, out     *half
	local, peer Addr
}

// New returns both ends of a connection. They are safe for concurrent use.
func New(client, server Addr) (*Conn, *Conn) {
	a, b := newHalf(), newHalf()
	return &Conn{in: a, out: b, local: client, peer: server},
		&Conn{in: b, out: a, local: server, peer: client}
}

// Read reads what the peer has written, and blocks while there is nothing.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	return n, err
}

// Write blocks while the buffer is full.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.opError("write", err)
	}
	return n, err
}

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.peer, Err: err}
}

// Close ends both directions: the peer reads what was written before, then
// io.EOF, and its writes fail with EPIPE.
func (c *Conn) Close() error {
	if !c.in.abandon(net.ErrClosed, syscall.EPIPE) {
		return c.opError("close", net.ErrClosed)
	}
	c.out.finish(net.ErrClosed)
	return nil
}

// CloseWrite ends this end's direction only, as a TCP half-close does.
func (c *Conn) CloseWrite() error {
	c.out.finish(net.ErrClosed)
	return nil
}

// Reset ends both directions at once: what is in flight is lost and the peer
// sees ECONNRESET.
func (c *Conn) Reset() {
	c.in.abandon(net.ErrClosed, syscall.ECONNRESET)
	c.out.sever(syscall.ECONNRESET, net.ErrClosed)
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.peer }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline ends reads at t with os.ErrDeadlineExceeded.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.in.setDeadline(&c.in.readBy, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

// SetWriteDeadline ends writes at t with os.ErrDeadlineExceeded.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.out.setDeadline(&c.out.writeBy, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

// half is one direction: a ring between one end's writes and the other's
// reads.
type half struct {
	mu   sync.Mutex
	cond sync.Cond
	ring []byte
	head int // of the oldest byte
	size int
	// writeErr and readErr, once set, are what writes and (after the ring is
	// drained) reads answer.
	writeErr, readErr error
	readBy, writeBy   deadline
}

func newHalf() *half {
	h := &half{}
	h.cond.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readErr != nil && h.readErr != io.EOF:
			return 0, h.readErr
		case h.readBy.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case h.size > 0:
			n := copy(p, h.ring[h.head:min(h.head+h.size, len(h.ring))])
			if n < len(p) && n < h.size {
				n += copy(p[n:], h.ring[:h.size-n])
			}
			h.head = (h.head + n) % len(h.ring)
			h.size -= n
			h.cond.Broadcast()
			return n, nil
		case h.readErr != nil:
			return 0, h.readErr
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := 0
	for {
		switch {
		case h.writeErr != nil:
			return done, h.writeErr
		case h.writeBy.expired:
			return done, os.ErrDeadlineExceeded
		case len(p) == 0:
			return done, nil
		}
		if n := h.put(p); n > 0 {
			p, done = p[n:], done+n
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
}

// put copies what fits into the ring, which grows from small.
func (h *half) put(p []byte) int {
	if want := min(h.size+len(p), Buffer); want > len(h.ring) {
		grown := make([]byte, max(want, min(2*len(h.ring), Buffer), 1024))
		n := copy(grown, h.ring[h.head:min(h.head+h.size, len(h.ring))])
		copy(grown[n:], h.ring[:h.size-n])
		h.ring, h.head = grown, 0
	}
	n := min(len(p), len(h.ring)-h.size)
	if n == 0 {
		return 0
	}
	tail := (h.head + h.size) % len(h.ring)
	k := copy(h.ring[tail:], p[:n])
	copy(h.ring, p[k:n])
	h.size += n
	return n
}

// abandon ends the direction from the reader's side; false when it was ended
// before.
func (h *half) abandon(read, write error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readBy.stop()
	if h.readErr == net.ErrClosed {
		return false
	}
	h.readErr, h.size, h.ring, h.head = read, 0, nil, 0
	if h.writeErr == nil {
		h.writeErr = write
	}
	h.cond.Broadcast()
	return true
}

// finish ends the direction from the writer's side after what is in the ring.
func (h *half) finish(write error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeBy.stop()
	h.writeErr = write
	if h.readErr == nil {
		h.readErr = io.EOF
	}
	h.cond.Broadcast()
}

// sever ends the direction from the writer's side at once.
func (h *half) sever(read, write error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeBy.stop()
	h.writeErr = write
	if h.readErr == nil || h.readErr == io.EOF {
		h.readErr, h.size, h.ring, h.head = read, 0, nil, 0
	}
	h.cond.Broadcast()
}

func (h *half) setDeadline(d *deadline, t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d == &h.readBy && h.readErr == net.ErrClosed || d == &h.writeBy && h.writeErr == net.ErrClosed {
		return false
	}
	d.stop()
	switch wait := time.Until(t); {
	case t.IsZero():
		d.expired = false
	case wait <= 0:
		d.expired = true
	default:
		d.expired = false
		d.arm++
		arm := d.arm
		d.timer = time.AfterFunc(wait, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if d.arm == arm {
				d.expired = true
				h.cond.Broadcast()
			}
		})
	}
	h.cond.Broadcast()
	return true
}

// deadline has expired or will when its timer fires; arm tells a timer that
// was replaced from the one that counts.
type deadline struct {
	expired bool
	arm     int
	timer   *time.Timer
}

func (d *deadline) stop() {
	d.arm++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// Listener accepts in-memory connections.
type Listener struct {
	addr   Addr
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

// NewListener returns a Listener, which only its Dial reaches.
func NewListener(addr Addr) *Listener {
	return &Listener{addr: addr, accept: make(chan net.Conn, 128), done: make(chan struct{})}
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close refuses further connections and resets those not accepted yet.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	for {
		select {
		case c := <-l.accept:
			c.(*Conn).Reset()
		default:
			return nil
		}
	}
}

// Addr returns the address that it listens at.
func (l *Listener) Addr() net.Addr { return l.addr }

// Dial connects to l, waiting for room in its backlog.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := New("client.invalid:0", l.addr)
	select {
	case <-l.done:
		return nil, Refused("mem", l.addr)
	default:
	}
	select {
	case l.accept <- server:
		select {
		case <-l.done: // Close may have drained before server was put there
			server.Reset()
		default:
		}
		return client, nil
	case <-l.done:
		return nil, Refused("mem", l.addr)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: l.addr, Err: ctx.Err()}
	}
}

// Refused is what dialing an address answers where nobody listens.
func Refused(network string, addr net.Addr) error {
	return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}
