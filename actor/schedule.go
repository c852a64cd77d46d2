package actor

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
)

// MinInterval is the shortest interval of Every. RivetKit has 5 seconds.
const MinInterval = time.Second

// After runs an action of the actor once d has passed, zero or less for at once:
// see At.
func After[S, In, Out any](c *Context[S], d time.Duration, a rivet.Action[In, Out], in In) (ScheduleID, error) {
	return c.sc.once(time.Now().Add(d), string(a), codec.Args(in))
}

// At runs an action of the actor at t, or at once if that has passed. It returns
// when that is on disk, whatever becomes of the state, and holds the turn
// meanwhile. When the Context ends first, the error is its cause, and the action
// may run all the same.
//
// The action runs in a turn of its own, as if a client had called it: with the
// time limit of actions, its result unused, its error logged. Context.Conn is
// nil. Actions run in the order of their times, then of scheduling. An actor that
// sleeps then wakes up; one that cannot, as its host is not running, catches up.
// Each runs at least once: the end of an action, failed or not, is stored
// together with the state, and a crash before has it run again.
//
// An action that the actor does not have is ErrNoAction, arguments of more than
// 64 KiB are a *LimitError.
func At[S, In, Out any](c *Context[S], t time.Time, a rivet.Action[In, Out], in In) (ScheduleID, error) {
	return c.sc.once(t, string(a), codec.Args(in))
}

// Every runs an action again and again, first in an interval from now; see At.
// Name tells it from others that repeat: Every or Cron with the same name
// replaces it. With the same interval, too, the next time stays, so that OnWake
// may call Every at each start.
//
// Times that pass while the action runs or the actor cannot wake up are made up
// for by one run. After that it goes on in the old beat. Intervals are whole
// microseconds, and MinInterval at least.
func Every[S, In, Out any](c *Context[S], name string, interval time.Duration, a rivet.Action[In, Out], in In) error {
	interval = interval.Truncate(time.Microsecond)
	if interval < MinInterval {
		return fmt.Errorf("actor: schedule %q: an interval of %v is below %v", name, interval, MinInterval)
	}
	return c.sc.repeat(&appointment{name: name, every: interval, action: string(a), at: time.Now().Add(interval)}, codec.Args(in))
}

// CronOption changes what a cron expression means.
type CronOption interface{ applyCron(*appointment) }

type cronOption func(*appointment)

func (f cronOption) applyCron(p *appointment) { f(p) }

// TimeZone is where a cron expression goes by the clock, such as
// "Europe/Berlin"; UTC by default.
func TimeZone(name string) CronOption { return cronOption(func(p *appointment) { p.zone = name }) }

// Cron runs an action at the times of a cron expression; see At and Every, whose
// names it shares. An expression has five fields, for minutes, hours, days of the
// month, months and days of the week, with names, ranges, lists, steps, L, W and
// #, or is @hourly, @daily and the like. A day of the month and a day of the week
// mean either. What cannot be used is a *CronError.
//
// On days on which clocks change, an expression with an asterisk for the hours or
// minutes goes by the time that passes. Others happen once: at the change, if the
// clock leaves their time out, and the first time, if it repeats it.
func Cron[S, In, Out any](c *Context[S], name, expr string, a rivet.Action[In, Out], in In, opts ...CronOption) error {
	p := &appointment{name: name, expr: expr, action: string(a)}
	for _, o := range opts {
		if o != nil {
			o.applyCron(p)
		}
	}
	var err error
	if p.table, err = parseTimetable(p.expr, p.zone); err != nil {
		return err
	}
	p.at = p.table.next(time.Now())
	return c.sc.repeat(p, codec.Args(in))
}

