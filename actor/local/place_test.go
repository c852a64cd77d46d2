package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// stage is a starter whose instances do as they are told, and write down what
// happens.
type stage struct {
	mu      sync.Mutex
	lines   []string
	onStart func(actor.Start) error
	onStop  func(*player, actor.StopReason) error
	players []*player
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// took returns what has happened since it was asked last.
func (s *stage) took() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := strings.Join(s.lines, ", ")
	s.lines = nil
	return got
}

func (s *stage) last() *player {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.players[len(s.players)-1]
}

func (s *stage) Start(ctx context.Context, start actor.Start) (instance, error) {
	s.mu.Lock()
	f := s.onStart
	s.mu.Unlock()
	if f != nil {
		if err := f(start); err != nil {
			s.note("failed %d", start.Generation)
			return nil, err
		}
	}
	s.note("start %d", start.Generation)
	p := &player{stage: s, start: start, born: time.Now()}
	s.mu.Lock()
	s.players = append(s.players, p)
	s.mu.Unlock()
	return p, nil
}

// player is a generation on a stage.
type player struct {
	stage *stage
	start actor.Start
	born  time.Time

	mu       sync.Mutex
	held     int
	stopping bool
}

func (p *player) Hold() (func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil, false
	}
	p.held++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held--
	}, true
}

func (p *player) Stop(ctx context.Context, reason actor.StopReason) (err error) {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	if f := p.stage.onStop; f != nil {
		err = f(p, reason)
	}
	p.stage.note("%s %d", reason, p.start.Generation)
	return err
}

func (p *player) ServeHTTP(http.ResponseWriter, *http.Request) {}

type ear struct{ p *player }

func (ear) Message(uint64, bool, []byte) bool { return true }
func (ear) Closed(int, string)                {}

func (p *player) Open(l actor.Link) actor.Receiver { return ear{p} }

func (p *player) Restored(id string) actor.Receiver {
	if p.start.Links[id] == nil || id == "unknown" {
		return nil
	}
	return ear{p}
}

// plug is a socket that writes down what it is told.
type plug struct {
	id    string
	stage *stage
}

func (s *plug) ID() string                { return s.id }
func (s *plug) Request() *http.Request    { return nil }
func (s *plug) Send(*actor.Frame) error   { return nil }
func (s *plug) Ack(uint64)                {}
func (s *plug) Close(int, string)         {}
func (s *plug) bind(r actor.Receiver)     { s.stage.note("bind %s %d", s.id, r.(ear).p.start.Generation) }
func (s *plug) unbind()                   { s.stage.note("unbind %s", s.id) }
func (s *plug) shut(code int, why string) { s.stage.note("shut %s %d %s", s.id, code, why) }

// play runs f in a bubble with places on a stage, and one actor.
func play(t *testing.T, f func(t *testing.T, p *places, s *stage, id string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := new(stage)
		p := newPlaces(t, openStore(new(memory)), s)
		p.begin()
		rec, created, err := p.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}, Input: []byte("in")})
		if err != nil || !created {
			t.Fatal(created, err)
		}
		f(t, p, s, rec.ID)
		if err := p.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.store.close(); err != nil {
			t.Error(err)
		}
	})
}

func newPlaces(t *testing.T, s *store, run starter) *places {
	t.Helper()
	p, err := openPlaces(s, run, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *stage) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := s.took(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// use acquires and releases.
func use(t *testing.T, p *places, id string) {
	t.Helper()
	_, release, err := p.acquire(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || e.Group+"."+e.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOneStartForAll(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		s.onStart = func(start actor.Start) error {
			if start.Name != "a" || start.Key.String() != "k" || string(start.Input) != "in" || start.Region != "default" || start.ID != id || start.CreatedAt.IsZero() {
				t.Errorf("%+v", start)
			}
			<-time.After(time.Second)
			return nil
		}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { use(t, p, id) })
		}
		group.Wait()
		s.expect(t, "start 1")
		rec, _, _ := p.byID(t.Context(), id)
		if rec.Generation != 1 || rec.StartedAt.IsZero() || !rec.SleptAt.IsZero() {
			t.Errorf("%+v", rec)
		}
		use(t, p, id)
		s.expect(t, "")
	})
}

