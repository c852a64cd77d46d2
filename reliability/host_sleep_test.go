package reliability_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/stream"
)

// TestHostWakesWithItsSubscriptions puts an actor to sleep under connections,
// which do not notice: each gets all events, that of the very call that wakes the
// actor among them, in the order in which the actor emitted them. It is woken by
// a connection or by HTTP, by one call or by many, when it sleeps and while it
// goes to sleep.
func TestHostWakesWithItsSubscriptions(t *testing.T) {
	const rounds = 24
	l := newLibrary(t)
	key := rivet.Key{t.Name()}
	type subscriber struct {
		conn   *conn.Conn
		events *stream.Subscription[line]
	}
	var all []subscriber
	var callers []rivet.Caller
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		h := l.client(t, enc).GetOrCreate("book", key)
		c := open(t, h)
		all = append(all, subscriber{c, written.Subscribe(c, stream.Gaps(true))})
		callers = append(callers, c, h)
		if _, err := rivet.Do(soon(t), c, read); err != nil { // and so it is subscribed
			t.Fatal(err)
		}
	}
	admin := l.client(t, codec.JSON).GetOrCreate("book", key)
	seen := 0
	for round := range rounds {
		if _, err := rivet.Do(soon(t), admin, doze); err != nil {
			t.Fatal(err)
		}
		if round%4 != 3 {
			asleep(t, admin)
		}
		by := callers
		if round%2 == 0 {
			i := round / 2 % len(callers)
			by = callers[i : i+1]
		}
		var writing sync.WaitGroup
		for i, caller := range by {
			writing.Go(func() {
				for n := range 3 {
					if _, err := write.Call(soon(t), caller, line{i, round*10 + n}); err != nil {
						t.Errorf("round %d, caller %d: %v", round, i, err)
					}
				}
			})
		}
		writing.Wait()
		order := l.lines()
		for i, s := range all {
			for _, want := range order[seen:] {
				if got, err := s.events.Next(soon(t)); got != want || err != nil {
					t.Fatalf("round %d, subscriber %d: %+v, %v, want %+v", round, i, got, err, want)
				}
			}
			if st := s.conn.Stats(); st.Links != 1 || st.Unwanted != 0 {
				t.Fatalf("round %d, subscriber %d: %+v", round, i, st)
			}
		}
		seen = len(order)
	}
	if l.wakes < rounds*3/4+1 {
		t.Errorf("%d wakes in %d rounds", l.wakes, rounds)
	}
	// None is left over.
	for i, s := range all {
		if err := s.conn.Close(); err != nil {
			t.Error(err)
		}
		if got, err := s.events.Next(soon(t)); !errors.Is(err, rivet.ErrClosed) {
			t.Errorf("subscriber %d: %+v, %v, want the end", i, got, err)
		}
	}
}

// asleep waits until the host says so.
func asleep(t *testing.T, h *rivet.Handle) {
	t.Helper()
	ctx := soon(t)
	for {
		info, err := h.Info(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !info.Slept.IsZero() {
			return
		}
		pass(time.Millisecond)
	}
}
