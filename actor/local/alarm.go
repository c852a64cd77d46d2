package local

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"time"
)

// alarms are those of the actors that do not run, the earliest first, with one
// timer for all. They are in the store too. places.mu guards them.
type alarms struct {
	queue alarmQueue
	of    map[string]*alarm // by the actor's id
	timer *time.Timer
	// begun is set when they may fire, stopped when they may not any more.
	begun, stopped bool
	starting       int // actors that are being started for an alarm
}

type alarm struct {
	id    string
	at    int64 // Unix milliseconds
	index int
}

const (
	// maxAlarmStarts is how many actors are started at once because of alarms:
	// at the opening many may be due.
	maxAlarmStarts = 64
	// maxAlarmWait is how long the timer waits at most, as it does not notice
	// when the clock is set, nor when the machine sleeps.
	maxAlarmWait = time.Minute
)

// openAlarms reads the alarms from the store.
func openAlarms(s *store) (*alarms, error) {
	a := &alarms{of: make(map[string]*alarm)}
	from, end := table(tableAlarm), tableEnd(tableAlarm)
	for more := true; more; {
		more = false
		err := s.view(func(tx txn) (err error) {
			n := 0
			tx.scan(from, end, false, func(k, v []byte) bool {
				if n == pageEntries {
					more = true
					return false
				}
				n++
				from = append(append(from[:0:0], k...), 0)
				var at int64
				if at, err = decodeAlarm(string(k[1:]), v); err == nil {
					a.set(string(k[1:]), at)
				}
				return err == nil
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// decodeAlarm returns the time of an entry, 0 for none.
func decodeAlarm(id string, v []byte) (int64, error) {
	if v == nil {
		return 0, nil
	}
	if len(v) != 8 || !isID(id) || v[0] > 0x7f {
		return 0, fmt.Errorf("%w: the alarm of actor %.40q", ErrDamaged, id)
	}
	return int64(binary.BigEndian.Uint64(v)), nil
}

// set notes the alarm of an actor, 0 for none.
func (a *alarms) set(id string, at int64) {
	switch old := a.of[id]; {
	case old == nil && at == 0:
	case old == nil:
		n := &alarm{id: id, at: at}
		a.of[id] = n
		heap.Push(&a.queue, n)
	case at == 0:
		delete(a.of, id)
		heap.Remove(&a.queue, old.index)
	default:
		old.at = at
		heap.Fix(&a.queue, old.index)
	}
}

// fireAlarms starts the actors whose alarms are due, and sets the timer for the
// next one. places.mu is locked.
func (p *places) fireAlarms() {
	a := p.alarms
	if !a.begun || a.stopped {
		return
	}
	now := time.Now()
	for len(a.queue) > 0 && a.starting < maxAlarmStarts {
		next := a.queue[0]
		wait := fromMillis(next.at).Sub(now)
		if wait > 0 {
			wait = min(wait, maxAlarmWait)
			if a.timer == nil {
				a.timer = time.AfterFunc(wait, p.alarmTimer)
			} else {
				a.timer.Reset(wait)
			}
			return
		}
		a.set(next.id, 0)
		pl := p.place(next.id)
		if pl.in != nil && !pl.stopping {
			continue // when it sleeps its alarm is looked at again
		}
		pl.insist = true
		busy := pl.busy
		pl.kick()
		// One that pauses after a failure is not being started, and takes no
		// room from others.
		if pl.busy && !busy && !pl.alarmed {
			pl.alarmed = true
			a.starting++
		}
	}
}

func (p *places) alarmTimer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fireAlarms()
}

// begin lets alarms fire.
func (p *places) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alarms.begun = true
	p.fireAlarms()
}

type alarmQueue []*alarm

func (q alarmQueue) Len() int           { return len(q) }
func (q alarmQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q alarmQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *alarmQueue) Push(x any) {
	n := x.(*alarm)
	n.index = len(*q)
	*q = append(*q, n)
}
func (q *alarmQueue) Pop() any {
	old := *q
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return n
}
