package calls

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/bench/trial"
)

// peer is who is called.
type peer struct {
	endpoint string
	cpu      func() (time.Duration, error)
	slow     bool // a call takes long
}

// official is one of RivetKit's.
func official(s *trial.Server, slow bool) peer {
	return peer{s.Endpoint, func() (time.Duration, error) { return trial.CPUOf(s.PIDs...) }, slow}
}

// callEndpoint asks a peer where it is.
const callEndpoint = "endpoint"

// withPeer starts a peer that serves, for as long as f runs.
func withPeer(ctx context.Context, role string, f func(peer) error) (err error) {
	p, err := trial.Start(ctx, role)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	called := peer{cpu: p.CPU}
	if err := p.Call(callEndpoint, nil, &called.endpoint); err != nil {
		return err
	}
	return f(called)
}

// Roles are the servers that cases start.
var Roles = map[string]trial.Role{roleHost: playHost, roleHTTP: playHTTP, roleNATS: playNATS}

const (
	roleHost = "calls-host"
	roleHTTP = "calls-http"
	roleNATS = "calls-nats"
)

// echo answers what it is given, as the one of the official fixture.
var echo = actor.Define("echo", func(d *actor.Definition[struct{}]) {
	actor.Handle(d, one, func(_ *actor.Context[struct{}], n int) (int, error) { return n, nil })
})

// playHost serves actors of this library.
func playHost(ctx context.Context, _ []string, serve func(trial.Handlers) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- actor.Serve(ctx, actor.Registry{echo}, local.Memory(), actor.Addr("127.0.0.1:0"),
			actor.OnListen(func(a net.Addr) { listening <- a }))
	}()
	select {
	case a := <-listening:
		err := serve(at("http://" + a.String()))
		cancel()
		return errors.Join(err, <-ended)
	case err := <-ended:
		return err
	}
}

// at answers where a peer serves.
func at(endpoint string) trial.Handlers {
	return trial.Handlers{callEndpoint: func(json.RawMessage) (any, error) { return endpoint, nil }}
}
