package conn

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

// note is an event whose values can be shared, list one whose cannot.
type (
	note struct {
		N    int
		Text string
		Grid [2][2]int16
	}
	list struct {
		N    int
		Tags []string
	}
)

// wire is a connection without a socket: events are put where its reader would
// put them.
type wire struct {
	*Conn
	l *link
}

func newWire() *wire {
	c := newConn(context.Background(), Config{Actor: "room"})
	w := &wire{c, &link{c: c}}
	w.l.up.Store(true)
	return w
}

// event has the reader read an event, and not flush it.
func (w *wire) event(args []byte) {
	w.seq++
	w.l.event(w.quit, []byte("tick"), args)
	clear(args) // as the socket's next bytes would be there
}

func (w *wire) flush() { w.l.flush(w.quit) }

func (w *wire) gap(n int64) {
	w.flush()
	for _, f := range w.allFeeds() {
		w.l.gap(f, &stream.GapError{Down: time.Unix(n, 0), Up: time.Unix(n+1, 0)})
	}
}

func arguments(t interface {
	Helper()
	Fatal(args ...any)
}, v any) []byte {
	t.Helper()
	args, err := codec.AppendArgs(nil, codec.BARE, []any{v})
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// drained takes what waits.
func drained[T any](t *testing.T, sub *stream.Subscription[T]) (got []T) {
	t.Helper()
	for sub.Stats().Depth > 0 {
		v, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	return got
}

// twins are two subscriptions with the same options to the same events, one
// among others, one with a connection for itself.
type twins[T any] struct {
	shared, alone *stream.Subscription[T]
	wire          *wire // of the one that is alone
}

func (p *twins[T]) compare(t *rapid.T) {
	got, want := p.shared.Stats(), p.alone.Stats()
	got.Bytes, want.Bytes = 0, 0
	if got != want {
		t.Fatalf("stats are\n%+v, want\n%+v", got, want)
	}
	if got.Received != got.Delivered+got.Dropped+uint64(got.Depth) {
		t.Fatalf("stats do not add up: %+v", got)
	}
}

// next takes an event or notice of both, and reports whether they have come to
// the end.
func (p *twins[T]) next(t *rapid.T) (over bool) {
	got, gotErr := p.shared.Next(t.Context())
	want, wantErr := p.alone.Next(t.Context())
	if !reflect.DeepEqual(got, want) || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("got %+v, %v; want %+v, %v", got, gotErr, want, wantErr)
	}
	var overflow *stream.OverflowError
	return errors.Is(gotErr, ErrClosed) || errors.Is(gotErr, stream.ErrClosed) || errors.As(gotErr, &overflow)
}

// TestSharingChangesNothing has subscriptions of all policies come and go on
// one connection, so that there is now one of them and now several, while
// events come, some of which cannot be decoded. Each is to see what it would
// see if it had the connection for itself.
func TestSharingChangesNothing(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		checkSharing(t, func(n int) note {
			return note{N: n, Text: strings.Repeat("x", n%7*n%100), Grid: [2][2]int16{{int16(n)}}}
		})
	})
	t.Run("arguments", func(t *testing.T) {
		checkSharing(t, func(n int) list { return list{N: n, Tags: []string{"a", strings.Repeat("b", n%300)}} })
	})
	t.Run("large", func(t *testing.T) {
		checkSharing(t, func(n int) note { return note{N: n, Text: strings.Repeat("y", n%3*maxChunk/5)} })
	})
}

