package actor

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/rivet-go/rivet"
)

// A Driver is where actors live: it knows which exist, keeps their data, wakes
// them, and brings requests and sockets to them. Package actor runs them and
// supposes nothing of where that is: actor/local is the driver for one process.
//
// The seam follows the Rivet Engine's protocol for hosts: an actor starts as a
// generation with a Lease of its data, requests and sockets come to its
// Instance, and sockets may outlive it.
type Driver interface {
	// Open makes ready to place the actors that rt can run. It starts none
	// before somebody asks for one, or Backend.Handler. ctx bounds the opening
	// only.
	Open(ctx context.Context, rt *Runtime) (Backend, error)
}

// A Backend is an open Driver. Its methods are safe for concurrent use.
type Backend interface {
	// Handler answers the HTTP requests and WebSockets of clients, as far as
	// they come to this process and not to an engine. From the first call on
	// the backend may start actors on its own, such as those whose alarms are
	// due.
	Handler() http.Handler
	// ClientOptions are what a client needs to reach the actors.
	ClientOptions() []rivet.Option
	// Shutdown stops all actors with GoingAway, closes all sockets, and returns
	// when nothing runs any more and all is stored, or when ctx has ended: then
	// it cuts short what is left and returns an error that wraps ctx's.
	Shutdown(ctx context.Context) error
}

// Start says which actor to start, and what it is given.
type Start struct {
	ID string
	// Generation counts the starts of the actor from 1.
	Generation uint64
	Name       string
	Key        rivet.Key
	Region     string
	CreatedAt  time.Time
	// Input is what its creator gave, as CBOR with compat forms; empty for
	// none. It is the same on every start.
	Input []byte
	// Lease is what the generation holds until it has stopped.
	Lease Lease
	// Links are the sockets that have outlived the previous generation, by
	// their ids. What to do with them, Instance.Restored tells.
	Links map[string]Link
}

// A Lease is a generation's hold on an actor. Its methods are safe for
// concurrent use; after Instance.Stop has returned they fail with
// ErrLeaseEnded or do nothing.
type Lease interface {
	Store
	// SetAlarm asks for a start of the actor, should it sleep at t; the zero
	// time takes the wish back. A running generation hears nothing of it. It
	// is durable when SetAlarm returns.
	SetAlarm(ctx context.Context, t time.Time) error
	// Sleep and Destroy ask for Instance.Stop with Sleeping or Destroying.
	// Requests may come until then. They return at once.
	Sleep()
	Destroy()
	// Failed says that the generation cannot go on: the driver calls Stop with
	// Lost, and starts the next one after a pause that grows. It returns at
	// once.
	Failed(err error)
}

// ErrLeaseEnded is what a Lease returns when its generation is over.
var ErrLeaseEnded = errors.New("actor: this generation of the actor is over")

// A Store is what an actor keeps on disk: values under keys, in the order of
// the keys' bytes. Limits are those of the engine: keys of MaxKey bytes, values
// of MaxValue, MaxBatch changes and MaxBatchBytes in a batch.
type Store interface {
	// Get returns the values of keys, nil for those that are not there. They
	// belong to the caller.
	Get(ctx context.Context, keys ...[]byte) ([][]byte, error)
	// Apply does all of a batch or nothing, and keeps none of its memory. It
	// returns when that is durable. What two calls did is on disk in the order
	// in which they began. When ctx ends the batch may be done all the same.
	Apply(ctx context.Context, b Batch) error
	// List yields the entries with from <= key < to in the keys' order, or
	// backwards; an empty to has no bound. Limit 0 means all. Keys and values
	// belong to the caller. Entries that change during the loop may be seen
	// either way. An error is the last step.
	List(ctx context.Context, from, to []byte, limit int, reverse bool) iter.Seq2[Entry, error]
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// Batch is a list of changes, made one after the other and all at once.
type Batch []Change

// Change sets the value of a key. With a nil Value it takes the key away, and
// with To, all keys from Key up to, but without, To.
type Change struct{ Key, Value, To []byte }

// Limits of a Store, which are those of the engine.
const (
	MaxKey        = 2000      // bytes
	MaxValue      = 128 << 10 // bytes
	MaxBatch      = 128       // changes
	MaxBatchBytes = 976 << 10 // keys and values together
)

// A Link is a client's WebSocket. It is the driver's and may outlive the
// instance that it was brought to. Its methods are safe for concurrent use and
// return at once.
type Link interface {
	// ID names the socket, the same in every generation.
	ID() string
	// Request is the handshake, with the path as the actor is to see it: it
	// begins with /connect or /websocket.
	Request() *http.Request
	// Send queues a message. It is an error when the link has ended, or would
	// hold more than it may for a client that does not read: then the driver
	// has closed it.
	Send(f *Frame) error
	// Ack says that the message with that index, and all before it, need not
	// be brought again to the next generation.
	Ack(index uint64)
	// Close ends the socket behind what was sent. Reasons of more than 123
	// bytes are cut.
	Close(code int, reason string)
}

// A Receiver takes what comes over one link, from one goroutine at a time, and
// never from within a method of the Link.
type Receiver interface {
	// Message brings a message, which belongs to the receiver; indexes count
	// up by one. It does not wait for the actor. False means that the
	// generation is stopping: bring it to the next one.
	Message(index uint64, text bool, data []byte) bool
	// Closed says that the link has ended; nothing comes after it. It does not
	// wait either.
	Closed(code int, reason string)
}

// StopReason is why a generation ends.
type StopReason int

// The reasons, with their meaning for the actor.
const (
	// Sleeping: it starts again when somebody wants it. Its sockets stay.
	Sleeping StopReason = iota
	// GoingAway: as Sleeping, but for the host's sake, and at once.
	GoingAway
	// Destroying: its data goes, and its sockets are closed.
	Destroying
	// Lost: it failed, or the driver has lost it. No hooks run, and what was
	// not stored yet is lost.
	Lost
)

// String returns the name of the constant.
func (r StopReason) String() string {
	switch r {
	case Sleeping:
		return "Sleeping"
	case GoingAway:
		return "GoingAway"
	case Destroying:
		return "Destroying"
	}
	return "Lost"
}
