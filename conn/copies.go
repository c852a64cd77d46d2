package conn

import (
	"slices"
	"unsafe"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

// Frame is one event as a subscription's queue holds it: not decoded, and
// erased of its Go type. Args alias memory that is reused once the frame was
// released, which the subscription does right after decoding it.
type Frame struct {
	// Name is the event.
	Name string
	// Args is the argument array in Encoding.
	Args []byte
	// At is when the event was read, in nanoseconds since 1970.
	At int64
	// Seq is the event's place in the order in which the connection read its
	// messages, over all links; see Conn.InvokeAt.
	Seq uint64
	// Encoding is that of Args.
	Encoding codec.Encoding
	chunk    *chunk // that Args are in
}

// copies is a subscription with a decoder of its own: the reader copies events
// and pushes them to its queue in batches.
type copies struct {
	feed
	queue *stream.Queue[Frame]

	// Owned by the reader of the current link.
	arena arena
	batch []Frame
}

func newCopies(c *Conn, names []string, cfg stream.Config) *copies {
	f := &copies{}
	f.queue = stream.NewQueue(cfg, stream.Hooks[Frame]{
		Size:    func(fr *Frame) int { return len(fr.Args) + int(unsafe.Sizeof(Frame{})) },
		Release: releaseFrames,
		Closed:  func() { c.unsubscribe(&f.feed) },
		Unheard: c.LogNotice,
	})
	f.conn, f.names, f.gaps = c, names, cfg.Gaps
	f.feed.queue, f.seat = f.queue, f
	f.arena.gone = f.gone.Load
	return f
}

// enter and leave: it is an outlet by itself.

func (f *copies) enter(outlets []outlet) []outlet { return append(slices.Clip(outlets), f) }

func (f *copies) leave(outlets []outlet) []outlet { return without(outlets, outlet(f)) }

// add copies one event into the batch.
func (f *copies) add(fr Frame) intake {
	ch, from := f.arena.copy(fr.Args)
	to := from + len(fr.Args)
	fr.Args, fr.chunk = ch.mem[from:to:to], ch
	f.batch = append(f.batch, fr)
	return taken(len(f.batch))
}

// releaseFrames gives frames back to their chunks; neighbours usually share
// one, so they are settled by the run.
func releaseFrames(batch []Frame) {
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

// flush pushes the batch. When the queue does not take all of it, the rest
// stays in batch.
func (f *copies) flush() bool {
	n := f.queue.Push(f.batch)
	if n < len(f.batch) && !f.gone.Load() {
		rest := copy(f.batch, f.batch[n:])
		clear(f.batch[rest:])
		f.batch = f.batch[:rest]
		return false
	}
	f.settle(n)
	return true
}

func (f *copies) hold(done <-chan struct{}) {
	n := f.queue.PushWait(done, f.batch)
	if n < len(f.batch) {
		f.conn.unsubscribe(&f.feed) // the policy Fail has ended the queue, or it is over anyhow
	}
	f.settle(n)
}

// settle ends a batch of which the queue took n.
func (f *copies) settle(n int) {
	releaseFrames(f.batch[n:])
	clear(f.batch)
	f.batch = f.batch[:0]
	f.observeDrops()
}
