package stream

import "context"

// group is a pump over pumps, which it serves in turn, a batch of each. It
// ends when the last of them has, when one of them has called stop, or with
// the context.
type group struct {
	ready
	ctx     context.Context
	members map[*member]struct{}
	turn    []*member // those of this round that wait for their step
	round   []*member // memory of turn
	stopped bool
	// begin, if any, is called once, at the next step: what it joins is closed
	// by close, also when it panics half-way.
	begin func()
	// left, if any, is told that a member has ended by itself and is closed.
	left func(m *member)
	// drained is called when the last member has ended; with false, which is
	// what a nil drained says, that is the end.
	drained func() (more bool)
}

func newGroup(ctx context.Context) *group {
	g := &group{ctx: ctx, members: make(map[*member]struct{})}
	g.init()
	return g
}

// join adds p, which has not been stepped. It is for the goroutine that steps.
func (g *group) join(p pump) *member {
	m := &member{pump: p}
	p.bell().hang(&g.ready, m)
	g.members[m] = struct{}{}
	g.add(m)
	return m
}

// leave closes a member before its end. It must not be in its step.
func (g *group) leave(m *member) {
	if !m.gone {
		m.gone = true
		delete(g.members, m)
		m.pump.close()
	}
}

// hold keeps m, which may have been closed, from being stepped; resume ends
// that.
func (g *group) hold(m *member) { m.held = true }

func (g *group) resume(m *member) {
	if m.held {
		m.held = false
		g.add(m)
	}
}

// catchUp serves m out of turn if it has something, for a member in its step
// that goes by what m says.
func (g *group) catchUp(m *member) {
	if m.due.Load() {
		g.serve(m)
	}
}

// cleanEnd has end told of a clean end when the last member has ended.
func (g *group) cleanEnd(end func(error)) {
	g.drained = func() bool {
		end(nil)
		return false
	}
}

// stop makes the step that is under way the last.
func (g *group) stop() { g.stopped = true }

func (g *group) bell() *bell { return &g.ready.bell }

func (g *group) subscribe() {
	g.enter()
	for m := range g.members {
		m.pump.subscribe()
	}
}

// enter calls begin.
func (g *group) enter() {
	if begin := g.begin; begin != nil {
		g.begin = nil
		begin()
	}
}

func (g *group) step() state {
	g.enter()
	if len(g.turn) == 0 {
		if g.stopped || g.ctx.Err() != nil {
			return ended
		}
		if len(g.members) == 0 && (g.drained == nil || !g.drained()) {
			return ended
		}
		g.round = g.take(g.round)
		g.turn = g.round
		if len(g.turn) == 0 {
			return empty
		}
	}
	m := g.turn[0]
	g.turn = g.turn[1:]
	g.serve(m)
	if g.stopped || g.ctx.Err() != nil {
		return ended
	}
	return got
}

// serve lets m take a step.
func (g *group) serve(m *member) {
	m.due.Store(false)
	if m.gone || m.held {
		return
	}
	switch m.pump.step() {
	case got:
		g.add(m)
	case ended:
		g.leave(m)
		if g.left != nil && !g.stopped && g.ctx.Err() == nil {
			g.left(m)
		}
	}
}

func (g *group) close() {
	g.stopped = true
	// A member that panics while it is closed must not keep the others open.
	for m := range g.members {
		m.gone = true
		delete(g.members, m)
		defer m.pump.close()
	}
}

// into returns an observer for members of g that hands everything on to out.
// When out wants no more, and at the first error, that is the end of g; a
// clean end is left to drained.
func into[T any](g *group, out observer[T]) observer[T] {
	return observer[T]{
		next: func(v T) bool {
			if !out.next(v) {
				g.stop()
				return false
			}
			return true
		},
		notice: func(err error) bool {
			if !out.notice(err) {
				g.stop()
				return false
			}
			return true
		},
		end: func(err error) {
			if err != nil {
				g.stop()
				out.end(err)
			}
		},
	}
}
