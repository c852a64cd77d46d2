package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/interop/fixture"
	"github.com/rivet-go/rivet/stream"
)

const (
	increment    = rivet.Action[int, int]("increment")
	getCount     = rivet.Action[rivet.None, int]("getCount")
	countChanged = rivet.Event[int]("countChanged")
)

// recovery bounds what follows a killed server, which the engine notices after
// about 7 s and has put right after 10 to 25.
const recovery = 90 * time.Second

// counter is one actor, as this program knows it.
type counter struct {
	handle *rivet.Handle
	conn   *conn.Conn
	events chan int
	count  int // what the actor answered last
	unsure int // calls since then that failed and may have run
}

// tell runs the story. Without a server there is nothing to kill.
func tell(ctx context.Context, server *fixture.Server, opts ...rivet.Option) error {
	client, err := rivet.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	key := rivet.Key{"demo", strconv.FormatInt(time.Now().UnixNano(), 36)}
	c := &counter{handle: client.GetOrCreate("counter", key), events: make(chan int)}

	if err := c.callOverHTTP(ctx); err != nil {
		return err
	}
	c.conn = c.handle.Connect(ctx)
	if err := c.conn.Ready(ctx); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	say("connected to actor %s", c.conn.Info().ActorID)

	// Subscribing here puts the subscription ahead of every call below.
	events := countChanged.Subscribe(c.conn, stream.Gaps(true))
	ended := make(chan error, 1)
	go func() { ended <- c.follow(ctx, events) }()

	err = c.acts(ctx, server)
	say("closing the client")
	_ = client.Close()
	if end := <-ended; err == nil && !errors.Is(end, rivet.ErrClosed) {
		err = fmt.Errorf("the loop over events ended with %v, not because of Close", end)
	}
	return err
}

func (c *counter) acts(ctx context.Context, server *fixture.Server) error {
	for range 3 {
		if err := c.step(ctx); err != nil {
			return err
		}
	}
	if server == nil {
		return nil
	}
	// Actors save their state about once a second.
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}

	say("killing the actor server (SIGKILL) and starting it again; the engine keeps our socket open meanwhile")
	server.Kill()
	if err := server.Restart(ctx); err != nil {
		return err
	}
	say("the actor server is back; the engine will find out that the old one is dead")
	if err := c.recover(ctx); err != nil {
		return fmt.Errorf("after the restart of the actor server: %w", err)
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}

	say("killing the engine, and our socket with it, and starting it again")
	server.StopEngine()
	if err := server.StartEngine(ctx); err != nil {
		return err
	}
	say("the engine is back")
	if err := c.recover(ctx); err != nil {
		return fmt.Errorf("after the restart of the engine: %w", err)
	}
	stats := c.conn.Stats()
	if stats.Links < 2 {
		return fmt.Errorf("the engine was killed, but the connection counts %d links", stats.Links)
	}
	say("the connection had %d links in %d attempts", stats.Links, stats.Attempts)
	return nil
}

func (c *counter) callOverHTTP(ctx context.Context) (err error) {
	if c.count, err = increment.Call(ctx, c.handle, 5); err != nil {
		return err
	}
	say("%v: increment(5) over HTTP = %d; the actor did not exist before", c.handle, c.count)
	if c.count != 5 {
		return fmt.Errorf("a new counter incremented by 5 is %d", c.count)
	}
	return nil
}

// follow ranges over the events until the connection is closed.
func (c *counter) follow(ctx context.Context, events *stream.Subscription[int]) error {
	for n, err := range events.All(ctx) {
		if stream.IsNotice(err) {
			say("  notice: %v", err)
			continue
		}
		if err != nil {
			return err
		}
		say("  event countChanged %d", n)
		select {
		case c.events <- n:
		case <-c.conn.Done(): // and the loop's next step is the end
		}
	}
	return context.Cause(ctx)
}

// step calls increment on the connection and waits for reply and event. A call
// that is lost with its link may have run, which the next count has to agree
// with.
func (c *counter) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	for {
		err := c.tryStep(ctx)
		var lost *rivet.DisconnectedError
		if !errors.As(err, &lost) {
			return err
		}
		say("  %v; it may have run: %v", err, rivet.MaybeExecuted(err))
		if rivet.MaybeExecuted(err) {
			c.unsure++
		}
	}
}

func (c *counter) tryStep(ctx context.Context) error {
	type reply struct {
		n   int
		err error
	}
	replies := make(chan reply, 1)
	go func() {
		n, err := increment.Call(ctx, c.conn, 1)
		replies <- reply{n, err}
	}()
	last, n := 0, 0
	for n == 0 || last != n {
		select {
		case last = <-c.events:
		case r := <-replies:
			if r.err != nil {
				return r.err
			}
			n = r.n
			say("increment(1) on the connection = %d", n)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the reply and event of increment: %w", context.Cause(ctx))
		}
	}
	if n <= c.count || n > c.count+1+c.unsure {
		return fmt.Errorf("the count went from %d to %d, and %d failed calls may have run", c.count, n, c.unsure)
	}
	c.count, c.unsure = n, 0
	return nil
}

// recover waits until the actor answers again, and makes sure that it has its
// state, that calls on the connection work, and that events arrive.
func (c *counter) recover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	begin := time.Now()
	answer := make(chan error, 1)
	go func() { answer <- c.await(ctx) }()
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case err := <-answer:
			if err != nil {
				return err
			}
			waiting = false
		case <-tick.C:
			say("  … no answer from the actor for %.0fs; the connection is %v", time.Since(begin).Seconds(), c.conn.Status())
		}
	}
	say("the actor answers over HTTP after %.1fs, and its count is still %d", time.Since(begin).Seconds(), c.count)
	return c.step(ctx)
}

// await asks for the count, over HTTP, until the actor answers.
func (c *counter) await(ctx context.Context) error {
	for {
		try, cancel := context.WithTimeout(ctx, 25*time.Second)
		n, err := rivet.Do(try, c.handle, getCount)
		cancel()
		switch {
		case err == nil && n != c.count:
			return fmt.Errorf("the count was %d and is now %d", c.count, n)
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("the actor did not come back: %w", err)
		}
		say("  %v", err)
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
