package conn

import (
	"context"
	"testing"
	"testing/synctest"
)

// A reply that has come counts, though the caller's context ends before it is
// handed over.
func TestReplyThatIsUnderWayCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConn(t.Context(), Config{})
		p := &pending{done: make(chan outcome, 1)}
		if err := c.enqueue(t.Context(), p, []byte("call")); err != nil {
			t.Fatal(err)
		}
		c.settle(p)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ended := make(chan outcome, 1)
		go func() { ended <- c.await(ctx, p) }()
		synctest.Wait()
		p.done <- outcome{seq: 7}
		if o := <-ended; o.err != nil || o.seq != 7 {
			t.Errorf("%+v", o)
		}
	})
}
