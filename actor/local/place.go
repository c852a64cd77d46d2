package local

import (
	"context"
	"errors"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// instance is what placement and the front use of an *actor.Instance.
type instance interface {
	Hold() (release func(), ok bool)
	ServeHTTP(w http.ResponseWriter, r *http.Request)
	Open(l actor.Link) actor.Receiver
	Restored(id string) actor.Receiver
	Stop(ctx context.Context, reason actor.StopReason) error
}

// runtime is what placement and the front use of an *actor.Runtime.
type runtime interface {
	Start(ctx context.Context, s actor.Start) (instance, error)
	Has(name string) bool
}

// socket is a client's WebSocket, which may outlive generations. Calls of bind
// and unbind for one socket follow one another.
type socket interface {
	actor.Link
	// bind says that a generation has the socket: bring to r again what was not
	// acked, then what comes. A socket that has ended calls r.Closed. It does
	// not wait for the actor.
	bind(r actor.Receiver)
	// unbind says that the generation is stopping: bring nothing more to its
	// receiver, keep what comes, and call places.wake when something has come.
	// When it returns no call of the receiver is under way.
	unbind()
	// shut closes the socket for the driver's own reasons, such as 1011 and
	// guard.actor_wake_retries_exceeded. It returns at once.
	shut(code int, reason string)
}

// takenError says that the key of an actor to create has one already.
type takenError struct {
	Existing string // the actor's id
}

func (e *takenError) Error() string { return "local: the key is taken by actor " + e.Existing }

// errCursor is what list returns for a cursor that no list has returned.
var errCursor = errors.New("local: bad cursor")

// places knows the actors, and which generation of which of them runs. Its
// methods are safe for concurrent use.
type places struct{}

// getOrCreate returns the actor with that name and key, which it creates when
// there is none. That is durable when it returns.
func (p *places) getOrCreate(ctx context.Context, s spec) (rec record, created bool, err error) {
	return record{}, false, errNotBuilt
}

// create returns a new actor, or a *takenError.
func (p *places) create(ctx context.Context, s spec) (record, error) {
	return record{}, errNotBuilt
}

// find returns the actor with that name and key.
func (p *places) find(ctx context.Context, name string, key rivet.Key) (rec record, ok bool, err error) {
	return record{}, false, errNotBuilt
}

// byID returns the actor with that id, which may have been destroyed: of those
// the last maxGone are known.
func (p *places) byID(ctx context.Context, id string) (rec record, ok bool, err error) {
	return record{}, false, errNotBuilt
}

// list returns up to limit actors of that name that are not destroyed, the
// newest first, and the cursor for the rest, empty at the end. The cursor for
// the beginning is empty.
func (p *places) list(ctx context.Context, name, cursor string, limit int) (recs []record, next string, err error) {
	return nil, "", errNotBuilt
}

// names returns the names under which there are actors, sorted.
func (p *places) names(ctx context.Context) ([]string, error) { return nil, errNotBuilt }

// destroy returns when the actor is gone, or ctx has ended: it goes all the
// same then. One that is gone already is no error, an unknown one is
// actor.not_found.
func (p *places) destroy(ctx context.Context, id string) error { return errNotBuilt }

// acquire returns the running instance of an actor, which it wakes, and holds
// it until release is called, once. When ctx ends first it returns its cause;
// else its errors are *codec.Error, with the codes of the engine's gateway:
// actor.not_found, actor.destroyed_while_waiting_for_ready,
// guard.actor_ready_timeout, guard.actor_wake_retries_exceeded, and
// guard.service_unavailable when the host shuts down.
func (p *places) acquire(ctx context.Context, id string) (in instance, release func(), err error) {
	return nil, nil, errNotBuilt
}

// open gives a new socket, whose handshake has been answered, to in, which the
// caller holds: it calls in.Open and binds the socket. It does not block. From
// then on the socket belongs to the actor, until detach.
func (p *places) open(id string, in instance, s socket) {}

// detach says that a socket has ended. Is it unbound, the actor is woken, so
// that it hears of that.
func (p *places) detach(id, linkID string) {}

// wake asks for a generation of the actor, as something has come over a socket
// that is not bound. It returns at once. When the actor does not start, its
// sockets are shut.
func (p *places) wake(id string) {}

var errNotBuilt = errors.New("local: not built yet")
