package local

import "sync"

// A batch is what is written over a link: frames, in their order.
type batch struct {
	pieces [][]byte // those from head on are still to be written
	head   int
	size   int // what the outbox counts for it

	// From buffers, where they go back; nil for none: what one of the pieces is
	// in, and what was last gathered.
	copied, gathered *[]byte
}

const (
	// smallPiece is the largest piece that is copied to go out together with
	// others, and gatherSize how much goes out at once then, in bytes.
	smallPiece = 8 << 10
	gatherSize = 64 << 10
)

// buffers holds buffers for writing, up to gatherSize.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 512)
	return &b
}}

func recycle(b *[]byte) {
	if cap(*b) <= gatherSize {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// add appends a piece, if there is one.
func (b *batch) add(p []byte) {
	if len(p) > 0 {
		b.pieces = append(b.pieces, p)
	}
}

// write sends what is left, in few calls. After an error, that is what was not
// sent.
func (b *batch) write(send func([]byte) (int, error)) error {
	for b.head < len(b.pieces) {
		p := b.pieces[b.head]
		if b.gathers() {
			if b.gathered == nil {
				b.gathered = buffers.Get().(*[]byte)
			}
			*b.gathered = b.gather((*b.gathered)[:0])
			p = *b.gathered
		}
		n, err := send(p)
		b.sent(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// gathers reports whether the next piece and the one behind it go out together.
func (b *batch) gathers() bool {
	return len(b.pieces)-b.head > 1 && len(b.pieces[b.head])+len(b.pieces[b.head+1]) <= gatherSize &&
		len(b.pieces[b.head]) <= smallPiece && len(b.pieces[b.head+1]) <= smallPiece
}

// gather appends the pieces that go out together.
func (b *batch) gather(dst []byte) []byte {
	for _, p := range b.pieces[b.head:] {
		if len(p) > smallPiece || len(dst)+len(p) > gatherSize {
			break
		}
		dst = append(dst, p...)
	}
	return dst
}

// sent takes n bytes off the front.
func (b *batch) sent(n int) {
	for n > 0 {
		p := &b.pieces[b.head]
		if n < len(*p) {
			*p = (*p)[n:]
			return
		}
		n -= len(*p)
		*p = nil
		b.head++
	}
}

// rest moves what is left into a batch of its own.
func (b *batch) rest() *batch {
	r := *b
	*b = batch{}
	return &r
}

// reset forgets what is left, and makes the batch ready for more.
func (b *batch) reset() {
	clear(b.pieces)
	if b.copied != nil {
		recycle(b.copied)
	}
	if b.gathered != nil {
		recycle(b.gathered)
	}
	*b = batch{pieces: b.pieces[:0]}
	if cap(b.pieces) > maxSpare {
		b.pieces = nil
	}
}
