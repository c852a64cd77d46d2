package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

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
