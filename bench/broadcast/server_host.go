package broadcast

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
	"github.com/rivet-go/rivet/bench/trial"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
	"github.com/rivet-go/rivet/internal/ws"
)

const (
	tick = rivet.Event[string](event)
	wake = rivet.Action[rivet.None, rivet.None]("wake")
)

// PlayHost is the role of a host of this library, in memory, with an actor that
// broadcasts.
func PlayHost(ctx context.Context, _ []string, serve func(trial.Handlers) error) (err error) {
	started := make(chan *actor.Context[struct{}], 1)
	caster := actor.Define("caster", func(d *actor.Definition[struct{}]) {
		d.Run(func(c *actor.Context[struct{}]) error {
			started <- c
			<-c.Done()
			return nil
		})
		actor.Do(d, wake, func(*actor.Context[struct{}], rivet.None) error { return nil })
	}, actor.NoSleep())
	host, err := actor.New(actor.Registry{caster}, local.Memory())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Shutdown(context.WithoutCancel(ctx))) }()
	address, stop, err := listenHTTP(host.Handler())
	if err != nil {
		return err
	}
	defer stop()
	if _, err := wake.Call(ctx, host.Client().GetOrCreate("caster", casterKey), rivet.None{}); err != nil {
		return err
	}
	c := <-started
	return answer(serve, "http://"+address, func(text string) error { return actor.Broadcast(c, tick, text) })
}

var casterKey = rivet.Key{"broadcast"}

// startHost starts a host of this library, whose connections use an encoding.
func startHost(enc codec.Encoding) start {
	return func(ctx context.Context, _ *trial.Trial) (broadcaster, error) {
		return startPeer(ctx, roleHost, nil, func(ctx context.Context, address string) (dialer, error) {
			client, err := rivet.NewClient(rivet.WithEndpoint(address))
			if err != nil {
				return nil, err
			}
			defer client.Close()
			return dialActor(ctx, client.GetOrCreate("caster", casterKey), enc)
		})
	}
}

// dialActor returns how to connect to an actor, wherever it lives: as this
// library's client does, but without all that it has for its users.
func dialActor(ctx context.Context, h *rivet.Handle, enc codec.Encoding) (dialer, error) {
	u, err := h.GatewayURL(ctx, "/connect")
	if err != nil {
		return nil, err
	}
	protocols := gateway.Protocols(gateway.Offer{Encoding: enc.String()})
	op := ws.OpText
	if enc.Binary() {
		op = ws.OpBinary
	}
	subscribe := codec.AppendSubscription(nil, enc, event, true)
	return func(ctx context.Context) (*member, error) {
		hs, err := ws.Dial(ctx, ws.DialConfig{URL: u, Protocols: protocols})
		if err != nil {
			return nil, err
		}
		return newMember(hs, op, subscribe)
	}, nil
}

// newMember sends a message on a new WebSocket and makes it a member.
func newMember(hs *ws.Handshake, op ws.Op, message []byte) (*member, error) {
	w := ws.NewWriter(hs.Conn, ws.Client)
	err := w.Append(op, message)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return nil, errors.Join(err, hs.Conn.Close())
	}
	return &member{conn: hs.Conn, next: frames(hs)}, nil
}

// listenHTTP serves on a port of loopback until stop is called.
func listenHTTP(h http.Handler) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	return l.Addr().String(), func() { _ = s.Close(); <-done }, nil
}