// The times that are accepted go into microseconds, and into a driver's
// milliseconds.
var (
	minAt = time.Unix(0, 0)
	maxAt = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

func (sc *scope) once(t time.Time, action string, args []any) (ScheduleID, error) {
	if t.After(maxAt) {
		return "", fmt.Errorf("actor: schedule %q: %v is too far away", action, t)
	}
	if t.Before(minAt) {
		t = minAt
	}
	// Never earlier than asked for.
	at := t.Truncate(time.Microsecond)
	if at.Before(t) {
		at = at.Add(time.Microsecond)
	}
	return sc.schedule(&appointment{action: action, at: at}, args)
}

func (sc *scope) repeat(p *appointment, args []any) error {
	if p.name == "" {
		return fmt.Errorf("actor: schedule %q: the name is empty", p.action)
	}
	p.at = p.at.Truncate(time.Microsecond)
	_, err := sc.schedule(p, args)
	return err
}

func (sc *scope) schedule(p *appointment, args []any) (ScheduleID, error) {
	var err error
	if p.args, err = codec.AppendArgs(nil, codec.BARE, args); err != nil {
		return "", fmt.Errorf("actor: schedule %q: %w", p.action, err)
	}
	return sc.in.schedule.add(sc.ctx, p)
}

// Scheduled is an action that is to run, as it was when it was asked for.
type Scheduled struct {
	ID     ScheduleID
	Action string
	// Args are what the action will be called with.
	Args []codec.Value
	// At is when it runs next, or was to run if it does now.
	At time.Time
	// Name, and Interval or Expr with Zone, are those of Every and Cron.
	Name     string
	Interval time.Duration
	Expr     string
	Zone     string
	// Last is when a repeating one last began, zero for never.
	Last time.Time
}

func (p *appointment) info() Scheduled {
	args, _ := codec.SplitArgs(codec.BARE, p.args) // they were looked at when they came
	return Scheduled{
		ID: p.scheduleID(), Action: p.action, Args: args, At: p.at,
		Name: p.name, Interval: p.every, Expr: p.expr, Zone: p.zone, Last: p.last,
	}
}

// Get returns what is scheduled under an id.
func (s *Schedule) Get(id ScheduleID) (Scheduled, bool) { return s.get(s.find(id)) }

// Named returns what Every or Cron has scheduled under a name.
func (s *Schedule) Named(name string) (Scheduled, bool) { return s.get(s.named(name)) }

func (s *Schedule) get(find func() *appointment) (Scheduled, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := find(); p != nil {
		return p.info(), true
	}
	return Scheduled{}, false
}

// All yields what is scheduled when the loop begins, by At.
func (s *Schedule) All() iter.Seq[Scheduled] {
	return func(yield func(Scheduled) bool) {
		s.mu.Lock()
		all := make([]Scheduled, 0, len(s.all))
		for _, p := range s.all {
			all = append(all, p.info())
		}
		s.mu.Unlock()
		slices.SortFunc(all, func(a, b Scheduled) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
		for _, p := range all {
			if !yield(p) {
				return
			}
		}
	}
}

// Cancel takes an action off the schedule and returns when that is on disk; false
// when there is none of that id, as it has run. One that runs is not interrupted,
// nor does it come again.
func (s *Schedule) Cancel(ctx context.Context, id ScheduleID) (bool, error) {
	return s.remove(ctx, s.find(id))
}

// CancelNamed is Cancel for what Every or Cron has scheduled under a name.
func (s *Schedule) CancelNamed(ctx context.Context, name string) (bool, error) {
	return s.remove(ctx, s.named(name))
}

// runScheduled starts a scheduled action; false when there is no room for it, or
// the actor is to stop.
func (in *Instance) runScheduled(p *appointment, settle func(error) Batch, ended func()) bool {
	if !in.awake.hold() {
		return false
	}
	defer in.awake.release()
	a := in.b.actions[p.action]
	if a == nil {
		return false
	}
	if in.calls.Add(1) > int64(in.b.set.mailbox) {
		in.calls.Add(-1)
		in.log.Warn("a scheduled action waits, as too many calls do", "action", p.action)
		return false
	}
	c := &call{in: in, action: a, enc: codec.BARE, args: p.args, settle: settle, ended: ended}
	c.answer = func(_ []byte, err error) {
		if err == errTimedOut {
			in.log.Error("a scheduled action takes too long", "action", p.action)
		}
	}
	in.launch(c, func() {})
	return true
}
