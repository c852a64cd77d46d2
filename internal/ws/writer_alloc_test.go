//go:build !race

package ws_test

import (
	"io"
	"testing"

	"github.com/rivet-go/rivet/internal/ws"
)

// Under the race detector sync.Pool forgets at random, so this is for runs
// without it.
func TestWriterAllocates(t *testing.T) {
	p := make([]byte, 200)
	for _, role := range roles {
		w := ws.NewWriter(io.Discard, role)
		send := func() {
			appendAllB(t, w.Append(ws.OpBinary, p[:20], p))
			appendAllB(t, w.Append(ws.OpPong, p[:9]))
			appendAllB(t, w.Flush())
		}
		send()
		if n := testing.AllocsPerRun(1000, send); n > 0 {
			t.Errorf("%v: %v allocations a flush", role, n)
		}
	}
}