func TestSleepAndWake(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		use(t, p, id)
		s.onStop = func(*player, actor.StopReason) error { <-time.After(time.Second); return nil }
		first := s.last()
		first.start.Lease.Sleep()
		first.start.Lease.Sleep()
		synctest.Wait()
		// What comes meanwhile waits for the next generation.
		use(t, p, id)
		s.expect(t, "start 1, Sleeping 1, start 2")
		first.start.Lease.Sleep() // of a generation that is over
		first.start.Lease.Failed(errors.New("late"))
		first.start.Lease.Destroy()
		s.expect(t, "")
		if err := first.start.Lease.Apply(t.Context(), nil); !errors.Is(err, actor.ErrLeaseEnded) {
			t.Error(err)
		}
		s.last().start.Lease.Sleep()
		<-time.After(2 * time.Second)
		s.expect(t, "Sleeping 2")
		if len(p.resident) != 0 {
			t.Error("an actor that sleeps costs memory")
		}
		rec, _, _ := p.byID(t.Context(), id)
		if rec.SleptAt.IsZero() || rec.Generation != 2 {
			t.Errorf("%+v", rec)
		}
	})
}

func TestIntentsOfAStart(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		s.onStart = func(start actor.Start) error {
			if start.Generation == 1 {
				start.Lease.Sleep()
			}
			return nil
		}
		p.wake(id)
		s.expect(t, "start 1, Sleeping 1")
		// From an intent on, nobody else gets the generation.
		for range 100 {
			use(t, p, id)
			was := s.last()
			was.start.Lease.Sleep()
			in, release, err := p.acquire(t.Context(), id)
			if err != nil || in == instance(was) {
				t.Fatal("the generation that is to sleep:", err)
			}
			release()
		}
		s.took()
	})
}

func TestStartsThatFail(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		bad := errors.New("no state")
		s.onStart = func(start actor.Start) error {
			if start.Generation != 3 {
				return bad
			}
			return nil
		}
		use(t, p, id) // the third time it goes
		s.expect(t, "failed 1, failed 2, start 3")
		if at := p.connectable(id); !at.Equal(time.Now()) {
			t.Errorf("connectable since %v", at)
		}
		s.last().start.Lease.Sleep()
		s.expect(t, "Sleeping 3")

		from := time.Now()
		_, _, err := p.acquire(t.Context(), id)
		wantCode(t, err, "guard.actor_wake_retries_exceeded")
		if want := "Actor " + id + " stopped before becoming ready after 8 wake retries: actor_stopped_before_ready."; !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		var told struct {
			ID      string `json:"actor_id"`
			Retries int    `json:"wake_retries"`
			Reason  string `json:"reason"`
		}
		if e, _ := errors.AsType[*codec.Error](err); e.Metadata.Decode(&told) != nil || told.ID != id || told.Retries != 8 || told.Reason != "actor_stopped_before_ready" {
			t.Errorf("it tells %+v", told)
		}
		if at := p.connectable(id); !at.IsZero() {
			t.Errorf("connectable since %v", at)
		}
		if d := time.Since(from); d < 500*time.Millisecond || d > 700*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		s.expect(t, "failed 4, failed 5, failed 6, failed 7, failed 8, failed 9, failed 10, failed 11")
		if rec, _, _ := p.byID(t.Context(), id); rec.Failure != "no state" || rec.Generation != 11 {
			t.Errorf("%+v", rec)
		}
		<-time.After(time.Hour)
		s.expect(t, "")

		s.onStart = func(actor.Start) error { return fmt.Errorf("x: %w", actor.ErrUnknownName) }
		from = time.Now()
		_, _, err = p.acquire(t.Context(), id)
		wantCode(t, err, "guard.actor_wake_retries_exceeded")
		if time.Since(from) != 0 {
			t.Error("an unknown name is tried again")
		}
		s.expect(t, "failed 12")
	})
}

// Nobody waits any more: nobody tries any more.
func TestNobodyWaits(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		s.onStart = func(actor.Start) error { <-time.After(40 * time.Second); return errors.New("bad") }
		from := time.Now()
		_, _, err := p.acquire(t.Context(), id)
		wantCode(t, err, "guard.actor_ready_timeout")
		if time.Since(from) != 30*time.Second {
			t.Error(time.Since(from))
		}
		<-time.After(time.Hour)
		s.expect(t, "failed 1")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("gone"))
		defer cancel()
		if _, _, err := p.acquire(ctx, id); err == nil || err.Error() != "gone" {
			t.Error(err)
		}
		<-time.After(time.Hour)
		s.expect(t, "failed 2")
	})
}

