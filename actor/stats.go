package actor

import "sync/atomic"

// Stats is what a host has done and has to do, for metrics.
type Stats struct {
	// Awake is how many actors run, Connections how many clients are connected
	// to these, single requests included.
	Awake, Connections int64
	// Calls counts actions that began, Starts generations of actors that became
	// ready, Crashes those that failed.
	Calls, Starts, Crashes uint64
	// Events counts broadcasts and sends, Deliveries the messages that they
	// were to clients.
	Events, Deliveries uint64
	// SlowConnections counts those that were closed because their clients did
	// not read fast enough.
	SlowConnections uint64
}

// counters are Stats while they count.
type counters struct {
	awake, connections     atomic.Int64
	calls, starts, crashes atomic.Uint64
	events, deliveries     atomic.Uint64
	slow                   atomic.Uint64
}

// Stats returns the host's numbers, each read by itself. It is cheap.
func (h *Host) Stats() Stats {
	c := &h.rt.count
	return Stats{
		Awake: c.awake.Load(), Connections: c.connections.Load(),
		Calls: c.calls.Load(), Starts: c.starts.Load(), Crashes: c.crashes.Load(),
		Events: c.events.Load(), Deliveries: c.deliveries.Load(),
		SlowConnections: c.slow.Load(),
	}
}

// SlowLink counts a Link that the driver has closed because its client did not
// read fast enough.
func (rt *Runtime) SlowLink() { rt.count.slow.Add(1) }
