package rivettest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/rivet-go/rivet/internal/pipe"
)

// link is the gateway's place on a network, TCP or in memory: one address
// that can stop and start to listen.
type link struct {
	g    *Gateway
	host string
	addr net.Addr
	web  *http.Server

	mu       sync.Mutex
	listener net.Listener // nil while down
	open     map[*serverConn]struct{}
}

// memoryHost resolves nowhere, so a client that bypasses Dial fails at once.
const memoryHost = "gateway.invalid:6420"

func (l *link) start(g *Gateway) error {
	l.g = g
	l.open = make(map[*serverConn]struct{})
	l.web = &http.Server{
		Handler:        http.HandlerFunc(g.serve),
		MaxHeaderBytes: 1 << 20,
		ConnState:      l.count,
	}
	if g.cfg.memory {
		l.host, l.addr = g.cfg.host, pipe.Addr(g.cfg.host)
	}
	return l.up()
}

// up listens and serves; it does nothing while the gateway is up.
func (l *link) up() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return nil
	}
	var ln net.Listener
	switch {
	case l.g.cfg.memory:
		ln = pipe.NewListener(pipe.Addr(l.host))
	case l.host == "":
		var err error
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		l.addr, l.host = ln.Addr(), ln.Addr().String()
	default:
		var err error
		if ln, err = net.Listen("tcp", l.host); err != nil {
			return err
		}
	}
	serving := l.g.spawn(func() {
		err := l.web.Serve(countingListener{ln, l})
		if !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			l.g.tb.Errorf("rivettest: serve: %v", err)
		}
	})
	if !serving {
		return errors.Join(errGatewayClosed, ln.Close())
	}
	l.listener = ln
	return nil
}

// down stops to listen and resets every connection.
func (l *link) down() {
	l.mu.Lock()
	ln := l.listener
	l.listener = nil
	open := l.open
	l.open = make(map[*serverConn]struct{})
	l.mu.Unlock()
	if ln != nil {
		_ = ln.Close()
	}
	for c := range open {
		c.reset()
	}
	for _, c := range *l.g.live.Load() {
		c.end() // one that is paused does not notice the reset
	}
}

func (l *link) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	l.mu.Lock()
	ln := l.listener
	l.mu.Unlock()
	if ln == nil {
		return nil, pipe.Refused(network, l.addr)
	}
	if m, ok := ln.(*pipe.Listener); ok {
		return m.Dial(ctx)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", l.host)
}

// count makes Close wait for the goroutine that net/http has for a connection;
// once a connection is hijacked its handler is what counts.
func (l *link) count(c net.Conn, state http.ConnState) {
	conn := c.(*serverConn)
	switch state {
	case http.StateNew:
		conn.counted = l.g.enter()
	case http.StateClosed, http.StateHijacked:
		if conn.counted {
			l.g.tasks.Done()
		}
	}
}

// countingListener registers what it accepts, so that down can cut it and
// Close can wait for it.
type countingListener struct {
	net.Listener
	link *link
}

func (c countingListener) Accept() (net.Conn, error) {
	inner, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &serverConn{Conn: inner, link: c.link}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.link.listener != c.Listener {
		resetConn(inner) // down came first
		return conn, nil
	}
	c.link.open[conn] = struct{}{}
	return conn, nil
}

// serverConn is the gateway's end of a connection.
type serverConn struct {
	net.Conn
	link    *link
	once    sync.Once
	counted bool
}

func (c *serverConn) forget() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	delete(c.link.open, c)
}

func (c *serverConn) Close() (err error) {
	c.once.Do(func() {
		c.forget()
		err = c.Conn.Close()
	})
	return err
}

// reset drops the connection without any goodbye.
func (c *serverConn) reset() {
	c.once.Do(func() {
		c.forget()
		resetConn(c.Conn)
	})
}

// hijack takes the connection of a request over.
func hijack(w http.ResponseWriter) (*serverConn, []byte, error) {
	raw, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take the connection over: %w", err)
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	return raw.(*serverConn), append([]byte(nil), early...), nil
}

// resetConn drops a connection without any goodbye.
func resetConn(c net.Conn) {
	switch c := c.(type) {
	case *pipe.Conn:
		c.Reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
		_ = c.Close()
	default:
		_ = c.Close()
	}
}
