package rivettest

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

// pipeBuffer is how many bytes one direction of an in-memory connection holds
// before writes block, as a socket buffer would.
const pipeBuffer = 256 << 10

// memAddr is both ends' address in the in-memory network.
type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

// memConn is one end of an in-memory connection. Unlike net.Pipe it buffers,
// so a write does not wait for the reader, and it can be reset. It waits on
// sync.Cond only, which testing/synctest counts as durably blocked.
type memConn struct {
	in, out     *memHalf
	local, peer memAddr
}

// newMemPair returns both ends of a connection.
func newMemPair(client, server memAddr) (*memConn, *memConn) {
	a, b := newMemHalf(), newMemHalf()
	return &memConn{in: a, out: b, local: client, peer: server},
		&memConn{in: b, out: a, local: server, peer: client}
}

func (c *memConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	return n, err
}

func (c *memConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.opError("write", err)
	}
	return n, err
}

func (c *memConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.peer, Err: err}
}

// Close ends both directions: the peer reads what was written before, then
// io.EOF, and its writes fail with EPIPE.
func (c *memConn) Close() error {
	if !c.in.abandon(net.ErrClosed, syscall.EPIPE) {
		return c.opError("close", net.ErrClosed)
	}
	c.out.finish(net.ErrClosed)
	return nil
}

// CloseWrite ends this end's direction only, as a TCP half-close does.
func (c *memConn) CloseWrite() error {
	c.out.finish(net.ErrClosed)
	return nil
}

// reset ends both directions at once: what is in flight is lost and the peer
// sees ECONNRESET.
func (c *memConn) reset() {
	c.in.abandon(net.ErrClosed, syscall.ECONNRESET)
	c.out.sever(syscall.ECONNRESET, net.ErrClosed)
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.peer }

func (c *memConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	if !c.in.setDeadline(&c.in.readBy, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	if !c.out.setDeadline(&c.out.writeBy, t) {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

// memHalf is one direction: a ring between one end's writes and the other's
// reads.
type memHalf struct {
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

func newMemHalf() *memHalf {
	h := &memHalf{}
	h.cond.L = &h.mu
	return h
}

func (h *memHalf) read(p []byte) (int, error) {
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

func (h *memHalf) write(p []byte) (int, error) {
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
func (h *memHalf) put(p []byte) int {
	if want := min(h.size+len(p), pipeBuffer); want > len(h.ring) {
		grown := make([]byte, max(want, min(2*len(h.ring), pipeBuffer), 1024))
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
func (h *memHalf) abandon(read, write error) bool {
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
func (h *memHalf) finish(write error) {
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
func (h *memHalf) sever(read, write error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeBy.stop()
	h.writeErr = write
	if h.readErr == nil || h.readErr == io.EOF {
		h.readErr, h.size, h.ring, h.head = read, 0, nil, 0
	}
	h.cond.Broadcast()
}

func (h *memHalf) setDeadline(d *deadline, t time.Time) bool {
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

// memListener accepts in-memory connections.
type memListener struct {
	addr   memAddr
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func newMemListener(addr memAddr) *memListener {
	return &memListener{addr: addr, accept: make(chan net.Conn, 128), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close refuses further connections and resets those not accepted yet.
func (l *memListener) Close() error {
	l.once.Do(func() { close(l.done) })
	for {
		select {
		case c := <-l.accept:
			c.(*memConn).reset()
		default:
			return nil
		}
	}
}

func (l *memListener) Addr() net.Addr { return l.addr }

// dial connects to l, waiting for room in its backlog.
func (l *memListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := newMemPair("client.invalid:0", l.addr)
	select {
	case <-l.done:
		return nil, refused("mem", l.addr)
	default:
	}
	select {
	case l.accept <- server:
		select {
		case <-l.done: // Close may have drained before server was put there
			server.reset()
		default:
		}
		return client, nil
	case <-l.done:
		return nil, refused("mem", l.addr)
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: l.addr, Err: ctx.Err()}
	}
}

// refused is what dialing an address answers where nobody listens.
func refused(network string, addr net.Addr) error {
	return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// resetConn drops a connection without any goodbye.
func resetConn(c net.Conn) {
	switch c := c.(type) {
	case *memConn:
		c.reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
		_ = c.Close()
	default:
		_ = c.Close()
	}
}
