package rivettest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// Conn is one WebSocket at the gateway: what the client sent on it, and the
// means to answer, or to misbehave. The fields never change. All methods are
// safe for concurrent use.
type Conn struct {
	// Index is the connection's place among all of the gateway's, from 0.
	Index int
	// Header and URL are those of the handshake; Protocols are the
	// subprotocols it offered.
	Header    http.Header
	URL       *url.URL
	Protocols []string
	// Encoding is what the client asked for.
	Encoding codec.Encoding
	// Params are the connection parameters as JSON, undefined when none were
	// sent.
	Params codec.Value
	// ActorName, ActorID and Key name the actor; ID and key are empty when
	// there is none.
	ActorName string
	ActorID   string
	Key       []string
	// ID is the connection's id as Init tells it.
	ID string
	// Raw is true for a WebSocket of the application's own, outside the
	// protocol of connections.
	Raw bool

	gw    *Gateway
	net   *serverConn
	in    frameReader
	inst  *Instance
	actor *Actor

	opened chan struct{} // closed when messages may be processed
	gone   chan struct{} // closed when the socket is

	watch         // guards what follows
	wake          sync.Cond
	messages      []Message
	messagesOut   int // messages no longer kept
	subscriptions map[string]bool
	serving       bool // accepted by the actor: events may be sent
	out           []outgoing
	queued        uint64 // messages handed to the writer
	written       uint64 // messages on the network
	closing       bool   // a close frame is queued, nothing may follow it
	answeredClose bool   // the client's close frame has come
	ended         bool
	unread        []Message // of a raw WebSocket, for Receive

	pauseReads, pauseWrites, noPongs bool

	loseSubscriptions        int // how many more are recorded only
	latency, readEvery       time.Duration
	fragment, reorder        int
	duplicate, unknown, mute bool
	held                     [][]byte // replies that Reorder holds back
}

// outgoing is bytes to write, not before due.
type outgoing struct {
	data []byte
	due  time.Time
	last bool // a close frame
}

// closeWait is how long the client may take to answer a close frame.
const closeWait = 5 * time.Second

func (c *Conn) opcode() Opcode {
	if c.Encoding.Binary() {
		return OpBinary
	}
	return OpText
}

// String names the connection for messages of a test.
func (c *Conn) String() string { return fmt.Sprintf("connection %d to %s", c.Index, c.ActorName) }

// Done is closed when the socket is closed, by whichever side.
func (c *Conn) Done() <-chan struct{} { return c.gone }

// WaitClosed waits until the socket is closed.
func (c *Conn) WaitClosed(ctx context.Context) error {
	select {
	case <-c.gone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Subscribed reports whether the client has subscribed to an event.
func (c *Conn) Subscribed(event string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subscriptions[event]
}

// Subscriptions returns the events the client has subscribed to, sorted.
func (c *Conn) Subscriptions() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var events []string
	for e := range c.subscriptions {
		events = append(events, e)
	}
	slices.Sort(events)
	return events
}

// WaitSubscribed waits until the client has subscribed to an event.
func (c *Conn) WaitSubscribed(ctx context.Context, event string) error {
	return c.until(ctx, c.gone, func() bool { return c.subscriptions[event] })
}

// WaitUnsubscribed waits until the client is not subscribed to an event.
func (c *Conn) WaitUnsubscribed(ctx context.Context, event string) error {
	return c.until(ctx, c.gone, func() bool { return !c.subscriptions[event] })
}

// Messages returns the messages so far for which match (nil for all) answers
// true, control frames included, in the order of their arrival.
func (c *Conn) Messages(match func(Message) bool) []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return filter(c.messages, match)
}

// WaitMessage waits for the first message that matches, which may be one that
// came long ago.
func (c *Conn) WaitMessage(ctx context.Context, match func(Message) bool) (Message, error) {
	found, err := c.WaitMessages(ctx, 1, match)
	if err != nil {
		return Message{}, err
	}
	return found[0], nil
}

