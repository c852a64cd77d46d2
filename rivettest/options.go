package rivettest

import "time"

// Option configures a Gateway.
type Option func(*config)

type config struct {
	memory        bool
	host          string
	legacy        bool
	namespaces    []string
	actionTimeout time.Duration
	waitLimit     time.Duration
	maxIncoming   int
	maxOutgoing   int
	record        int
	metadata      map[string]any
}

func defaults() config {
	return config{
		actionTimeout: 60 * time.Second,
		waitLimit:     10 * time.Second,
		host:          memoryHost,
		maxIncoming:   64 << 10,
		maxOutgoing:   1 << 20,
		record:        -1,
	}
}

// InMemory makes the gateway listen on a network inside the process instead of
// loopback TCP. It opens no sockets and works inside a testing/synctest
// bubble, where the gateway must be made inside the bubble too. Clients reach
// it through [Gateway.Dial] and [Gateway.HTTPClient], as [Gateway.Client]
// arranges.
func InMemory() Option { return func(c *config) { c.memory = true } }

// InMemoryAt is InMemory with an address of its own, such as
// "second.invalid:80", to tell several gateways apart; see [Gateway.Route].
func InMemoryAt(host string) Option {
	return func(c *config) { c.memory, c.host = true, host }
}

// Legacy makes the gateway behave as RivetKit 2.0.33 without an engine does:
// its metadata, addressing by id only, BARE version 2, close reasons that are a
// code alone, status 400 for application errors, no queues, and a sleep that
// closes connections.
func Legacy() Option { return func(c *config) { c.legacy = true } }

// Namespaces lists the namespaces that exist; requests for others are refused
// as namespace.not_found. Without it every namespace exists.
func Namespaces(names ...string) Option {
	return func(c *config) { c.namespaces = append(c.namespaces, names...) }
}

// ActionTimeout is how long an action or a queue wait may take before it is
// answered with actor.action_timed_out. The default is RivetKit's, a minute.
func ActionTimeout(d time.Duration) Option { return func(c *config) { c.actionTimeout = d } }

// WaitLimit bounds how long [Gateway.Conn] and the other waits without a
// context of their own may take before they fail the test. The default is ten
// seconds.
func WaitLimit(d time.Duration) Option { return func(c *config) { c.waitLimit = d } }

// MaxMessage sets the sizes in bytes, of whole encoded messages, over which the
// actor refuses what it receives and what it sends. The defaults are
// RivetKit's, 64 KiB and 1 MiB.
func MaxMessage(incoming, outgoing int) Option {
	return func(c *config) { c.maxIncoming, c.maxOutgoing = incoming, outgoing }
}

// RecordLimit keeps only the newest n messages of each connection and the
// newest n requests, for tests that run long. Zero records nothing. The
// default is to keep everything. [Conn.Receive] misses nothing by it.
func RecordLimit(n int) Option { return func(c *config) { c.record = n } }

// Metadata sets or, with a nil value, removes members of what /metadata
// answers. See [RedirectTo] for the redirect.
func Metadata(members map[string]any) Option {
	return func(c *config) {
		if c.metadata == nil {
			c.metadata = make(map[string]any)
		}
		for k, v := range members {
			c.metadata[k] = v
		}
	}
}

// RedirectTo makes /metadata send clients on to another endpoint, as an actor
// server in front of an engine does. An empty namespace or token is left out,
// and clients keep theirs.
func RedirectTo(endpoint, namespace, token string) Option {
	members := map[string]any{"clientEndpoint": endpoint}
	if namespace != "" {
		members["clientNamespace"] = namespace
	}
	if token != "" {
		members["clientToken"] = token
	}
	return Metadata(members)
}
