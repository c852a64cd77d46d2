package conn

import "time"

// Observer is a set of optional funcs that are told what a connection, or a
// client's HTTP calls, did. They run on the connection's callback goroutine
// (Call: on the caller's) in order, and should return soon.
type Observer struct {
	// Attempt is called when an attempt to connect has ended, err nil when it
	// led to a connection.
	Attempt func(AttemptInfo)
	// Connected and Disconnected frame the life of each link.
	Connected    func(OpenInfo)
	Disconnected func(CloseInfo)
	// Gap is called per subscription when a reconnect may have lost events.
	Gap func(GapInfo)
	// Call is called when a call has its outcome.
	Call func(CallInfo)
	// Drop is called when subscriptions dropped events, or nobody listened.
	Drop func(DropInfo)
}

// AttemptInfo describes one attempt to connect.
type AttemptInfo struct {
	Actor    string
	Attempt  int
	Duration time.Duration
	Err      error
}

// OpenInfo describes a link that is connected.
type OpenInfo struct {
	Actor        string
	ActorID      string
	ConnectionID string
	// Reconnect is true for every link but the first.
	Reconnect bool
}

// CloseInfo describes the end of a link that was connected.
type CloseInfo struct {
	Actor string
	// Code and Reason are those of the close frame; Code is 1006 without one.
	Code   int
	Reason string
	RayID  string
	// Err is the whole cause; nil when the user closed the connection.
	Err error
	// WillRetry tells whether another attempt follows.
	WillRetry bool
}

// GapInfo describes a possible loss of events around a reconnect.
type GapInfo struct {
	Actor    string
	Events   []string
	Down, Up time.Time
	Reason   error
}

// CallInfo describes a finished call.
type CallInfo struct {
	Actor    string
	Action   string
	Duration time.Duration
	// Err is nil or the *CallError that the caller got.
	Err error
	// HTTP is true for stateless calls.
	HTTP bool
	// Sends counts how often the request was written.
	Sends int
}

// DropInfo tells of events that a subscription did not deliver.
type DropInfo struct {
	Actor   string
	Events  []string
	Dropped uint64
}
