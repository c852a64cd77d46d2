package conn

import (
	"bytes"
	"unsafe"
)

// slate is memory for what many subscriptions share: values, and arguments of
// events that are no values. It is written once, by the reader, and left to the
// garbage collector, a block at a time. Blocks start small, as most events are
// rare, and whatever is large is by itself, so that neither the slate nor a
// consumer that stays behind holds on to much.
type slate[T any] struct {
	values []T
	block  int // capacity of values when it was made
	held   int // memory that values hold on to
	text   *chunk
}

// most is how many values are in a block at most.
func (s *slate[T]) most() int {
	return max(1, min(flushEvery, maxChunk/max(1, int(unsafe.Sizeof(*new(T))))))
}

// next returns the place of the next value, which is zero. It is for keep or
// for drop.
func (s *slate[T]) next() *T {
	if len(s.values) == cap(s.values) {
		s.block = min(max(4, 2*s.block), s.most())
		s.values, s.held = make([]T, 0, s.block), 0
	}
	s.values = s.values[:len(s.values)+1]
	return &s.values[len(s.values)-1]
}

// keep returns the value that next was filled with, and that holds on to size
// bytes.
func (s *slate[T]) keep(size int) *T {
	v := &s.values[len(s.values)-1]
	if size-int(unsafe.Sizeof(*v)) > maxChunk/4 {
		alone := new(T)
		*alone = *v
		s.drop()
		return alone
	}
	if s.held += size; s.held > maxChunk {
		s.values = nil
	}
	return v
}

// drop takes back what next has returned.
func (s *slate[T]) drop() {
	last := len(s.values) - 1
	clear(s.values[last:])
	s.values = s.values[:last]
}

// copy returns where it has put a copy of args.
func (s *slate[T]) copy(args []byte) (ch *chunk, from int) {
	if len(args) > maxChunk/4 {
		return &chunk{mem: bytes.Clone(args)}, 0
	}
	if s.text == nil || len(s.text.mem)-s.text.used < len(args) {
		size := minChunk
		if s.text != nil {
			size = min(2*len(s.text.mem), maxChunk)
		}
		s.text = &chunk{mem: make([]byte, max(size, len(args)))}
	}
	from = s.text.used
	s.text.used += copy(s.text.mem[from:], args)
	return s.text, from
}
