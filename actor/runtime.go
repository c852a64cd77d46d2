package actor

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/rivet-go/rivet"
)

// Runtime runs the actors of a registry for a Driver. Its methods are safe for
// concurrent use.
type Runtime struct {
	actors map[string]*blueprint
	set    hostSettings
	log    *slog.Logger
	client atomic.Pointer[rivet.Client]
	count  counters
}

// Names are the names of the actors, sorted.
func (rt *Runtime) Names() []string {
	names := make([]string, 0, len(rt.actors))
	for name := range rt.actors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Has reports whether the registry has an actor of that name.
func (rt *Runtime) Has(name string) bool { return rt.actors[name] != nil }

// Log is where drivers log to. It is never nil.
func (rt *Runtime) Log() *slog.Logger { return rt.log }

// Public is where clients from outside find the actors, as told by
// PublicEndpoint and its variables; the endpoint is empty when nothing was.
func (rt *Runtime) Public() (endpoint, namespace, token string) {
	return rt.set.publicEndpoint, rt.set.publicNamespace, rt.set.publicToken
}

// Version is the number of this build of the actors, from Version.
func (rt *Runtime) Version() uint32 { return rt.set.version }

// SendBuffer is how many bytes a Link may hold for a client that is slow.
func (rt *Runtime) SendBuffer() int { return rt.set.sendBuffer }

// Start runs a generation of an actor and returns when it can take requests.
// It blocks for reading the state and for the hooks of creating and waking.
// The error is that of a hook or the store, or ErrUnknownName; then the
// generation is over, nothing of it runs, and there is no need to stop it.
// When ctx ends first, it wraps ctx's error.
func (rt *Runtime) Start(ctx context.Context, s Start) (*Instance, error) {
	return rt.start(ctx, s)
}
