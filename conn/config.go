package conn

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/codec"
)

// Addressing says how a connection names its actor, which decides what a
// missing actor means.
type Addressing uint8

const (
	// ByID addresses one incarnation: once it is gone, it is gone.
	ByID Addressing = iota + 1
	// ByKey addresses whatever actor has the key: missing at first is final,
	// missing after it was there may be a recreation.
	ByKey
	// OrCreate creates what is missing.
	OrCreate
)

// Target is where one attempt connects to.
type Target struct {
	// URL is the gateway's address of the actor with scheme http, https, ws or
	// wss. It usually holds a token and is never printed.
	URL *url.URL
	// Header is sent with the handshake.
	Header http.Header
	// Protocols are the WebSocket subprotocols to offer, "rivet" among them.
	Protocols []string
}

// Default values of Config.
const (
	DefaultDialTimeout  = 15 * time.Second
	DefaultInitTimeout  = 45 * time.Second
	DefaultPingInterval = 20 * time.Second
	DefaultPongTimeout  = 10 * time.Second
	DefaultCallTimeout  = 65 * time.Second
	DefaultStallTimeout = 5 * time.Second
	DefaultStableAfter  = 10 * time.Second
	DefaultCloseTimeout = time.Second
	DefaultReadLimit    = 32 << 20
	DefaultWriteLimit   = 64 << 10
	DefaultOutbox       = 1024
	DefaultBackoffMin   = 250 * time.Millisecond
	DefaultBackoffMax   = 30 * time.Second
)

// Config describes a connection. Target is required; a zero value elsewhere
// stands for the default, a negative duration turns the feature off.
type Config struct {
	// Actor names the actor in errors and logs, such as "counter[a b]".
	Actor string
	// Name and Key are what Info reports; both may be empty.
	Name string
	Key  []string
	// Addressing defaults to OrCreate.
	Addressing Addressing
	// Encoding is announced by the caller in Target.Protocols as well.
	Encoding codec.Encoding
	// Target is asked once per attempt, on the supervisor's goroutine. Its
	// error counts as a failed attempt; see Failure.
	Target func(ctx context.Context) (*Target, error)

	// NetDial opens the network connection; nil dials directly or through the
	// proxy that the environment names.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is used for https and wss; nil verifies against the system's roots.
	TLS *tls.Config

	// Backoff spaces attempts.
	Backoff backoff.Policy
	// StableAfter is how long a link must have been up before Backoff starts
	// anew.
	StableAfter time.Duration
	// Retry is asked after each failure whether to try again; nil follows
	// Failure.Permanent. It runs on the supervisor's goroutine.
	Retry func(Failure) bool

	DialTimeout  time.Duration // for dial, TLS and upgrade
	InitTimeout  time.Duration // from the upgrade to the actor's first message
	PingInterval time.Duration // between pings, whatever else is sent
	PongTimeout  time.Duration // for the answer to a ping, and for one write
	CallTimeout  time.Duration // of a call whose context has no deadline
	StallTimeout time.Duration // see StalledError
	CloseTimeout time.Duration // for the whole of Close
	ReadLimit    int64         // bytes of one message from the server
	WriteLimit   int           // bytes of one message to the server
	Outbox       int           // calls waiting to be written

	// Logger receives edges, never single events; nil is silent.
	Logger *slog.Logger
	// Observer is told what happens; nil funcs are skipped.
	Observer Observer
	// OnPanic is told of a panic in a callback; nil logs it.
	OnPanic func(recovered any, stack []byte)
}

// Failure is one attempt or link that ended, as Config.Retry sees it.
type Failure struct {
	// Err is why, typed: *codec.Error, *CloseError, *ws refusals, network errors.
	Err error
	// Attempt counts from 1 since the last link that was stable.
	Attempt int
	// Connected tells whether the link had been connected.
	Connected bool
	// Permanent is the verdict of Classify: no further attempt can help.
	Permanent bool
}
