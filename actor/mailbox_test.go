package actor

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary is what turns write into; only their order keeps it free of races.
type diary struct{ lines []string }

func (d *diary) note(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) check(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(d.lines, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func (m *mailbox) must(t *testing.T, f func(*turn)) {
	t.Helper()
	if err := m.push(item{run: f, refuse: func(error) {}}); err != nil {
		t.Fatal(err)
	}
}

func TestTurnsInOrder(t *testing.T) {
	m := &mailbox{limit: 1000}
	var d diary
	var want []string
	for i := range 1000 {
		m.must(t, func(*turn) { d.note("%d", i) })
		want = append(want, fmt.Sprint(i))
	}
	m.wait()
	d.check(t, strings.Join(want, " "))
}

// While a function waits, others have the turn; it goes on behind them.
func TestAwaitGivesTheTurnAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{limit: 10}
		var d diary
		pause := func() error { <-time.After(time.Second); return errors.New("e") }
		m.must(t, func(u *turn) {
			d.note("a1")
			if err := u.await(pause); err == nil || err.Error() != "e" {
				t.Errorf("await returned %v", err)
			}
			d.note("a2")
			_ = u.await(pause)
			d.note("a3")
		})
		m.must(t, func(*turn) { d.note("b") })
		m.must(t, func(u *turn) { d.note("c1"); _ = u.await(func() error { return nil }); d.note("c2") })
		<-time.After(1500 * time.Millisecond)
		m.must(t, func(*turn) { d.note("d") })
		m.wait()
		d.check(t, "a1 b c1 c2 a2 d a3")
	})
}

func TestAwaitAgainAndAgain(t *testing.T) {
	m := &mailbox{limit: 1000}
	n := 0
	for range 200 {
		m.must(t, func(u *turn) {
			for range 20 {
				n++
				_ = u.await(func() error { runtime.Gosched(); return nil })
				n++
			}
		})
	}
	m.wait()
	if n != 200*40 {
		t.Errorf("%d turns of %d", n, 200*40)
	}
}

func TestMailboxLimit(t *testing.T) {
	m := &mailbox{limit: 3}
	busy, free := make(chan struct{}), make(chan struct{})
	m.must(t, func(*turn) { close(busy); <-free })
	<-busy
	for range 3 {
		m.must(t, func(*turn) {})
	}
	if err := m.push(item{}); !errors.Is(err, errMailboxFull) {
		t.Errorf("the fourth that waits: %v", err)
	}
	close(free)
	m.wait()
	m.must(t, func(*turn) {})
	m.wait()
}

// What waits when a mailbox is closed is refused at once; who waits for a turn
// again still gets it.
func TestMailboxClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{limit: 10}
		var d diary
		var refused []error
		gone := errors.New("gone")
		m.must(t, func(u *turn) {
			d.note("a1")
			_ = u.await(func() error { <-time.After(time.Second); return nil })
			<-time.After(time.Second)
			d.note("a2")
		})
		<-time.After(1500 * time.Millisecond)
		if err := m.push(item{run: func(*turn) { d.note("b") }, refuse: func(err error) { refused = append(refused, err) }}); err != nil {
			t.Error(err)
		}
		m.close(gone)
		if len(refused) != 1 || refused[0] != gone {
			t.Errorf("when close returned, those were told: %v", refused)
		}
		if err := m.push(item{}); !errors.Is(err, gone) {
			t.Errorf("push after close: %v", err)
		}
		m.wait()
		d.check(t, "a1 a2")
	})
}

// A function that ends its goroutine ends no more than that.
func TestGoexitInATurn(t *testing.T) {
	m := &mailbox{limit: 10}
	var d diary
	m.must(t, func(*turn) { runtime.Goexit() })
	m.must(t, func(*turn) { d.note("a") })
	m.must(t, func(u *turn) { _ = u.await(func() error { return nil }); runtime.Goexit() })
	m.must(t, func(u *turn) { _ = u.await(func() error { runtime.Goexit(); return nil }) })
	m.must(t, func(*turn) { d.note("b") })
	m.wait()
	d.check(t, "a b")
}

func TestTurnsFromManySides(t *testing.T) {
	m := &mailbox{limit: 100_000}
	n := 0
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for i := range 1000 {
				m.must(t, func(u *turn) {
					n++
					if i%7 == 0 {
						_ = u.await(func() error { return nil })
						n++
					}
				})
			}
		})
	}
	senders.Wait()
	m.wait()
	if want := 8 * (1000 + 143); n != want {
		t.Errorf("%d turns, want %d", n, want)
	}
}

func BenchmarkTurn(b *testing.B) {
	m := &mailbox{limit: 1 << 30}
	n := 0
	f := func(*turn) { n++ }
	b.Run("burst", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = m.push(item{run: f})
		}
		m.wait()
	})
	b.Run("one by one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = m.push(item{run: f})
			m.wait()
		}
	})
	b.Run("await", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = m.push(item{run: func(u *turn) { _ = u.await(func() error { return nil }) }})
			m.wait()
		}
	})
}

// A turn that was given away and waits to come back when the mailbox is closed
// comes back, before the last one.
func TestMailboxCloseKeepsWhatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m mailbox
		var order []string
		block := make(chan struct{})
		push := func(run func(*turn)) {
			if err := m.push(item{run: run, refuse: func(error) { order = append(order, "refused") }}); err != nil {
				t.Fatal(err)
			}
		}
		await := make(chan struct{})
		push(func(tn *turn) {
			_ = tn.await(func() error { <-await; return nil })
			order = append(order, "back")
		})
		push(func(*turn) { <-block })
		synctest.Wait()
		close(await) // it wants its turn, which another one holds
		synctest.Wait()
		push(func(*turn) { order = append(order, "ran") })
		m.last(errors.New("closed"), func(*turn) { order = append(order, "last") })
		close(block)
		m.wait()
		if got := fmt.Sprint(order); got != "[refused back last]" {
			t.Error(got)
		}
	})
}
