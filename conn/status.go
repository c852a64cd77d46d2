package conn

import "time"

// Status is where a connection stands.
type Status uint8

const (
	// Idle is a connection that has not begun.
	Idle Status = iota
	// Connecting is an attempt under way.
	Connecting
	// Connected means that the actor's first message has arrived; an open
	// socket alone means nothing.
	Connected
	// Disconnected waits for the next attempt.
	Disconnected
	// Closed is final and has a cause.
	Closed
)

// String returns the name in lower case.
func (s Status) String() string {
	switch s {
	case Idle:
		return "idle"
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Disconnected:
		return "disconnected"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// State is one step of the status machine; it never changes once published.
type State struct {
	Status Status
	// Since is when the step was taken.
	Since time.Time
	// Attempt counts attempts since the last stable link, from 1.
	Attempt int
	// Cause is why the link or attempt before ended, or why Closed.
	Cause error
	// Wait is how long Disconnected waits before the next attempt.
	Wait time.Duration
}
