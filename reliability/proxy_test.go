package reliability_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fate is what a bad network does to one TCP connection.
type fate struct {
	refuse bool // nobody listens
	reset  bool // accepted and reset before a byte passes

	latency time.Duration // of every read, each way
	piece   int           // bytes that pass at a time, 0 for all

	// The end: after some time, or after so many bytes in one direction.
	end      ending
	after    time.Duration
	up, down int64 // from the client and to it; 0 is no limit
}

type ending uint8

const (
	lasts    ending = iota
	cut             // both sides see a reset
	hangUp          // both sides see the end of the stream
	mute            // half-open: no byte passes any more, and nobody is told
	muteUp          // the server hears nothing
	muteDown        // the client hears nothing
)

func (f fate) String() string {
	switch {
	case f.refuse:
		return "refused"
	case f.reset:
		return "reset at once"
	}
	s := [...]string{"lasts", "cut", "hung up", "mute", "mute up", "mute down"}[f.end]
	switch {
	case f.up > 0:
		s += fmt.Sprintf(" after %d bytes up", f.up)
	case f.down > 0:
		s += fmt.Sprintf(" after %d bytes down", f.down)
	case f.after > 0:
		s += fmt.Sprintf(" after %v", f.after)
	}
	if f.latency > 0 {
		s += fmt.Sprintf(", latency %v", f.latency)
	}
	if f.piece > 0 {
		s += fmt.Sprintf(", %d bytes at a time", f.piece)
	}
	return s
}

// fateOf is the fate of the n-th connection of a client, which depends on the
// seed and on nothing else.
func fateOf(seed uint64, client, n int) fate {
	r := rand.New(rand.NewPCG(seed, uint64(client)<<32|uint64(n)))
	ms := func(lo, hi int) time.Duration { return time.Duration(lo+r.IntN(hi-lo)) * time.Millisecond }
	var f fate
	switch p := r.IntN(100); {
	case p < 10:
		f.refuse = true
		return f
	case p < 18:
		f.reset = true
		return f
	case p < 40:
		f.end, f.after = cut, ms(1, 1500)
	case p < 50:
		f.end, f.after = hangUp, ms(1, 1500)
	case p < 60:
		f.end, f.down = cut, 1+r.Int64N(6000)
	case p < 70:
		f.end, f.up = cut, 1+r.Int64N(3000)
	case p < 75:
		f.end, f.down = hangUp, 1+r.Int64N(6000)
	case p < 80:
		f.end, f.after = mute, ms(1, 1500)
	case p < 85:
		f.end, f.after = muteUp, ms(1, 1500)
	case p < 90:
		f.end, f.after = muteDown, ms(1, 1500)
	}
	if r.IntN(3) == 0 {
		f.latency = ms(1, 30)
	}
	if r.IntN(4) == 0 {
		f.piece = 1 + r.IntN(60)
	}
	return f
}

// proxy is a bad network: TCP connections through it meet their fate until
// calm is called.
type proxy struct {
	listener net.Listener
	target   string
	fate     func(client, n int) fate
	tasks    sync.WaitGroup

	mu      sync.Mutex
	calmed  bool
	closed  bool
	dialled map[int]int // connections of each client
	links   map[*pair]struct{}
	met     map[string]int // how often each kind of fate was dealt
}

// newProxy listens on loopback, in front of target.
func newProxy(t *testing.T, target string, fate func(client, n int) fate) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		listener: ln, target: target, fate: fate,
		dialled: make(map[int]int), links: make(map[*pair]struct{}), met: make(map[string]int),
	}
	p.tasks.Go(p.accept)
	return p
}

// dialer is the network as one client sees it, for rivet.WithDialer.
func (p *proxy) dialer(client int) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		p.mu.Lock()
		n := p.dialled[client]
		p.dialled[client]++
		refuse := !p.calmed && p.fate(client, n).refuse
		if refuse {
			p.met["refused"]++
		}
		p.mu.Unlock()
		if refuse {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: p.listener.Addr(),
				Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", p.listener.Addr().String())
		if err != nil {
			return nil, err
		}
		// The proxy learns whose connection it is.
		var hello [8]byte
		binary.BigEndian.PutUint32(hello[:], uint32(client))
		binary.BigEndian.PutUint32(hello[4:], uint32(n))
		if _, err := nc.Write(hello[:]); err != nil {
			_ = nc.Close()
			return nil, &net.OpError{Op: "dial", Net: network, Addr: p.listener.Addr(), Err: err}
		}
		return nc, nil
	}
}

func (p *proxy) accept() {
	for {
		nc, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.tasks.Go(func() { p.serve(nc.(*net.TCPConn)) })
	}
}

