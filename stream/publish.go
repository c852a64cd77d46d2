package stream

import (
	"context"
	"errors"
	"sync"
)

// Publish returns a stream to be shared that is started by hand, once all who
// want it from the beginning have come. See [Shared], and [Stream.Share] for
// the options and for what subscribers can rely on.
func (s Stream[T]) Publish(opts ...ShareOption) *Shared[T] {
	cfg, err := newShareConfig[T](opts)
	p := &Shared[T]{source: s, f: newFanout[T](cfg)}
	if err != nil {
		p.source = FromError[T](err)
	}
	p.failed = err
	return p
}

// Shared is one consumption of a stream, for many. It is made by
// [Stream.Publish], and runs from [Shared.Start] to its end, its context's end,
// or [Shared.Close], whether anyone listens or not. Its methods are safe for
// concurrent use.
type Shared[T any] struct {
	source Stream[T]
	failed error // of the options
	f      *fanout[T]

	mu      sync.Mutex
	started bool
	closed  bool
	cancel  context.CancelCauseFunc
}

// ErrStarted is returned by [Shared.Start] when it was called before.
var ErrStarted = errors.New("stream: shared stream has been started before")

// errStopped is the cause of the end that Close brings.
var errStopped = errors.New("stream: shared stream closed")

// Stream returns the stream of the subscribers: each consumption of it is one.
// A subscriber that comes before Start waits and misses nothing, one that comes
// later gets what comes from then on, and one that comes after the end gets
// just that; with [Replay] both get the last values first. A subscriber that
// leaves changes nothing for the source.
func (p *Shared[T]) Stream() Stream[T] { return FromSubscription(p.Subscribe) }

// Subscribe returns a new subscriber, which is there at once: what it is to
// consume waits in its buffer from now on. It must be closed.
func (p *Shared[T]) Subscribe() *Subscription[T] {
	if p.failed != nil {
		return Failed[T](p.failed)
	}
	return p.f.join()
}

// Start starts the consumption of the stream, on a goroutine that Close waits
// for. When ctx ends the stream is stopped, and as that is no end of its own,
// subscribers get the cause as an error. Start returns an [*OptionError] if
// Publish was given a bad option, [ErrStarted] when called again, and
// [ErrClosed] after Close.
func (p *Shared[T]) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed
	case p.closed:
		return ErrClosed
	case p.started:
		return ErrStarted
	}
	p.started = true
	ctx, p.cancel = context.WithCancelCause(ctx)
	go func() {
		defer p.cancel(nil)
		p.f.run(ctx, p.source)
	}()
	return nil
}

// Close stops the stream and waits until its source is released. Subscribers,
// present and future, get what they still have waiting and then a clean end, if
// the stream has not ended otherwise before. It returns nil, and may be called
// again, also from a subscriber's loop, but not from inside the source.
func (p *Shared[T]) Close() error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	started := p.started
	p.mu.Unlock()
	switch {
	case started:
		p.cancel(errStopped)
		<-p.f.done
	case first:
		p.f.finish(context.Background(), nil)
		close(p.f.done)
	}
	return nil
}
