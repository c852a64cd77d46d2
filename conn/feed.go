package conn

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"
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
	chunk    *chunk // nil when Args have memory of their own
}

const (
	minChunk = 512
	maxChunk = 32 << 10
	// flushEvery bounds the batch that the reader collects for a subscription.
	flushEvery = 64
	// claim is what the reader holds on the chunk that it fills; frames are
	// settled against it when the chunk is full.
	claim = 1 << 40
)

// chunk is memory that frames of one feed share. refs is claim plus frames
// handed out (settled late) minus frames released.
type chunk struct {
	feed *feed
	buf  []byte
	refs atomic.Int64
}

// feed is one local subscription: the reader copies events into its chunks
// and pushes them to its queue in batches.
type feed struct {
	conn   *Conn
	names  []string
	gaps   bool // the loop wants *stream.GapError
	queue  *stream.Queue[Frame]
	gone   atomic.Bool // the consumer has left, or the feed was ended
	joined uint64      // generation of the first link it was live on; guarded by Conn.mu

	// Owned by the reader of the current link.
	batch   []Frame
	cur     *chunk
	handed  int64 // frames in cur
	size    int   // of the next chunk
	dropped uint64

	mu   sync.Mutex
	free []*chunk // at most two: one being filled, one being drained
}

func newFeed(c *Conn, names []string, cfg stream.Config) *feed {
	f := &feed{conn: c, names: names, gaps: cfg.Gaps, size: minChunk}
	f.queue = stream.NewQueue(cfg, stream.Hooks[Frame]{
		Size:    func(fr *Frame) int { return len(fr.Args) + int(unsafe.Sizeof(Frame{})) },
		Release: releaseFrames,
		Closed:  func() { c.unsubscribe(f) },
		Unheard: c.LogNotice,
	})
	return f
}

// add copies one event into the batch and reports whether that is the first.
func (f *feed) add(fr Frame) (first bool) {
	if len(fr.Args) > maxChunk {
		// Memory of its own: a chunk of that size would stay for as long as f.
		fr.Args = bytes.Clone(fr.Args)
	} else {
		ch := f.cur
		if ch == nil || cap(ch.buf)-len(ch.buf) < len(fr.Args) {
			ch = f.turn(len(fr.Args))
		}
		from := len(ch.buf)
		ch.buf = append(ch.buf, fr.Args...)
		fr.Args, fr.chunk = ch.buf[from:len(ch.buf):len(ch.buf)], ch
		f.handed++
	}
	f.batch = append(f.batch, fr)
	return len(f.batch) == 1
}

// turn returns a chunk with room for need bytes: the current one begun again
// if all its frames were released, else the next.
func (f *feed) turn(need int) *chunk {
	if ch := f.cur; ch != nil {
		if cap(ch.buf) >= need && cap(ch.buf) >= f.size && ch.refs.Load()+f.handed == claim {
			ch.refs.Store(claim)
			ch.buf, f.handed = ch.buf[:0], 0
			return ch
		}
		f.retire()
		f.size = min(f.size*2, maxChunk)
	}
	f.cur = f.take(max(f.size, need))
	return f.cur
}

// retire settles the current chunk: the frames that are still out keep it.
func (f *feed) retire() {
	if ch := f.cur; ch != nil {
		if ch.refs.Add(f.handed-claim) == 0 {
			f.recycle(ch)
		}
		f.cur, f.handed = nil, 0
	}
}

func (f *feed) take(need int) *chunk {
	f.mu.Lock()
	for i := len(f.free) - 1; i >= 0; i-- {
		if ch := f.free[i]; cap(ch.buf) >= need {
			f.free = append(f.free[:i], f.free[i+1:]...)
			f.mu.Unlock()
			ch.buf = ch.buf[:0]
			ch.refs.Store(claim)
			return ch
		}
	}
	f.mu.Unlock()
	ch := &chunk{feed: f, buf: make([]byte, 0, 1<<bits.Len(uint(max(need, minChunk)-1)))}
	ch.refs.Store(claim)
	return ch
}

func (f *feed) recycle(ch *chunk) {
	if f.gone.Load() {
		return
	}
	f.mu.Lock()
	if len(f.free) < 2 {
		f.free = append(f.free, ch)
	} else if len(f.free[0].buf) < len(ch.buf) {
		f.free[0] = ch
	}
	f.mu.Unlock()
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
		if ch != nil && ch.refs.Add(int64(i-n)) == 0 {
			ch.feed.recycle(ch)
		}
		i = n
	}
}

// flush pushes the batch and reports whether the queue took all of it. Only
// one with the policy Block may not, and then holds the rest in batch.
func (f *feed) flush() bool {
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

// hold waits until the queue has taken the rest, it has ended, or done is
// closed.
func (f *feed) hold(done <-chan struct{}) {
	n := f.queue.PushWait(done, f.batch)
	if n < len(f.batch) {
		f.conn.unsubscribe(f) // the policy Fail has ended the queue, or it is over anyhow
	}
	f.settle(n)
}

// settle ends a batch of which the queue took n.
func (f *feed) settle(n int) {
	releaseFrames(f.batch[n:])
	clear(f.batch)
	f.batch = f.batch[:0]
	if obs := f.conn.cfg.Observer.Drop; obs != nil {
		f.observeDrops(obs)
	}
}

// observeDrops reports what the queue has dropped since the last report.
func (f *feed) observeDrops(obs func(DropInfo)) {
	dropped := f.queue.Stats().Dropped
	if dropped == f.dropped || f.gone.Load() {
		return
	}
	info := DropInfo{Actor: f.conn.cfg.Actor, Events: f.names, Dropped: dropped - f.dropped}
	f.dropped = dropped
	f.conn.callbacks.push(func() { obs(info) })
}
