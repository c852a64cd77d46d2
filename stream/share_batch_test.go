package stream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What a source has ready at once is handed on when it is a batch, and not only
// when there is no more.
func TestShareHandsOnInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Stream[int]{open: func(_ context.Context, out observer[int]) pump {
			p := &stepPump{f: func() {
				for i := range 2 * batchEvents {
					if i == batchEvents+1 {
						<-time.After(time.Second)
					}
					if !out.next(i) {
						return
					}
				}
				out.end(nil)
			}}
			p.ring.init()
			return p
		}}
		start := time.Now()
		at := map[time.Duration]int{}
		for _, err := range s.Share().All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			at[time.Since(start)]++
		}
		if at[0] != batchEvents || at[time.Second] != batchEvents {
			t.Errorf("values at %v", at)
		}
	})
}