func TestNotThere(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		for _, no := range []string{"", "x", idA, "Ä", strings.Repeat("a", 4000)} {
			_, _, err := p.acquire(t.Context(), no)
			wantCode(t, err, "actor.not_found")
			wantCode(t, p.destroy(t.Context(), no), "actor.not_found")
		}
		p.wake(idA)
		p.detach(idA, "x")
		s.expect(t, "")
		if len(p.resident) != 0 {
			t.Error("it costs memory")
		}
	})
}

// A generation that fails is followed by another one, after pauses that grow
// until one lives for a while.
func TestRestart(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		use(t, p, id)
		pauses := func(n int) (all []time.Duration) {
			for range n {
				was := s.last()
				from := time.Now()
				was.start.Lease.Failed(errors.New("boom"))
				for s.last() == was {
					<-time.After(10 * time.Millisecond)
				}
				all = append(all, s.last().born.Sub(from))
			}
			return all
		}
		if got, want := fmt.Sprint(pauses(12)), "[50ms 100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 30s 30s]"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		<-time.After(11 * time.Second)
		if got := fmt.Sprint(pauses(2)); got != "[50ms 100ms]" {
			t.Error(got)
		}
		s.took()
		// Somebody who wants it need not wait for that.
		s.last().start.Lease.Failed(errors.New("boom"))
		synctest.Wait()
		from := time.Now()
		use(t, p, id)
		if time.Since(from) != 0 {
			t.Error(time.Since(from))
		}
		s.expect(t, "Lost 15, start 16")
		<-time.After(time.Hour)
		s.expect(t, "")
		// What sleeps after a failure stays asleep.
		s.last().start.Lease.Sleep()
		<-time.After(time.Hour)
		s.expect(t, "Sleeping 16")
	})
}

func TestDestroy(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		use(t, p, id)
		l := s.last().start.Lease
		if err := errors.Join(
			l.Apply(t.Context(), actor.Batch{{Key: []byte("k"), Value: []byte("v")}}),
			l.SetAlarm(t.Context(), time.Now().Add(time.Hour)),
		); err != nil {
			t.Fatal(err)
		}
		s.onStop = func(*player, actor.StopReason) error { <-time.After(time.Second); return nil }
		waiter := make(chan error)
		l.Destroy()
		synctest.Wait()
		go func() { _, _, err := p.acquire(t.Context(), id); waiter <- err }()
		if err := p.destroy(t.Context(), id); err != nil {
			t.Error(err)
		}
		wantCode(t, <-waiter, "actor.destroyed_while_waiting_for_ready")
		s.expect(t, "start 1, Destroying 1")
		_, _, err := p.acquire(t.Context(), id)
		wantCode(t, err, "actor.not_found")
		if err := p.destroy(t.Context(), id); err != nil {
			t.Error("again:", err)
		}
		rec, ok, err := p.byID(t.Context(), id)
		if err != nil || !ok || rec.DestroyedAt.IsZero() || rec.Key.String() != "k" {
			t.Error(rec, ok, err)
		}
		if _, ok, err := p.find(t.Context(), "a", rivet.Key{"k"}); ok || err != nil {
			t.Error(ok, err)
		}
		// Nothing of it is left, and it does not wake.
		_ = p.store.view(func(tx txn) error {
			for _, tb := range []byte{tableAlarm, tableData, tableInput, tableKey, tableList} {
				tx.scan(table(tb), tableEnd(tb), false, func(k, _ []byte) bool { t.Errorf("left: %q", k); return true })
			}
			return nil
		})
		<-time.After(2 * time.Hour)
		s.expect(t, "")
		again, created, err := p.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}})
		if err != nil || !created || again.ID == id {
			t.Error(again.ID, created, err)
		}
		// One that sleeps goes without a start, one that starts when it has.
		if err := p.destroy(t.Context(), again.ID); err != nil {
			t.Error(err)
		}
		s.expect(t, "")
		third, _, err := p.getOrCreate(t.Context(), spec{Name: "a", Key: rivet.Key{"k"}})
		if err != nil {
			t.Fatal(err)
		}
		s.onStart = func(actor.Start) error { <-time.After(time.Second); return nil }
		p.wake(third.ID)
		synctest.Wait()
		if err := p.destroy(t.Context(), third.ID); err != nil {
			t.Error(err)
		}
		s.expect(t, "start 1, Destroying 1")
	})
}

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

