package actor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rivet-go/rivet/codec"
)

// ScheduleID names an action that is to run, among all that an actor ever
// schedules.
type ScheduleID string

// appointment is an action that is to run at a time, once or again and again.
// It lies under [6, id], the id in eight bytes as those of queue messages.
type appointment struct {
	id     uint64
	name   string // of a repeating one
	action string
	args   []byte // as BARE has them
	at     time.Time
	last   time.Time     // when it last began
	every  time.Duration // of one with an interval
	expr   string        // of one with a cron expression
	zone   string
	table  *timetable // of expr; nil when the zone is missing here

	// The rest is in memory only, guarded by schedule.mu.
	due     time.Time // when it is looked at: at, or later after a refusal
	running bool
	again   *occasion // one that could not begin, and is tried again
}

// scheduleRecord is the version of the records.
const scheduleRecord = 1

// appointmentRecord is what is stored. Times are in microseconds since 1970.
type appointmentRecord struct {
	Version int    `cbor:"0,keyasint"`
	Name    string `cbor:"1,keyasint,omitempty"`
	Action  string `cbor:"2,keyasint"`
	Args    []byte `cbor:"3,keyasint,omitempty"`
	At      int64  `cbor:"4,keyasint"`
	Last    int64  `cbor:"5,keyasint,omitempty"`
	Every   int64  `cbor:"6,keyasint,omitempty"`
	Expr    string `cbor:"7,keyasint,omitempty"`
	Zone    string `cbor:"8,keyasint,omitempty"`
}

func scheduleKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keySchedule}, id) }

func (p *appointment) key() []byte { return scheduleKey(p.id) }

// scheduleID is the id as users have it.
func (p *appointment) scheduleID() ScheduleID { return ScheduleID(strconv.FormatUint(p.id, 36)) }

func (p *appointment) record() ([]byte, error) {
	r := appointmentRecord{
		Version: scheduleRecord, Name: p.name, Action: p.action, Args: p.args, At: p.at.UnixMicro(),
		Every: int64(p.every / time.Microsecond), Expr: p.expr, Zone: p.zone,
	}
	if !p.last.IsZero() {
		r.Last = p.last.UnixMicro()
	}
	return storeEnc.Marshal(r)
}

// decodeAppointment is record's other way. It does not look at the expression.
func decodeAppointment(key, data []byte) (*appointment, error) {
	damaged := func(err error) (*appointment, error) {
		return nil, fmt.Errorf("actor: the stored schedule entry %x is damaged: %w", key, err)
	}
	if len(key) != 1+8 {
		return damaged(fmt.Errorf("its key has %d bytes", len(key)))
	}
	var r appointmentRecord
	if err := storeDec.Unmarshal(data, &r); err != nil {
		return damaged(err)
	}
	switch {
	case r.Version != scheduleRecord:
		return damaged(fmt.Errorf("it has the unknown version %d", r.Version))
	case r.Every != 0 && r.Every < MinInterval.Microseconds() || r.Every > int64(math.MaxInt64/time.Microsecond):
		return damaged(errors.New("its interval is out of range"))
	case r.At < minAt.UnixMicro() || r.At > maxAt.UnixMicro():
		return damaged(errors.New("its time is out of range"))
	case (r.Every > 0 || r.Expr != "") != (r.Name != ""), r.Every > 0 && r.Expr != "":
		return damaged(errors.New("it is neither single nor repeating"))
	}
	if _, err := codec.SplitArgs(codec.BARE, r.Args); err != nil && len(r.Args) > 0 {
		return damaged(err)
	}
	p := &appointment{
		id: binary.BigEndian.Uint64(key[1:]), name: r.Name, action: r.Action, args: r.Args,
		at: time.UnixMicro(r.At), every: time.Duration(r.Every) * time.Microsecond, expr: r.Expr, zone: r.Zone,
	}
	if r.Last != 0 {
		p.last = time.UnixMicro(r.Last)
	}
	p.due = p.at
	return p, nil
}

// repeats reports whether it has a next time.
func (p *appointment) repeats() bool { return p.name != "" }

// after returns the first time of a repeating one after now, zero if there is
// none. Intervals keep their beat, whenever the actor was awake.
func (p *appointment) after(now time.Time) time.Time {
	if p.table != nil {
		return p.table.next(now)
	}
	if p.every <= 0 {
		return time.Time{}
	}
	missed := max(now.Sub(p.at)/p.every, 0)
	next := p.at.Add(missed * p.every)
	for !next.After(now) {
		next = next.Add(p.every)
	}
	return next
}
