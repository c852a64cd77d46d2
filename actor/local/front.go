package local

import (
	"context"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// front is what clients reach.
type front struct{}

func newFront(rt *actor.Runtime, p *places) *front { return &front{} }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// options are what a client in this process needs.
func (f *front) options() []rivet.Option { return nil }

// shutdown closes what sockets there are, behind what was sent, and returns
// when nothing of the front runs any more, or cuts that short when ctx has
// ended. No actor runs by then.
func (f *front) shutdown(ctx context.Context) error { return nil }
