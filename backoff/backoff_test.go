package backoff_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/rivet-go/rivet/backoff"
)

// TestExponentialBounds draws many first, second, … waits and holds them
// against the interval that each is to be spread over.
func TestExponentialBounds(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name     string
		min, max time.Duration
		floor    time.Duration
		upper    []time.Duration // bound of the 1st, 2nd, … wait
	}{
		{"defaults", 250 * ms, 30 * time.Second, 50 * ms,
			[]time.Duration{250 * ms, 450 * ms, 850 * ms, 1650 * ms, 3250 * ms, 6450 * ms, 12850 * ms, 25650 * ms, 30 * time.Second, 30 * time.Second}},
		{"below the floor", 10 * ms, 40 * ms, 5 * ms, []time.Duration{10 * ms, 15 * ms, 25 * ms, 40 * ms, 40 * ms}},
		{"no room to grow", 100 * ms, 100 * ms, 50 * ms, []time.Duration{100 * ms, 100 * ms, 100 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const draws = 4000
			waits := make([][]time.Duration, len(tt.upper))
			for range draws {
				s := backoff.Exponential(tt.min, tt.max).New()
				for i := range waits {
					waits[i] = append(waits[i], s.Next())
				}
			}
			for i, upper := range tt.upper {
				checkUniform(t, i+1, waits[i], tt.floor, upper)
			}
		})
	}
}

// checkUniform fails unless the waits lie in [lo, hi], fill it evenly, and
// rarely meet. Limits are over six standard deviations wide.
func checkUniform(t *testing.T, n int, waits []time.Duration, lo, hi time.Duration) {
	t.Helper()
	const bins = 10
	var hist [bins]int
	same := map[time.Duration]int{}
	for _, w := range waits {
		if w < lo || w > hi {
			t.Fatalf("wait %d is %v, outside of [%v, %v]", n, w, lo, hi)
		}
		bin := int(int64(w-lo) * bins / int64(hi-lo+1))
		hist[bin]++
		same[w]++
		if same[w] > 5 {
			t.Fatalf("wait %d is %v again and again", n, w)
		}
	}
	want := float64(len(waits)) / bins
	for bin, got := range hist {
		if math.Abs(float64(got)-want) > 7*math.Sqrt(want) {
			t.Errorf("wait %d: %d of %d in tenth %d of [%v, %v]: %v", n, got, len(waits), bin, lo, hi, hist)
		}
	}
}

func TestExponentialNeverStopsNorPassesCap(t *testing.T) {
	for _, limit := range []time.Duration{1, 2, 3, time.Millisecond, time.Minute, math.MaxInt64} {
		s := backoff.Exponential(1, limit).New()
		for i := range 20_000 {
			if w := s.Next(); w < 0 || w > limit {
				t.Fatalf("cap %v: wait %d is %v", limit, i, w)
			}
		}
	}
}

func TestExponentialReset(t *testing.T) {
	const least, most = 100 * time.Millisecond, time.Hour
	s := backoff.Exponential(least, most).New()
	var longest time.Duration
	for range 100 {
		longest = max(longest, s.Next())
	}
	if longest < most/4 {
		t.Fatalf("longest of 100 waits is %v, the cap is %v", longest, most)
	}
	for range 100 {
		s.Reset()
		if w := s.Next(); w > least {
			t.Fatalf("first wait after Reset is %v, want at most %v", w, least)
		}
	}
}

func TestSequencesAreIndependent(t *testing.T) {
	for name, p := range map[string]backoff.Policy{
		"Exponential": backoff.Exponential(time.Second, time.Minute),
		"Constant":    backoff.Constant(time.Second),
		"Func":        backoff.Func(func(n int) time.Duration { return time.Duration(n) * time.Second }),
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					s := p.New()
					if w := s.Next(); w > time.Second {
						t.Errorf("first wait is %v, want at most a second", w)
					}
					for range 100 {
						if w := s.Next(); w > time.Hour {
							t.Errorf("wait of %v", w)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestFuncCountsFailures(t *testing.T) {
	s := backoff.Func(func(n int) time.Duration { return time.Duration(n) }).New()
	for want := time.Duration(1); want <= 3; want++ {
		if got := s.Next(); got != want {
			t.Fatalf("Next() = %d, want %d", got, want)
		}
	}
	s.Reset()
	if got := s.Next(); got != 1 {
		t.Fatalf("Next() after Reset = %d, want 1", got)
	}
}

type foreign struct{}

func (foreign) New() backoff.Sequence { return nil }

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		p    backoff.Policy
		ok   bool
	}{
		{"nil", nil, false},
		{"exponential", backoff.Exponential(backoff.DefaultMin, backoff.DefaultMax), true},
		{"exponential with equal bounds", backoff.Exponential(time.Second, time.Second), true},
		{"zero minimum", backoff.Exponential(0, time.Second), false},
		{"negative minimum", backoff.Exponential(-1, time.Second), false},
		{"maximum below minimum", backoff.Exponential(time.Second, time.Millisecond), false},
		{"constant", backoff.Constant(0), true},
		{"negative constant", backoff.Constant(-1), false},
		{"func", backoff.Func(func(int) time.Duration { return 0 }), true},
		{"nil func", backoff.Func(nil), false},
		{"foreign", foreign{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := backoff.Validate(tt.p); (err == nil) != tt.ok {
				t.Errorf("Validate() = %v", err)
			}
		})
	}
}

func TestInvalidPoliciesStillBackOff(t *testing.T) {
	for _, p := range []backoff.Policy{backoff.Exponential(-time.Second, -time.Minute), backoff.Func(nil)} {
		s := p.New()
		for range 1000 {
			if w := s.Next(); w <= 0 || w > backoff.DefaultMax {
				t.Fatalf("%T: wait of %v, want one of the default policy's", p, w)
			}
		}
	}
}
