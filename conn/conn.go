package conn

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivet-go/rivet/backoff"
)

// Conn is one connection to one actor, kept alive until Close, the end of its
// context, or a final failure. All methods are safe for concurrent use, from
// callbacks and loops as well.
type Conn struct {
	cfg       Config
	log       *slog.Logger
	machine   *machine
	callbacks callbacks
	onOpen    hooks[OpenInfo]
	onClose   hooks[CloseInfo]
	onError   hooks[error]
	onStatus  hooks[Status]

	quit     context.Context // ends with the connection
	stop     context.CancelCauseFunc
	done     chan struct{} // the supervisor has returned
	kick     chan struct{} // hurry has changed
	wake     chan struct{} // something for the writer
	asking   atomic.Bool   // the supervisor runs code of the user's
	nextID   atomic.Uint64
	counters counters
	seq      uint64 // messages read so far; the reader's

	routes atomic.Pointer[map[string]*topic] // what the reader looks up; see table

	mu        sync.Mutex // never held while blocking or calling user code
	err       error      // set once, when closed
	link      *link      // the one that is connected, if any
	gen       uint64     // generation of the newest link
	hurry     uint64     // generation of the link after which not to wait
	lostAt    time.Time  // when the latest link went down
	out       outbox
	calls     map[uint64]*pending // sent or queued
	active    int                 // calls from Invoke to their outcome
	draining  bool                // Shutdown was called
	idle      chan struct{}       // closed when active is zero and Shutdown waits
	topics    []*topic            // in the order of subscribing
	late      []late              // of the current link, in the order of sending
	listeners map[*listener]struct{}
	ids       atomic.Pointer[Info] // replaced with each link, under mu

	noReply   error         // of a call whose context has no deadline
	probation time.Duration // how long a suspect is tried alone; see judge
	leftGen   uint64        // link on which a topic was last dropped unproved,
	leftAt    time.Time     // and when that had been sent
}

// New starts a connection and returns at once; whatever goes wrong, a missing
// Target included, is reported through the Conn. It ends with Close or with
// ctx; if neither happens, its goroutines stay for ever. A deadline of ctx
// bounds the life of the connection, which is seldom meant, and is logged.
func New(ctx context.Context, cfg Config) *Conn {
	c := newConn(ctx, cfg)
	if _, ok := ctx.Deadline(); ok {
		c.log.WarnContext(ctx, "the context of the connection has a deadline, which bounds its life", "actor", cfg.Actor)
	}
	go c.supervise(ctx)
	return c
}

// NewClosed returns a connection that never opens and has failed with cause.
func NewClosed(cfg Config, cause error) *Conn {
	c := newConn(context.Background(), cfg)
	c.end(cause)
	close(c.done)
	return c
}

func newConn(ctx context.Context, cfg Config) *Conn {
	cfg = cfg.withDefaults()
	c := &Conn{
		cfg:       cfg,
		log:       cfg.Logger,
		done:      make(chan struct{}),
		kick:      make(chan struct{}, 1),
		wake:      make(chan struct{}, 1),
		calls:     make(map[uint64]*pending),
		probation: probation,
		noReply:   fmt.Errorf("no reply within the call timeout of %v: %w", cfg.CallTimeout, context.DeadlineExceeded),
	}
	c.ids.Store(&Info{Name: cfg.Name, Key: cfg.Key})
	c.quit, c.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	c.machine = newMachine(func(s State) { c.onStatus.fire(&c.callbacks, s.Status) })
	c.callbacks.onPanic = cfg.OnPanic
	if c.callbacks.onPanic == nil {
		c.callbacks.onPanic = func(r any, stack []byte) {
			c.log.Error("callback panicked", "actor", c.cfg.Actor, "panic", fmt.Sprint(r), "stack", string(stack))
		}
	}
	return c
}

