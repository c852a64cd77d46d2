package conn

import "bytes"

const (
	minBlock = 128
	maxBlock = 2 << 10
)

// copier copies arguments for good. Short ones that come one after the other
// share a block, which lives for as long as any of them is kept: of a block
// there is never more than maxBlock to keep.
type copier struct {
	block []byte // with room behind its end
}

func (c *copier) copy(b []byte) []byte {
	if len(b) > maxBlock/4 {
		return bytes.Clone(b)
	}
	if cap(c.block)-len(c.block) < len(b) {
		// A subscription with few events has a small one.
		c.block = make([]byte, 0, max(min(2*cap(c.block), maxBlock), minBlock, len(b)))
	}
	from := len(c.block)
	c.block = append(c.block, b...)
	return c.block[from:len(c.block):len(c.block)]
}