// serve carries one connection to its end.
func (p *proxy) serve(client *net.TCPConn) {
	l := &pair{client: client, over: make(chan struct{})}
	defer l.cut()
	if !p.add(l) {
		return
	}
	defer p.remove(l)
	var hello [8]byte
	if _, err := io.ReadFull(client, hello[:]); err != nil {
		return
	}
	p.mu.Lock()
	f := p.fate(int(binary.BigEndian.Uint32(hello[:])), int(binary.BigEndian.Uint32(hello[4:])))
	if p.calmed {
		f = fate{}
	}
	switch {
	case f.reset:
		p.met["reset at once"]++
	case f.end == lasts:
		p.met["lasts"]++
	default:
		p.met[fate{end: f.end}.String()]++
	}
	p.mu.Unlock()
	if f.reset {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	l.mu.Lock()
	l.server = server.(*net.TCPConn)
	gone := l.gone
	l.mu.Unlock()
	if gone {
		_ = server.Close()
		return
	}
	if f.end != lasts && f.after > 0 {
		timer := time.AfterFunc(f.after, func() { l.meet(f.end) })
		defer timer.Stop()
	}
	var both sync.WaitGroup
	both.Go(func() { l.carry(l.server, client, f, f.up, &l.upMuted) })
	both.Go(func() { l.carry(client, l.server, f, f.down, &l.downMuted) })
	both.Wait()
}

func (p *proxy) add(l *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = struct{}{}
	}
	return !p.closed
}

func (p *proxy) remove(l *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// calm lets every later connection pass, and cuts those that a fault awaits.
// Half-open WebSockets stay as they are, to be noticed by those who use them.
func (p *proxy) calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calmed = true
	for l := range p.links {
		if !l.halfOpen() {
			l.cut()
		}
	}
}

// close ends everything and waits for it.
func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.cut()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.tasks.Wait()
}

// pair is one connection through the proxy.
type pair struct {
	client *net.TCPConn
	over   chan struct{} // closed at the end

	mu                 sync.Mutex
	server             *net.TCPConn // nil until dialled
	upgraded           bool         // it has become a WebSocket
	upMuted, downMuted bool
	gone               bool
}

// cut resets both sides.
func (l *pair) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(true)
}

// finish ends the pair, with a reset or in order; l.mu is held.
func (l *pair) finish(reset bool) {
	if l.gone {
		return
	}
	l.gone = true
	close(l.over)
	for _, c := range []*net.TCPConn{l.client, l.server} {
		if c == nil {
			continue
		}
		if reset {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}
}

// meet deals the end. A connection that is not a WebSocket, or not yet, is cut
// rather than made half-open: what is not pinged hangs for as long as its
// user's patience lasts.
func (l *pair) meet(end ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case end == hangUp:
		l.finish(false)
	case end == cut || !l.upgraded:
		l.finish(true)
	default:
		l.upMuted = l.upMuted || end == mute || end == muteUp
		l.downMuted = l.downMuted || end == mute || end == muteDown
	}
}

func (l *pair) halfOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.upMuted || l.downMuted
}

// carry copies one direction. A muted direction swallows what it is given.
func (l *pair) carry(dst, src *net.TCPConn, f fate, limit int64, muted *bool) {
	var head []byte // of the server's first answer, until it is complete
	answered := src == l.client
	buf := make([]byte, 4096)
	if f.piece > 0 {
		buf = buf[:f.piece]
	}
	for {
		n, err := src.Read(buf)
		if n > 0 && f.latency > 0 {
			timer := time.NewTimer(f.latency)
			select {
			case <-timer.C:
			case <-l.over:
				timer.Stop()
			}
		}
		last := false
		if limit > 0 {
			if last = int64(n) >= limit; last {
				n = int(limit)
			}
			limit -= int64(n)
		}
		l.mu.Lock()
		pass := !*muted
		l.mu.Unlock()
		if pass && n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				l.cut()
				return
			}
		}
		if head = append(head, buf[:n]...); !answered && bytes.Contains(head, []byte("\r\n\r\n")) {
			answered = true
			l.mu.Lock()
			l.upgraded = bytes.HasPrefix(head, []byte("HTTP/1.1 101"))
			l.mu.Unlock()
		}
		if answered {
			head = nil
		}
		switch {
		case last:
			l.meet(f.end)
			return
		case err != nil && pass:
			// The end travels on, as an end.
			l.mu.Lock()
			l.finish(err != io.EOF)
			l.mu.Unlock()
			return
		case err != nil:
			<-l.over // a muted direction hides even the end
			return
		}
	}
}
