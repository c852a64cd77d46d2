package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rivet-go/rivet/actor"
)

// step is what a place has to do next.
type step int

const (
	rest step = iota
	startIt
	stopIt
	buryIt
)

// todo compares what is with what is wanted. places.mu is locked.
func (pl *place) todo() step {
	switch {
	case pl.in != nil:
		if pl.failed != nil || pl.sleepy || pl.doom != nil || pl.p.closing {
			return stopIt
		}
	case pl.doom != nil:
		return buryIt
	case pl.p.closing:
	case pl.next != nil, pl.called, pl.insist && !pl.paused:
		return startIt
	}
	return rest
}

// kick sees to it that somebody does what is to be done. places.mu is locked.
func (pl *place) kick() {
	if !pl.busy && pl.todo() != rest {
		pl.busy = true
		pl.p.owner.Go(pl.work)
	}
}

func (pl *place) work() {
	p := pl.p
	for {
		p.mu.Lock()
		switch pl.todo() {
		case startIt:
			p.mu.Unlock()
			pl.start()
		case stopIt:
			reason := pl.reason()
			pl.stopping = true
			p.mu.Unlock()
			pl.stop(reason)
		case buryIt:
			p.mu.Unlock()
			pl.bury()
		default:
			pl.busy = false
			if pl.next != nil && p.closing {
				pl.tell(errShutDown)
			}
			if pl.in == nil && len(pl.sockets) == 0 && !pl.insist && pl.doom == nil && p.resident[pl.id] == pl {
				delete(p.resident, pl.id)
			}
			p.mu.Unlock()
			return
		}
	}
}

// tell says to those who wait how it went. places.mu is locked.
func (pl *place) tell(err error) {
	if pl.next != nil {
		pl.next.err = err
		close(pl.next.done)
		pl.next = nil
	}
}

// reason says why the generation is to end. places.mu is locked.
func (pl *place) reason() actor.StopReason {
	switch {
	case pl.failed != nil || pl.p.ctx.Err() != nil:
		return actor.Lost
	case pl.doom != nil:
		return actor.Destroying
	case pl.p.closing:
		return actor.GoingAway
	}
	return actor.Sleeping
}

// start starts the next generation, or gives up.
func (pl *place) start() {
	p := pl.p
	pause := minTryPause
	for try := 1; ; try++ {
		err := pl.startOnce()
		p.mu.Lock()
		if err == nil {
			pl.alarmDone()
			p.mu.Unlock()
			return
		}
		unknown := errors.Is(err, actor.ErrUnknownName) || errors.Is(err, errNotFound)
		wanted := pl.insist || pl.called || pl.next != nil && pl.next.waiting > 0
		if try == maxTries || unknown || !wanted || pl.doom != nil || p.closing {
			pl.giveUp(err, unknown) // unlocks places.mu
			return
		}
		p.mu.Unlock()
		select {
		case <-time.After(pause):
			pause *= 2
		case <-p.quit:
		}
	}
}

// giveUp ends a row of starts that have failed. It unlocks places.mu.
func (pl *place) giveUp(err error, unknown bool) {
	p := pl.p
	gone := errors.Is(err, errNotFound)
	p.log.Error("an actor does not start", "actor", pl.rec.Name, "id", pl.id, "error", err)
	if pl.doom == nil { // else bury tells
		switch {
		case p.closing:
			pl.tell(errShutDown)
		case gone:
			pl.tell(errNotFound)
		default:
			pl.tell(errWake(pl.id))
		}
	}
	var shut []socket
	if pl.called {
		for id, s := range pl.sockets {
			shut = append(shut, s)
			delete(pl.sockets, id)
		}
	}
	pl.called = false
	if unknown {
		pl.insist = false
	} else if pl.insist {
		pl.backOff()
	}
	pl.alarmDone()
	pl.rec.Failure = describe(err)
	pl.rec.SleptAt = time.Now()
	rec := pl.rec
	p.mu.Unlock()
	why := errWake(pl.id)
	if gone {
		why = errNotFound
	}
	for _, s := range shut {
		s.shut(1011, why.Group+"."+why.Code)
	}
	if rec.Generation > 0 && !gone {
		if err := p.store.update(p.ctx, rec.save); err != nil {
			p.log.Error("cannot store why an actor does not start", "id", pl.id, "error", err)
		}
	}
}

