// Package actors holds the fixture actors of interop/fixture/testdata in Go, so
// that the same tests and the same JavaScript programs can be held against a host
// of either kind. What they do is told there, in actors.mjs, host.mjs and
// server.mjs.
package actors

import (
	"context"
	"sync"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

type none = rivet.None

// Registry returns all of them.
func Registry(opts ...actor.DefinitionOption) actor.Registry {
	return actor.Registry{
		counter(opts), echo(opts), chat(opts), auth(opts), failing(opts), slow(opts), burst(opts),
		plainHTTP(opts), sockets(opts), lifecycle(opts), order(opts), failstart(opts), market(opts),
		hooked(opts), talk(opts), watched(opts), bare(opts),
		queues(opts), work(opts), plan(opts), store(opts),
	}
}

// pause is JavaScript's sleep.
func pause(ctx context.Context, millis float64) error {
	select {
	case <-time.After(time.Duration(millis * float64(time.Millisecond))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// or is a default, as JavaScript has them for arguments.
func or[T any](p *T, v T) T {
	if p == nil {
		return v
	}
	return *p
}

// notes are what hooks have seen, by the id of the actor. They survive a sleep.
type notes struct {
	mu  sync.Mutex
	all map[string][]string
}

func (n *notes) add(id, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = make(map[string][]string)
	}
	n.all[id] = append(n.all[id], text)
}

func (n *notes) of(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.all[id]...)
}
