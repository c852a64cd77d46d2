package conn

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
)

// errReplaced ends a link that Reconnect replaces.
var errReplaced = errors.New("replaced by Reconnect")

// PermanentError marks an error of Config.Target that no further attempt can
// mend, such as parameters that cannot be encoded.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the error that was marked.
func (e *PermanentError) Unwrap() error { return e.Err }

// supervise opens one link after the other until the connection is closed.
// life is the context that New was given.
func (c *Conn) supervise(life context.Context) {
	defer close(c.done)
	// It has ended, unless a function of the program's has ended the goroutine,
	// as testing.T.FailNow does.
	defer c.end(errors.New("conn: a function of Config ended the supervisor's goroutine"))
	ended := make(chan struct{})
	stop := context.AfterFunc(life, func() {
		defer close(ended)
		c.end(contextError(life))
	})
	defer func() {
		if !stop() {
			<-ended
		}
	}()

	waits := c.newWaits()
	// c.quit may end a little later than life does.
	for attempt := 1; life.Err() == nil; attempt++ {
		c.machine.set(State{Status: Connecting, Attempt: attempt, Cause: c.machine.now().Cause})
		c.counters.attempts.Add(1)
		l := c.newLink(attempt)
		err := l.run(c.quit)
		c.forget(l, err)
		if c.quit.Err() != nil {
			c.reportEnd(l, err, false)
			return
		}

		replaced := errors.Is(err, errReplaced)
		charged := c.judge(l, err)
		if replaced || (l.connected() && time.Since(l.connectedAt) >= c.cfg.StableAfter) {
			waits.Reset()
			attempt = 0
		}
		retry := replaced || charged || c.retries(Failure{
			Err:       err,
			Attempt:   max(attempt, 1),
			Connected: l.connected(),
			Permanent: c.permanent(l, err),
		})
		c.reportEnd(l, err, retry)
		if !retry {
			c.end(err)
			return
		}
		wait := waits.Next()
		if replaced {
			wait = 0
		}
		if !c.pause(l, State{Status: Disconnected, Attempt: attempt, Cause: err, Wait: wait}) {
			return
		}
	}
}

// waits is a sequence of the user's policy; where that panics, the longest wait
// that is usual.
type waits struct {
	c   *Conn
	seq backoff.Sequence
}

func (c *Conn) newWaits() *waits {
	w := &waits{c: c}
	c.ask(func() { w.seq = c.cfg.Backoff.New() })
	if w.seq == nil {
		w.seq = backoff.Exponential(DefaultBackoffMin, DefaultBackoffMax).New()
	}
	return w
}

func (w *waits) Next() time.Duration {
	d := DefaultBackoffMax
	w.c.ask(func() { d = w.seq.Next() })
	return d
}

func (w *waits) Reset() { w.c.ask(w.seq.Reset) }

// permanent is the verdict on a link's end. A link that was connected is
// always followed by another attempt, whose failure then tells.
func (c *Conn) permanent(l *link, err error) bool {
	if l.connected() {
		return false
	}
	addressing := c.cfg.Addressing
	if c.counters.links.Load() > 0 {
		// What worked before may work again: a key whose actor is gone, and a
		// hook of the actor that fails without saying why.
		if errors.Is(err, codec.ErrInternal) {
			return false
		}
		if addressing == ByKey {
			addressing = OrCreate
		}
	}
	return Classify(err, addressing).Permanent
}

// retries asks the user's policy, if there is one.
func (c *Conn) retries(f Failure) (retry bool) {
	retry = !f.Permanent
	if c.cfg.Retry != nil {
		c.ask(func() { retry = c.cfg.Retry(f) })
	}
	return retry
}

// ask runs code of the user's on the supervisor.
func (c *Conn) ask(f func()) {
	c.asking.Store(true)
	defer c.asking.Store(false)
	c.callbacks.guard(f)
}

// pause waits, after the link l, before the next attempt; false means that the
// connection ended.
func (c *Conn) pause(l *link, s State) bool {
	c.machine.set(s)
	timer := time.NewTimer(s.Wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-c.kick:
			c.mu.Lock()
			meant := c.hurry == l.gen
			c.mu.Unlock()
			if meant {
				return true
			}
		case <-c.quit.Done():
			return false
		}
	}
}

// forget takes the link out and settles the calls that were written on it.
func (c *Conn) forget(l *link, err error) {
	c.mu.Lock()
	if c.link == l {
		c.link, c.lostAt = nil, time.Now()
	}
	onLink := func(p *pending) bool { return p.state == callSent && p.sentGen == l.gen }
	lost := c.takeCalls(func(p *pending) bool { return onLink(p) && !p.idempotent })
	var again []item
	for _, p := range c.calls {
		if onLink(p) {
			p.state = callQueued
			again = append(again, item{frame: p.frame, call: p})
		}
	}
	slices.SortFunc(again, func(a, b item) int { return cmp.Compare(a.call.id, b.call.id) })
	c.out.dropSubscriptions()
	c.out.pushFront(again)
	c.out.wake()
	c.mu.Unlock()
	for _, p := range lost {
		p.done <- outcome{err: &DisconnectedError{Err: err}, maybe: true}
	}
}

// reportEnd tells callbacks, observer and log how a link ended.
func (c *Conn) reportEnd(l *link, err error, retry bool) {
	byUser := c.quit.Err() != nil
	obs := c.cfg.Observer
	if !l.connected() && obs.Attempt != nil {
		info := AttemptInfo{Actor: c.cfg.Actor, Attempt: l.attempt, Duration: time.Since(l.startedAt), Err: err}
		c.callbacks.push(func() { obs.Attempt(info) })
	}
	if l.connected() {
		info := CloseInfo{Actor: c.cfg.Actor, Code: 1006, Err: err, WillRetry: retry}
		var ce *CloseError
		if errors.As(err, &ce) {
			info.Code, info.Reason, info.RayID = ce.Code, ce.Reason, ce.RayID
		}
		if byUser {
			info.Code, info.Err = 1000, nil
		}
		if obs.Disconnected != nil {
			c.callbacks.push(func() { obs.Disconnected(info) })
		}
		c.onClose.fire(&c.callbacks, info)
	}
	if byUser || errors.Is(err, errReplaced) {
		return
	}
	c.onError.fire(&c.callbacks, err)
	connected := l.connected()
	c.callbacks.push(func() {
		switch {
		case !retry:
			c.log.Error("connection failed for good", "actor", c.cfg.Actor, "error", err)
		case connected:
			c.log.Warn("connection lost", "actor", c.cfg.Actor, "error", err)
		default:
			c.log.Info("attempt to connect failed", "actor", c.cfg.Actor, "attempt", l.attempt, "error", err)
		}
	})
}
