package local

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

func TestAlarms(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		at := func(d time.Duration) time.Time { return time.Now().Add(d) }
		set := func(when time.Time) {
			t.Helper()
			if err := s.last().start.Lease.SetAlarm(t.Context(), when); err != nil {
				t.Fatal(err)
			}
		}
		sleep := func() { s.last().start.Lease.Sleep(); synctest.Wait() }
		use(t, p, id)
		set(at(time.Hour))
		sleep()
		s.expect(t, "start 1, Sleeping 1")
		<-time.After(time.Hour - time.Second)
		s.expect(t, "")
		<-time.After(2 * time.Second)
		s.expect(t, "start 2")
		// It has had its start; nothing comes when it sleeps again.
		sleep()
		<-time.After(24 * time.Hour)
		s.expect(t, "Sleeping 2")
		// Taken back.
		use(t, p, id)
		set(at(time.Hour))
		set(time.Time{})
		sleep()
		<-time.After(24 * time.Hour)
		s.expect(t, "start 3, Sleeping 3")
		// A generation that runs hears nothing of it, but it counts afterwards.
		use(t, p, id)
		set(at(time.Hour))
		<-time.After(2 * time.Hour)
		s.expect(t, "start 4")
		sleep()
		s.expect(t, "Sleeping 4, start 5")
		sleep()
		s.expect(t, "Sleeping 5")
		// It comes while the actor goes to sleep.
		use(t, p, id)
		set(at(time.Second))
		s.onStop = func(*player, actor.StopReason) error { <-time.After(time.Minute); return nil }
		sleep()
		<-time.After(2 * time.Minute)
		s.expect(t, "start 6, Sleeping 6, start 7")
		s.onStop = nil
		// The start fails for a while.
		set(at(time.Minute))
		sleep()
		s.took()
		ok := time.Now().Add(2 * time.Hour)
		s.mu.Lock()
		s.onStart = func(actor.Start) error {
			if time.Now().Before(ok) {
				return errors.New("bad")
			}
			return nil
		}
		s.mu.Unlock()
		<-time.After(2*time.Hour + 31*time.Second)
		synctest.Wait()
		if got := s.took(); !strings.Contains(got, "start") {
			t.Error("it was given up")
		}
	})
}

// Actors that pause since they have failed keep no others from starting for their
// alarms.
func TestAlarmsOfActorsThatPause(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		due := time.Now().Add(20 * time.Second)
		use(t, p, id)
		if err := s.last().start.Lease.SetAlarm(t.Context(), due.Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		s.last().start.Lease.Sleep()
		synctest.Wait()
		for i := range maxAlarmStarts {
			rec, err := p.create(t.Context(), spec{Name: "bad", Key: rivet.Key{fmt.Sprint(i)}})
			if err != nil {
				t.Fatal(err)
			}
			use(t, p, rec.ID)
			if err := s.last().start.Lease.SetAlarm(t.Context(), due); err != nil {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		s.onStart = func(start actor.Start) error {
			if start.Name == "bad" {
				return errors.New("bad")
			}
			s.note("good after %v", time.Since(due))
			return nil
		}
		bad := s.players[1:]
		s.mu.Unlock()
		for _, b := range bad {
			b.start.Lease.Failed(errors.New("bad"))
		}
		<-time.After(21 * time.Second)
		if got := s.took(); !strings.Contains(got, "good after 1ms") {
			t.Errorf("the actor was not started: %s", got[len(got)-100:])
		}
	})
}

// Starts for alarms that fail make room for others, and those that can never
// succeed are not tried again.
func TestAlarmsOfActorsThatDoNotStart(t *testing.T) {
	for _, bad := range []error{errors.New("bad"), actor.ErrUnknownName} {
		play(t, func(t *testing.T, p *places, s *stage, id string) {
			due := time.Now().Add(time.Hour)
			for i := range maxAlarmStarts + 1 {
				if i > 0 {
					rec, err := p.create(t.Context(), spec{Name: "bad", Key: rivet.Key{fmt.Sprint(i)}})
					if err != nil {
						t.Fatal(err)
					}
					id = rec.ID
				}
				use(t, p, id)
				when := due
				if i == 0 {
					when = due.Add(time.Millisecond)
				}
				if err := s.last().start.Lease.SetAlarm(t.Context(), when); err != nil {
					t.Fatal(err)
				}
				s.last().start.Lease.Sleep()
				synctest.Wait()
			}
			s.took()
			s.mu.Lock()
			s.onStart = func(start actor.Start) error {
				if start.Name == "bad" {
					return bad
				}
				return nil
			}
			s.mu.Unlock()
			<-time.After(time.Hour + time.Second)
			if got := s.took(); !strings.Contains(got, "start 2") {
				t.Errorf("%v: the actor was not started", bad)
			}
			<-time.After(maxRestartPause)
			if got := s.took(); (got == "") != (bad == actor.ErrUnknownName) {
				t.Errorf("%v: %.100s", bad, got)
			}
		})
	}
}

// An actor whose record cannot even be read leaves none behind that is empty.
func TestDamagedAlarmAtStart(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		damage := func(tx txn) error { return tx.put(table(tableAlarm, id), []byte("bad")) }
		if err := p.store.update(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.acquire(t.Context(), id); err == nil {
			t.Error("it was started")
		}
		synctest.Wait()
		_ = p.store.view(func(tx txn) error {
			if tx.get(table(tableRecord)) != nil {
				t.Error("there is a record of no actor")
			}
			return nil
		})
	})
}

// Alarms that are due when the host opens fire, and none is lost by a shutdown.
func TestAlarmsAtOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &reopened{disk: new(memory)}
		s := new(stage)
		p := newPlaces(t, openStore(disk), s)
		p.begin()
		const n = 3 * maxAlarmStarts
		for i := range n {
			rec, err := p.create(t.Context(), spec{Name: "a", Key: rivet.Key{fmt.Sprint(i)}})
			if err != nil {
				t.Fatal(err)
			}
			use(t, p, rec.ID)
			if err := s.last().start.Lease.SetAlarm(t.Context(), time.Now().Add(time.Duration(i)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		close := func() {
			if err := errors.Join(p.shutdown(t.Context()), p.store.close()); err != nil {
				t.Error(err)
			}
		}
		close()
		if got := s.took(); strings.Count(got, "GoingAway") != n {
			t.Error(got)
		}
		<-time.After(time.Hour)
		p = newPlaces(t, openStore(disk), s)
		starting, most := 0, 0
		var mu sync.Mutex
		s.onStart = func(actor.Start) error {
			mu.Lock()
			starting++
			most = max(most, starting)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			starting--
			mu.Unlock()
			return nil
		}
		<-time.After(time.Hour)
		s.expect(t, "")
		p.begin()
		<-time.After(10 * time.Second)
		if got := strings.Count(s.took(), "start 2"); got != n || most != maxAlarmStarts {
			t.Errorf("%d were started, %d at once", got, most)
		}
		close()
	})
}

// reopened is a disk that stays when it is closed.
type reopened struct{ disk }

func (*reopened) close() error { return nil }
