package stream

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
)

// FanIn merges subscriptions that come and go, also while it is consumed. It
// starts no goroutine: each subscription keeps its own buffer and policy, and a
// batch of each that has something is taken in turn, as [Merge] does.
//
// It has one consumer at a time: a loop over [FanIn.All], or a consumption of
// [FanIn.Stream]; a second one ends with [ErrInUse]. When the consumer leaves,
// the subscriptions stay, with what waits in them, for the next one. Close ends
// them.
//
// All methods are safe for concurrent use, also from inside the loop.
type FanIn[T any] struct {
	ready    ready
	farewell member // wakes the consumer after Close
	closed   atomic.Bool

	mu      sync.Mutex
	sources map[*fanned[T]]struct{}
	inUse   bool
	stale   int // sources removed since the ready list was last rid of them
}

// SourceError is a notice: one of several sources has ended with an error, and
// the others go on.
type SourceError struct{ Err error }

// Error gives the source's error.
func (e *SourceError) Error() string { return fmt.Sprintf("stream: a source has ended: %v", e.Err) }

// Unwrap returns the source's error.
func (e *SourceError) Unwrap() error { return e.Err }

// Notice reports true: the stream goes on.
func (e *SourceError) Notice() bool { return true }

// NewFanIn returns a fan-in without sources.
func NewFanIn[T any]() *FanIn[T] {
	f := &FanIn[T]{sources: make(map[*fanned[T]]struct{})}
	f.ready.init()
	return f
}

// Add makes sub a source, which is the fan-in's from then on: it closes it when
// sub has ended or is removed, and on Close. After Close it does so at once.
//
// When sub has ended by itself, after all that it had, it is removed, and the
// consumer receives what ended makes of the error, nil being a clean end:
// nothing for nil, a notice (see [IsNotice]), or another error, which is the
// consumer's last step. ended runs on the consumer's goroutine. Without it an
// error is told as a [*SourceError], and a clean end is not told. A
// subscription that another consumer has is a source that ends with [ErrInUse],
// and is left alone.
//
// remove takes sub out and closes it; what waits in it is dropped. It waits for
// nothing. Once it has returned no event of sub is delivered any more, but for
// one that the consumer has in its hands.
func (f *FanIn[T]) Add(sub *Subscription[T], ended func(err error) error) (remove func()) {
	s := &fanned[T]{ended: ended}
	s.taking.sub = sub
	s.enter()
	s.place.pump = s
	f.mu.Lock()
	if f.closed.Load() {
		f.mu.Unlock()
		s.close()
		return func() {}
	}
	f.sources[s] = struct{}{}
	f.mu.Unlock()
	s.bell().hang(&f.ready, &s.place)
	f.ready.add(&s.place)
	return func() { f.remove(s) }
}

// Len returns the number of sources.
func (f *FanIn[T]) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sources)
}

// All returns a loop over the steps of all sources, until Close, which ends it
// cleanly, the end of ctx, or an error made by Add's ended. It waits while there
// are no sources. It may be used again.
func (f *FanIn[T]) All(ctx context.Context) iter.Seq2[T, error] { return f.Stream().All(ctx) }

// Stream returns All as a stream. It needs no goroutine, also where streams are
// merged.
func (f *FanIn[T]) Stream() Stream[T] {
	return Stream[T]{open: func(ctx context.Context, out observer[T]) pump {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.inUse {
			return FromSubscription(func() *Subscription[T] { return Failed[T](ErrInUse) }).open(ctx, out)
		}
		f.inUse = true
		f.ready.unhang()
		p := &fanning[T]{fan: f, ctx: ctx, out: out}
		p.next = func(v T) bool {
			p.left = !out.next(v)
			return !p.left
		}
		p.notice = func(err error) bool {
			p.left = !out.notice(err)
			return !p.left
		}
		return p
	}}
}

// Close closes all subscriptions, and ends the consumer and those to come. It
// does not wait for it, returns nil, and may be called again.
func (f *FanIn[T]) Close() error {
	f.mu.Lock()
	f.closed.Store(true)
	sources := make([]*fanned[T], 0, len(f.sources))
	for s := range f.sources {
		sources = append(sources, s)
	}
	f.mu.Unlock()
	for _, s := range sources {
		f.remove(s)
	}
	f.ready.add(&f.farewell)
	return nil
}

