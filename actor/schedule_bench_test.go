package actor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor"
)

// crash ends a generation as the end of its process would: nothing more is
// written.
func (b *bench) crash(t *testing.T, in *actor.Instance) {
	t.Helper()
	b.mu.Lock()
	b.fail = errors.Join(errors.New("crash"), actor.ErrLeaseEnded)
	b.mu.Unlock()
	_ = in.Stop(t.Context(), actor.Lost)
	b.mu.Lock()
	b.fail = nil
	b.mu.Unlock()
}

// keys counts what is in the store under a first byte.
func (b *bench) keys(first byte) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := range b.data {
		if k[0] == first {
			n++
		}
	}
	return n
}

func (b *bench) alarmAt() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alarm
}
