package conn

import (
	"context"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// One large event must not cost its size for as long as the subscription
// lasts, nor do so behind small ones.
func TestFeedGivesMemoryBack(t *testing.T) {
	c := newConn(context.Background(), Config{})
	cfg, err := stream.NewConfig()
	if err != nil {
		t.Fatal(err)
	}
	f := newCopies(c, []string{"tick"}, cfg)
	for _, size := range []int{10, maxChunk + 1, 8 << 20, 10, 100, 1000} {
		f.add(Frame{Args: make([]byte, size)})
		releaseFrames(f.batch)
		f.batch = f.batch[:0]
	}
	held := 0
	if f.arena.cur != nil {
		held += len(f.arena.cur.mem)
	}
	for _, ch := range f.arena.free {
		held += len(ch.mem)
	}
	if held > 3*maxChunk {
		t.Errorf("%d bytes are held", held)
	}
}
