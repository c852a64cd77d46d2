package conn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/stream"
)

// link is one socket, from the attempt to open it to its end. Its generation
// tells its calls and subscriptions from those of other links.
type link struct {
	c           *Conn
	gen         uint64
	attempt     int
	startedAt   time.Time
	connectedAt time.Time // zero until Init; set by the reader, read after run
	info        OpenInfo  // with it

	nc     net.Conn
	cancel context.CancelCauseFunc

	// Owned by the reader.
	r       *ws.Reader
	dirty   []outlet     // with a batch that waits
	at      int64        // receive time of the batch
	freed   int64        // when the reader was last held, Unix nanoseconds
	refusal *codec.Error // an error message for the connection that the close follows

	// Owned by the writer.
	w      *ws.Writer
	popped []item
	timing timing

	lost      *stream.GapError // between the link before and this one; set before up
	probes    []string         // suspects to be tried one by one; set before up, then the writer's
	probeFrom time.Time        // when to begin; set before up

	up         atomic.Bool  // Init has arrived
	heard      atomic.Bool  // something came since the last ping
	spoke      atomic.Int64 // when the actor's latest message came, in Unix nanoseconds
	held       atomic.Bool  // a Block subscription holds the reader now
	stalled    atomic.Int64 // since when, but for moments, in Unix nanoseconds
	closeSent  atomic.Bool
	peerClosed atomic.Bool

	mu      sync.Mutex
	control []control // answers that overtake everything
	closing error     // why the reader hands the end of the link to the writer
}

// control is a control frame that waits for the writer; a close has a code.
type control struct {
	op      ws.Op
	payload []byte
	code    uint16
}

func (c *Conn) newLink(attempt int) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	return &link{c: c, gen: c.gen, attempt: attempt, startedAt: time.Now()}
}

func (l *link) connected() bool { return l.up.Load() }

// fail ends the link with err; the first cause counts.
func (l *link) fail(err error) { l.cancel(err) }

// run opens the socket and serves it until it ends, and returns why. When
// quit ends while the link is up, it closes the socket in good order first.
func (l *link) run(quit context.Context) error {
	hs, err := l.dial(quit)
	if err != nil {
		return err
	}
	l.nc = hs.Conn

	// The reader and the writer live and die together: whoever fails first
	// ends ctx, which unblocks the other through the socket's deadline.
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	l.cancel = cancel
	sock := &socket{l: l, ctx: ctx, quit: quit}
	l.r = ws.NewReader(sock, hs.Early, ws.ReaderConfig{Role: ws.Client, MaxMessage: l.c.cfg.ReadLimit})
	l.w = ws.NewWriter(sock, ws.Client)
	unblocked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(unblocked)
		_ = l.nc.SetDeadline(longAgo)
		// Now, because a reader that a subscription holds returns late.
		l.c.forget(l, context.Cause(ctx))
	})
	hurried := make(chan struct{})
	stopHurry := context.AfterFunc(quit, func() {
		defer close(hurried)
		l.limitClose() // a write that is stuck must not hold up Close
	})
	// Without errgroup.WithContext: two contexts are 0.5 KiB a link.
	var g errgroup.Group
	together := func(f func(ctx, quit context.Context) error) {
		g.Go(func() error {
			err := f(ctx, quit)
			if err != nil {
				cancel(err)
			}
			return err
		})
	}
	together(l.read)
	together(l.write)
	err = g.Wait()
	if !stop() {
		<-unblocked
	}
	if !stopHurry() {
		<-hurried
	}
	_ = l.nc.Close()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if l.refusal != nil && !l.connected() {
		// The message says more than the close that follows it.
		var ce *CloseError
		if errors.As(err, &ce) && l.refusal.RayID == "" {
			l.refusal.RayID = ce.RayID
		}
		return l.refusal
	}
	return err
}

// dial asks for the target and opens the WebSocket.
func (l *link) dial(ctx context.Context) (*ws.Handshake, error) {
	cfg := &l.c.cfg
	if cfg.Target == nil {
		return nil, &PermanentError{errors.New("conn: Config.Target is missing")}
	}
	var target *Target
	err := errors.New("conn: Config.Target panicked")
	l.c.ask(func() { target, err = cfg.Target(ctx) })
	if err == nil && target == nil {
		err = errors.New("conn: Config.Target returned neither a target nor an error")
	}
	if err != nil {
		return nil, err
	}
	var hs *ws.Handshake
	err = errors.New("conn: a function of Config.TLS panicked")
	l.c.callbacks.guard(func() {
		hs, err = ws.Dial(ctx, ws.DialConfig{
			URL:       target.URL,
			Header:    target.Header,
			Protocols: target.Protocols,
			NetDial:   l.c.netDial(),
			TLS:       cfg.TLS,
			Timeout:   cmp.Or(cfg.DialTimeout, -1), // which turns it off
		})
	})
	var refused *ws.RefusedError
	if errors.As(err, &refused) {
		e := codec.DecodeHTTPError(codec.JSON, refused.Status, refused.Header.Get("Content-Type"), refused.Body)
		if e.RayID == "" {
			e.RayID = refused.Header.Get("X-Rivet-Ray-Id")
		}
		return nil, fmt.Errorf("handshake refused: %w", e)
	}
	return hs, err
}

