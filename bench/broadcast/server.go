package broadcast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rivet-go/rivet/bench/trial"
)

// broadcaster broadcasts to a crowd.
type broadcaster interface {
	// dial connects a member.
	dial(ctx context.Context) (*member, error)
	// cast broadcasts n events with numbers from first on. It returns when the
	// server has taken them all, not when they are there.
	cast(first uint64, n int) error
	// pace broadcasts n events, one every so often, with the time as their numbers.
	pace(n int, every time.Duration) error
	// cpu is the processor time that the server has used, all its processes.
	cpu() (time.Duration, error)
	// memory is what it has in use: heap and stacks after a collection for those
	// in Go, and what is resident for others.
	memory() (uint64, error)
	// goroutines is how many it has; 0 where there is no such thing.
	goroutines() (int, error)
	close() error
}

// Calls of the servers that are peers.
type (
	castParams struct {
		First uint64
		N     int
	}
	paceParams struct {
		N     int
		Every time.Duration
	}
)

// peer is a server in Go, in a process of its own.
type peer struct {
	*trial.Peer
	dialer
}

// startPeer starts one; connect returns how to dial it at an address.
func startPeer(ctx context.Context, role string, args []string, connect func(ctx context.Context, address string) (dialer, error)) (broadcaster, error) {
	p, err := trial.Start(ctx, role, args...)
	if err != nil {
		return nil, err
	}
	var address string
	err = p.Call("address", nil, &address)
	var d dialer
	if err == nil {
		d, err = connect(ctx, address)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &peer{p, d}, nil
}

func (p *peer) dial(ctx context.Context) (*member, error) { return p.dialer(ctx) }

func (p *peer) cast(first uint64, n int) error { return p.Call("cast", castParams{first, n}, nil) }

func (p *peer) pace(n int, every time.Duration) error {
	return p.Call("pace", paceParams{n, every}, nil)
}

func (p *peer) cpu() (time.Duration, error) { return p.CPU() }

func (p *peer) memory() (uint64, error) { return p.Memory() }

func (p *peer) goroutines() (n int, err error) {
	err = p.Call("goroutines", nil, &n)
	return n, err
}

func (p *peer) close() error { return p.Close() }

// answer answers the calls of a peer, for a server at address that broadcasts by
// send.
func answer(serve func(trial.Handlers) error, address string, send func(text string) error) error {
	return serve(trial.Handlers{
		"address":    func(json.RawMessage) (any, error) { return address, nil },
		"goroutines": func(json.RawMessage) (any, error) { return runtime.NumGoroutine(), nil },
		"cast": func(params json.RawMessage) (any, error) {
			var p castParams
			if err := json.Unmarshal(params, &p); err != nil {
				return nil, err
			}
			for i := range p.N {
				if err := send(text(p.First + uint64(i))); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
		"pace": func(params json.RawMessage) (any, error) {
			var p paceParams
			if err := json.Unmarshal(params, &p); err != nil {
				return nil, err
			}
			tick := time.NewTicker(p.Every)
			defer tick.Stop()
			for range p.N {
				<-tick.C
				now, err := clock()
				if err != nil {
					return nil, err
				}
				if err := send(text(now)); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	})
}

// quit ends a server and adds what fails then.
func quit(s broadcaster, err *error) {
	if e := s.close(); e != nil {
		*err = errors.Join(*err, fmt.Errorf("end of the server: %w", e))
	}
}
