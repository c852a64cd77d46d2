package calls

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rivet-go/rivet/bench/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var nobody = peer{cpu: func() (time.Duration, error) { return 0, nil }}

// A call that fails, or that is answered with what somebody else sent, fails the case.
func TestDriveLooksAtEveryAnswer(t *testing.T) {
	lost := errors.New("lost")
	for name, tt := range map[string]struct {
		answer func(n int) (int, error)
		ok     bool
	}{
		"right": {func(n int) (int, error) { return n, nil }, true},
		"wrong": {func(n int) (int, error) { return n ^ 1, nil }, false},
		"error": {func(n int) (int, error) { return n, lost }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			err := drive(t.Context(), &trial.Trial{Time: 8 * time.Millisecond}, 4, nobody, func(_ context.Context, n int) (int, error) {
				if calls.Add(1) < 10 {
					return n, nil
				}
				return tt.answer(n)
			})
			if (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}