// describe is what a record says of an error.
func describe(err error) string {
	const most = 500
	s := err.Error()
	return s[:min(len(s), most)]
}

// alarmDone makes room for another start for an alarm. places.mu is locked.
func (pl *place) alarmDone() {
	if pl.alarmed {
		pl.alarmed = false
		pl.p.alarms.starting--
		pl.p.fireAlarms()
	}
}

// backOff makes the next start wait that nobody but the driver wants. places.mu
// is locked.
func (pl *place) backOff() {
	pause := maxRestartPause
	if pl.failures < 10 {
		pause = min(minRestartPause<<pl.failures, maxRestartPause)
	}
	pl.failures++
	pl.paused = true
	if pl.p.closing {
		return
	}
	if pl.pause != nil {
		pl.pause.Reset(pause)
		return
	}
	pl.pause = time.AfterFunc(pause, func() {
		pl.p.mu.Lock()
		defer pl.p.mu.Unlock()
		pl.paused = false
		pl.kick()
	})
}

// startOnce starts a generation. Its number is durable before that may write, so
// that no two of them have the same, and everything that the one before has
// submitted is through.
func (pl *place) startOnce() error {
	p := pl.p
	ctx, cancel := context.WithTimeoutCause(p.ctx, readyWait, errNotReady)
	defer cancel()
	l := &lease{place: pl, prefix: table(tableData, pl.id)}
	rec, input, due, err := pl.count(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	pl.rec, pl.lease, pl.dueAtStart = rec, l, due
	links := make(map[string]actor.Link, len(pl.sockets))
	brought := make([]socket, 0, len(pl.sockets))
	for id, s := range pl.sockets {
		links[id] = s
		brought = append(brought, s)
	}
	p.mu.Unlock()

	in, err := p.run.Start(ctx, actor.Start{
		ID: rec.ID, Generation: rec.Generation, Name: rec.Name, Key: slices.Clone(rec.Key), Region: rec.Region,
		CreatedAt: rec.CreatedAt, Input: input, Lease: l, Links: links,
	})
	if err != nil {
		l.end()
		p.mu.Lock()
		pl.lease, pl.sleepy, pl.failed = nil, false, nil
		p.mu.Unlock()
		return err
	}

	pl.binding.Lock()
	defer pl.binding.Unlock()
	p.mu.Lock()
	pl.in, pl.since = in, time.Now()
	pl.rec.Failure = ""
	pl.insist, pl.called, pl.paused = false, false, false
	if pl.pause != nil {
		pl.pause.Stop()
	}
	pl.tell(nil)
	p.mu.Unlock()
	for _, s := range brought {
		if r := in.Restored(s.ID()); r != nil {
			s.bind(r)
		} else {
			p.detach(pl.id, s.ID())
			s.shut(1000, "ws.meta_not_found_during_restore")
		}
	}
	return nil
}

// count numbers the next generation. It also returns the actor's input, and
// whether its alarm is due.
func (pl *place) count(ctx context.Context) (rec record, input []byte, due bool, err error) {
	type result struct {
		rec   record
		input []byte
		due   bool
	}
	var res *result
	err = pl.p.store.update(ctx, func(tx txn) error {
		if tx.get(table(tableRecord, pl.id)) == nil {
			return errNotFound
		}
		rec, err := readRecord(tx, []byte(pl.id))
		if err != nil {
			return err
		}
		if !rec.DestroyedAt.IsZero() {
			return errNotFound
		}
		at, err := decodeAlarm(pl.id, tx.get(table(tableAlarm, pl.id)))
		if err != nil {
			return err
		}
		now := time.Now()
		rec.Generation++
		rec.StartedAt, rec.SleptAt = now, time.Time{}
		res = &result{rec, slices.Clone(tx.get(table(tableInput, pl.id))), at != 0 && at <= now.UnixMilli()}
		return rec.save(tx)
	})
	if err != nil {
		return record{}, nil, false, err // res may be in use
	}
	return res.rec, res.input, res.due, nil
}

// stop ends the generation.
func (pl *place) stop(reason actor.StopReason) {
	p := pl.p
	pl.binding.Lock()
	p.mu.Lock()
	in, l, generation := pl.in, pl.lease, pl.rec.Generation
	sockets := make([]socket, 0, len(pl.sockets))
	for _, s := range pl.sockets {
		sockets = append(sockets, s)
	}
	p.mu.Unlock()
	for _, s := range sockets {
		s.unbind()
	}
	pl.binding.Unlock()

	err := in.Stop(p.ctx, reason)
	l.end()
	if err != nil {
		p.log.Error("an actor did not stop in order", "actor", pl.rec.Name, "id", pl.id, "generation", generation, "reason", reason.String(), "error", err)
	}

	p.mu.Lock()
	if err != nil && p.closing && len(p.unsaved) < maxUnsaved {
		p.unsaved = append(p.unsaved, err)
	}
	now := time.Now()
	pl.rec.SleptAt = now
	if pl.failed != nil {
		p.log.Error("an actor has failed", "actor", pl.rec.Name, "id", pl.id, "generation", generation, "error", pl.failed)
		pl.rec.Failure = describe(pl.failed)
		if now.Sub(pl.since) >= soundAfter {
			pl.failures = 0
		}
		pl.insist = true
		pl.backOff()
	} else {
		pl.failures = 0
	}
	rec, used := pl.rec, reason == actor.Sleeping && pl.dueAtStart
	doomed := pl.doom != nil
	p.mu.Unlock()

	var at int64
	if !doomed {
		if at, err = pl.slept(rec, l, used); err != nil {
			p.log.Error("cannot store that an actor sleeps", "id", pl.id, "error", err)
		}
	}

	p.mu.Lock()
	pl.in, pl.lease, pl.stopping = nil, nil, false
	pl.sleepy, pl.failed = false, nil
	if !doomed && err == nil {
		p.alarms.set(pl.id, at)
		p.fireAlarms()
	}
	p.mu.Unlock()
}

// slept stores the record of an actor that sleeps, and returns its alarm. That
// is taken away when it has had the start that it was for, and the generation
// has not set it again.
func (pl *place) slept(rec record, l *lease, used bool) (at int64, err error) {
	var found int64
	err = pl.p.store.update(pl.p.ctx, func(tx txn) (err error) {
		entry := table(tableAlarm, pl.id)
		if found, err = decodeAlarm(pl.id, tx.get(entry)); err != nil {
			return err
		}
		if err := rec.save(tx); err != nil || !used || l.alarmed || found == 0 {
			return err
		}
		found = 0
		return tx.remove(entry)
	})
	if err != nil {
		return 0, err // found may be in use
	}
	return found, nil
}

// maxUnsaved is how many errors of actors the error of a shutdown has.
const maxUnsaved = 10

// bury takes the actor away, with all that it had.
func (pl *place) bury() {
	p := pl.p
	err := p.directory.remove(p.ctx, pl.id)
	for pause := minRestartPause; err != nil && p.ctx.Err() == nil; pause = min(2*pause, maxRestartPause) {
		p.log.Error("cannot destroy an actor; trying again", "id", pl.id, "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-p.quit:
			p.cutShort(pl, err)
			return
		}
		err = p.directory.remove(p.ctx, pl.id)
	}
	if err != nil {
		p.cutShort(pl, err)
		return
	}
	p.mu.Lock()
	close(pl.doom.done)
	pl.doom, pl.insist, pl.called = nil, false, false
	pl.tell(errDestroyed)
	pl.alarmDone()
	p.alarms.set(pl.id, 0)
	delete(p.resident, pl.id)
	sockets := pl.sockets
	pl.sockets = nil
	p.mu.Unlock()
	for _, s := range sockets {
		s.shut(1000, "")
	}
}

// cutShort leaves an actor that could not be destroyed to the next process.
func (p *places) cutShort(pl *place, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl.doom.err = fmt.Errorf("local: actor %s is not destroyed: %w", pl.id, err)
	close(pl.doom.done)
	pl.doom = nil
}
