package conn

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	minChunk = 512
	maxChunk = 32 << 10
	// claim is what the reader holds on the chunk that it fills; events are
	// settled against it when the chunk is full.
	claim = 1 << 40
)

// chunk is memory for the arguments of events.
type chunk struct {
	owner *arena // which reuses it; nil if nobody does
	mem   []byte
	used  int // the reader's

	// refs is claim plus events handed out (settled late) minus events
	// released.
	refs atomic.Int64
}

// arena copies arguments into chunks, and fills a chunk again when its events
// were released. It is the reader's, but for release.
type arena struct {
	gone   func() bool // chunks that come back are not to be kept
	cur    *chunk
	handed int64 // events in cur
	size   int   // of the next chunk

	mu   sync.Mutex
	free []*chunk // at most two: one being filled, one being drained
}

// copy returns where it has put a copy of args.
func (a *arena) copy(args []byte) (ch *chunk, from int) {
	if len(args) > maxChunk {
		// Memory of its own: a chunk of that size would stay for as long as a.
		return &chunk{mem: bytes.Clone(args)}, 0
	}
	ch = a.cur
	if ch == nil || len(ch.mem)-ch.used < len(args) {
		ch = a.turn(len(args))
	}
	from = ch.used
	ch.used += copy(ch.mem[from:], args)
	a.handed++
	return ch, from
}

// turn returns a chunk with room for need bytes: the current one begun again
// if all its events were released, else the next.
func (a *arena) turn(need int) *chunk {
	if ch := a.cur; ch != nil {
		if len(ch.mem) >= need && len(ch.mem) >= a.size && ch.refs.Load()+a.handed == claim {
			ch.refs.Store(claim)
			ch.used, a.handed = 0, 0
			return ch
		}
		a.retire()
		a.size = min(a.size*2, maxChunk)
	}
	a.size = max(a.size, minChunk)
	a.cur = a.take(max(a.size, need))
	return a.cur
}

// retire settles the current chunk: the events that are still out keep it.
func (a *arena) retire() {
	if ch := a.cur; ch != nil {
		if ch.refs.Add(a.handed-claim) == 0 {
			a.recycle(ch)
		}
		a.cur, a.handed = nil, 0
	}
}

func (a *arena) take(need int) *chunk {
	a.mu.Lock()
	for i := len(a.free) - 1; i >= 0; i-- {
		if ch := a.free[i]; len(ch.mem) >= need {
			a.free = append(a.free[:i], a.free[i+1:]...)
			a.mu.Unlock()
			ch.used = 0
			ch.refs.Store(claim)
			return ch
		}
	}
	a.mu.Unlock()
	ch := &chunk{owner: a, mem: make([]byte, 1<<bits.Len(uint(need-1)))}
	ch.refs.Store(claim)
	return ch
}

func (a *arena) recycle(ch *chunk) {
	if a.gone() {
		return
	}
	a.mu.Lock()
	if len(a.free) < 2 {
		a.free = append(a.free, ch)
	} else if len(a.free[0].mem) < len(ch.mem) {
		a.free[0] = ch
	}
	a.mu.Unlock()
}

// give returns all memory that is not in use.
func (a *arena) give() {
	a.retire()
	a.mu.Lock()
	a.free = nil
	a.mu.Unlock()
	a.size = 0
}

// release gives n events back to their chunk.
func (ch *chunk) release(n int) {
	if ch != nil && ch.owner != nil && ch.refs.Add(-int64(n)) == 0 {
		ch.owner.recycle(ch)
	}
}
