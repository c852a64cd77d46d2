package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// cable is what connections go through that can be cut. While it is pulled out
// nothing goes through, and nobody can dial.
type cable struct {
	mu    sync.Mutex
	back  time.Time // when it is plugged in again
	plugs map[*plug]struct{}
}

// errPulled is why a connection ended whose cable was pulled.
var errPulled = errors.New("the cable is pulled out")

type cableKey struct{}

// through returns the context of a connection that goes through c.
func through(ctx context.Context, c *cable) context.Context {
	return context.WithValue(ctx, cableKey{}, c)
}

// dialer dials address, whatever it is asked for, through the cable of the
// context if there is one.
func dialer(address net.Addr) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, _ := ctx.Value(cableKey{}).(*cable)
		if c != nil && c.pulled() {
			return nil, errPulled
		}
		nc, err := new(net.Dialer).DialContext(ctx, address.Network(), address.String())
		if err != nil || c == nil {
			return nc, err
		}
		return c.plug(nc)
	}
}

// pull pulls the cable out for d.
func (c *cable) pull(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back = time.Now().Add(d)
	for p := range c.plugs {
		_ = p.Conn.Close()
	}
}

func (c *cable) pulled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.back)
}

func (c *cable) plug(nc net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.back) { // meanwhile
		_ = nc.Close()
		return nil, errPulled
	}
	p := &plug{Conn: nc, cable: c}
	if c.plugs == nil {
		c.plugs = make(map[*plug]struct{})
	}
	c.plugs[p] = struct{}{}
	return p, nil
}

// plug is a connection through a cable.
type plug struct {
	net.Conn
	cable *cable
}

// Read fails with errPulled when the cable is out.
func (p *plug) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err != nil && p.cable.pulled() {
		err = errPulled
	}
	return n, err
}

func (p *plug) Close() error {
	p.cable.mu.Lock()
	delete(p.cable.plugs, p)
	p.cable.mu.Unlock()
	return p.Conn.Close()
}
