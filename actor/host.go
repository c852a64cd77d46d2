package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet"
)

// Host runs the actors of a Registry. Its methods are safe for concurrent use.
type Host struct {
	rt      *Runtime
	backend Backend

	shutdown atomic.Bool   // has begun
	ended    chan struct{} // closed after err is set
	err      error
}

// New returns a host of the registry's actors, with the driver that an option
// sets. It checks everything at once: all that is wrong, with the definitions
// too, is in the error. It blocks for opening the store. The host runs until
// Shutdown.
func New(registry Registry, opts ...Option) (*Host, error) {
	rt := &Runtime{actors: make(map[string]*blueprint), set: defaultHostSettings()}
	var faults []error
	for _, o := range opts {
		if o != nil {
			faults = append(faults, o.applyHost(&rt.set))
		}
	}
	faults = append(faults, rt.set.readEnvironment(os.LookupEnv))
	for _, a := range registry {
		if a.build == nil {
			faults = append(faults, &rivet.ConfigError{Field: "registry", Rule: "holds an Actor that Define has not made"})
			continue
		}
		b := a.build()
		if rt.actors[a.name] != nil {
			b.fault(errors.New("it is twice in the registry"))
		}
		rt.actors[a.name] = b
		for _, err := range b.faults {
			faults = append(faults, &rivet.ConfigError{Field: "registry", Rule: fmt.Sprintf("actor %q: %v", a.name, err)})
		}
	}
	if rt.set.driver == nil {
		faults = append(faults, &rivet.ConfigError{Field: "driver", Rule: "is missing: give local.Dir(path) or local.Memory(), of package actor/local"})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("actor: %w", err)
	}
	rt.log = rt.set.log
	h := &Host{rt: rt, ended: make(chan struct{})}
	backend, err := rt.set.driver.Open(context.Background(), rt)
	if err != nil {
		return nil, fmt.Errorf("actor: open the driver: %w", err)
	}
	h.backend = backend
	client, err := rivet.NewClient(append(backend.ClientOptions(), rivet.WithHeadersFunc(chainHeaders), rivet.WithLogger(rt.log))...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("actor: the host's own client: %w", err), backend.Shutdown(context.Background()))
	}
	rt.client.Store(client)
	backend.Handler() // from now on it may start actors
	return h, nil
}

// Handler answers clients: the API and gateway of the Rivet protocol, at the root
// and below /api/rivet/, so it can be mounted there without http.StripPrefix.
func (h *Host) Handler() http.Handler { return h.backend.Handler() }

// Client reaches the host's actors without the network. The host closes it.
func (h *Host) Client() *rivet.Client { return h.rt.client.Load() }

// Shutdown stops all actors, closes all connections, and returns when nothing
// runs any more and everything is stored. Handlers are given the time of
// StopGrace. When ctx ends first, what is left is cut short, and the error wraps
// ctx's. Further calls wait for the first, or for their own ctx, and return what
// it did.
func (h *Host) Shutdown(ctx context.Context) error {
	if h.shutdown.CompareAndSwap(false, true) {
		h.err = h.backend.Shutdown(ctx)
		_ = h.Client().Close()
		if h.err != nil {
			h.err = fmt.Errorf("actor: shutdown: %w", h.err)
		}
		close(h.ended)
		return h.err
	}
	select {
	case <-h.ended:
		return h.err
	case <-ctx.Done():
		return fmt.Errorf("actor: shutdown: %w", context.Cause(ctx))
	}
}

// Serve runs a host until ctx ends: New, a server on the address of Addr, and
// Shutdown, for which it takes as long as ShutdownTimeout. It returns nil after a
// clean shutdown.
func Serve(ctx context.Context, registry Registry, opts ...Option) error {
	h, err := New(registry, opts...)
	if err != nil {
		return err
	}
	set := &h.rt.set
	shut := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), set.shutdownTimeout)
		defer cancel()
		return h.Shutdown(ctx)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", set.addr)
	if err != nil {
		return errors.Join(fmt.Errorf("actor: listen: %w", err), shut())
	}
	srv := &http.Server{
		Handler:           h.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10, // a connection keeps its header
		ErrorLog:          slog.NewLogLogger(set.log.Handler(), slog.LevelWarn),
	}
	set.log.Info("serving actors", "address", l.Addr().String(), "actors", h.rt.Names())
	if set.onListen != nil {
		set.onListen(l.Addr())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err = <-served:
		err = fmt.Errorf("actor: serve: %w", err)
		return errors.Join(err, shut())
	case <-ctx.Done():
	}
	// The actors first: their sockets are the server's, which would wait for
	// them, or not know them.
	err = shut()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if srv.Shutdown(closing) != nil {
		_ = srv.Close()
	}
	<-served
	return err
}

// hostSettings are what Options change.
type hostSettings struct {
	driver          Driver
	addr            string
	log             *slog.Logger
	version         uint32
	shutdownTimeout time.Duration
	sendBuffer      int
	onListen        func(net.Addr)
	mode            string

	publicEndpoint, publicNamespace, publicToken string
}

func defaultHostSettings() hostSettings {
	return hostSettings{
		log:             slog.New(slog.DiscardHandler),
		shutdownTimeout: 20 * time.Second,
		sendBuffer:      4 << 20,
	}
}

// readEnvironment fills in what no option has set.
func (s *hostSettings) readEnvironment(lookup func(string) (string, bool)) error {
	var faults []error
	first := func(names ...string) (value, name string) {
		for _, name := range names {
			if v, ok := lookup(name); ok && v != "" {
				return v, name
			}
		}
		return "", ""
	}
	if s.addr == "" {
		s.addr = "localhost:6420"
		if v, name := first("RIVET_PORT"); v != "" {
			if n, err := strconv.ParseUint(v, 10, 16); err != nil || n == 0 {
				faults = append(faults, &rivet.ConfigError{Field: name, Rule: "is no port"})
			}
			s.addr = net.JoinHostPort("localhost", v)
		}
	}
	if s.version == 0 {
		if v, name := first("RIVET_ENVOY_VERSION", "RIVET_RUNNER_VERSION"); v != "" {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				faults = append(faults, &rivet.ConfigError{Field: name, Rule: "is no number below 2³²"})
			}
			s.version = uint32(n)
		}
	}
	if s.publicEndpoint == "" {
		if v, name := first("RIVET_PUBLIC_ENDPOINT"); v != "" {
			faults = append(faults, s.setPublic(name, v))
		}
	}
	if s.publicToken == "" {
		s.publicToken, _ = first("RIVET_PUBLIC_TOKEN")
	}
	return errors.Join(faults...)
}
