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
	// begin, if any, is called at the first step: what it joins is closed by
	// close, also when it panics half-way.
	begin func()
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

// leave closes a member before its end.
func (g *group) leave(m *member) {
	if _, ok := g.members[m]; ok {
		delete(g.members, m)
		m.pump.close()
	}
}

// stop makes the step that is under way the last.
func (g *group) stop() { g.stopped = true }

func (g *group) bell() *bell { return &g.ready.bell }

func (g *group) step() state {
	if begin := g.begin; begin != nil {
		g.begin = nil
		begin()
	}
	if len(g.turn) == 0 {
		if len(g.members) == 0 && (g.drained == nil || !g.drained()) || g.stopped {
			return ended
		}
		g.round = g.take(g.round)
		g.turn = g.round
		if len(g.turn) == 0 {
			return empty
		}
	}
	for len(g.turn) > 0 {
		m := g.turn[0]
		g.turn = g.turn[1:]
		if _, ok := g.members[m]; !ok {
			continue
		}
		switch m.pump.step() {
		case got:
			g.add(m)
		case ended:
			g.leave(m)
		}
		if g.stopped || g.ctx.Err() != nil {
			return ended
		}
	}
	return got
}

func (g *group) close() {
	g.stopped = true
	// A member that panics while it is closed must not keep the others open.
	for m := range g.members {
		delete(g.members, m)
		defer m.pump.close()
	}
}
