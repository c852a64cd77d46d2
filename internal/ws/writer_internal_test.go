package ws

import (
	"io"
	"testing"
)

// What one large message needed must not stay in the pool for all others.
func TestWriterPoolsNoLargeBuffers(t *testing.T) {
	w := NewWriter(io.Discard, Server)
	if err := w.Append(OpBinary, make([]byte, 2*maxPooledWrite)); err != nil {
		t.Fatal(err)
	}
	large := w.buf
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if b := writeBuffers.Get().(*[]byte); b == large || cap(*b) > maxPooledWrite {
			t.Fatalf("a buffer of %d bytes is in the pool", cap(*b))
		}
	}
}
