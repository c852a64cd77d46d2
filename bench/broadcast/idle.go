package broadcast

import (
	"context"
	"errors"
	"runtime"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/bench/trial"
)

// goroutinesPerX is a metric: goroutines of each connection.
const goroutinesPerX = "goroutines/each"

// idleCase reports what each of many connections that do nothing takes in a server.
func idleCase(k *contestant) run {
	n, start := k.idle, k.start
	if k.startOwn != nil {
		start = k.startOwn
	}
	return func(ctx context.Context, t *trial.Trial) (err error) {
		s, err := start(ctx, t)
		if err != nil {
			return err
		}
		defer quit(s, &err)
		// The first connection starts what there is once for all.
		first, err := gather(ctx, 1, s.dial, s.cast)
		if err != nil {
			return err
		}
		defer first.leave()
		return idle(t, n, s.memory, s.goroutines, func() (func(), error) {
			c, err := gather(ctx, n, s.dial, s.cast)
			if err != nil {
				return nil, err
			}
			return c.leave, nil
		})
	}
}

// idle reports what n connections take that connect opens; it returns what closes
// them.
func idle(t *trial.Trial, n int, memory func() (uint64, error), goroutines func() (int, error), connect func() (func(), error)) error {
	bytes, err := memory()
	if err != nil {
		return err
	}
	running, err := goroutines()
	if err != nil {
		return err
	}
	leave, err := connect()
	if err != nil {
		return err
	}
	defer leave()
	more, err := memory()
	if err != nil {
		return err
	}
	t.Report(trial.BytesPerX, (float64(more)-float64(bytes))/float64(n))
	now, err := goroutines()
	if err != nil {
		return err
	}
	if now > 0 {
		t.Report(goroutinesPerX, float64(now-running)/float64(n))
	}
	return nil
}

// opener opens n connections of a client to a server, and returns what closes them.
type opener func(ctx context.Context, address string, n int) (func(), error)

// clientCase reports what each of n connections that do nothing takes in a client:
// in this process.
func clientCase(role string, n int, open opener) run {
	return func(ctx context.Context, t *trial.Trial) (err error) {
		s, err := trial.Start(ctx, role)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		var address string
		if err := s.Call("address", nil, &address); err != nil {
			return err
		}
		leave, err := open(ctx, address, 1)
		if err != nil {
			return err
		}
		defer leave()
		memory := func() (uint64, error) { return trial.Memory(), nil }
		goroutines := func() (int, error) { return runtime.NumGoroutine(), nil }
		return idle(t, n, memory, goroutines, func() (func(), error) { return open(ctx, address, n) })
	}
}

// openRivet opens connections of this library's client.
func openRivet(ctx context.Context, address string, n int) (func(), error) {
	client, err := rivet.NewClient(rivet.WithEndpoint(address))
	if err != nil {
		return nil, err
	}
	leave := func() { _ = client.Close() } // and its connections
	// By its id, for which nothing is looked up: HTTP connections would count, too.
	id, err := client.GetOrCreate("caster", casterKey).Resolve(ctx)
	if err == nil {
		caster := client.GetForID("caster", id)
		err = together(n, func() error { return caster.Connect(ctx).Ready(ctx) })
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// openNATS opens connections of nats.go.
func openNATS(_ context.Context, address string, n int) (func(), error) {
	open := make(chan *nats.Conn, n)
	leave := func() {
		close(open)
		for nc := range open {
			nc.Close()
		}
	}
	err := together(n, func() error {
		nc, err := nats.Connect("nats://" + address)
		if err == nil {
			open <- nc
		}
		return err
	})
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// together does something n times, some of them at a time.
func together(n int, do func() error) error {
	const atOnce = 32
	var group errgroup.Group
	group.SetLimit(atOnce)
	for range n {
		group.Go(do)
	}
	return group.Wait()
}
