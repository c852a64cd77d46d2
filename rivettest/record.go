package rivettest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// Attempt is one attempt to open a WebSocket.
type Attempt struct {
	// At is when it arrived.
	At time.Time
	// Step is what the script did to it, empty for nothing.
	Step string
	// Header and URL are those of the handshake, nil when it was refused
	// before.
	Header http.Header
	URL    *url.URL
	// Conn is the connection it became, nil for none.
	Conn *Conn
}

// HTTPRequest is one request that was not a WebSocket handshake.
type HTTPRequest struct {
	At     time.Time
	Method string
	// Path is the request's path as sent, percent-encoding included.
	Path string
	// Query is the raw query as sent.
	Query  string
	Header http.Header
	// Host is the Host header.
	Host string
	// Body is the body of all but raw requests to an actor.
	Body []byte
	// Actor, Key and ActorID name the actor, once it was found.
	Actor   string
	Key     []string
	ActorID string
	// Action is the action's name and Args its argument array, for actions.
	Action string
	Args   codec.Value
	// Queue is the decoded body of a queue send.
	Queue *codec.QueueSend
	// Step is what the script did to the request, empty for nothing.
	Step string
}

// MessageKind tells recorded messages apart.
type MessageKind uint8

// What a client sends.
const (
	// Action is a call: ID, Name and Args.
	ActionMessage MessageKind = iota + 1
	// SubscribeMessage and UnsubscribeMessage have a Name.
	SubscribeMessage
	UnsubscribeMessage
	// PingMessage, PongMessage and CloseMessage are control frames with Data;
	// of a close also Code and Reason.
	PingMessage
	PongMessage
	CloseMessage
	// TextMessage and BinaryMessage are those of a raw WebSocket.
	TextMessage
	BinaryMessage
	// MalformedMessage could not be decoded, or broke the protocol: Err.
	MalformedMessage
)

// String returns the kind in lower case.
func (k MessageKind) String() string {
	names := [...]string{"unknown", "action", "subscribe", "unsubscribe", "ping", "pong", "close", "text", "binary", "malformed"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Message is one message or control frame that a client sent.
type Message struct {
	At   time.Time
	Kind MessageKind
	ID   uint64
	Name string
	Args codec.Value
	// Data is the payload as received.
	Data   []byte
	Code   int
	Reason string
	Err    error
}

// String returns kind and name.
func (m Message) String() string {
	switch m.Kind {
	case ActionMessage:
		return fmt.Sprintf("action %s#%d", m.Name, m.ID)
	case CloseMessage:
		return fmt.Sprintf("close %d %q", m.Code, m.Reason)
	}
	if m.Name != "" {
		return m.Kind.String() + " " + m.Name
	}
	return m.Kind.String()
}

// IsAction matches calls of an action.
func IsAction(name string) func(Message) bool {
	return func(m Message) bool { return m.Kind == ActionMessage && m.Name == name }
}

// IsSubscribe matches subscriptions to an event.
func IsSubscribe(event string) func(Message) bool {
	return func(m Message) bool { return m.Kind == SubscribeMessage && m.Name == event }
}

// IsUnsubscribe matches the ends of subscriptions to an event.
func IsUnsubscribe(event string) func(Message) bool {
	return func(m Message) bool { return m.Kind == UnsubscribeMessage && m.Name == event }
}

// IsKind matches messages of a kind.
func IsKind(kind MessageKind) func(Message) bool {
	return func(m Message) bool { return m.Kind == kind }
}

// Conn returns the i-th WebSocket that was opened, from 0, whether it is still
// open or not. It waits for it and fails the test after the wait limit, so it
// must run on the test's goroutine; elsewhere use [Gateway.WaitConn].
func (g *Gateway) Conn(i int) *Conn {
	g.tb.Helper()
	var c *Conn
	g.within(fmt.Sprintf("connection %d", i), func(ctx context.Context) (err error) {
		c, err = g.WaitConn(ctx, i)
		return err
	})
	return c
}

// WaitConn waits for the i-th WebSocket, from 0.
func (g *Gateway) WaitConn(ctx context.Context, i int) (c *Conn, err error) {
	err = g.until(ctx, g.ctx.Done(), func() bool {
		if i < len(g.conns) {
			c = g.conns[i]
		}
		return c != nil
	})
	return c, err
}

// Conns returns every WebSocket so far, in the order of their opening.
func (g *Gateway) Conns() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.conns)
}

// OpenConns returns how many WebSockets are open.
func (g *Gateway) OpenConns() int { return len(*g.live.Load()) }

// WaitOpenConns waits until exactly n WebSockets are open.
func (g *Gateway) WaitOpenConns(ctx context.Context, n int) error {
	return g.until(ctx, g.ctx.Done(), func() bool { return g.OpenConns() == n })
}

// Attempts returns every attempt to open a WebSocket so far, in order, those
// that [Gateway.Down] refused excepted.
func (g *Gateway) Attempts() []Attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.attempts)
}

// WaitAttempts waits until there were n attempts to open a WebSocket.
func (g *Gateway) WaitAttempts(ctx context.Context, n int) error {
	return g.until(ctx, g.ctx.Done(), func() bool { return len(g.attempts) >= n })
}

// Requests returns the HTTP requests so far for which match (nil for all)
// answers true, in the order of their arrival.
func (g *Gateway) Requests(match func(HTTPRequest) bool) []HTTPRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return filter(g.requests, match)
}

// WaitRequests waits until n requests match (nil matches all) and returns
// them.
func (g *Gateway) WaitRequests(ctx context.Context, n int, match func(HTTPRequest) bool) (found []HTTPRequest, err error) {
	next := 0 // serial of the first request not looked at
	err = g.until(ctx, g.ctx.Done(), func() bool {
		fresh := g.requests[max(next-g.requestsOut, 0):]
		next = g.requestsOut + len(g.requests)
		found = append(found, filter(fresh, match)...)
		return len(found) >= n
	})
	return found, err
}

// IsCall matches HTTP requests that call an action.
func IsCall(action string) func(HTTPRequest) bool {
	return func(r HTTPRequest) bool { return r.Action == action }
}

func filter[E any](all []E, match func(E) bool) []E {
	var found []E
	for _, e := range all {
		if match == nil || match(e) {
			found = append(found, e)
		}
	}
	return found
}

// recordRequest keeps r and returns a function that amends the record while
// it is kept.
func (g *Gateway) recordRequest(r HTTPRequest) (amend func(func(*HTTPRequest))) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cfg.record == 0 {
		return func(func(*HTTPRequest)) {}
	}
	if len(g.requests) == g.cfg.record {
		g.requests[0] = HTTPRequest{}
		g.requests = g.requests[1:]
		g.requestsOut++
	}
	g.requests = append(g.requests, r)
	g.changed()
	serial := g.requestsOut + len(g.requests) - 1
	return func(change func(*HTTPRequest)) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := serial - g.requestsOut; i >= 0 {
			change(&g.requests[i])
			g.changed()
		}
	}
}

func cloneURL(u *url.URL) *url.URL {
	c := *u
	return &c
}
