package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Share returns a hot stream: all its consumers, its subscribers, see the same
// consumption of s. The first of them starts it, and the last one to leave
// stops it and waits until it has released s. A subscriber gets what comes
// after it has come, and with [Replay] the last values before that. When s
// ends, with an error or without, all subscribers get what they still have
// waiting and then that end; the next subscriber starts s anew. So does one
// that comes after the last has left.
//
// Each subscriber has a buffer of its own, by default for [DefaultBuffer]
// values and with [DropOldest]: options such as [Buffer] and [Overflow] change
// it for all of them. Subscribers that are slow, that come late or leave do not
// disturb the others, but with [Block]: then s waits for the slowest. The bytes
// of [BufferBytes] are those of the values themselves, without what they point
// to. Notices of s reach all subscribers, in their place, gaps included unless
// [Gaps](false) is given.
//
// One goroutine runs s, with the values, but not the end, of the first
// subscriber's context; a panic in s is thrown at every subscriber.
// Subscribers need no goroutine. What s has ready at once is handed on
// together, at most 64 values at a time. s must not subscribe to what is
// shared from it.
func (s Stream[T]) Share(opts ...ShareOption) Stream[T] {
	cfg, err := newShareConfig[T](opts)
	if err != nil {
		return FromError[T](err)
	}
	h := &hub[T]{source: s, cfg: cfg}
	return Stream[T]{open: h.open}
}

// ShareOption changes one property of [Stream.Share] or [Stream.Publish]. An
// [Option] is one: it goes for the buffer of each subscriber.
type ShareOption interface{ share(*shareConfig) error }

type shareConfig struct {
	Config
	replay int
}

func (f optionFunc) share(c *shareConfig) error { return f(&c.Config) }

type shareOptionFunc func(*shareConfig) error

func (f shareOptionFunc) share(c *shareConfig) error { return f(c) }

// Replay gives every new subscriber the last n values first, at least 1, or
// fewer if there have not been as many. Nothing is lost or doubled between them
// and what comes live, and they take no room in the subscriber's buffer. The
// memory for n values is taken as values come.
func Replay(n int) ShareOption {
	return shareOptionFunc(func(c *shareConfig) error {
		if n < 1 {
			return &OptionError{"Replay", fmt.Errorf("%d is less than 1 value", n)}
		}
		c.replay = n
		return nil
	})
}

func newShareConfig[T any](opts []ShareOption) (shareConfig, error) {
	c := shareConfig{Config: Config{Buffer: DefaultBuffer, BufferBytes: DefaultBufferBytes, Gaps: true}}
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o.share(&c); err != nil {
			errs = append(errs, err)
		}
	}
	c.Config = c.Config.weighed(reflect.TypeFor[T]().Size())
	return c, errors.Join(errs...)
}

// weighed returns c with its limit in bytes turned into one in values of the
// given size, which costs nothing to keep.
func (c Config) weighed(size uintptr) Config {
	c.Buffer = max(1, min(c.Buffer, c.BufferBytes/max(int(size), 1)))
	return c
}

// hub is a shared stream between its consumptions.
type hub[T any] struct {
	source Stream[T]
	cfg    shareConfig

	mu  sync.Mutex
	now *fanout[T] // the last one
}

func (h *hub[T]) open(ctx context.Context, out observer[T]) pump {
	h.mu.Lock()
	defer h.mu.Unlock()
	var before <-chan struct{}
	if h.now != nil {
		if sub := h.now.join(); sub != nil {
			return joined(ctx, h.now, sub, out)
		}
		before = h.now.done
	}
	f := newFanout[T](h.cfg)
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.abandon = cancel
	h.now = f
	sub := f.join()
	go func() {
		defer cancel()
		if before != nil {
			<-before // so that s is not consumed twice at a time
		}
		f.run(inner, h.source)
	}()
	return joined(ctx, f, sub, out)
}

