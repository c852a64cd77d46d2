package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
)

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
