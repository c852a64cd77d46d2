package local

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/gateway"
)

// The one namespace and the one region that there are.
const (
	namespace = "default"
	region    = "default"
)

// maxBody is the largest body of a request to an actor, in bytes. It is the
// limit of the engine's gateway.
const maxBody = 20 << 20

// registry is what the front uses of an *actor.Runtime.
type registry interface {
	Names() []string
	Log() *slog.Logger
	Public() (endpoint, namespace, token string)
	Version() uint32
	SendBuffer() int
	SlowLink()
}

// actors is what the front uses of places.
type actors interface {
	getOrCreate(ctx context.Context, s spec) (rec record, created bool, err error)
	create(ctx context.Context, s spec) (record, error)
	find(ctx context.Context, name string, key rivet.Key) (rec record, ok bool, err error)
	byID(ctx context.Context, id string) (rec record, ok bool, err error)
	list(ctx context.Context, name, cursor string, limit int) (recs []record, next string, err error)
	names(ctx context.Context) ([]string, error)
	destroy(ctx context.Context, id string) error
	acquire(ctx context.Context, id string) (in instance, release func(), err error)
	open(id string, in instance, s socket)
	detach(id, linkID string)
	wake(id string)
	connectable(id string) time.Time
}

var (
	_ registry = (*actor.Runtime)(nil)
	_ actors   = (*places)(nil)
)

// front is what clients reach: the API, the gateway and the sockets that the
// engine would have. What an actor itself answers is its instance's.
type front struct {
	rt     registry
	places actors
	log    *slog.Logger

	// ctx ends when the front is shut down. Sockets and requests of clients in
	// this process end with it.
	ctx    context.Context
	cancel context.CancelCauseFunc

	sockets sync.WaitGroup
	writers *writers
	// sendBuffer is how many bytes a socket may have to send.
	sendBuffer int
	calls      sync.WaitGroup // of clients in this process
	slow       cutLog
	blind      sync.Once // the log tells that there can be no WebSockets

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	open   map[*localConn]struct{} // of clients in this process, before their handshake
}

// goingAway is the reason with which shutdown closes sockets.
const goingAway = "ws.going_away"

// errShutdown is the cause of the front's context, and what clients in this
// process get then. It matches net.ErrClosed.
var errShutdown error = shutdownError{}

type shutdownError struct{}

func (shutdownError) Error() string        { return "local: the host has been shut down" }
func (shutdownError) Is(target error) bool { return target == net.ErrClosed }

func newFront(rt registry, p actors) *front {
	f := &front{
		rt: rt, places: p, log: rt.Log(), sendBuffer: rt.SendBuffer(),
		links: make(map[*link]struct{}), open: make(map[*localConn]struct{}),
	}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	f.writers = newWriters(&f.sockets)
	f.slow.log, f.slow.count = f.log, rt.SlowLink
	return f
}

// enter counts one more in g, which shutdown waits for; false once that has
// begun.
func (f *front) enter(g *sync.WaitGroup) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		g.Add(1)
	}
	return !f.closed
}

// shutdown closes what sockets there are, behind what was sent, and returns
// when nothing of the front runs any more, or cuts that short when ctx has
// ended. No actor runs by then.
func (f *front) shutdown(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	links := maps.Clone(f.links)
	f.mu.Unlock()
	f.cancel(errShutdown)
	f.hangUp()
	for l := range links {
		l.shut(1001, goingAway)
	}
	done := make(chan struct{})
	go func() {
		f.sockets.Wait()
		f.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for l := range links {
		l.drop()
	}
	f.sockets.Wait() // soon: nothing of them waits for a peer any more
	return context.Cause(ctx)
}

// ServeHTTP answers a client. It can be mounted at the root and under
// /api/rivet, with or without http.StripPrefix.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ray := rayOf(r.Header)
	w.Header().Set(gateway.HeaderRayID, ray)
	if upgradeWanted(r.Header) {
		f.serveSocket(w, r, ray)
		return
	}
	rt := routeOf(r, false, nil)
	switch {
	case rt.actor == nil && rt.refuse == nil:
		f.serveHost(w, r, rt.path)
	case rt.actor != nil && rt.refuse == nil && r.Method == http.MethodOptions:
		preflight(w, r)
	default:
		f.serveActor(w, r, rt, ray)
	}
}