// joined is the pump of a subscriber of f, whose subscription nobody else has.
func joined[T any](ctx context.Context, f *fanout[T], sub *Subscription[T], out observer[T]) pump {
	p := &sharing[T]{taking: taking[T]{ctx: ctx, sub: sub, out: out}, f: f}
	p.enter()
	return p
}

// sharing is a pump of a shared stream.
type sharing[T any] struct {
	taking[T]
	f *fanout[T]
}

// close throws a panic that the subscriber has not come to, such as one of the
// source when the last one leaves.
func (p *sharing[T]) close() {
	p.taking.close()
	p.rethrow(p.f.panicked())
}

// fanout hands what one consumption of a stream brings to the queues of many.
type fanout[T any] struct {
	cfg     shareConfig
	abandon func()        // if set, called when the last one leaves; then nobody joins any more
	done    chan struct{} // closed when run has ended

	mu      sync.Mutex
	seats   []*seat[T]
	changed bool // seats, since they were copied to queues
	past    history[T]
	closed  bool // nobody joins any more
	over    bool // the end has been told
	err     error

	// Of run.
	queues []*Queue[T]
	batch  []T
	behind []straggler[T]
}

// straggler is a queue that had no room for all of a batch.
type straggler[T any] struct {
	q     *Queue[T]
	taken int
}

func newFanout[T any](cfg shareConfig) *fanout[T] {
	return &fanout[T]{cfg: cfg, done: make(chan struct{}), past: history[T]{most: cfg.replay}}
}

// seat is where a subscriber gets its values from: the replay, and then its
// queue.
type seat[T any] struct {
	direct[T]
	f    *fanout[T]
	at   int  // in f.seats; guarded by f.mu
	gone bool // guarded by f.mu

	replay []T  // what is left of it; guarded by q.mu
	live   bool // the consumer has found nothing left
}

// join returns the subscription of a new subscriber, or nil if it is too late
// for one.
func (f *fanout[T]) join() *Subscription[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	q := NewQueue(f.cfg.Config, Hooks[T]{})
	// Whatever is being handed on at this moment is in the past already.
	p := &seat[T]{f: f, at: len(f.seats), replay: f.past.values()}
	q.received = uint64(len(p.replay))
	sub := Direct(q)
	p.direct = *sub.src.(*direct[T])
	sub.src = p
	f.seats = append(f.seats, p)
	f.changed = true
	if f.over {
		q.CloseWith(f.err)
	}
	return sub
}

func (p *seat[T]) fill(b *batch[T]) state {
	if !p.live {
		p.q.mu.Lock()
		n := min(len(p.replay), p.most)
		vals := p.replay[:n:n]
		p.replay = p.replay[n:]
		p.q.mu.Unlock()
		if n > 0 {
			b.start(vals)
			return got
		}
		p.live = true
	}
	return p.direct.fill(b)
}

func (p *seat[T]) close() {
	p.direct.close()
	p.q.mu.Lock()
	p.q.dropped += uint64(len(p.replay))
	p.replay = nil
	p.q.mu.Unlock()
	p.f.leave(p)
}

// leave takes p off the list. The last one to leave a shared stream waits until
// that has come to rest, as does everyone when it has come to its end.
func (f *fanout[T]) leave(p *seat[T]) {
	f.mu.Lock()
	abandoned := false
	if !p.gone {
		p.gone = true
		last := len(f.seats) - 1
		f.seats[p.at] = f.seats[last]
		f.seats[p.at].at = p.at
		f.seats[last] = nil
		f.seats = f.seats[:last]
		f.changed = true
		abandoned = last == 0 && f.abandon != nil
	}
	if abandoned {
		f.closed = true
		f.past = history[T]{}
	}
	over := f.over
	f.mu.Unlock()
	if abandoned {
		f.abandon()
	}
	if abandoned || over {
		<-f.done
	}
}

// run consumes s. It tells the end when it has released s, so that whoever
// comes after the end finds s free.
func (f *fanout[T]) run(ctx context.Context, s Stream[T]) {
	defer close(f.done)
	defer func() { f.finish(ctx, fate(recover())) }() // changes nothing after a proper end
	f.finish(ctx, f.consume(ctx, s))
}

