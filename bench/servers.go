package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/interop/fixture"
)

// servers are the official ones, started when a case needs them first.
type servers struct{ running []*fixture.Server }

func (s *servers) start(ctx context.Context, needs trial.Needs) (*trial.Server, error) {
	var server *fixture.Server
	var err error
	switch needs {
	case trial.Engine:
		server, err = fixture.Start(ctx, fixture.Options{})
	case trial.Legacy:
		server, err = fixture.StartLegacy(ctx, fixture.Options{})
	default:
		return &trial.Server{}, nil
	}
	if errors.Is(err, fixture.ErrUnavailable) {
		return nil, fmt.Errorf("%w: %w", trial.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	s.running = append(s.running, server)
	return &trial.Server{Endpoint: server.Endpoint, PIDs: server.PIDs()}, nil
}

// stop ends them.
func (s *servers) stop() (err error) {
	for _, server := range s.running {
		err = errors.Join(err, server.Stop())
	}
	return err
}