// serveHost answers what is not for an actor.
func (f *front) serveHost(w http.ResponseWriter, r *http.Request, path string) {
	serve, methods := f.hostRoute(path)
	if serve == nil {
		allowAnybody(w.Header(), r)
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusOK)
			return
		}
		writeError(w, r, http.StatusNotFound, errNoSuchPath)
		return
	}
	allowAPI(w.Header(), r)
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", methods)
		w.WriteHeader(http.StatusOK)
	case !strings.Contains(","+methods+",", ","+r.Method+","):
		w.Header().Set("Allow", methods)
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		serve(w, r)
	}
}

// hostRoute returns what answers a path of the host, and for which methods.
func (f *front) hostRoute(path string) (serve http.HandlerFunc, methods string) {
	const get = "GET,HEAD"
	switch path {
	case "/":
		return f.serveRoot, get
	case "/health":
		return f.serveHealth, get
	case "/metadata":
		return f.serveMetadata, get
	case "/datacenters":
		return f.serveDatacenters, get
	case "/actors":
		return f.serveActors, "GET,HEAD,POST,PUT"
	case "/actors/names":
		return f.serveNames, get
	}
	if id, ok := strings.CutPrefix(path, "/actors/"); ok && id != "" && !strings.Contains(id, "/") {
		return func(w http.ResponseWriter, r *http.Request) { f.serveDestroy(w, r, unescape(id, false)) }, "DELETE"
	}
	return nil, ""
}

// serveActor brings a request to an actor.
func (f *front) serveActor(w http.ResponseWriter, r *http.Request, rt route, ray string) {
	in, release, err := f.reach(r, rt)
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	defer release()
	req := rt.actor.request(r, ray)
	a := &answer{ResponseWriter: w, r: r}
	if r.Body != nil && r.Body != http.NoBody {
		a.body = &limitedBody{ReadCloser: r.Body, left: maxBody}
		req.Body = a.body
		if rt.actor.raw() && !a.stream(req) {
			return // the client has gone
		}
	}
	in.ServeHTTP(a, req)
	a.finish()
}

// reach finds or makes the actor, and wakes it.
func (f *front) reach(r *http.Request, rt route) (instance, func(), error) {
	if rt.refuse != nil {
		return nil, nil, rt.refuse
	}
	if text := r.Header.Get(gateway.HeaderSkipReadyWait); text != "" {
		if _, ok := readBool(text); !ok {
			const detail, name = "expected true, false, 1, or 0", "x-rivet-skip-ready-wait"
			return nil, nil, gatewayError("guard", "invalid_header", "Invalid "+name+" header: "+detail+".",
				map[string]any{"header": name, "detail": detail})
		}
	}
	if r.ContentLength > maxBody {
		return nil, nil, errTooLarge
	}
	id, err := f.resolve(r.Context(), rt.actor)
	if err != nil {
		return nil, nil, err
	}
	return f.places.acquire(r.Context(), id)
}

// resolve returns the id of the actor that a request names, which it creates
// when the request asks for that.
func (f *front) resolve(ctx context.Context, t *target) (string, error) {
	if t.Name == "" {
		if !idForm.MatchString(t.id) {
			return "", errInternal
		}
		return t.id, nil
	}
	if t.namespace != namespace {
		return "", errUnknownNamespace
	}
	if err := checkSpec(&t.spec); err != nil {
		return "", err
	}
	if t.create {
		if err := checkPool(t.Pool); err != nil {
			return "", err
		}
		rec, _, err := f.places.getOrCreate(ctx, t.spec)
		return rec.ID, err
	}
	rec, ok, err := f.places.find(ctx, t.Name, t.Key)
	if err == nil && !ok {
		err = errNoSuchActor
	}
	return rec.ID, err
}

// refuse answers a request that reaches no actor.
func (f *front) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := f.errorOf(r.Context(), err)
	allowOrigin(w.Header(), r)
	setError(w.Header(), e)
	writeError(w, r, gatewayStatus(e), e)
}

// rayOf returns the id of a request, which the client may have chosen.
func rayOf(h http.Header) string {
	if ray := h.Get(gateway.HeaderRayID); ray != "" && len(ray) <= 64 && strings.Trim(ray, rayAlphabet) == "" {
		return ray
	}
	return newRay()
}

const rayAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// newRay makes an id of the engine's form.
func newRay() string {
	var b [30]byte
	rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[b[i]%36]
	}
	return string(b[:])
}

func checkPool(pool string) *codec.Error {
	if pool != "" {
		return nil
	}
	return gatewayError("actor", "no_runner_config_configured",
		"No runner config with name '' are available in any datacenter for the namespace 'default'. Validate a provider is listed that matches the requested pool name.",
		map[string]any{"namespace": namespace, "pool_name": ""})
}