func (f *fanout[T]) consume(ctx context.Context, s Stream[T]) (err error) {
	told := false
	out := observer[T]{
		next: func(v T) bool {
			f.batch = append(f.batch, v)
			if s.open == nil || len(f.batch) == batchEvents {
				f.flush(ctx)
			}
			return ctx.Err() == nil
		},
		notice: func(err error) bool {
			f.notice(ctx, err)
			return ctx.Err() == nil
		},
		end: func(e error) { err, told = e, true },
	}
	defer func() {
		if told || ctx.Err() == nil {
			return
		}
		if err = context.Cause(ctx); err == errStopped {
			err = nil
		}
	}()
	if s.open == nil {
		s.drive(ctx, out)
		return err
	}
	if ctx.Err() != nil {
		return err
	}
	p := s.open(ctx, out)
	defer p.close()
	b := p.bell()
	for {
		found := p.step()
		f.flush(ctx)
		switch found {
		case ended:
			return err
		case empty:
			select {
			case <-b.token:
			case <-ctx.Done():
				return err
			}
		}
	}
}

// flush hands on what has come. All queues that have room get it before any
// that has not is waited for.
func (f *fanout[T]) flush(ctx context.Context) {
	if len(f.batch) == 0 {
		return
	}
	f.mu.Lock()
	f.past.add(f.batch)
	f.look()
	f.mu.Unlock()
	for _, q := range f.queues {
		if n := q.Push(f.batch); n < len(f.batch) && f.cfg.Overflow == Block {
			f.behind = append(f.behind, straggler[T]{q, n})
		}
	}
	for _, b := range f.behind {
		b.q.PushWait(ctx.Done(), f.batch[b.taken:])
	}
	clear(f.behind)
	f.behind = f.behind[:0]
	clear(f.batch)
	f.batch = f.batch[:0]
}

func (f *fanout[T]) notice(ctx context.Context, err error) {
	f.flush(ctx)
	f.mu.Lock()
	f.look()
	f.mu.Unlock()
	for _, q := range f.queues {
		q.Notice(err)
	}
}

// finish tells the end, the first time.
func (f *fanout[T]) finish(ctx context.Context, err error) {
	f.flush(ctx) // what came before a panic
	f.mu.Lock()
	if f.over {
		f.mu.Unlock()
		return
	}
	f.over, f.err = true, err
	if f.abandon != nil {
		f.closed = true
		f.past = history[T]{}
	}
	f.look()
	f.mu.Unlock()
	for _, q := range f.queues {
		q.CloseWith(err)
	}
	f.queues, f.batch, f.behind = nil, nil, nil
}

// panicked returns the panic that was the end, if it was one.
func (f *fanout[T]) panicked() *panicked {
	f.mu.Lock()
	defer f.mu.Unlock()
	broken, _ := f.err.(*panicked)
	return broken
}

// look brings queues up to date. f.mu is held.
func (f *fanout[T]) look() {
	if !f.changed {
		return
	}
	f.changed = false
	before := len(f.queues)
	f.queues = f.queues[:0]
	for _, p := range f.seats {
		f.queues = append(f.queues, p.q)
	}
	if n := len(f.queues); n < before {
		clear(f.queues[n:before])
	}
}

// history is the last values of a stream.
type history[T any] struct {
	most int
	ring []T
	at   int // of the oldest, once ring is full
}

func (h *history[T]) add(batch []T) {
	for _, v := range batch[max(0, len(batch)-h.most):] {
		if len(h.ring) < h.most {
			h.ring = append(h.ring, v)
			continue
		}
		h.ring[h.at] = v
		if h.at++; h.at == h.most {
			h.at = 0
		}
	}
}

// values returns a copy.
func (h *history[T]) values() []T {
	if len(h.ring) == 0 {
		return nil
	}
	return append(append(make([]T, 0, len(h.ring)), h.ring[h.at:]...), h.ring[:h.at]...)
}
