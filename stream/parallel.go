package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// ParallelMap returns the stream of what f makes of the values of s, with at
// most n calls of f at a time: it is for an f that waits, such as for the
// network. Results come in the order of the values, or with [Unordered] in the
// order in which they are ready.
//
// The first error ends the stream, be it of f or of s. What came before it, in
// the order of the stream, is delivered first, and once f has failed no further
// values are taken. A notice that f returns instead of a result is passed on
// like those of s. The context that f gets ends as soon as the stream has ended
// or is left. A panic in f reaches the consumer, as an error of f would; one in
// s does when the calls that are running have come to their end.
//
// One goroutine consumes s, and one runs each call; all of them have ended
// before the consumption of the stream has, so that f has to return when its
// context ends. s waits for the consumer when n calls are running and n more
// results wait for it, or for an earlier one in order.
func ParallelMap[T, U any](s Stream[T], n int, f func(context.Context, T) (U, error), opts ...ParallelOption) Stream[U] {
	if n < 1 {
		return FromError[U](&OptionError{"ParallelMap", fmt.Errorf("%d is less than 1 call at a time", n)})
	}
	if f == nil {
		return noFunc[U]("ParallelMap")
	}
	var cfg parallelConfig
	for _, o := range opts {
		if o != nil {
			o.parallel(&cfg)
		}
	}
	open := inOrder[T, U]
	if cfg.unordered {
		open = asReady[T, U]
	}
	return Stream[U]{open: func(ctx context.Context, out observer[U]) pump { return open(ctx, s, n, f, out) }}
}

// ParallelOption changes one property of [ParallelMap].
type ParallelOption interface{ parallel(*parallelConfig) }

type parallelConfig struct{ unordered bool }

type unordered struct{}

func (unordered) parallel(c *parallelConfig) { c.unordered = true }

// Unordered makes [ParallelMap] deliver a result as soon as it is ready.
func Unordered() ParallelOption { return unordered{} }

// asReady is ParallelMap without order: calls put their results into the queue
// that the consumer takes from.
func asReady[T, U any](ctx context.Context, s Stream[T], n int, f func(context.Context, T) (U, error), out observer[U]) pump {
	q := NewQueue(Config{Buffer: n, Overflow: Block, Gaps: true}, Hooks[U]{})
	sub := subscribe[U](&direct[U]{q: q, most: 1}, &q.ledger)
	return fed(ctx, q, sub, out, func(whole context.Context, fate fateFunc) {
		ctx, cancel := context.WithCancel(whole)
		defer cancel()
		// Not a mutex, as its holder may wait for the consumer.
		turn := make(chan struct{}, 1)
		var failed atomic.Bool
		call := func(v T) {
			err := errGoexit
			var u U
			defer func() {
				if r := recover(); r != nil {
					err = fate(r)
				}
				if IsNotice(err) {
					q.Notice(err)
					return
				}
				if err != nil && failed.Swap(true) {
					return // no wonder: ctx has ended
				}
				if err != nil {
					cancel()
				}
				turn <- struct{}{}
				if err == nil {
					q.PushWait(whole.Done(), []U{u})
				} else {
					q.CloseWith(err)
				}
				<-turn
			}()
			u, err = f(ctx, v)
		}
		slots := make(chan struct{}, n)
		var running sync.WaitGroup
		defer running.Wait()
		var last error
		s.drive(ctx, observer[T]{
			next: func(v T) bool {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return false
				}
				running.Go(func() {
					defer func() { <-slots }()
					call(v)
				})
				return ctx.Err() == nil
			},
			notice: func(err error) bool {
				q.Notice(err)
				return ctx.Err() == nil
			},
			end: func(err error) { last = err },
		})
		running.Wait()
		q.CloseWith(last)
	})
}

// inOrder is ParallelMap in order: the queue has the calls, which the consumer
// takes when they have come to their end.
func inOrder[T, U any](ctx context.Context, s Stream[T], n int, f func(context.Context, T) (U, error), out observer[U]) pump {
	q := NewQueue(Config{Buffer: n, Overflow: Block, Gaps: true}, Hooks[*call[U]]{})
	p := &ordered[U]{out: out}
	sub := subscribe[*call[U]](&direct[*call[U]]{q: q, most: 1}, &q.ledger)
	in := observer[*call[U]]{
		next: func(c *call[U]) bool {
			p.head = c
			return true
		},
		notice: out.notice,
		end:    out.end,
	}
	p.spawned = fed(ctx, q, sub, in, func(ctx context.Context, fate fateFunc) {
		slots := make(chan struct{}, n)
		var failed atomic.Bool
		var running sync.WaitGroup
		defer running.Wait()
		var one [1]*call[U]
		s.drive(ctx, observer[T]{
			next: func(v T) bool {
				c := new(call[U])
				one[0] = c
				if failed.Load() || q.PushWait(ctx.Done(), one[:]) != 1 {
					return false
				}
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return false
				}
				running.Go(func() {
					defer func() {
						if c.err != nil && !IsNotice(c.err) {
							failed.Store(true)
						}
						<-slots
						c.finish(&q.bell)
					}()
					c.err = errGoexit
					defer func() {
						if r := recover(); r != nil {
							c.err = fate(r)
						}
					}()
					c.result, c.err = f(ctx, v)
				})
				return true
			},
			notice: func(err error) bool {
				q.Notice(err)
				return !q.closed.Load()
			},
			end: q.CloseWith,
		})
	})
	return p
}

// call is one call of f, whose result waits for its turn.
type call[U any] struct {
	result  U
	err     error
	done    atomic.Bool
	awaited atomic.Bool // the consumer has come to it
}

func (c *call[U]) finish(b *bell) {
	c.done.Store(true)
	if c.awaited.Load() {
		b.ring()
	}
}

// ready reports whether c has ended; if not the bell will ring.
func (c *call[U]) ready() bool {
	c.awaited.Store(true)
	return c.done.Load()
}

// ordered is a pump that takes calls and hands on their results.
type ordered[U any] struct {
	*spawned[*call[U]]
	out  observer[U]
	head *call[U] // the next one
}

func (p *ordered[U]) step() state {
	if p.head == nil {
		if found := p.spawned.step(); found != got || p.head == nil {
			return found
		}
	}
	c := p.head
	if !c.ready() {
		return empty
	}
	if p.ctx.Err() != nil {
		return ended
	}
	p.head = nil
	more := false
	switch {
	case c.err == nil:
		more = p.out.next(c.result)
	case IsNotice(c.err):
		more = p.out.notice(c.err)
	default:
		if broken, ok := c.err.(*panicked); ok {
			p.rethrow(broken)
		}
		p.out.end(c.err)
	}
	if !more {
		return ended
	}
	return got
}
