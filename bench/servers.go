package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/interop/fixture"
)

// servers are the official ones, started when a case needs them first.
type servers struct {
	running []*fixture.Server
	node    string // its version, once something needs it
}

func (s *servers) start(ctx context.Context, needs trial.Needs) (*trial.Server, error) {
	var server *fixture.Server
	var err error
	if s.node == "" {
		s.node, err = nodeVersion(ctx)
	}
	switch {
	case err != nil || needs == trial.NPM:
	case needs == trial.Engine:
		server, err = fixture.Start(ctx, fixture.Options{})
	case needs == trial.Legacy:
		server, err = fixture.StartLegacy(ctx, fixture.Options{})
	}
	switch {
	case errors.Is(err, fixture.ErrUnavailable):
		return nil, fmt.Errorf("%w: %w", trial.ErrMissing, err)
	case err != nil:
		return nil, err
	case server == nil:
		return &trial.Server{}, nil
	}
	s.running = append(s.running, server)
	return &trial.Server{Endpoint: server.Endpoint, PIDs: server.PIDs()}, nil
}

// nodeVersion is that of the Node which the programs of the fixture run on; the
// first use installs what they need.
func nodeVersion(ctx context.Context) (string, error) {
	cmd, err := fixture.Program(ctx, false, "--version")
	if err != nil {
		return "", err
	}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("node --version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// versions are those of RivetKit that were started.
func (s *servers) versions() string {
	var all []string
	for _, server := range s.running {
		all = append(all, server.Version)
	}
	return strings.Join(all, ", ")
}

// stop ends them.
func (s *servers) stop() (err error) {
	for _, server := range s.running {
		err = errors.Join(err, server.Stop())
	}
	return err
}
