package actor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Schedule is what an actor has to do later. All of it is on disk. Entries are
// made with After, At, Every and Cron. Its methods are safe for concurrent use.
//
// One alarm of the driver is set for the earliest, so that the actor wakes up;
// while it is awake, one timer is.
type Schedule struct {
	journal *journal
	log     *slog.Logger
	// setAlarm is that of the lease.
	setAlarm func(context.Context, time.Time) error
	// run starts an action and does not block; false when it cannot now. At
	// the end of the action's turn settle is called, and what it returns is
	// stored. Then, or when the action has not come to begin, ended is called.
	run func(p *appointment, settle func(error) Batch, ended func()) bool
	// knows reports whether there is an action of that name.
	knows func(action string) bool

	timers timers
	owner  sync.WaitGroup

	beginning sync.Mutex // keeps the order; taken before mu

	mu     sync.Mutex
	last   uint64 // the latest id
	all    map[uint64]*appointment
	names  map[string]*appointment
	line   []*appointment         // those that do not run, by due and id
	begun  map[*occasion]struct{} // what is not settled on disk
	cancel func()                 // stops the timer
	paused bool                   // nothing begins any more

	alarmTurn chan struct{} // who has put something in sets the alarm
	alarm     time.Time     // what it is set to; guarded by alarmTurn
	unknown   bool          // likewise: it may be set to something else
	aligning  bool          // somebody is about to set it; guarded by mu
	also      time.Time     // when the actor is to wake for another reason; likewise
	over      bool          // no goroutine begins any more; likewise
}

// ErrNoAction is returned by what schedules an action that the actor does not
// have.
var ErrNoAction = errors.New("actor: there is no such action")

// retryRefused is how long an action waits that the mailbox has no room for.
const retryRefused = time.Second

func newSchedule(j *journal, log *slog.Logger) *Schedule {
	return &Schedule{
		journal: j, log: log,
		all: make(map[uint64]*appointment), names: make(map[string]*appointment), begun: make(map[*occasion]struct{}),
		paused: true, alarmTurn: make(chan struct{}, 1),
	}
}

// load reads what there is to do. Nothing begins before start. An entry that is
// damaged, or whose time zone is missing here, is logged and left as it is.
func (s *Schedule) load(ctx context.Context, store Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e, err := range store.List(ctx, []byte{keySchedule}, []byte{keySchedule + 1}, 0, false) {
		if err != nil {
			return fmt.Errorf("read the schedule: %w", err)
		}
		p, err := decodeAppointment(e.Key, e.Value)
		if err == nil && p.expr != "" {
			p.table, err = parseTimetable(p.expr, p.zone)
		}
		if err != nil {
			s.log.Error("a scheduled action does not run", "error", err)
		}
		if p == nil {
			continue
		}
		s.last = max(s.last, p.id)
		s.all[p.id] = p
		if p.repeats() {
			s.names[p.name] = p
		}
		if err == nil {
			s.enter(p)
		}
		s.unknown = true // the generation before has set it
	}
	return nil
}

// start lets actions begin.
func (s *Schedule) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	s.arm()
	if len(s.line) > 0 {
		s.align() // the driver forgets an alarm that has gone off
	}
}

// enter puts an entry into the line; mu is held.
func (s *Schedule) enter(p *appointment) {
	i, _ := slices.BinarySearchFunc(s.line, p, order)
	s.line = slices.Insert(s.line, i, p)
}

func order(a, b *appointment) int {
	return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id))
}

// leave takes an entry out of the line, if it is there; mu is held.
func (s *Schedule) leave(p *appointment) {
	if i, ok := slices.BinarySearchFunc(s.line, p, order); ok {
		s.line = slices.Delete(s.line, i, i+1)
	}
}

// arm sets the timer for the first in line; mu is held.
func (s *Schedule) arm() {
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
	if !s.paused && len(s.line) > 0 {
		s.cancel = s.timers.after(max(time.Until(s.line[0].due), 0), s.begin)
	}
}

