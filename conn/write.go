package conn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/internal/ws"
)

// writeBatch is how much the writer gathers for one write.
const writeBatch = 64 << 10

// pongPatience is how many pong timeouts a pong may take while other bytes
// arrive: it may wait behind a large message or a backlog. A server that talks
// and does not hear us must be noticed all the same.
const pongPatience = 6

// TimeoutError is a link that ended because the server was silent.
type TimeoutError struct {
	// What was waited for: "init" or "pong".
	What string
	// After is how long.
	After time.Duration
}

func (e *TimeoutError) Error() string {
	if e.What == "init" {
		return fmt.Sprintf("actor did not open the connection within %v", e.After)
	}
	return fmt.Sprintf("connection is dead: no %s within %v", e.What, e.After)
}

// Timeout is true, as in net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Temporary is true, as in net.Error.
func (e *TimeoutError) Temporary() bool { return true }

// timing is the link's clock: what is due when. pong is shared, events is the
// reader's, the rest the writer's.
type timing struct {
	pong   atomic.Bool // the answer to the latest ping has arrived
	events uint64      // not yet added to the counters

	pings   int
	pingAt  time.Time // next ping
	pongBy  time.Time // zero when no pong is awaited
	pinged  time.Time
	opened  bool // up was seen
	initBy  time.Time
	probeAt time.Time // zero when there is no suspect to be tried
	renewAt time.Time // zero when there is nothing to renew
	stallAt time.Time // zero when the reader has not been held of late
}

// write is the link's writer: the only goroutine that writes to the socket.
// It also keeps the link's clock.
func (l *link) write(ctx, quit context.Context) error {
	cfg := &l.c.cfg
	now := time.Now()
	l.timing.initBy = after(now, cfg.InitTimeout)
	l.timing.pingAt = after(now, cfg.PingInterval)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := l.drain(); err != nil {
			return err
		}
		if l.closeSent.Load() && l.peerClosed.Load() {
			return l.closed()
		}
		timer.Reset(l.untilDue())
		select {
		case <-l.c.wake:
			if l.c.crowded() {
				// Whoever is about to call as well goes into the same write: 64
				// callers cost a third less so.
				runtime.Gosched()
			}
		case <-timer.C:
			if err := l.tick(time.Now()); err != nil {
				return err
			}
		case <-quit.Done():
			return l.goodbye()
		case <-ctx.Done():
			return nil
		}
	}
}

// after is now+d, or never when d is zero (the feature is off).
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}

// drain writes everything that waits, in as few writes as it takes.
func (l *link) drain() error {
	for {
		if err := l.gather(); err != nil {
			return err
		}
		if l.w.Buffered() == 0 {
			return nil
		}
		if err := l.w.Flush(); err != nil {
			return fmt.Errorf("writing to the server: %w", err)
		}
	}
}

// gather moves control frames, then messages, into the write buffer. Calls
// become the writer's here: from now on they may run.
func (l *link) gather() error {
	l.mu.Lock()
	controls := l.control
	l.control = nil
	l.mu.Unlock()
	for _, f := range controls {
		var err error
		if f.op != ws.OpClose {
			err = l.w.Append(f.op, f.payload)
		} else if !l.closeSent.Swap(true) {
			err = l.w.AppendClose(f.code, "")
		}
		if err != nil {
			return err
		}
	}
	if !l.up.Load() || l.closeSent.Load() {
		return nil
	}

	c := l.c
	op := ws.OpText
	if c.cfg.Encoding.Binary() {
		op = ws.OpBinary
	}
	now := time.Now()
	c.mu.Lock()
	// A link that was lost must not claim calls for which the next is open.
	for size := l.w.Buffered(); size < writeBatch && c.link == l; {
		it, ok := c.out.pop()
		if !ok {
			break
		}
		if p := it.call; p != nil {
			p.state, p.sentGen, p.sentAt = callSent, l.gen, now
			p.sends, p.maybe = p.sends+1, true
		}
		size += len(it.frame)
		l.popped = append(l.popped, it)
	}
	l.timing.renewAt = c.renewAt()
	c.mu.Unlock()
	var err error
	for _, it := range l.popped {
		err = cmp.Or(err, l.w.Append(op, it.frame))
	}
	clear(l.popped)
	l.popped = l.popped[:0]
	if cap(l.popped) > 256 {
		l.popped = nil
	}
	return err
}

