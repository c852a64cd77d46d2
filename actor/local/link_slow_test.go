package local

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/actor"
)

func TestSlowClientIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		p := &fakePlaces{}
		g := &fakeRegistry{buffer: 1 << 20, log: slog.New(slog.NewTextHandler(&lines, nil))}
		f := newTestFront(t, g, p)
		frame := actor.NewFrame(false, make([]byte, 100<<10))
		for n := range 3 {
			rcv := &fakeReceiver{refuseAt: -1}
			c, l := connected(t, f, p, rcv)
			sent := 0
			for ; sent < 100; sent++ {
				if err := l.Send(frame); err != nil {
					break
				}
				synctest.Wait()
			}
			// 256 KiB in the connection, 1 MiB in the buffer.
			if sent < 10 || sent > 13 {
				t.Errorf("%d frames went out", sent)
			}
			began := time.Now()
			<-time.After(2 * linger)
			synctest.Wait()
			if got := rcv.closed(); !slices.Equal(got, []string{"1011 guard.websocket_pending_limit_reached"}) {
				t.Errorf("after %v the actor is told %q", time.Since(began), got)
			}
			if _, err := io.Copy(io.Discard, c.conn); err != nil {
				t.Error(err)
			}
			if got := g.slow.Load(); got != int64(n+1) {
				t.Errorf("%d are counted", got)
			}
			if l.out.size != 0 || l.out.frames != nil {
				t.Error("it holds frames")
			}
		}
		if got := strings.Count(lines.String(), "level=WARN"); got != 1 {
			t.Errorf("%d lines:\n%s", got, lines.String())
		}
	})
}

// TestSlowClientThatComesBack holds that who reads in the end is told why it
// was cut.
func TestSlowClientThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 64 << 10}, p)
		rcv := &fakeReceiver{refuseAt: -1}
		c, l := connected(t, f, p, rcv)
		for l.Send(actor.NewFrame(false, make([]byte, 60<<10))) == nil {
			synctest.Wait()
		}
		got := ""
		for got = c.next(); strings.HasPrefix(got, "binary"); got = c.next() {
		}
		if want := "close 1011 guard.websocket_pending_limit_reached#" + l.ray; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestOneLargeFrameIsNotTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 10}, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		large := strings.Repeat("x", 1<<20)
		if err := l.Send(actor.NewFrame(true, []byte(large))); err != nil {
			t.Error(err)
		}
		c.wants("text " + large)
	})
}

func TestADeadClientDoesNotHoldMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		rcv := &fakeReceiver{refuseAt: -1}
		_, l := connected(t, f, p, rcv)
		if err := l.Send(actor.NewFrame(false, make([]byte, 512<<10))); err != nil {
			t.Error(err)
		}
		<-time.After(writeTimeout + time.Second)
		synctest.Wait()
		if got := rcv.closed(); len(got) != 1 {
			t.Errorf("after the timeout: %q", got)
		}
	})
}

// TestWriteDeadlineIsForEachWrite holds that a link that was quiet for longer
// than the timeout can still send.
func TestWriteDeadlineIsForEachWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		for range 5 {
			if err := l.Send(actor.NewFrame(true, []byte("x"))); err != nil {
				t.Error(err)
			}
			c.wants("text x")
			<-time.After(writeTimeout * 2 / 3)
		}
		<-time.After(10 * writeTimeout)
		l.Close(1000, "")
		c.wants("close 1000 ")
	})
}

func TestFramesOfAllSizesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, &fakeRegistry{buffer: 64 << 20}, p)
		c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
		rnd := rand.New(rand.NewPCG(1, 2))
		var want []string
		for i := range 2000 {
			size := rnd.IntN(300)
			switch rnd.IntN(50) {
			case 0:
				size = rnd.IntN(200 << 10)
			case 1:
				size = smallPiece - 5 + rnd.IntN(10)
			case 3:
				size = maxCopied - 10 + rnd.IntN(15)
			case 2:
				synctest.Wait()
			}
			data := fmt.Sprintf("%d %s", i, strings.Repeat("x", size))
			want = append(want, "text "+data)
			if err := l.Send(actor.NewFrame(true, []byte(data))); err != nil {
				t.Fatal(err)
			}
		}
		c.wants(want...)
	})
}

func TestAFrameIsSharedBySockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePlaces{}
		f := newTestFront(t, nil, p)
		var peers []*peer
		var links []*link
		for range 100 {
			c, l := connected(t, f, p, &fakeReceiver{refuseAt: -1})
			peers, links = append(peers, c), append(links, l)
		}
		frames := []*actor.Frame{actor.NewFrame(true, []byte("one")), actor.NewFrame(false, []byte("two"))}
		for _, frame := range frames {
			for _, l := range links {
				if err := l.Send(frame); err != nil {
					t.Error(err)
				}
			}
		}
		for _, c := range peers {
			c.wants("text one", "binary two")
		}
	})
}