// WaitMessages waits until n messages match (nil matches all) and returns all
// that do. It fails when the connection ends before.
func (c *Conn) WaitMessages(ctx context.Context, n int, match func(Message) bool) (found []Message, err error) {
	next := 0 // serial of the first message not looked at
	err = c.until(ctx, c.gone, func() bool {
		fresh := c.messages[max(next-c.messagesOut, 0):]
		next = c.messagesOut + len(c.messages)
		found = append(found, filter(fresh, match)...)
		return len(found) >= n
	})
	if errors.Is(err, errGatewayClosed) {
		err = fmt.Errorf("%v ended", c)
	}
	return found, err
}

func (c *Conn) record(m Message) {
	m.At = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.gw.cfg.record
	if limit != 0 {
		if len(c.messages) == limit {
			c.messages[0] = Message{}
			c.messages = c.messages[1:]
			c.messagesOut++
		}
		c.messages = append(c.messages, m)
	}
	switch m.Kind {
	case TextMessage, BinaryMessage:
		c.unread = append(c.unread, m)
	case SubscribeMessage:
		if c.loseSubscriptions > 0 {
			c.loseSubscriptions--
		} else {
			c.subscriptions[m.Name] = true
		}
	case UnsubscribeMessage:
		delete(c.subscriptions, m.Name)
	}
	c.changed()
}

// set changes the connection's habits.
func (c *Conn) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.wake.Broadcast()
	c.changed()
}

// Pause makes the connection half-open: nothing is read, answered or written
// any more, pings included, while TCP stays up.
func (c *Conn) Pause() { c.set(func() { c.pauseReads, c.pauseWrites = true, true }) }

// PauseReads stops reading only, so that the client's writes back up.
func (c *Conn) PauseReads() { c.set(func() { c.pauseReads = true }) }

// PauseWrites stops writing only; what is sent meanwhile waits.
func (c *Conn) PauseWrites() { c.set(func() { c.pauseWrites = true }) }

// Resume ends Pause, PauseReads and PauseWrites.
func (c *Conn) Resume() { c.set(func() { c.pauseReads, c.pauseWrites = false, false }) }

// SetLatency delays everything sent from now on by d, in order.
func (c *Conn) SetLatency(d time.Duration) { c.set(func() { c.latency = d }) }

// Drop cuts the TCP connection without a close frame; what is on its way is
// lost.
func (c *Conn) Drop() {
	c.net.reset()
	c.end()
}

// HangUp closes the TCP connection without a close frame but in order: the
// client reads what was written, then the end of the stream. What is still
// queued is lost; see [Conn.Flush].
func (c *Conn) HangUp() { c.end() }

// end marks the connection as over, once, and wakes everybody.
func (c *Conn) end() {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	close(c.gone)
	c.wake.Broadcast()
	c.changed()
	c.mu.Unlock()
	_ = c.net.Close()
	c.gw.unregister(c)
}

// sleep waits for d; false when the connection ended first.
func (c *Conn) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.gone:
		return false
	}
}

// readPause waits while reading is paused; false when the connection ended.
func (c *Conn) readPause() bool {
	c.mu.Lock()
	every := c.readEvery
	c.mu.Unlock()
	if every > 0 && !c.sleep(every) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pauseReads && !c.ended {
		c.wake.Wait()
	}
	return !c.ended
}

func newConn(g *Gateway, net *serverConn, r *bufio.Reader) *Conn {
	c := &Conn{
		gw:            g,
		net:           net,
		in:            frameReader{r: r},
		opened:        make(chan struct{}),
		gone:          make(chan struct{}),
		subscriptions: make(map[string]bool),
	}
	c.wake.L = &c.mu
	return c
}

// register makes the connection one of the gateway's.
func (g *Gateway) register(c *Conn, attempt int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.Index = len(g.conns)
	c.ID = fmt.Sprintf("%08x-0000-4000-8000-%012x", c.Index+1, c.Index+1)
	g.conns = append(g.conns, c)
	g.attempts[attempt].Conn = c
	live := append(slices.Clone(*g.live.Load()), c)
	g.live.Store(&live)
	g.changed()
}

func (g *Gateway) unregister(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	live := slices.DeleteFunc(slices.Clone(*g.live.Load()), func(o *Conn) bool { return o == c })
	g.live.Store(&live)
	g.changed()
}
