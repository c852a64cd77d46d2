package conn

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

// group is all subscriptions to one event as one type. It hands the same batch
// of parcels to all their queues. For a single member an event is copied, and
// decoded on its consumer's goroutine, beside the reader. For several the
// reader decodes it once, if that runs no code of others and the value can be
// shared; if not, they decode one copy. Since that is a matter of each parcel,
// subscriptions come and go without any other ado.
type group[T any] struct {
	decoder *codec.Decoder[T]
	members atomic.Pointer[[]*member[T]] // replaced, not changed, under Conn.mu

	// Owned by the reader of the current link.
	live   *[]*member[T] // those who get the batch; who comes while it waits does not
	batch  []parcel[T]
	size   int // of the batch, as the queues count it
	behind []straggler[T]
	arena  arena    // for a single member
	shared slate[T] // for several
}

// member is one subscription in a group.
type member[T any] struct {
	feed
	queue   *stream.Queue[parcel[T]]
	decoder *codec.Decoder[T]
	group   *group[T] // guarded by Conn.mu
	kept    copier    // of values that stay encoded; the consumer's
}

// parcel is one event of a group.
type parcel[T any] struct {
	value *T     // if it was decoded, and shared; never changed
	chunk *chunk // else the arguments are here
	from  uint32
	size  uint32 // of the arguments, or of the value
}

// straggler is a member that has not taken all of a batch.
type straggler[T any] struct {
	*member[T]
	taken int
}

func newMember[T any](c *Conn, name string, cfg stream.Config) *member[T] {
	m := &member[T]{decoder: codec.DecoderFor[T]()}
	m.queue = stream.NewQueue(cfg, stream.Hooks[parcel[T]]{
		Size:    func(p *parcel[T]) int { return p.weight() },
		Release: releaseParcels[T],
		Closed:  func() { c.unsubscribe(&m.feed) },
		Unheard: c.LogNotice,
	})
	m.conn, m.names, m.gaps = c, []string{name}, cfg.Gaps
	m.feed.queue, m.seat = m.queue, m
	return m
}

// decode is the consumer's end.
func (m *member[T]) decode(p *parcel[T], dst *T) error {
	if p.value != nil {
		*dst = *p.value
		return nil
	}
	if raw, ok := any(dst).(*codec.Value); ok {
		first, err := codec.FirstArg(m.conn.cfg.Encoding, p.args())
		if err != nil {
			return err
		}
		*raw = codec.RawValue(first.Encoding(), m.kept.copy(first.Bytes()))
		return nil
	}
	return m.decoder.DecodeArgs(m.conn.cfg.Encoding, p.args(), dst)
}

// enter joins the group of T, or makes it.
func (m *member[T]) enter(outlets []outlet) []outlet {
	for _, o := range outlets {
		if g, ok := o.(*group[T]); ok {
			m.group = g
			members := append(slices.Clip(*g.members.Load()), m)
			g.members.Store(&members)
			return outlets
		}
	}
	g := &group[T]{decoder: m.decoder}
	g.members.Store(&[]*member[T]{m})
	g.arena.gone = func() bool { return len(*g.members.Load()) != 1 }
	m.group = g
	return append(slices.Clip(outlets), g)
}

// leave takes m out of its group, and the group with its last member.
func (m *member[T]) leave(outlets []outlet) []outlet {
	members := without(*m.group.members.Load(), m)
	m.group.members.Store(&members)
	if len(members) > 0 {
		return outlets
	}
	return without(outlets, outlet(m.group))
}

func (g *group[T]) add(fr Frame) intake {
	members := g.members.Load()
	if len(g.batch) == 0 {
		g.live = members
	} else if g.live != members {
		return notYet
	}
	var p parcel[T]
	if len(*members) == 1 {
		ch, from := g.arena.copy(fr.Args)
		p = parcel[T]{chunk: ch, from: uint32(from), size: clamp(len(fr.Args))}
	} else {
		if g.arena.size > 0 {
			g.arena.give()
		}
		p = g.share(fr)
	}
	g.batch = append(g.batch, p)
	g.size += p.weight()
	return taken(len(g.batch))
}

// share makes the parcel for several members.
func (g *group[T]) share(fr Frame) parcel[T] {
	if g.decoder.Shareable() {
		v := g.shared.next()
		if g.decode(fr, v) == nil {
			size := g.decoder.Size(v)
			return parcel[T]{value: g.shared.keep(size), size: clamp(size)}
		}
		g.shared.drop()
	}
	// Each finds out by itself what is wrong with it.
	ch, from := g.shared.copy(fr.Args)
	return parcel[T]{chunk: ch, from: uint32(from), size: clamp(len(fr.Args))}
}

// decode is the decoder's, whose panic would be the end of the program here.
func (g *group[T]) decode(fr Frame, dst *T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder panicked: %v", p)
		}
	}()
	return g.decoder.DecodeArgs(fr.Encoding, fr.Args, dst)
}

func (g *group[T]) flush() bool {
	for _, m := range *g.live {
		switch n := m.queue.PushSized(g.batch, g.size); {
		case n == len(g.batch):
		case m.gone.Load():
			releaseParcels(g.batch[n:])
		default:
			g.behind = append(g.behind, straggler[T]{m, n})
		}
	}
	if len(g.behind) > 0 {
		return false
	}
	g.settle()
	return true
}

func (g *group[T]) hold(done <-chan struct{}) {
	for _, m := range g.behind {
		m.taken += m.queue.PushWait(done, g.batch[m.taken:])
		if m.taken < len(g.batch) {
			m.conn.unsubscribe(&m.feed) // the policy Fail has ended the queue, or it is over anyhow
			releaseParcels(g.batch[m.taken:])
		}
	}
	clear(g.behind)
	g.behind = g.behind[:0]
	g.settle()
}

// settle ends a batch.
func (g *group[T]) settle() {
	for _, m := range *g.live {
		m.observeDrops()
	}
	clear(g.batch)
	g.batch, g.size, g.live = g.batch[:0], 0, nil
}

func (p *parcel[T]) args() []byte {
	if p.size == math.MaxUint32 { // or more, and then it has the chunk for itself
		return p.chunk.mem
	}
	return p.chunk.mem[p.from:][:p.size]
}

// weight is what the queues count for p.
func (p *parcel[T]) weight() int { return int(p.size) + int(unsafe.Sizeof(*p)) }

func clamp(n int) uint32 { return uint32(min(uint64(n), math.MaxUint32)) }

// releaseParcels is releaseFrames for those of a single member; those that are
// shared hold nothing that is reused.
func releaseParcels[T any](batch []parcel[T]) {
	for i := 0; i < len(batch); {
		ch := batch[i].chunk
		n := i + 1
		for n < len(batch) && batch[n].chunk == ch {
			n++
		}
		ch.release(n - i)
		i = n
	}
}
