package reliability_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
)

// TestHostKeepsViewsExact: over the Go host a View needs no Versioned. Writers
// call by HTTP and by connections, the actor is put to sleep under them, and
// expels the connections of the views, which also leave by themselves; each state
// that a View has shown is one that the actor had, in their order, and with no
// more writers it is the last one.
func TestHostKeepsViewsExact(t *testing.T) {
	const (
		rounds  = 12
		writers = 6
		writes  = 15
	)
	l := newLibrary(t)
	key := rivet.Key{t.Name()}
	encodings := []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON}
	var views []*viewer
	// Some take snapshots all the time, in between of everything; the others none
	// without need, which would heal what is wrong.
	for i, refresh := range []time.Duration{0, 0, 0, 2 * time.Millisecond, 2 * time.Millisecond, 2 * time.Millisecond} {
		h := l.client(t, encodings[i%3]).GetOrCreate("book", key, rivet.WithParams(true))
		views = append(views, newViewer(t, l, h, refresh))
	}
	var callers []rivet.Caller
	for i := range writers {
		h := l.client(t, encodings[i%3]).GetOrCreate("book", key)
		callers = append(callers, h)
		if i%2 == 0 {
			callers[i] = open(t, h)
		}
	}
	admin := l.client(t, codec.JSON).GetOrCreate("book", key)
	for round := range rounds {
		var writing sync.WaitGroup
		begun := make(chan struct{})
		var once sync.Once
		for by, caller := range callers {
			writing.Go(func() {
				for n := range writes {
					if _, err := write.Call(soon(t), caller, line{by, round*writes + n}); err != nil {
						t.Errorf("round %d, writer %d: %v", round, by, err)
					}
					once.Do(func() { close(begun) })
				}
			})
		}
		<-begun
		switch round % 4 {
		case 0:
			if _, err := rivet.Do(soon(t), admin, doze); err != nil {
				t.Error(err)
			}
		case 1:
			if _, err := rivet.Do(soon(t), admin, expel); err != nil {
				t.Error(err)
			}
		case 2:
			for i := range views {
				if i%2 == round/4%2 {
					views[i].conn.Reconnect()
				}
			}
		}
		writing.Wait()
		final := (round + 1) * writers * writes
		want, _ := l.page(final)
		if got, err := rivet.Do(soon(t), admin, read); got != want || err != nil {
			t.Fatalf("round %d: the actor has %+v, %v, want %+v", round, got, err, want)
		}
		for i, v := range views {
			v.reaches(t, i, want)
		}
	}
	if l.wakes < 2 {
		t.Errorf("the actor woke %d times", l.wakes)
	}
	for i, v := range views {
		t.Logf("view %d: %d states, %d links", i, v.shown.Load(), v.conn.Stats().Links)
		if v.conn.Stats().Links < 3 {
			t.Errorf("view %d had %d links", i, v.conn.Stats().Links)
		}
	}
}

// viewer is a View whose every state is checked.
type viewer struct {
	conn *conn.Conn
	view *rivet.View[book]

	shown atomic.Int64 // states
}

func newViewer(t *testing.T, l *library, h *rivet.Handle, refresh time.Duration) *viewer {
	t.Helper()
	v := &viewer{conn: open(t, h)}
	v.view = rivet.NewView(v.conn, func(ctx context.Context, c rivet.Caller) (book, error) { return rivet.Do(ctx, c, read) },
		rivet.Fold(written, book.with), rivet.Refresh(refresh))
	if err := v.view.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := 0
		for s, err := range v.view.All(context.Background()) {
			if err != nil {
				continue // no state: that it lives on shows in the end
			}
			if want, ok := l.page(s.Count); s != want || !ok || s.Count < last {
				t.Errorf("a view shows %+v after %d entries; the actor had %+v", s, last, want)
			}
			last = s.Count
			v.shown.Add(1)
		}
	}()
	t.Cleanup(func() {
		_ = v.view.Close()
		<-done
	})
	return v
}

// reaches waits until the view shows want, which is the actor's state.
func (v *viewer) reaches(t *testing.T, i int, want book) {
	t.Helper()
	var got book
	for s, err := range v.view.All(soon(t)) {
		if err == nil {
			got = s
		}
		if got.Count >= want.Count {
			break
		}
	}
	if got != want {
		t.Fatalf("view %d stays at %+v (%v), want %+v", i, got, v.view.Err(), want)
	}
}