func checkSharing[T any](t *testing.T, make func(n int) T) {
	rapid.Check(t, func(t *rapid.T) {
		all := newWire()
		defer all.end(nil)
		var subs []*twins[T]
		n := 0
		pick := func(t *rapid.T) *twins[T] {
			if len(subs) == 0 {
				t.Skip("nobody there")
			}
			return rapid.SampledFrom(subs).Draw(t, "who")
		}
		flush := func() {
			all.flush()
			for _, p := range subs {
				p.wire.flush()
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				opts := []stream.Option{
					stream.Overflow(stream.Policy(rapid.IntRange(0, int(stream.Fail)).Draw(t, "policy"))),
					stream.Buffer(rapid.SampledFrom([]int{1, 3, 8, 70, 300}).Draw(t, "buffer")),
					stream.BufferBytes(1 << 30),
					stream.Gaps(rapid.Bool().Draw(t, "gaps")),
				}
				if rapid.Bool().Draw(t, "lossless") {
					opts = append(opts, stream.Overflow(stream.Block), stream.Buffer(1<<20))
				} else if cfg, _ := stream.NewConfig(opts...); cfg.Overflow == stream.Block {
					opts = append(opts, stream.Overflow(stream.DropOldest)) // nobody would take what is too much
				}
				w := newWire()
				subs = append(subs, &twins[T]{SubscribeTyped[T](all.Conn, "tick", opts...), SubscribeTyped[T](w.Conn, "tick", opts...), w})
			},
			"leave": func(t *rapid.T) {
				p := pick(t)
				flush()
				p.shared.Close()
				p.alone.Close()
				p.compare(t)
				p.wire.end(nil)
				subs = slices.DeleteFunc(subs, func(x *twins[T]) bool { return x == p })
			},
			"event": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 1, 2, 10, 64, 100}).Draw(t, "n") {
					n++
					event := any(make(n))
					if rapid.IntRange(0, 30).Draw(t, "bad") == 0 {
						event = "no struct"
					}
					all.event(arguments(t, event))
					for _, p := range subs {
						p.wire.event(arguments(t, event))
					}
				}
			},
			"gap": func(t *rapid.T) {
				n++
				all.gap(int64(n))
				for _, p := range subs {
					p.wire.gap(int64(n))
				}
			},
			"next": func(t *rapid.T) {
				p := pick(t)
				flush()
				p.compare(t)
				for range rapid.SampledFrom([]int{1, 5, 64, 500}).Draw(t, "n") {
					if p.alone.Stats().Depth > 0 {
						p.next(t)
					}
				}
			},
			"compare": func(t *rapid.T) {
				flush()
				for _, p := range subs {
					p.compare(t)
				}
			},
		})
		flush()
		all.end(nil)
		for _, p := range subs {
			p.wire.end(nil)
			p.compare(t)
			for !p.next(t) {
			}
			p.compare(t)
		}
	})
}

// An event that was read before a subscription came is not for it, even if it
// still waits in a batch.
func TestMemberGetsNothingFromBeforeItCame(t *testing.T) {
	w := newWire()
	defer w.end(nil)
	first := SubscribeTyped[note](w.Conn, "tick")
	w.event(arguments(t, note{N: 1}))
	second := SubscribeTyped[note](w.Conn, "tick")
	w.event(arguments(t, note{N: 2}))
	third := SubscribeTyped[note](w.Conn, "tick")
	w.event(arguments(t, note{N: 3}))
	second.Close()
	w.event(arguments(t, note{N: 4}))
	w.flush()
	for who, want := range map[*stream.Subscription[note]][]note{
		first: {{N: 1}, {N: 2}, {N: 3}, {N: 4}},
		third: {{N: 3}, {N: 4}},
	} {
		if got := drained(t, who); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if st := second.Stats(); st.Received != 1 || st.Dropped != 1 { // the last one was not pushed yet
		t.Errorf("the one that left has %+v", st)
	}
}

// The bytes of a buffer are those of the values with their strings, and what
// each event costs beside.
func TestBytesOfSharedValues(t *testing.T) {
	w := newWire()
	defer w.end(nil)
	const events, text = 100, 500
	free := SubscribeTyped[note](w.Conn, "tick")
	tight := SubscribeTyped[note](w.Conn, "tick", stream.BufferBytes(10*text))
	for n := range events {
		w.event(arguments(t, note{N: n, Text: strings.Repeat("z", text)}))
	}
	w.flush()
	each := text + int(reflect.TypeFor[note]().Size())
	if b := free.Stats().Bytes; b < events*each || b > events*(each+64) {
		t.Errorf("%d events of %d bytes are counted as %d bytes", events, each, b)
	}
	if st := tight.Stats(); st.Bytes > 10*text || st.Depth < 5 || st.Dropped != uint64(events-st.Depth) {
		t.Errorf("with room for %d bytes: %+v", 10*text, st)
	}
}

// What waits for a slow consumer must not pin much besides itself, and nobody
// what everybody has had.
func TestSlateGivesMemoryBack(t *testing.T) {
	var s slate[note]
	for _, size := range []int{10, 100, 8 << 20, maxChunk/4 - 100, maxChunk / 4, maxChunk, 10, 8 << 20} {
		v := s.next()
		v.Text = strings.Repeat("x", size)
		kept := s.keep(size + int(reflect.TypeFor[note]().Size()))
		if len(kept.Text) != size {
			t.Fatalf("a text of %d bytes became one of %d", size, len(kept.Text))
		}
		if ch, from := s.copy([]byte(kept.Text)); len(ch.mem)-from < size {
			t.Fatalf("%d bytes do not fit", size)
		}
	}
	held := 0
	for _, v := range s.values[:cap(s.values)] {
		held += len(v.Text)
	}
	if s.text != nil {
		held += len(s.text.mem)
	}
	if held > 3*maxChunk {
		t.Errorf("%d bytes are held", held)
	}
}
