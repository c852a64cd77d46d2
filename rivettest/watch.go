package rivettest

import (
	"context"
	"errors"
	"sync"
)

// errGatewayClosed ends every wait when the test is over.
var errGatewayClosed = errors.New("rivettest: gateway closed")

// watch is a mutex whose owner can tell others that what it guards has
// changed, without a condition variable that a context cannot interrupt.
type watch struct {
	mu sync.Mutex
	ch chan struct{} // closed at the next change; nil while nobody waits
}

// changed wakes everybody in until; mu must be held.
func (w *watch) changed() {
	if w.ch != nil {
		close(w.ch)
		w.ch = nil
	}
}

// until waits until ok, which runs with mu held, answers true. It fails with
// the cause of ctx, or when done is closed.
func (w *watch) until(ctx context.Context, done <-chan struct{}, ok func() bool) error {
	for {
		w.mu.Lock()
		if ok() {
			w.mu.Unlock()
			return nil
		}
		if w.ch == nil {
			w.ch = make(chan struct{})
		}
		ch := w.ch
		w.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-done:
			// What was waited for may have come together with the end.
			w.mu.Lock()
			defer w.mu.Unlock()
			if ok() {
				return nil
			}
			return errGatewayClosed
		}
	}
}