// begin starts what is due, in the order of the times and then of the ids.
func (s *Schedule) begin() {
	s.beginning.Lock()
	defer s.beginning.Unlock()
	for now := time.Now(); ; {
		o := s.next(now)
		if o == nil {
			return
		}
		p, ended := o.p, func() { s.ended(o) }
		switch {
		case !s.knows(p.action):
			s.log.Error("a scheduled action is gone", "action", p.action, "name", p.name)
			s.lost(o, now)
		case !s.run(p, func(err error) Batch { return s.settle(o, now, err) }, ended):
			ended()
		}
	}
}

// lost settles an entry whose action the program does not have any more.
func (s *Schedule) lost(o *occasion, now time.Time) {
	gone := s.journal.add(s.settle(o, now, ErrNoAction))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.owner.Go(func() { <-gone.done; s.ended(o) })
	}
}

// next takes what is due out of the line; with nil it has set the timer.
func (s *Schedule) next(now time.Time) *occasion {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused || len(s.line) == 0 || s.line[0].due.After(now) {
		s.arm()
		return nil
	}
	p := s.line[0]
	s.line = slices.Delete(s.line, 0, 1)
	o := p.again
	if o == nil {
		o = &occasion{p: p, at: p.at}
	}
	p.running, p.again = true, nil
	s.begun[o] = struct{}{}
	return o
}

// occasion is one time of an action: it lasts until its end is on disk, which
// may be after the next one has begun.
type occasion struct {
	p       *appointment
	at      time.Time // when it was to be
	settled bool      // guarded by Schedule.mu
}

// ended comes when what settle has returned is on disk: only then may the alarm
// be a later one. One that did not come to begin tries again.
func (s *Schedule) ended(o *occasion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := o.p; !o.settled && s.all[p.id] == p {
		p.running, p.again, p.due = false, o, time.Now().Add(retryRefused)
		s.enter(p)
		s.arm()
	} else {
		delete(s.begun, o)
	}
	s.align()
}

// settle ends a run and returns what that changes in the store: a single entry
// goes, a repeating one moves on. An action that failed as the actor stops runs
// again.
func (s *Schedule) settle(o *occasion, began time.Time, err error) Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errStopping) {
		return nil
	}
	p := o.p
	o.settled, p.running = true, false
	if s.all[p.id] != p { // cancelled or replaced
		return nil
	}
	if p.repeats() {
		p.last, p.at = began, p.after(time.Now())
		p.due = p.at
		data, failed := p.record()
		if failed == nil && !p.at.IsZero() {
			s.enter(p)
			s.arm()
			return Batch{{Key: p.key(), Value: data}}
		}
		s.log.Error("a scheduled action has no next time", "name", p.name, "error", failed)
	}
	s.forget(p)
	return Batch{{Key: p.key()}}
}

// forget takes an entry out of all tables; mu is held.
func (s *Schedule) forget(p *appointment) {
	s.leave(p)
	delete(s.begun, p.again)
	delete(s.all, p.id)
	if s.names[p.name] == p {
		delete(s.names, p.name)
	}
}

// add stores an entry and returns when it and the alarm are on disk. With the
// name of another it replaces that; when both come at the same times, what is
// there keeps its next one.
func (s *Schedule) add(ctx context.Context, p *appointment) (ScheduleID, error) {
	if !s.knows(p.action) {
		return "", fmt.Errorf("%w: %q", ErrNoAction, p.action)
	}
	if err := tooLong("argument of a scheduled action", len(p.args), maxScheduleArgs); err != nil {
		return "", err
	}
	if err := tooLong("name", len(p.name), MaxKey); err != nil {
		return "", err
	}
	p.due = p.at
	stored, err := s.put(p)
	if err != nil {
		return "", err
	}
	// The journal writes meanwhile.
	if err := s.setTo(ctx); err != nil {
		return "", fmt.Errorf("actor: schedule %q: set the alarm: %w", p.action, err)
	}
	if err := stored.wait(ctx); err != nil {
		return "", fmt.Errorf("actor: schedule %q: %w", p.action, err)
	}
	return p.scheduleID(), nil
}

// maxScheduleArgs leaves room for the rest of a record.
const maxScheduleArgs = 64 << 10

