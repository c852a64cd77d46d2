package actor

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func FuzzScheduleRecord(f *testing.F) {
	for _, p := range []*appointment{
		{id: 1, action: "a", args: []byte{0x80}, at: time.UnixMicro(1e15)},
		{id: 2, action: "b", name: "n", at: time.UnixMicro(1), every: time.Hour, last: time.UnixMicro(5)},
		{id: 3, action: "c", name: "n", at: time.UnixMicro(0), expr: "* * * * *", zone: "Europe/Berlin"},
	} {
		data, err := p.record()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.key(), data)
	}
	f.Fuzz(func(t *testing.T, key, data []byte) {
		p, err := decodeAppointment(key, data)
		if err != nil {
			if !strings.Contains(err.Error(), "schedule entry") {
				t.Errorf("the error does not say what is damaged: %v", err)
			}
			return
		}
		again, err := p.record()
		if err != nil {
			t.Fatal(err)
		}
		q, err := decodeAppointment(key, again)
		if err != nil {
			t.Fatal(err)
		}
		p.args, q.args = append([]byte{}, p.args...), append([]byte{}, q.args...)
		if !reflect.DeepEqual(p, q) {
			t.Errorf("%+v becomes %+v", p, q)
		}
		_, _ = p.after(time.UnixMicro(1e15)), p.info()
	})
}

// An action that cannot begin, for lack of room, does later, and its alarm stays
// meanwhile.
func TestScheduleWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, crash := journalOn(t, newShelf())
		defer crash()
		s := newSchedule(j, slog.New(slog.DiscardHandler))
		var mu sync.Mutex // of all that follows
		var alarm time.Time
		s.setAlarm = func(_ context.Context, at time.Time) error {
			mu.Lock()
			defer mu.Unlock()
			alarm = at
			return nil
		}
		s.knows = func(string) bool { return true }
		room, ran := false, []string(nil)
		var runs sync.WaitGroup
		s.run = func(p *appointment, settle func(error) Batch, ended func()) bool {
			mu.Lock()
			defer mu.Unlock()
			if room {
				ran = append(ran, p.action)
				runs.Go(func() { _ = j.add(settle(nil)).wait(t.Context()); ended() })
			}
			return room
		}
		s.start()
		due := time.Now().Add(time.Minute)
		for _, action := range []string{"a", "b"} {
			if _, err := s.add(t.Context(), &appointment{action: action, at: due}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(70*time.Second + 1)
		synctest.Wait()
		mu.Lock()
		if len(ran) != 0 || !alarm.Equal(due) {
			t.Errorf("%q ran, and the alarm is %v", ran, alarm)
		}
		room = true
		mu.Unlock()
		<-time.After(time.Second)
		runs.Wait()
		s.pause()
		synctest.Wait()
		crash()
		s.wait()
		if len(ran) != 2 || ran[0] != "a" || !alarm.IsZero() || len(s.begun) != 0 || len(s.all) != 0 {
			t.Errorf("%q ran, the alarm is %v; %d are left", ran, alarm, len(s.all))
		}
	})
}

// While the disk is slow the next run of an action may begin before the end of
// the one before it is stored. Each time has one run all the same.
func TestScheduleOverASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, crash := journalOn(t, newShelf())
		defer crash()
		s := newSchedule(j, slog.New(slog.DiscardHandler))
		s.setAlarm = func(context.Context, time.Time) error { return nil }
		s.knows = func(string) bool { return true }
		var mu sync.Mutex
		var ran []string
		began, most, now := time.Now(), 0, 0
		var runs sync.WaitGroup
		s.run = func(p *appointment, settle func(error) Batch, ended func()) bool {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, time.Since(began).String())
			now++
			most = max(most, now)
			runs.Go(func() {
				<-time.After(500 * time.Millisecond) // the action
				b := settle(nil)
				mu.Lock()
				now--
				mu.Unlock()
				<-time.After(700 * time.Millisecond) // the disk
				_ = j.add(b).wait(t.Context())
				ended()
			})
			return true
		}
		s.start()
		if _, err := s.add(t.Context(), &appointment{name: "n", action: "a", every: time.Second, at: began.Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5250 * time.Millisecond)
		s.mu.Lock()
		if early := s.earliest(); !early.Equal(began.Add(5 * time.Second)) {
			t.Errorf("a crash now would wake it for %v", early.Sub(began))
		}
		s.mu.Unlock()
		s.pause()
		runs.Wait()
		synctest.Wait()
		crash()
		s.wait()
		if got := strings.Join(ran, " "); got != "1s 2s 3s 4s 5s" || most != 1 || len(s.line) != 1 || len(s.begun) != 0 {
			t.Errorf("it ran at %s, %d at a time; %d in line, %d begun", got, most, len(s.line), len(s.begun))
		}
	})
}

// The alarm of the generation before goes when what it was for has run, although
// nobody had set it anew by then.
func TestAlarmOfTheGenerationBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		for generation := range 2 {
			j, crash := journalOn(t, s)
			p := newSchedule(j, slog.New(slog.DiscardHandler))
			alarms := make(chan time.Time, 10)
			p.setAlarm = func(_ context.Context, at time.Time) error { alarms <- at; return nil }
			p.knows = func(string) bool { return true }
			if err := p.load(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if generation == 0 {
				if _, err := p.add(t.Context(), &appointment{action: "a", at: time.Now().Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
			} else {
				for one := range p.All() {
					if _, err := p.Cancel(t.Context(), one.ID); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if len(alarms) == 0 || !(<-alarms).IsZero() {
					t.Error("the alarm stays")
				}
			}
			crash()
			p.wait()
		}
	})
}

// What is cancelled does not come again, nor does its alarm: neither while it
// runs nor while it waits for room.
func TestCancelOfWhatIsDue(t *testing.T) {
	for _, room := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			shelf := newShelf()
			j, crash := journalOn(t, shelf)
			defer crash()
			s := newSchedule(j, slog.New(slog.DiscardHandler))
			alarms := make(chan time.Time, 10)
			s.setAlarm = func(_ context.Context, at time.Time) error { alarms <- at; return nil }
			s.knows = func(string) bool { return true }
			var runs sync.WaitGroup
			s.run = func(p *appointment, settle func(error) Batch, ended func()) bool {
				if room {
					runs.Go(func() {
						<-time.After(500 * time.Millisecond)
						_ = j.add(settle(nil)).wait(t.Context())
						ended()
					})
				}
				return room
			}
			s.start()
			if _, err := s.add(t.Context(), &appointment{name: "n", action: "a", every: time.Minute, at: time.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute + 100*time.Millisecond)
			if ok, err := s.CancelNamed(t.Context(), "n"); !ok || err != nil {
				t.Fatal(ok, err)
			}
			runs.Wait()
			synctest.Wait()
			var last time.Time
			for len(alarms) > 0 {
				last = <-alarms
			}
			if !last.IsZero() || len(s.all) != 0 || len(s.line) != 0 {
				t.Errorf("room %v: the alarm is %v; %d are left, %d in line", room, last, len(s.all), len(s.line))
			}
			s.pause()
			crash()
			s.wait()
		})
	}
}
