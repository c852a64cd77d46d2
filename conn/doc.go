// Package conn keeps one connection to one Rivet actor alive: it dials,
// subscribes, calls, reconnects with backoff, and hands events to queues.
//
// A Conn is owned by one supervisor goroutine. Each socket that it opens is a
// link: a reader and a writer in an errgroup that live and die together. The
// supervisor classifies why a link ended, waits, and opens the next one, until
// Close, the end of the context, or a cause that no attempt can mend.
//
// The package knows neither clients nor Go types of events: it moves frames.
// Package rivet gives them types.
package conn
