package rivet

import (
	"context"
	"sync"
	"time"

	"github.com/rivet-go/rivet/conn"
)

// sharedKey tells shared connections apart: by what they reach and how.
type sharedKey struct {
	addressing         conn.Addressing
	name, key, id      string
	params             string
	asking             *Handle // of handles with a params function, which cannot be compared
	input              string
	region, pool       string
	crashPolicy        CrashPolicy
	skipReadyWait, set bool
}

// sharedConn is a connection with the number of its users.
type sharedConn struct {
	conn  *conn.Conn
	users int
	timer *time.Timer // closes it; nil while there are users
}

func (s *sharedConn) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// Shared returns a connection to the actor that all callers with an equal
// handle share: same actor, same parameters and options. Call release when
// done with it, once or more often; the connection is closed a while after its
// last user has left (WithSharedLinger). Handles with a params function share
// with themselves only. A connection that failed for good is replaced by the
// next call. Do not close the connection itself.
func (c *Client) Shared(h *Handle) (_ *conn.Conn, release func()) {
	k := sharedKey{
		addressing: h.addressing, name: h.name, id: h.id, params: h.set.params.text,
		input: string(h.set.input), set: h.set.input != nil,
		region: h.set.region, pool: h.set.pool, crashPolicy: h.set.crashPolicy, skipReadyWait: h.set.skipReadyWait,
	}
	if h.addressing != conn.ByID {
		k.key = h.key.String()
	}
	if h.set.params.ask != nil {
		k.asking = h
	}
	c.mu.Lock()
	s := c.shared[k]
	if s == nil || ended(s.conn) {
		if s != nil {
			s.stopTimer()
		}
		c.mu.Unlock()
		return c.share(k, h)
	}
	s.users++
	s.stopTimer()
	s.timer = nil
	c.mu.Unlock()
	return s.conn, c.releaser(k, s)
}

// share opens a connection for k, unless somebody else did meanwhile.
func (c *Client) share(k sharedKey, h *Handle) (*conn.Conn, func()) {
	cn := h.connect(context.Background(), h.connectSettings(nil))
	c.mu.Lock()
	if c.shared == nil || h.err != nil {
		c.mu.Unlock()
		return cn, func() {}
	}
	if s := c.shared[k]; s != nil && !ended(s.conn) {
		s.users++
		s.stopTimer()
		s.timer = nil
		c.mu.Unlock()
		_ = cn.Close()
		return s.conn, c.releaser(k, s)
	}
	s := &sharedConn{conn: cn, users: 1}
	c.shared[k] = s
	c.mu.Unlock()
	return cn, c.releaser(k, s)
}

// releaser returns the function that takes one user off s.
func (c *Client) releaser(k sharedKey, s *sharedConn) func() {
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if s.users--; s.users > 0 || c.shared == nil {
			return
		}
		s.timer = time.AfterFunc(c.cfg.opts.linger, func() {
			c.mu.Lock()
			if s.users > 0 || c.shared[k] != s {
				c.mu.Unlock()
				return
			}
			delete(c.shared, k)
			c.mu.Unlock()
			_ = s.conn.Close()
		})
	})
}

func ended(cn *conn.Conn) bool {
	select {
	case <-cn.Done():
		return true
	default:
		return false
	}
}