func TestSockets(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		in, release, err := p.acquire(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.open(id, in, &plug{"one", s})
		p.open(id, in, &plug{"unknown", s})
		release()
		s.expect(t, "start 1, bind one 1, bind unknown 1")
		p.detach(id, "two")
		p.wake(id)
		s.last().start.Lease.Sleep()
		synctest.Wait()
		if got := s.took(); got != "unbind one, unbind unknown, Sleeping 1" && got != "unbind unknown, unbind one, Sleeping 1" {
			t.Error(got)
		}
		if len(p.resident) != 1 {
			t.Error("the sockets are forgotten")
		}
		p.wake(id)
		synctest.Wait()
		if got := s.took(); !strings.HasPrefix(got, "start 2, ") || !strings.Contains(got, "bind one 2") ||
			!strings.Contains(got, "shut unknown 1000 ws.meta_not_found_during_restore") {
			t.Error(got)
		}
		// A socket of a generation that is over.
		p.open(id, in, &plug{"late", s})
		s.expect(t, "shut late 1011 guard.actor_stopped_while_waiting_for_websocket_open")
		// One that comes while it stops is for the next one.
		in, release, err = p.acquire(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		s.onStop = func(*player, actor.StopReason) error { <-time.After(time.Second); return nil }
		s.last().start.Lease.Sleep()
		synctest.Wait()
		p.open(id, in, &plug{"two", s})
		release()
		s.expect(t, "unbind one, unbind two")
		p.wake(id)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if got := s.took(); !strings.HasPrefix(got, "Sleeping 2, start 3, ") || !strings.Contains(got, "bind one 3") || !strings.Contains(got, "bind two 3") {
			t.Error(got)
		}
		// When it cannot be woken, they are shut.
		s.onStop = nil
		p.detach(id, "two")
		s.last().start.Lease.Sleep()
		s.expect(t, "unbind one, Sleeping 3")
		s.onStart = func(actor.Start) error { return actor.ErrUnknownName }
		p.wake(id)
		s.expect(t, "failed 4, shut one 1011 guard.actor_wake_retries_exceeded")
		if len(p.resident) != 0 {
			t.Error("it costs memory")
		}
		// Destroying shuts those that the instance has not.
		s.onStart = nil
		if in, release, err = p.acquire(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		p.open(id, in, &plug{"three", s})
		release()
		if err := p.destroy(t.Context(), id); err != nil {
			t.Error(err)
		}
		s.expect(t, "start 5, bind three 5, unbind three, Destroying 5, shut three 1000 ")
	})
}

// Whatever leaves meanwhile, an actor has one place: two would start it twice.
func TestOnePlace(t *testing.T) {
	play(t, func(t *testing.T, p *places, s *stage, id string) {
		in, release, err := p.acquire(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.open(id, in, &plug{"x", s})
		release()
		s.last().start.Lease.Sleep()
		synctest.Wait()
		s.took()
		s.onStart = func(actor.Start) error { <-time.After(time.Second); return nil }
		p.wake(id)
		synctest.Wait()
		p.detach(id, "x") // while it starts
		use(t, p, id)
		s.expect(t, "start 2, bind x 2")

		in, release, err = p.acquire(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.open(id, in, &plug{"y", s})
		release()
		s.mu.Lock()
		s.onStart = func(actor.Start) error { return errors.New("bad") }
		s.mu.Unlock()
		s.last().start.Lease.Failed(errors.New("bad"))
		<-time.After(10 * time.Second)
		s.mu.Lock()
		s.onStart = nil
		s.mu.Unlock()
		s.took()
		p.detach(id, "y") // while it pauses
		use(t, p, id)
		<-time.After(time.Hour)
		if got := s.took(); strings.Count(got, "start") != 1 {
			t.Error(got)
		}
	})
}

// Who waits for the next generation is told of a shutdown when there will be none.
func TestShutdownInAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stage)
		p := newPlaces(t, openStore(new(memory)), s)
		rec, err := p.create(t.Context(), spec{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		use(t, p, rec.ID)
		s.onStop = func(*player, actor.StopReason) error { <-time.After(10 * time.Second); return nil }
		s.last().start.Lease.Sleep()
		synctest.Wait()
		from := time.Now()
		waiter := make(chan error)
		go func() {
			_, _, err := p.acquire(t.Context(), rec.ID)
			if time.Since(from) != 10*time.Second {
				t.Error(time.Since(from))
			}
			waiter <- err
		}()
		synctest.Wait()
		go func() { _ = p.shutdown(t.Context()) }()
		wantCode(t, <-waiter, "guard.service_unavailable")
		if err := errors.Join(p.shutdown(t.Context()), p.store.close()); err != nil {
			t.Error(err)
		}
		if p.ctx.Err() == nil || len(p.resident) != 0 {
			t.Error("something is left")
		}
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stage)
		p := newPlaces(t, openStore(new(memory)), s)
		p.begin()
		var ids []string
		for i := range 5 {
			rec, err := p.create(t.Context(), spec{Name: "a", Key: rivet.Key{fmt.Sprint(i)}})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, rec.ID)
		}
		for _, id := range ids[:3] {
			in, release, err := p.acquire(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			p.open(id, in, &plug{"x", s})
			release()
		}
		s.onStart = func(actor.Start) error { <-time.After(5 * time.Second); return nil }
		waiter := make(chan error)
		go func() {
			_, release, err := p.acquire(t.Context(), ids[3])
			if err == nil {
				release()
			}
			waiter <- err
		}()
		synctest.Wait()
		s.took()
		s.onStop = func(*player, actor.StopReason) error { <-time.After(10 * time.Second); return nil }
		from := time.Now()
		again := make(chan error)
		go func() { <-time.After(time.Second); again <- p.shutdown(t.Context()) }()
		if err := p.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if time.Since(from) != 15*time.Second { // the one that was starting, in parallel with the others
			t.Error(time.Since(from))
		}
		if err := <-again; err != nil {
			t.Error(err)
		}
		if err := <-waiter; err != nil {
			wantCode(t, err, "guard.service_unavailable")
		}
		got := s.took()
		if strings.Count(got, "GoingAway") != 4 || strings.Count(got, "shut x 1001 ws.going_away") != 3 {
			t.Error(got)
		}
		_, _, err := p.acquire(t.Context(), ids[0])
		wantCode(t, err, "guard.service_unavailable")
		wantCode(t, p.destroy(t.Context(), ids[0]), "guard.service_unavailable")
		p.wake(ids[0])
		s.expect(t, "")
		if err := p.store.close(); err != nil {
			t.Error(err)
		}
		_, err = p.create(t.Context(), spec{Name: "a"})
		wantCode(t, err, "guard.service_unavailable")
	})
}

