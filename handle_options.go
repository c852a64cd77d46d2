package rivet

import (
	"context"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// handleSettings is what the options of a handle add up to.
type handleSettings struct {
	params        params
	input         []byte // CBOR; nil is no input
	region, pool  string
	crashPolicy   CrashPolicy
	skipReadyWait bool
	creation      []string // names of options that need an actor to be created
	err           error
}

// connectSettings is what the options of one connection add up to.
type connectSettings struct {
	params        params
	link          conn.Config
	skipReadyWait bool
	protocols     []string
	errs          []error
}

// params are connection parameters: a text, or a function that returns a
// value; neither is none.
type params struct {
	text string
	ask  func(context.Context) (any, error)
	err  error
}

// encode returns the parameters as JSON text, empty when there are none.
func (p params) encode(ctx context.Context) (string, error) {
	if p.ask == nil {
		return p.text, p.err
	}
	v, err := p.ask(ctx)
	if err != nil {
		return "", &callbackError{"params function", err}
	}
	text, err := gateway.EncodeParams(v)
	if err != nil {
		return "", &callbackError{"params function", err}
	}
	return text, nil
}

type paramsOption struct{ params params }

// String and GoString keep the parameters out of whatever prints an option.
func (o paramsOption) String() string   { return "rivet.WithParams(…)" }
func (o paramsOption) GoString() string { return o.String() }

func (o paramsOption) applyHandle(s *handleSettings) {
	s.params = o.params
	if o.params.err != nil {
		s.err = o.params.err
	}
}

func (o paramsOption) applyConnect(s *connectSettings) {
	s.params = o.params
	if o.params.err != nil {
		s.errs = append(s.errs, o.params.err)
	}
}

// WithParams sets the connection parameters, which the actor's hooks see for
// every connection and every stateless call. v is encoded as JSON at once;
// nil, 0, "" and false are parameters like any other.
func WithParams(v any) ParamsOption {
	text, err := gateway.EncodeParams(v)
	if err != nil {
		return paramsOption{params{err: &ConfigError{Field: "WithParams", Rule: "cannot be encoded as JSON", Err: err}}}
	}
	return paramsOption{params{text: text}}
}

// WithParamsFunc asks f for the connection parameters, once per stateless call
// and once per attempt to connect. Its error ends a call; a connection tries
// again. f is called from many goroutines.
func WithParamsFunc(f func(context.Context) (any, error)) ParamsOption {
	if f == nil {
		return paramsOption{params{err: &ConfigError{Field: "WithParamsFunc", Rule: "must not be nil"}}}
	}
	return paramsOption{params{ask: f}}
}

type handleOption func(*handleSettings)

func (o handleOption) applyHandle(s *handleSettings) { o(s) }

// WithInput is handed to the actor when the call that uses it creates the
// actor. v is encoded at once; nil, 0, "" and false are inputs like any other.
func WithInput(v any) HandleOption {
	data, err := codec.Marshal(codec.CBOR, v)
	return handleOption(func(s *handleSettings) {
		if err != nil {
			s.err = &ConfigError{Field: "WithInput", Rule: "cannot be encoded", Err: err}
			return
		}
		s.input = data
		s.creation = append(s.creation, "WithInput")
	})
}

// InRegion creates the actor in the given region (datacenter).
func InRegion(region string) HandleOption {
	return handleOption(func(s *handleSettings) {
		if region == "" {
			s.err = &ConfigError{Field: "InRegion", Rule: "must not be empty"}
		}
		s.region = region
		s.creation = append(s.creation, "InRegion")
	})
}

// InPool creates the actor in the given pool instead of the client's.
func InPool(pool string) HandleOption {
	return handleOption(func(s *handleSettings) {
		if pool == "" {
			s.err = &ConfigError{Field: "InPool", Rule: "must not be empty"}
		}
		s.pool = pool
		s.creation = append(s.creation, "InPool")
	})
}

// CrashPolicy says what the engine does with an actor whose server is lost.
type CrashPolicy string

// The crash policies of the engine.
const (
	// CrashSleep lets the actor sleep until it is needed; the default.
	CrashSleep CrashPolicy = "sleep"
	// CrashRestart starts the actor again at once.
	CrashRestart CrashPolicy = "restart"
	// CrashDestroy destroys the actor.
	CrashDestroy CrashPolicy = "destroy"
)

// WithCrashPolicy sets the policy of an actor that is created.
func WithCrashPolicy(p CrashPolicy) HandleOption {
	return handleOption(func(s *handleSettings) {
		if p != CrashSleep && p != CrashRestart && p != CrashDestroy {
			s.err = &ConfigError{Field: "WithCrashPolicy", Rule: "must be CrashSleep, CrashRestart or CrashDestroy"}
		}
		s.crashPolicy = p
		s.creation = append(s.creation, "WithCrashPolicy")
	})
}

type readyOption struct{}

func (readyOption) applyClient(s *settings)         { s.skipReadyWait = true }
func (readyOption) applyHandle(s *handleSettings)   { s.skipReadyWait = true }
func (readyOption) applyConnect(s *connectSettings) { s.skipReadyWait = true }
func (readyOption) ApplyCall(o *conn.CallOptions)   { o.SkipReadyWait = true }

// SkipReadyWait has the gateway forward at once to the server that holds the
// actor, ready or not, instead of waiting until the actor is ready. Servers
// before 2.3 ignore it; calls on a connection that is up as well.
func SkipReadyWait() ReadyOption { return readyOption{} }

type idempotentOption struct{}

func (idempotentOption) ApplyCall(o *conn.CallOptions) { o.Idempotent = true }

// Idempotent says that a call may run more than once. It is then sent again
// also when it may have reached the actor, and on a connection it may survive
// a reconnect.
func Idempotent() CallOption { return idempotentOption{} }

type protocolsOption []string

func (o protocolsOption) applyConnect(s *connectSettings) { s.protocols = append(s.protocols, o...) }

// WithSubprotocols offers further subprotocols in the handshake of a raw
// WebSocket, for the actor to see. The server answers "rivet" in any case.
func WithSubprotocols(protocols ...string) ConnectOption { return protocolsOption(protocols) }