// netDial is the user's dialer, if there is one, whose panic is an error.
func (c *Conn) netDial() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.cfg.NetDial == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (nc net.Conn, err error) {
		err = errors.New("conn: Config.NetDial panicked")
		c.ask(func() { nc, err = c.cfg.NetDial(ctx, network, addr) })
		return nc, err
	}
}

// open makes the link the connection's: called by the reader on Init. From
// here on the writer sends the live subscriptions, then the outbox.
func (l *link) open(actorID, connectionID string) {
	c := l.c
	now := time.Now()
	previous := c.machine.now()
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	first := c.counters.links.Add(1) == 1
	l.connectedAt = now
	l.info = OpenInfo{Actor: c.cfg.Actor, ActorID: actorID, ConnectionID: connectionID, Reconnect: !first}
	c.ids.Store(&Info{Name: c.cfg.Name, Key: c.cfg.Key, ActorID: actorID, ConnectionID: connectionID})
	c.link = l
	c.late = nil // those that were sent late before come first now
	var head []item
	var suspects []*topic
	send := func(t *topic) {
		t.sentGen, t.sentAt = l.gen, now
		head = append(head, item{frame: codec.AppendSubscription(nil, c.cfg.Encoding, t.name, true)})
	}
	for _, t := range c.topics {
		if t.suspect {
			suspects = append(suspects, t)
		} else {
			send(t)
		}
	}
	if len(head) == 0 && len(suspects) > 0 {
		send(suspects[0])
		suspects = suspects[1:]
	}
	for _, t := range suspects {
		l.probes = append(l.probes, t.name)
	}
	if len(l.probes) > 0 {
		l.probeFrom = now.Add(c.probation) // one that is sent now may be refused, too
	}
	c.out.pushFront(head)
	var missed []*feed
	for _, f := range c.allFeeds() {
		if f.joined != 0 {
			missed = append(missed, f)
		} else {
			f.joined = l.gen
		}
	}
	l.lost = &stream.GapError{Down: c.lostAt, Up: now, Reason: previous.Cause}
	c.machine.set(State{Status: Connected, Attempt: l.attempt})
	l.reportOpen(now)
	c.mu.Unlock()

	for _, f := range missed {
		l.gap(f, l.lost)
	}
	l.up.Store(true)
	c.poke()
}

// reportOpen tells callbacks, observer and log of the link. It is called under
// Conn.mu, so that OnOpen neither misses nor repeats it, and only queues.
func (l *link) reportOpen(now time.Time) {
	c, info := l.c, l.info
	if obs := c.cfg.Observer; obs.Attempt != nil || obs.Connected != nil {
		took := AttemptInfo{Actor: c.cfg.Actor, Attempt: l.attempt, Duration: now.Sub(l.startedAt)}
		c.callbacks.push(func() {
			if obs.Attempt != nil {
				c.callbacks.guard(func() { obs.Attempt(took) })
			}
			if obs.Connected != nil {
				obs.Connected(info)
			}
		})
	}
	c.callbacks.push(func() {
		c.log.Info("connected", "actor", c.cfg.Actor, "actor_id", info.ActorID, "connection_id", info.ConnectionID, "attempt", l.attempt)
	})
	c.onOpen.fire(&c.callbacks, info)
}

// gap tells a subscription that it may have missed events.
func (l *link) gap(f *feed, gap *stream.GapError) {
	c := l.c
	c.counters.gaps.Add(1)
	f.queue.Notice(gap) // counted, even if the loop does not want it
	if !f.gaps {
		c.callbacks.push(func() {
			c.log.Info("events may have been missed while the connection was down", "actor", c.cfg.Actor,
				"events", f.names, "down_for", gap.Up.Sub(gap.Down))
		})
	}
	if obs := c.cfg.Observer.Gap; obs != nil {
		info := GapInfo{Actor: c.cfg.Actor, Events: f.names, Down: gap.Down, Up: gap.Up, Reason: gap.Reason}
		c.callbacks.push(func() { obs(info) })
	}
}