// A shutdown whose context ends cuts short what is left.
func TestShutdownCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := &patient{stage: new(stage)}
		p := newPlaces(t, openStore(new(memory)), run)
		rec, err := p.create(t.Context(), spec{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		use(t, p, rec.ID)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		from := time.Now()
		if err := p.shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(from) != time.Second {
			t.Error(err, time.Since(from))
		}
		if err := p.store.close(); err != nil {
			t.Error(err)
		}
	})
}

// What has started when the shutdown was already cut short is lost.
func TestStartedAfterTheShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stage)
		p := newPlaces(t, openStore(new(memory)), s)
		rec, err := p.create(t.Context(), spec{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		s.onStart = func(actor.Start) error { <-time.After(2 * time.Second); return nil }
		p.wake(rec.ID)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.expect(t, "start 1, Lost 1")
		if err := p.store.close(); err != nil {
			t.Error(err)
		}
	})
}

// patient starts instances whose Stop takes until its context ends.
type patient struct{ *stage }

type lasting struct{ instance }

func (p *patient) Start(ctx context.Context, s actor.Start) (instance, error) {
	in, err := p.stage.Start(ctx, s)
	return lasting{in}, err
}

func (l lasting) Stop(ctx context.Context, reason actor.StopReason) error {
	<-ctx.Done()
	return fmt.Errorf("not stopped: %w", context.Cause(ctx))
}
