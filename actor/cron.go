package actor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// A timetable is a cron expression in a time zone.
//
// The parser's own search mistakes days on which clocks change, so it is asked
// in UTC for readings of a clock on the wall, and when the wall shows these is
// found here.
type timetable struct {
	spec *cron.SpecSchedule
	zone *time.Location
	// steady expressions have an asterisk for hours or minutes, and go by the
	// time that passes: where the wall repeats an hour, they have it twice,
	// and none where it leaves one out. The others happen once a reading.
	steady bool
}

// cronParser reads the five fields, with names, steps, L, W and #, and the
// descriptors such as @daily. As in all crons, a day of the month and a day of
// the week mean either.
func cronParser() (cron.Parser, error) {
	p, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor |
		cron.DowOrDom | cron.DomL | cron.DomW | cron.DowNth | cron.DowLast)
	// From 29 February to the next, in passing 2100.
	return p.WithMaxSearchYears(9), err
}

// CronError is a cron expression, or its time zone, that cannot be used.
type CronError struct {
	Expr string
	Zone string
	Err  error
}

func (e *CronError) Error() string {
	return fmt.Sprintf("actor: cron expression %.100q in time zone %.60q: %v", e.Expr, e.Zone, e.Err)
}

func (e *CronError) Unwrap() error { return e.Err }

// parseTimetable reads an expression. An empty zone is UTC.
func parseTimetable(expr, zone string) (*timetable, error) {
	fault := func(err error) (*timetable, error) {
		return nil, &CronError{Expr: expr, Zone: zone, Err: err}
	}
	if zone == "Local" {
		return fault(errors.New("the time zone must have a name, as machines differ in what is local"))
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return fault(fmt.Errorf("%w (a program that brings the zones along imports time/tzdata)", err))
	}
	fields := strings.Fields(expr)
	switch {
	case len(fields) > 0 && strings.Contains(fields[0], "="):
		return fault(errors.New("the time zone is an option, not a part of the expression"))
	case len(fields) > 0 && fields[0] == "@every":
		return fault(errors.New("an interval is what Every is for"))
	}
	p, err := cronParser()
	if err != nil {
		return fault(err)
	}
	parsed, err := p.Parse(expr)
	if err != nil {
		return fault(err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fault(errors.New("it has no times of day"))
	}
	spec.Location = time.UTC
	t := &timetable{spec: spec, zone: loc}
	t.steady = fields[0] == "@hourly" ||
		len(fields) == 5 && (strings.HasPrefix(fields[0], "*") || strings.HasPrefix(fields[1], "*"))
	if t.next(time.Now()).IsZero() {
		return fault(errors.New("it names no day of the next 9 years"))
	}
	return t, nil
}

// next returns the first time after t, zero if there is none within 9 years.
//
// An expression with fixed times that the wall leaves out happens at the moment
// when the clock is put forward, once; and at the first of two moments when the
// wall shows the same.
func (t *timetable) next(after time.Time) time.Time {
	if t.steady {
		return t.nextSteady(after)
	}
	for reading := wall(after.In(t.zone)); ; {
		reading = t.spec.Next(reading)
		if reading.IsZero() {
			return time.Time{}
		}
		if at := t.firstShown(reading); at.After(after) {
			return at
		}
	}
}

// wall is the reading of the clock on the wall at t, as if it were UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// firstShown returns when the wall first shows a reading or a later one.
func (t *timetable) firstShown(reading time.Time) time.Time {
	// Offsets are less than a day, and change less often than daily.
	for at := reading.Add(-36 * time.Hour); ; {
		here := at.In(t.zone)
		_, offset := here.Zone()
		shown := reading.Add(-time.Duration(offset) * time.Second)
		_, end := here.ZoneBounds()
		switch {
		case shown.Before(at): // the change left it out
			return at.In(t.zone)
		case end.IsZero() || shown.Before(end):
			return shown.In(t.zone)
		}
		at = end
	}
}

// nextSteady goes from one change of the clock to the next: between them the
// wall is as good as UTC.
func (t *timetable) nextSteady(after time.Time) time.Time {
	for range 100 {
		here := after.In(t.zone)
		_, offset := here.Zone()
		reading := t.spec.Next(wall(here))
		if reading.IsZero() {
			return time.Time{}
		}
		at := reading.Add(-time.Duration(offset) * time.Second)
		_, end := here.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at.In(t.zone)
		}
		// The moment of the change itself shows the new time already.
		changed := wall(end.In(t.zone))
		if t.spec.Next(changed.Add(-1)).Equal(changed) {
			return end.In(t.zone)
		}
		after = end
	}
	return time.Time{}
}
