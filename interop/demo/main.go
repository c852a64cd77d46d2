// Command demo shows the client at work on the real Rivet Engine:
//
//	go run ./interop/demo
//
// It installs (once, from npm) and starts the engine with a RivetKit actor
// server on loopback, gets an actor, calls it over HTTP, connects, and ranges
// over its events, while the actor server and then the engine are killed and
// started again. It ends with an error when an event, a call or a goroutine is
// not where it should be. It takes about half a minute, most of it the engine's
// own time to give up a server that died.
//
// With RIVET_ENDPOINT set it uses that server, which must have the actor
// "counter" of the quickstart, and kills nothing.
//
//	go run ./interop/demo -serve
//
// only starts the servers, says what to set RIVET_ENDPOINT to, and waits;
// the examples without a host of their own run against it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/interop/fixture"
)

// limit bounds the whole run, the npm install included.
const limit = 6 * time.Minute

func main() {
	only := flag.Bool("serve", false, "start the servers for other programs, and wait")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serveOrRun(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "\nFAILED:", err)
		os.Exit(1)
	}
}

func serveOrRun(ctx context.Context, only bool) error {
	if only {
		return serve(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	return run(ctx)
}

func serve(ctx context.Context) error {
	server, err := start(ctx)
	if err != nil {
		return err
	}
	say("export RIVET_ENDPOINT=%s", server.Endpoint)
	<-ctx.Done()
	return server.Stop()
}

func start(ctx context.Context) (*fixture.Server, error) {
	say("starting the Rivet Engine and RivetKit (from npm; the first run installs them, about half a minute)")
	server, err := fixture.Start(ctx, fixture.Options{})
	if err != nil {
		return nil, err
	}
	say("RivetKit %s answers at %s", server.Version, server.Endpoint)
	return server, nil
}

func run(ctx context.Context) (err error) {
	if os.Getenv("RIVET_ENDPOINT") != "" || os.Getenv("RIVET_ENGINE") != "" {
		say("using the server that the environment names; it is not restarted")
		return checked(func() error { return tell(ctx, nil) })
	}
	server, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, server.Stop())
		say("servers stopped")
	}()
	return checked(func() error {
		return tell(ctx, server, rivet.WithEndpoint(server.Endpoint), rivet.WithNamespace("default"))
	})
}

// began is where the clock of the printed story starts.
var began = time.Now()

func say(format string, args ...any) {
	fmt.Printf("%6.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
