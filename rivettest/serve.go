package rivettest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

// Serve runs the actors of registry as a program does, but with its data in
// memory and without a network: Host.Client reaches them, and Host.Handler is for
// tests that bring a server of their own.
//
// The end of tb's test shuts the host down, and the test fails when a handler, a
// hook or Run does not end within 30 s. What the host warns of, such as an error
// that clients get masked, is in the test's log; actor.WithLogger in opts sends
// it elsewhere. Options of drivers, such as local.Dir, are refused: a test that
// starts a host again on the same data calls actor.New. Serve fails the test when
// the registry or the options do not fit.
//
// In a bubble of testing/synctest all clocks of the host are the bubble's, so that
// actors sleep, save and keep appointments without anybody waiting.
func Serve(tb testing.TB, registry actor.Registry, opts ...actor.Option) *actor.Host {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	host, err := actor.New(registry, append([]actor.Option{local.Memory(), actor.WithLogger(log)}, opts...)...)
	if err != nil {
		tb.Fatalf("rivettest: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
		defer cancel()
		if err := host.Shutdown(ctx); err != nil {
			tb.Errorf("rivettest: %v", err)
		}
	})
	return host
}

// shutdownLimit is above what actors get by themselves, StopGrace.
const shutdownLimit = 30 * time.Second
