package actor

import (
	"context"
	"errors"
	"net/http"
)

// ErrUnknownName is what Runtime.Start returns for a name that the registry
// does not have.
var ErrUnknownName = errors.New("actor: the registry has no actor of that name")

// Instance is one generation of an actor, from Runtime.Start to Stop. Its
// methods are for the driver, and are safe for concurrent use.
type Instance struct{}

// Hold keeps the generation from going to sleep until release is called, once.
// A driver holds it while it brings a request. False means that it is stopping
// already: bring the request to the next generation.
func (in *Instance) Hold() (release func(), ok bool) { return func() {}, true }

// ServeHTTP answers a request to the actor. The URL's path and query are as the
// actor is to see them, so /action/, /queue/, /request, /metadata, /health or
// the root; the header has X-Rivet-Ray-Id. Hold it meanwhile.
func (in *Instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Open takes a new socket, whose handshake has been answered. Hold it
// meanwhile. It does not block.
func (in *Instance) Open(l Link) Receiver { return nil }

// Restored returns the receiver of a link that Start gave to this generation;
// nil when the actor does not know it: then the driver closes it with 1000 and
// ws.meta_not_found_during_restore.
func (in *Instance) Restored(id string) Receiver { return nil }

// Stop ends the generation and returns when nothing of it runs any more, hooks
// included, and everything is stored. For Sleeping it first waits, up to the
// actor's grace time, until nothing is held; else handlers have the grace time,
// with their contexts done. Links that do not outlive the generation are closed
// then. It is an error when something could not be stored, or did not end when
// ctx had ended: that goes on by itself, without a Lease. Further calls wait
// for the first.
func (in *Instance) Stop(ctx context.Context, reason StopReason) error { return nil }

func (rt *Runtime) start(ctx context.Context, s Start) (*Instance, error) {
	return nil, errors.New("not built yet")
}
