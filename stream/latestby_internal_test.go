package stream

import (
	"math"
	"testing"
)

// Keys that have been taken leave nothing behind, not even those that no map
// finds again, and but some memory for the next ones.
func TestLatestByForgetsKeys(t *testing.T) {
	w := &newestByKey[float64, int]{waiting: make(map[float64]*keyed[float64, int])}
	var queued []*keyed[float64, int]
	for i := range 4 * keepRing {
		k := float64(i)
		if i%2 == 0 {
			k = math.NaN()
		}
		queued = append(queued, w.put(k, i))
	}
	for i := range queued {
		var v int
		if err := w.take(&queued[i], &v); err != nil || v != i {
			t.Fatalf("%d, %v instead of %d", v, err, i)
		}
	}
	if len(w.waiting) > 0 || len(w.free) > keepRing {
		t.Errorf("%d keys are kept, %d are free", len(w.waiting), len(w.free))
	}
}
