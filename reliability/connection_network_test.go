package reliability_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/rivet-go/rivet/rivettest"
)

// network dials the gateway, and breaks and counts what it has dialed.
type network struct {
	gw *rivettest.Gateway
	// onWrite, if any, is asked before each write on the nth connection, from
	// 0: how much of p is written, and with what error the write then ends.
	onWrite func(nth int, p []byte) (allow int, err error)

	dials, open   atomic.Int64
	reads, writes atomic.Int64
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := n.gw.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n.open.Add(1)
	return &brokenConn{Conn: nc, network: n, nth: int(n.dials.Add(1) - 1)}, nil
}

// brokenConn is one connection of a network.
type brokenConn struct {
	net.Conn
	network *network
	nth     int
	once    sync.Once
}

func (c *brokenConn) Read(p []byte) (int, error) {
	c.network.reads.Add(1)
	return c.Conn.Read(p)
}

func (c *brokenConn) Write(p []byte) (int, error) {
	c.network.writes.Add(1)
	if c.network.onWrite == nil {
		return c.Conn.Write(p)
	}
	allow, fail := c.network.onWrite(c.nth, p)
	n := 0
	if allow > 0 {
		var err error
		if n, err = c.Conn.Write(p[:min(allow, len(p))]); err != nil {
			return n, err
		}
	}
	return n, fail
}

func (c *brokenConn) Close() error {
	c.once.Do(func() { c.network.open.Add(-1) })
	return c.Conn.Close()
}

// errBroken is how the writes of a broken network end.
var errBroken = &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
