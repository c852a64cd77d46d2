package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/stream"
)

// item is an event on its way in the tests: its number is its identity.
type item struct {
	id    int
	bytes int
	bad   bool // does not decode
}

var errBad = errors.New("bad")

func decodeItem(e *item, id *int) error {
	if *id != 0 {
		return fmt.Errorf("slot holds %d of another event", *id)
	}
	*id = e.id
	if e.bad {
		return errBad
	}
	return nil
}

// model is what a queue and its subscription are to do, said as plainly as
// possible: two lists.
type model struct {
	cfg     stream.Config
	entries []entry // what waits in the buffer
	private []entry // what the consumer has drained
	ended   bool
	closed  bool
	err     error
	reached bool
	others  int
	stats   stream.Stats
}

// entry is an event, or a notice: a lag, a gap from second first to second
// last, or a decoding error.
type entry struct {
	event       *item
	lag         uint64
	first, last int
	decode      error
}

func (m *model) waiting() (events, bytes int) {
	for _, e := range m.entries {
		if e.event != nil {
			events++
			bytes += e.event.bytes
		}
	}
	return events, bytes
}

func (m *model) fits(size int) bool {
	events, bytes := m.waiting()
	if m.cfg.Overflow == stream.Latest {
		return events == 0
	}
	return events == 0 || events < m.cfg.Buffer && bytes+size <= m.cfg.BufferBytes
}

func (m *model) dropOldest() {
	for i, e := range m.entries {
		if e.event != nil {
			m.entries = append(m.entries[:i:i], m.entries[i+1:]...)
			break
		}
	}
	m.stats.Dropped++
	if m.cfg.Overflow != stream.Latest {
		m.entries = append([]entry{{lag: 1}}, m.entries...)
	}
}

func (m *model) push(batch []item) (taken int) {
	for i := range batch {
		if m.ended {
			return taken
		}
		for !m.fits(batch[i].bytes) && (m.cfg.Overflow == stream.DropOldest || m.cfg.Overflow == stream.Latest) {
			m.dropOldest()
		}
		switch {
		case m.fits(batch[i].bytes):
			m.entries = append(m.entries, entry{event: &batch[i]})
			events, _ := m.waiting()
			m.stats.HighWater = max(m.stats.HighWater, events)
		case m.cfg.Overflow == stream.DropNewest:
			m.stats.Dropped++
			m.entries = append(m.entries, entry{lag: 1})
		case m.cfg.Overflow == stream.Block:
			return taken
		default:
			m.ended, m.err = true, &stream.OverflowError{Buffer: m.cfg.Buffer, BufferBytes: m.cfg.BufferBytes}
			return taken
		}
		taken++
		m.stats.Received++
	}
	return taken
}

func (m *model) notice(n entry) {
	switch {
	case m.ended:
		return
	case n.decode == nil:
		m.stats.Gaps++
		if !m.cfg.Gaps {
			return
		}
	default:
		m.stats.Undecoded++
		if m.others == 64 {
			m.stats.Received++
			m.stats.Dropped++
			n = entry{lag: 1}
		} else {
			m.others++
		}
	}
	m.entries = append(m.entries, n)
}

// next is what a Next finds, or false if it has to wait.
func (m *model) next() (e entry, ok bool) {
	if len(m.private) == 0 && len(m.entries) > 0 {
		if m.entries[0].event == nil {
			return m.nextNotice(), true
		}
		most := min(64, m.cfg.Buffer)
		if m.cfg.Overflow == stream.Latest {
			most = 1
		}
		n := 0
		for n < min(most, len(m.entries)) && m.entries[n].event != nil {
			if m.entries[n].event.bad {
				m.stats.Undecoded++
			}
			n++
		}
		m.private, m.entries = m.entries[:n:n], m.entries[n:]
	}
	if len(m.private) == 0 {
		m.reached = m.reached || m.ended
		return entry{}, false
	}
	e, m.private = m.private[0], m.private[1:]
	m.stats.Delivered++
	return e, true
}

// nextNotice takes the first notice together with its like of the same place.
func (m *model) nextNotice() entry {
	first := m.entries[0]
	rest := m.entries[1:]
	m.entries = nil
	for i, e := range rest {
		switch {
		case e.event != nil:
			m.entries = append(m.entries, rest[i:]...)
			rest = nil
		case first.lag > 0 && e.lag > 0:
			first.lag += e.lag
		case first.last > 0 && e.last > 0:
			first.last = e.last
		default:
			m.entries = append(m.entries, e)
		}
		if rest == nil {
			break
		}
	}
	if first.lag > 0 {
		m.stats.Lags++
	}
	if first.decode != nil {
		m.others--
	}
	return first
}

func (m *model) close() {
	if m.closed {
		return
	}
	m.closed, m.reached = true, true
	if !m.ended {
		m.ended, m.err = true, stream.ErrClosed
	}
	events, _ := m.waiting()
	m.stats.Dropped += uint64(events + len(m.private))
	m.entries, m.private = nil, nil
}

// TestModel drives every policy at random, and the model beside it.
func TestModel(t *testing.T) {
	for p := stream.DropOldest; p <= stream.Fail; p++ {
		t.Run(p.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkModel(t, p) })
		})
	}
}

