package conn

import (
	"bytes"
	"testing"
)

// Copies are apart from each other and from what they were made of, and stay
// as they are.
func TestCopies(t *testing.T) {
	var c copier
	var copies [][]byte
	size := func(i int) int { return i * 37 % (maxBlock/2 + 1) }
	for i := range 500 {
		b := bytes.Repeat([]byte{byte(i)}, size(i))
		copies = append(copies, c.copy(b))
		clear(b)
		if cap(c.block) > maxBlock {
			t.Fatalf("a block of %d bytes", cap(c.block))
		}
	}
	for i := range copies {
		_ = append(copies[i], 0xff) // must not reach the next
	}
	for i, got := range copies {
		if !bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, size(i))) {
			t.Fatalf("copy %d is %x", i, got)
		}
	}
}
