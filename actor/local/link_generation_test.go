package local

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/internal/ws"
)

func TestSocketOutlivesGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const id = "a00000000000000000000000000000"
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		first := &fakeReceiver{refuseAt: 5, keep: true}
		c, l := connected(t, f, p, first)
		for i := range 4 {
			c.send(ws.OpText, fmt.Sprint("m", i+1))
		}
		synctest.Wait()
		l.Ack(2)
		c.send(ws.OpText, "m5") // refused
		synctest.Wait()
		if !slices.Equal(p.woken, []string{id}) {
			t.Errorf("woken: %q", p.woken)
		}
		l.unbind() // 3 to 5 are due
		if !slices.Equal(p.woken, []string{id, id}) {
			t.Errorf("woken: %q", p.woken)
		}
		c.send(ws.OpBinary, "m6")
		c.send(ws.OpPing, "still there?")
		c.wants("pong still there?")
		if !slices.Equal(p.woken, []string{id, id, id}) {
			t.Errorf("woken: %q", p.woken)
		}
		second := &fakeReceiver{link: l, refuseAt: -1, keep: true}
		l.Ack(3) // the next generation has found it done
		l.bind(second)
		c.send(ws.OpText, "m7")
		synctest.Wait()
		if got, want := second.messages(), []string{"4 text m4", "5 text m5", "6 binary m6", "7 text m7"}; !slices.Equal(got, want) {
			t.Errorf("the second gets %q", got)
		}
		if got, want := first.messages(), []string{"1 text m1", "2 text m2", "3 text m3", "4 text m4"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q", got)
		}
		l.Ack(7)
		l.Ack(100)
		l.unbind()
		if len(p.woken) != 3 {
			t.Errorf("woken for nothing: %q", p.woken)
		}
		// It ends while nobody has it: the next generation hears of it.
		c.close(1000, "Disposed")
		c.wants("close 1000 Disposed", "EOF")
		synctest.Wait()
		if len(p.detached) != 1 || len(second.closed()) != 0 {
			t.Errorf("detached %q, told %q", p.detached, second.closed())
		}
		third := &fakeReceiver{link: l, refuseAt: -1}
		l.bind(third)
		if got := third.closed(); !slices.Equal(got, []string{"1000 Disposed"}) || len(third.messages()) != 0 {
			t.Errorf("the third is told %q", got)
		}
	})
}

func TestReaderStopsWhenTooMuchIsKept(t *testing.T) {
	tests := []struct {
		name    string
		message string
		limit   int
	}{
		{"messages", "m", maxKept},
		{"bytes", strings.Repeat("x", 1<<20), 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fakePlaces{}
				f := newTestFront(t, nil, p)
				rcv := &fakeReceiver{refuseAt: -1, keep: true}
				c, l := connected(t, f, p, rcv)
				go func() {
					for range tt.limit + 10 {
						c.send(ws.OpText, tt.message)
					}
				}()
				synctest.Wait()
				if got := len(rcv.messages()); got != tt.limit {
					t.Errorf("%d messages came through, want %d", got, tt.limit)
				}
				l.Ack(3)
				synctest.Wait()
				if got := len(rcv.messages()); got != tt.limit+3 {
					t.Errorf("after the ack of 3: %d", got)
				}
				// And the end of the link sets the reader free.
				l.Close(1000, "")
				synctest.Wait()
				c.wants("close 1000 ")
			})
		})
	}
}

func TestOneLargeMessageComesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, _ := connected(t, f, p, rcv)
		large := strings.Repeat("x", 6<<20)
		c.send(ws.OpBinary, large)
		c.send(ws.OpBinary, "more")
		synctest.Wait()
		if got := rcv.messages(); !slices.Equal(got, []string{"1 binary " + large, "2 binary more"}) {
			t.Errorf("%.50q", got)
		}
	})
}