// untilDue is how long until tick has something to do.
func (l *link) untilDue() time.Duration {
	t := &l.timing
	if l.up.Load() && !t.opened {
		t.opened, t.initBy, t.probeAt = true, time.Time{}, l.probeFrom
	}
	if t.stallAt.IsZero() && l.held.Load() {
		t.stallAt = after(time.Now(), l.c.cfg.StallTimeout)
	}
	var due time.Time
	for _, at := range [...]time.Time{t.pingAt, t.pongBy, t.initBy, t.probeAt, t.renewAt, t.stallAt} {
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	if due.IsZero() {
		return time.Hour
	}
	return max(0, time.Until(due))
}

// tick does what is due.
func (l *link) tick(now time.Time) error {
	t, cfg := &l.timing, &l.c.cfg
	due := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }

	if due(t.initBy) && !l.up.Load() {
		return &TimeoutError{What: "init", After: cfg.InitTimeout}
	}
	if !t.pongBy.IsZero() && t.pong.Load() {
		t.pongBy = time.Time{}
	}
	if due(t.pongBy) {
		switch {
		case l.held.Load() || !t.stallAt.IsZero():
			t.pinged = now // a reader that is held has not come to the pong yet
		case !l.heard.Swap(false) || now.Sub(t.pinged) >= pongPatience*cfg.PongTimeout:
			return &TimeoutError{What: "pong", After: now.Sub(t.pinged)}
		}
		t.pongBy = after(now, cfg.PongTimeout)
	}
	if due(t.pingAt) {
		t.pingAt = after(now, cfg.PingInterval)
		if t.pongBy.IsZero() {
			if err := l.ping(now); err != nil {
				return err
			}
		}
	}
	if due(t.stallAt) {
		t.stallAt = time.Time{}
		if l.held.Load() {
			t.stallAt = l.c.failStalled(l, now)
		}
	}
	if due(t.probeAt) {
		t.probeAt = l.probe(now)
	}
	if due(t.renewAt) {
		t.renewAt = time.Time{} // gather, which comes next, sets it anew
		l.renew(now)
	}
	return nil
}

func (l *link) ping(now time.Time) error {
	t := &l.timing
	t.pings++
	t.pinged = now
	t.pongBy = after(now, l.c.cfg.PongTimeout)
	t.pong.Store(false)
	l.heard.Store(false)
	return l.w.Append(ws.OpPing, strconv.AppendInt(nil, int64(t.pings), 10))
}

// failStalled fails the calls whose reply the held reader cannot reach, and
// returns when to look again.
func (c *Conn) failStalled(l *link, now time.Time) time.Time {
	limit := c.cfg.StallTimeout
	since := time.Unix(0, l.stalled.Load())
	if now.Sub(since) < limit {
		return since.Add(limit) // another stall than the one that was watched
	}
	again := now.Add(limit)
	c.mu.Lock()
	calls := c.takeCalls(func(p *pending) bool {
		if p.state != callSent {
			return false
		}
		due := p.sentAt.Add(limit)
		if due.After(now) && due.Before(again) {
			again = due
		}
		return !due.After(now)
	})
	c.mu.Unlock()
	for _, p := range calls {
		p.done <- outcome{err: &StalledError{After: now.Sub(since)}, maybe: true}
	}
	return again
}

// goodbye closes the socket in good order: a close frame, then as long as
// Close may take for the server's answer, which the reader waits for.
func (l *link) goodbye() error {
	_ = l.nc.SetDeadline(time.Now().Add(l.c.cfg.CloseTimeout / 2))
	if !l.closeSent.Swap(true) {
		if err := l.w.AppendClose(1000, ""); err != nil {
			return err
		}
	}
	if err := l.w.Flush(); err != nil {
		return err
	}
	if l.peerClosed.Load() {
		return l.closed()
	}
	return nil
}

// closed is why the reader handed the end over.
func (l *link) closed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing == nil {
		return errors.New("connection closed")
	}
	return l.closing
}

// crowded reports whether more than one call is under way.
func (c *Conn) crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active > 1
}