// remove takes s out and closes it.
func (f *FanIn[T]) remove(s *fanned[T]) {
	f.mu.Lock()
	if s.removed {
		f.mu.Unlock()
		return
	}
	s.removed = true
	delete(f.sources, s)
	stepping := s.stepping
	f.mu.Unlock()
	switch {
	case !stepping:
		s.close()
	case !s.refused:
		s.sub.src.close() // and the step does the rest
	}
	f.sweep()
}

// sweep takes removed sources off the ready list, now and then: there may be
// no consumer to do it.
func (f *FanIn[T]) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stale++; f.stale <= len(f.sources)+minStale {
		return
	}
	f.stale = 0
	f.ready.drop(func(m *member) bool {
		s, ok := m.pump.(*fanned[T])
		return ok && s.removed
	})
}

// minStale is how many removed sources may be on the ready list of a fan-in
// besides as many as it has.
const minStale = 64

// enter begins a step of s, if it is a source still.
func (f *FanIn[T]) enter(s *fanned[T]) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.stepping = !s.removed
	return s.stepping
}

// leave ends a step of s, which the consumer may have ended by a panic, and
// takes it out if it is over. Otherwise it has another turn: there may be more,
// for the next consumer if this one has left.
func (f *FanIn[T]) leave(s *fanned[T], found state) {
	f.mu.Lock()
	s.stepping = false
	gone := s.removed || s.over
	if gone {
		s.over = s.over && !s.removed // else nobody wants to know
		s.removed = true
		delete(f.sources, s)
	}
	f.mu.Unlock()
	switch {
	case gone:
		s.close()
	case found != empty:
		f.ready.add(&s.place)
	}
}

// fanned is a source of a FanIn. Whoever consumes that sets what it needs.
type fanned[T any] struct {
	taking[T]
	place member
	ended func(error) error
	by    *fanning[T] // the consumer that it is prepared for

	over  bool // it has told its end,
	cause error

	// Guarded by FanIn.mu.
	stepping bool
	removed  bool
}

// fanning is a consumption of a FanIn.
type fanning[T any] struct {
	fan    *FanIn[T]
	ctx    context.Context
	out    observer[T]
	next   func(v T) bool
	notice func(err error) bool
	left   bool // out wants no more
	turn   []*member
	round  []*member // memory of turn
}

func (p *fanning[T]) bell() *bell { return &p.fan.ready.bell }

func (p *fanning[T]) subscribe() {}

func (p *fanning[T]) step() state {
	if p.ctx.Err() != nil {
		return ended // also if it was closed since
	}
	if p.fan.closed.Load() {
		p.out.end(nil)
		return ended
	}
	if len(p.turn) == 0 {
		p.round = p.fan.ready.take(p.round)
		p.turn = p.round
		if len(p.turn) == 0 {
			return empty
		}
	}
	m := p.turn[0]
	p.turn = p.turn[1:]
	if s, ok := m.pump.(*fanned[T]); ok && p.fan.enter(s) && !p.serve(s) || p.ctx.Err() != nil {
		return ended
	}
	return got
}

// serve lets s take a step and reports whether p goes on.
func (p *fanning[T]) serve(s *fanned[T]) bool {
	if s.by != p {
		s.by = p
		s.ctx = p.ctx
		s.out = observer[T]{next: p.next, notice: p.notice, end: func(err error) { s.over, s.cause = true, err }}
	}
	p.advance(s)
	if p.left {
		return false
	}
	if !s.over {
		return true
	}
	err := s.cause
	switch {
	case s.ended != nil:
		err = s.ended(err)
	case err != nil:
		err = &SourceError{err}
	}
	switch {
	case err == nil:
		return true
	case IsNotice(err):
		return p.notice(err)
	}
	p.out.end(err)
	return false
}

func (p *fanning[T]) advance(s *fanned[T]) {
	found := got
	defer func() { p.fan.leave(s, found) }()
	found = s.step()
}

// close leaves the sources as they are, for the next consumer.
func (p *fanning[T]) close() {
	for _, m := range p.turn {
		p.fan.ready.add(m)
	}
	p.fan.mu.Lock()
	p.fan.inUse = false
	p.fan.mu.Unlock()
}