// TestNothingIsLostBetweenGenerations changes generations at random while
// messages come. Whatever was not acked has to come again, in order.
func TestNothingIsLostBetweenGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rnd := rand.New(rand.NewPCG(3, 4))
		rcv := &fakeReceiver{refuseAt: -1, keep: true}
		c, l := connected(t, f, p, rcv)
		const total = 500
		go func() {
			for i := range total {
				c.send(ws.OpText, fmt.Sprint("m", i+1))
				if i%7 == 0 {
					<-time.After(time.Millisecond)
				}
			}
		}()
		acked := 0
		for acked < total {
			<-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond)
			synctest.Wait()
			got := rcv.messages()
			for i, m := range got {
				n := acked + i + 1
				if want := fmt.Sprintf("%d text m%d", n, n); m != want {
					t.Fatalf("got %q, want %q", m, want)
				}
			}
			n := rnd.IntN(len(got) + 1)
			if n > 0 {
				l.Ack(uint64(acked + n))
			}
			acked += n
			l.unbind()
			if rnd.IntN(2) == 0 {
				<-time.After(time.Duration(rnd.IntN(2000)) * time.Microsecond)
			}
			rcv = &fakeReceiver{link: l, refuseAt: -1, keep: true}
			l.bind(rcv)
		}
		if got := len(rcv.messages()); got != 0 {
			t.Errorf("%d messages too many", got)
		}
	})
}

func TestAClientThatGoesWhileItsActorWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{block: make(chan struct{})}
		f := newTestFront(t, nil, p)
		p.accept = func(actor.Link) actor.Receiver {
			t.Error("the link was opened")
			return nil
		}
		c := dialPeer(t, f, connectURL, "rivet")
		synctest.Wait()
		c.send(ws.OpPing, "x")
		c.wants("pong x") // although it is not open
		c.conn.Close()
		synctest.Wait()
		if len(f.links) != 0 || len(p.detached) != 0 {
			t.Errorf("%v %q", f.links, p.detached)
		}
		close(p.block)
	})
}

// TestOpenedWhileItsActorStops holds that a message wakes the next generation
// that comes when the link is unbound, but not yet known to be open.
func TestOpenedWhileItsActorStops(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			opened := make(chan struct{})
			p.opening = func(in instance, s socket) {
				in.Open(s)
				s.unbind()
				<-opened
			}
			c := dialPeer(t, f, connectURL, "rivet")
			synctest.Wait() // until it is unbound, which wakes for what came before
			c.send(ws.OpText, "hello")
			if leaves {
				c.close(1000, "")
			}
			synctest.Wait()
			if len(p.woken) != 0 {
				t.Error("woken for a link that is not open")
			}
			close(opened)
			synctest.Wait()
			if len(p.woken) != 1 {
				t.Errorf("leaves %v: woken %d times", leaves, len(p.woken))
			}
		})
	}
}

// TestAClientThatLeavesWakesItsActor holds that an actor that sleeps hears of a
// client that leaves, once.
func TestAClientThatLeavesWakesItsActor(t *testing.T) {
	for _, told := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakePlaces{}
			f := newTestFront(t, nil, p)
			rcv := &fakeReceiver{refuseAt: -1}
			c, l := connected(t, f, p, rcv)
			if !told {
				l.unbind()
			}
			c.close(1000, "")
			synctest.Wait()
			if told {
				l.unbind()
			}
			if got, want := len(p.woken), map[bool]int{false: 1, true: 0}[told]; got != want || len(p.detached) != 1 {
				t.Errorf("told %v: woken %d times, detached %q", told, got, p.detached)
			}
		})
	}
}

func TestMessagesBeforeTheActorIsAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{block: make(chan struct{})}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		p.accept = func(l actor.Link) actor.Receiver {
			rcv.link = l
			return rcv
		}
		c := dialPeer(t, f, connectURL, "rivet")
		c.send(ws.OpText, "early")
		synctest.Wait()
		close(p.block)
		synctest.Wait()
		if got := rcv.messages(); !slices.Equal(got, []string{"1 text early"}) || len(p.woken) != 0 {
			t.Errorf("%q, woken %q", got, p.woken)
		}
	})
}