func (s *Schedule) put(p *appointment) (*commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var batch Batch
	if old := s.names[p.name]; p.repeats() && old != nil {
		if old.every == p.every && old.expr == p.expr && old.zone == p.zone && (old.table != nil) == (p.table != nil) {
			p.at, p.due, p.last = old.at, old.at, old.last
			if old.action == p.action && string(old.args) == string(p.args) {
				p.id = old.id
				return s.journal.add(nil), nil // as it is, once that is on disk
			}
		}
		if old.running && !p.at.After(time.Now()) {
			p.at = p.after(time.Now()) // this time is that of the old one
			p.due = p.at
		}
		batch = append(batch, Change{Key: old.key()})
		s.forget(old)
	}
	p.id = max(s.last+1, uint64(max(time.Now().UnixMicro(), 0)))
	data, err := p.record()
	if err != nil {
		return nil, fmt.Errorf("actor: schedule %q: %w", p.action, err)
	}
	s.last = p.id
	s.all[p.id] = p
	if p.repeats() {
		s.names[p.name] = p
	}
	s.enter(p)
	s.arm()
	return s.journal.add(append(batch, Change{Key: p.key(), Value: data})), nil
}

// remove takes an entry away and returns when that is on disk; false when there
// is none.
func (s *Schedule) remove(ctx context.Context, find func() *appointment) (bool, error) {
	s.mu.Lock()
	p := find()
	if p == nil {
		s.mu.Unlock()
		return false, nil
	}
	s.forget(p)
	s.arm()
	gone := s.journal.add(Batch{{Key: p.key()}})
	s.mu.Unlock()
	if err := gone.wait(ctx); err != nil {
		return true, fmt.Errorf("actor: cancel %q: %w", p.action, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.align()
	return true, nil
}

// find looks for the entry of an id, and named for that of a name. The functions
// they return are for mu, and return nil when there is none.
func (s *Schedule) find(id ScheduleID) func() *appointment {
	return func() *appointment {
		n, err := strconv.ParseUint(string(id), 36, 64)
		if err != nil {
			return nil
		}
		return s.all[n]
	}
}

func (s *Schedule) named(name string) func() *appointment {
	return func() *appointment { return s.names[name] }
}

// earliest is when the actor has to be awake next, zero for never; mu is held.
// What runs counts until it is settled, since a crash would have it run again.
func (s *Schedule) earliest() (t time.Time) {
	for o := range s.begun {
		if t.IsZero() || o.at.Before(t) {
			t = o.at
		}
	}
	if len(s.line) > 0 && (t.IsZero() || s.line[0].at.Before(t)) {
		t = s.line[0].at
	}
	return t
}

// setTo sets the alarm for the earliest entry, unless it is set so, and returns
// when that is on disk.
func (s *Schedule) setTo(ctx context.Context) error {
	select {
	case s.alarmTurn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.alarmTurn }()
	s.mu.Lock()
	t := s.earliest()
	if !s.also.IsZero() && (t.IsZero() || s.also.Before(t)) {
		t = s.also
	}
	s.mu.Unlock()
	if !s.unknown && t.Equal(s.alarm) {
		return nil
	}
	s.unknown = true
	if err := s.setAlarm(ctx, t); err != nil {
		return err
	}
	s.alarm, s.unknown = t, false
	return nil
}

// align sets the alarm soon, on a goroutine of its own; mu is held. Nobody waits
// for it as it is not urgent: the alarm is early at worst.
func (s *Schedule) align() {
	if s.aligning || s.over {
		return
	}
	s.aligning = true
	s.owner.Go(func() {
		s.mu.Lock()
		s.aligning = false
		s.mu.Unlock()
		if err := s.setTo(s.journal.ctx); err != nil && s.journal.ctx.Err() == nil {
			s.log.Error("cannot set the alarm", "error", err)
		}
	})
}

// pause keeps actions from beginning, and returns when the timer is still.
// Entries may come and go as before.
func (s *Schedule) pause() {
	s.mu.Lock()
	s.paused = true
	s.arm()
	s.mu.Unlock()
	s.timers.wait()
}

// park sets the alarm for the sleep that begins: for the earliest entry, or for
// also, zero for no other reason.
func (s *Schedule) park(ctx context.Context, also time.Time) error {
	s.mu.Lock()
	s.also = also
	s.mu.Unlock()
	if err := s.setTo(ctx); err != nil {
		return fmt.Errorf("set the alarm: %w", err)
	}
	return nil
}

// wait returns when nothing of it runs any more. The journal has ended.
func (s *Schedule) wait() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.owner.Wait()
}