func checkModel(t *rapid.T, p stream.Policy) {
	m := &model{cfg: stream.Config{
		Buffer:      rapid.SampledFrom([]int{1, 2, 3, 8, 9, 70, 300}).Draw(t, "buffer"),
		BufferBytes: rapid.SampledFrom([]int{1, 20, 100, 5000}).Draw(t, "bytes"),
		Overflow:    p,
		Gaps:        rapid.Bool().Draw(t, "gaps"),
	}}
	released := map[int]int{}
	closes := 0
	q := stream.NewQueue(m.cfg, stream.Hooks[item]{
		Size: func(e *item) int { return e.bytes },
		Release: func(batch []item) {
			for _, e := range batch {
				released[e.id]++
			}
		},
		Closed: func() { closes++ },
	})
	s := stream.Decoded(q, decodeItem)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	id, second, wantCloses := 0, 0, 0

	check := func(t *rapid.T) {
		got := s.Stats()
		events, bytes := m.waiting()
		want := m.stats
		want.Depth, want.Bytes = events+len(m.private), bytes
		// In a burst, delivered moves in steps of eight.
		if lag := int(want.Delivered) - int(got.Delivered); lag > 0 && lag < 8 && len(m.private) > 0 {
			want.Delivered, want.Depth = got.Delivered, want.Depth+lag
		}
		if got != want {
			t.Fatalf("stats are\n%+v, want\n%+v", got, want)
		}
		if got.Received != got.Delivered+got.Dropped+uint64(got.Depth) {
			t.Fatalf("stats do not add up: %+v", got)
		}
		var wantErr error
		if m.reached {
			wantErr = m.err
		}
		if err := s.Err(); fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("Err is %v, want %v", err, wantErr)
		}
		if closes != wantCloses {
			t.Fatalf("Closed was called %d times, want %d", closes, wantCloses)
		}
	}
	push := func(t *rapid.T) {
		batch := make([]item, rapid.SampledFrom([]int{0, 1, 1, 2, 5, 64, 100}).Draw(t, "n"))
		for i := range batch {
			id++
			batch[i] = item{id: id, bytes: rapid.IntRange(0, 30).Draw(t, "size"), bad: rapid.IntRange(0, 9).Draw(t, "bad") == 0}
		}
		want := m.push(batch)
		if got := q.Push(batch); got != want {
			t.Fatalf("Push took %d of %d, want %d", got, len(batch), want)
		}
		for _, e := range batch[want:] {
			released[e.id]++ // the caller's
		}
	}
	next := func(t *rapid.T) {
		want, ok := m.next()
		if !ok && !m.ended {
			if _, err := s.Next(ended); !errors.Is(err, context.Canceled) {
				t.Fatalf("Next with an ended context: %v", err)
			}
			return
		}
		got, err := s.Next(t.Context())
		switch {
		case !ok && m.err == nil:
			if err != io.EOF {
				t.Fatalf("at the end: %d, %v; want io.EOF", got, err)
			}
		case !ok:
			if fmt.Sprint(err) != m.err.Error() {
				t.Fatalf("at the end: %d, %v; want %v", got, err, m.err)
			}
		case want.event != nil && want.event.bad:
			if !errors.Is(err, errBad) || !stream.IsNotice(err) || got != 0 {
				t.Fatalf("got %d, %v; want event %d not to decode", got, err, want.event.id)
			}
		case want.event != nil:
			if got != want.event.id || err != nil {
				t.Fatalf("got %d, %v; want event %d", got, err, want.event.id)
			}
		case want.lag > 0:
			if lag, ok := err.(*stream.LagError); !ok || lag.Dropped != want.lag || got != 0 {
				t.Fatalf("got %d, %v; want a lag of %d", got, err, want.lag)
			}
		case want.last > 0:
			if gap, ok := err.(*stream.GapError); !ok || gap.Down != time.Unix(int64(want.first), 0) || gap.Up != time.Unix(int64(want.last), 0) {
				t.Fatalf("got %d, %v; want a gap from %d to %d", got, err, want.first, want.last)
			}
		default:
			if err != want.decode {
				t.Fatalf("got %d, %v; want %v", got, err, want.decode)
			}
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"":     check,
		"push": push,
		"next": next,
		"next many": func(t *rapid.T) {
			for range rapid.IntRange(1, 80).Draw(t, "n") {
				next(t)
			}
		},
		"gap": func(t *rapid.T) {
			second++
			m.notice(entry{first: second, last: second + 1})
			q.Notice(&stream.GapError{Down: time.Unix(int64(second), 0), Up: time.Unix(int64(second+1), 0)})
			second++
		},
		"undecodable": func(t *rapid.T) {
			for range rapid.SampledFrom([]int{1, 1, 1, 70}).Draw(t, "n") {
				err := &stream.DecodeError{Err: errBad}
				m.notice(entry{decode: err})
				q.Notice(err)
			}
		},
		"end": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
				return
			}
			err := rapid.SampledFrom([]error{nil, io.ErrUnexpectedEOF}).Draw(t, "err")
			if !m.ended {
				m.ended, m.err = true, err
			}
			q.CloseWith(err)
		},
		"close": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
				return
			}
			if !m.ended {
				wantCloses = 1
			}
			m.close()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		},
	})
	s.Close()
	for i := 1; i <= id; i++ {
		if released[i] != 1 {
			t.Fatalf("event %d was released %d times", i, released[i])
		}
	}
}
