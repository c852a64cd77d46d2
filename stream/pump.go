package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// pump is a consumption that is under way and drives its observer in pieces.
// All but the bell is for one goroutine.
type pump interface {
	// step hands on what has come, at most a batch, and does not wait. After
	// empty, bell rings when there is more; after ended there is nothing any
	// more, be it that the stream has ended, which the observer has been told,
	// the observer wants no more, or the context has ended.
	step() state
	bell() *bell
	// subscribe makes the subscriptions that the first step would make before it
	// hands anything on.
	subscribe()
	// close releases everything and waits for what it has started.
	close()
}

// work drives p to its end.
func work(ctx context.Context, p pump) {
	b := p.bell()
	for {
		switch p.step() {
		case ended:
			return
		case empty:
			select {
			case <-b.token:
			case <-ctx.Done():
				return
			}
		}
	}
}

// opened returns a pump for s: its own if it has one, else one that takes from
// a goroutine that runs s, which keeps at most ahead values ready.
func opened[T any](ctx context.Context, s Stream[T], ahead int, out observer[T]) pump {
	if s.run == nil && s.open == nil {
		s = From[T]()
	}
	if s.open != nil {
		return s.open(ctx, out)
	}
	return spawn(ctx, s, Config{Buffer: ahead, Overflow: Block, Gaps: true}, out)
}

// spawn runs s on a goroutine of its own, with a queue between it and out.
func spawn[T any](ctx context.Context, s Stream[T], cfg Config, out observer[T]) pump {
	q := NewQueue(cfg, Hooks[T]{})
	return fed(ctx, q, Direct(q), out, func(ctx context.Context, _ fateFunc) {
		var one [1]T
		s.drive(ctx, observer[T]{
			next: func(v T) bool {
				one[0] = v
				return q.PushWait(ctx.Done(), one[:]) == 1
			},
			notice: func(err error) bool {
				q.Notice(err)
				return !q.closed.Load()
			},
			end: q.CloseWith,
		})
	})
}

// fed returns a pump over sub, the consumer's end of q, which feed fills on a
// goroutine of its own. When feed returns, or panics, before it has ended q,
// that ends it. A panic is thrown at the consumer in any case, by close if not
// before, as are those for which feed asks the fate of other goroutines.
func fed[E, T any](ctx context.Context, q *Queue[E], sub *Subscription[T], out observer[T], feed func(ctx context.Context, fate fateFunc)) *spawned[T] {
	inner, cancel := context.WithCancel(ctx)
	p := &spawned[T]{cancel: cancel, done: make(chan struct{})}
	p.taking = taking[T]{ctx: ctx, sub: sub, out: out}
	p.taking.enter()
	go func() {
		defer close(p.done)
		defer cancel()
		defer func() { q.CloseWith(p.fate(recover())) }() // changes nothing after a proper end
		feed(inner, p.fate)
		q.CloseWith(nil)
	}()
	return p
}

// spawned is the consumer's side of a goroutine that runs a stream.
type spawned[T any] struct {
	taking[T]
	cancel context.CancelFunc
	done   chan struct{}
	broken atomic.Pointer[panicked] // the first panic on one of the goroutines
}

func (p *spawned[T]) close() {
	p.cancel()
	p.taking.close()
	<-p.done
	p.rethrow(p.broken.Load())
}

// fate is [fate], and keeps a panic for close.
func (p *spawned[T]) fate(recovered any) error {
	err := fate(recovered)
	if broken, ok := err.(*panicked); ok {
		p.broken.CompareAndSwap(nil, broken)
	}
	return err
}

// taking is a pump over a subscription.
type taking[T any] struct {
	ctx     context.Context
	sub     *Subscription[T]
	out     observer[T]
	refused bool // the subscription has another consumer
	thrown  bool // a panic of the source, at the consumer
}

func (p *taking[T]) enter() { p.refused = !p.sub.enter() }

// bell is the subscription's, unless that rings for another consumer.
func (p *taking[T]) bell() *bell {
	if p.refused {
		b := new(bell)
		b.init()
		return b
	}
	return &p.sub.l.bell
}

func (p *taking[T]) subscribe() {}

func (p *taking[T]) close() {
	if !p.refused {
		p.sub.leave()
	}
}

func (p *taking[T]) step() state {
	if p.refused {
		p.out.end(ErrInUse)
		return ended
	}
	s := p.sub
	b := &s.batch
	if b.left() == 0 {
		if len(b.vals) > 0 {
			b.publish()
		}
		b.reset()
		switch s.src.fill(b) {
		case empty:
			return empty
		case ended:
			p.finish()
			return ended
		}
	}
	mortal := p.ctx.Done() != nil
	for b.pos < len(b.vals) {
		if s.l.closed.Load() {
			p.finish()
			return ended
		}
		if mortal && p.ctx.Err() != nil {
			return ended
		}
		i := b.pos
		if i == b.errAt {
			if _, err := b.take(); !p.out.notice(err) {
				return ended
			}
			continue
		}
		b.pos = i + 1
		if i&b.step == b.step {
			b.publish()
		}
		if !p.out.next(b.vals[i]) {
			return ended
		}
	}
	return got
}

// finish tells the observer how the subscription ended, unless it is the
// context that did it.
func (p *taking[T]) finish() {
	if p.ctx.Err() != nil {
		return
	}
	err, _ := p.sub.l.cause()
	if p.sub.l.closed.Load() {
		err = nil
	}
	if broken, ok := err.(*panicked); ok {
		p.rethrow(broken)
	}
	p.out.end(err)
}

// rethrow throws a panic of the source, if there was one, at the consumer, once.
func (p *taking[T]) rethrow(broken *panicked) {
	if broken != nil && !p.thrown {
		p.thrown = true
		panic(broken)
	}
}

// panicked carries a panic from the goroutine of a stream to that of its
// consumer.
type panicked struct {
	value any
	stack []byte
}

// Error gives the value and where it was thrown.
func (p *panicked) Error() string {
	return fmt.Sprintf("panic on a goroutine of a stream: %v\n\n%s", p.value, p.stack)
}

// Unwrap returns the value if it is an error.
func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// errGoexit ends a stream whose goroutine was ended from inside.
var errGoexit = errors.New("stream: a function given to the stream has called runtime.Goexit")

// fateFunc returns what has become of a goroutine that ended out of turn.
type fateFunc = func(recovered any) error

// fate is a [fateFunc].
func fate(recovered any) error {
	if recovered == nil {
		return errGoexit
	}
	if p, ok := recovered.(*panicked); ok {
		return p
	}
	return &panicked{value: recovered, stack: debug.Stack()}
}