func (cfg Config) withDefaults() Config {
	span := func(d *time.Duration, def time.Duration) {
		switch {
		case *d == 0:
			*d = def
		case *d < 0:
			*d = 0
		}
	}
	span(&cfg.DialTimeout, DefaultDialTimeout)
	span(&cfg.InitTimeout, DefaultInitTimeout)
	span(&cfg.PingInterval, DefaultPingInterval)
	span(&cfg.PongTimeout, DefaultPongTimeout)
	span(&cfg.CallTimeout, DefaultCallTimeout)
	span(&cfg.StallTimeout, DefaultStallTimeout)
	span(&cfg.StableAfter, DefaultStableAfter)
	span(&cfg.CloseTimeout, DefaultCloseTimeout)
	if cfg.ReadLimit <= 0 {
		cfg.ReadLimit = DefaultReadLimit
	}
	if cfg.WriteLimit == 0 {
		cfg.WriteLimit = DefaultWriteLimit
	}
	if cfg.Outbox <= 0 {
		cfg.Outbox = DefaultOutbox
	}
	if cfg.Addressing == 0 {
		cfg.Addressing = OrCreate
	}
	if cfg.Backoff == nil {
		cfg.Backoff = backoff.Exponential(DefaultBackoffMin, DefaultBackoffMax)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// Info is what is known of the actor and the link.
type Info struct {
	// Name and Key are those that the connection was made with.
	Name string
	Key  []string
	// ActorID and ConnectionID are those of the latest link, empty before the
	// first. The connection id is for logs; nothing can be resumed with it.
	ActorID      string
	ConnectionID string
}

// Info returns what is known of the actor and the latest link.
func (c *Conn) Info() Info {
	return *c.ids.Load()
}

// Done is closed when the connection has ended and its supervisor, reader and
// writer have returned.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil until the connection is closed. Then it is ErrClosed after
// Close, ErrClosed and the context's cause in one tree after the end of the
// context, and ErrClosed and the typed cause in one tree after a final
// failure.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// closedBy is ErrClosed and a cause in one tree.
type closedBy struct{ cause error }

func (e *closedBy) Error() string   { return fmt.Sprintf("%v: %v", ErrClosed, e.cause) }
func (e *closedBy) Unwrap() []error { return []error{ErrClosed, e.cause} }

// end closes the connection for good, with ErrClosed alone when cause is nil,
// and gives everything that waits its outcome. Only the first call counts.
func (c *Conn) end(cause error) {
	err := ErrClosed
	if cause != nil {
		err = &closedBy{cause}
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	calls := c.takeCalls(func(*pending) bool { return true })
	feeds := c.takeFeeds()
	c.out.wake()
	c.mu.Unlock()

	c.machine.set(State{Status: Closed, Cause: err})
	c.stop(err)
	for _, p := range calls {
		p.done <- outcome{err: err, maybe: p.maybe}
	}
	for _, f := range feeds {
		f.gone.Store(true)
		f.queue.CloseWith(err)
	}
}

// Reconnect cuts a wait between attempts short, or replaces a link that is
// connected by a new one at once: calls in flight on it fail, or are sent
// again when idempotent. It does nothing during an attempt and once closed,
// and does not block.
func (c *Conn) Reconnect() {
	c.mu.Lock()
	l := c.link
	// A link that was lost but is not yet given up counts as a wait, too.
	if s := c.machine.now().Status; l == nil && (s == Disconnected || s == Connected) {
		c.hurry = c.gen
	}
	c.mu.Unlock()
	if l != nil {
		l.fail(errReplaced)
		return
	}
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Close ends the connection: calls and loops that wait end with ErrClosed,
// the server gets a close frame, the socket is closed, and callbacks that run
// or wait come to their end. It waits for all that, at most for the close
// timeout (1 s); within that time no goroutine is left and no callback is
// running when it returns. Called from a callback, of whichever connection, it
// does not wait for callbacks that are running, itself among them. It is
// idempotent, may be called from anywhere, and always returns nil.
func (c *Conn) Close() error {
	CloseAll(c)
	return nil
}

// CloseAll is Close for several connections at a time, on the caller's
// goroutine: all end first, then each is waited for, as Close does.
func CloseAll(conns ...*Conn) {
	started := time.Now()
	for _, c := range conns {
		c.end(nil)
	}
	inside := insideCallback()
	for _, c := range conns {
		c.settleAll(started.Add(c.cfg.CloseTimeout), inside)
	}
}

// settleAll waits until everything that c runs has ended, or until by.
func (c *Conn) settleAll(by time.Time, inside bool) {
	ctx, cancel := context.WithDeadline(context.Background(), by)
	defer cancel()
	if !inside || !c.asking.Load() {
		select {
		case <-c.done:
		case <-ctx.Done():
		}
	}
	c.settleListeners(ctx, inside)
	c.callbacks.settle(ctx, inside)
}

// Shutdown refuses new calls, waits until those under way have their outcome
// or ctx ends, then closes. It returns ctx's error if calls were cut off.
func (c *Conn) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.draining = true
	var idle chan struct{}
	if c.active > 0 {
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle = c.idle
	}
	c.mu.Unlock()
	var err error
	if idle != nil {
		select {
		case <-idle:
		case <-c.quit.Done():
		case <-ctx.Done():
			err = fmt.Errorf("rivet: shutdown of the connection to %s: %w", c.cfg.Actor, contextError(ctx))
		}
	}
	_ = c.Close()
	return err
}
