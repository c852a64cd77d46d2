package local

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

// Dir makes a host keep its actors in the file actors.db in a folder. It makes
// the folder when it is not there; one host at a time can have it, and another
// one gets ErrInUse. What is stored is on disk, so that neither a crash of the
// process nor one of the machine loses it.
func Dir(path string) actor.Option {
	return actor.UseDriver(driver{func() (disk, error) {
		if path == "" {
			return nil, errors.New("local: Dir needs the path of a folder")
		}
		return openBolt(path)
	}})
}

// Memory makes a host keep its actors in memory: they are gone when it shuts
// down. They sleep and wake as those of Dir do.
func Memory() actor.Option {
	return actor.UseDriver(driver{func() (disk, error) { return new(memory), nil }})
}

type driver struct{ open func() (disk, error) }

var _ actor.Driver = driver{}

// Open implements actor.Driver.
func (d driver) Open(ctx context.Context, rt *actor.Runtime) (actor.Backend, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	disk, err := d.open()
	if err != nil {
		return nil, err
	}
	s := openStore(disk)
	p, err := openPlaces(s, hosted{rt}, rt.Log())
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &backend{places: p, front: newFront(rt, p)}, nil
}

// hosted is a starter that is a Runtime.
type hosted struct{ rt *actor.Runtime }

func (h hosted) Start(ctx context.Context, s actor.Start) (instance, error) {
	in, err := h.rt.Start(ctx, s)
	if err != nil {
		return nil, err // a nil *actor.Instance is no nil instance
	}
	return in, nil
}

// backend is an open driver.
type backend struct {
	places *places
	front  *front

	begin sync.Once
	end   sync.Once
	err   error
}

var _ actor.Backend = (*backend)(nil)

// Handler implements actor.Backend. From the first call on, alarms that are due
// start their actors.
func (b *backend) Handler() http.Handler {
	b.begin.Do(b.places.begin)
	return b.front
}

// ClientOptions implements actor.Backend.
func (b *backend) ClientOptions() []rivet.Option { return b.front.options() }

// Shutdown implements actor.Backend. Further calls wait for the first.
func (b *backend) Shutdown(ctx context.Context) error {
	b.end.Do(func() {
		b.err = errors.Join(b.places.shutdown(ctx), b.front.shutdown(ctx), b.places.store.close())
	})
	return b.err
}
