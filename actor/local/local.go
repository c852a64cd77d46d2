package local

import (
	"context"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// backend is an open driver.
type backend struct {
	places *places
	front  *front
}

func (b *backend) Handler() http.Handler              { return b.front }
func (b *backend) ClientOptions() []rivet.Option      { return b.front.options() }
func (b *backend) Shutdown(ctx context.Context) error { return b.front.shutdown(ctx) }

var _ actor.Backend = (*backend)(nil)
