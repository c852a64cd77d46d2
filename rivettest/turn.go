package rivettest

import "sync"

// turn lets one handler of an actor run at a time, first come, first served.
type turn struct {
	mu    sync.Mutex
	busy  bool
	queue []chan struct{}
}

// ticket takes a place in the queue; the returned channel is closed when it is
// the caller's turn, which the caller must end by release.
func (t *turn) ticket() <-chan struct{} {
	ch := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy {
		t.queue = append(t.queue, ch)
		return ch
	}
	t.busy = true
	close(ch)
	return ch
}

func (t *turn) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.busy = false
		return
	}
	next := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	close(next)
}
