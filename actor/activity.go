package actor

import (
	"context"
	"sync"
	"time"
)

// activity counts what keeps an actor awake, and says when nothing has for long
// enough.
type activity struct {
	after time.Duration // 0: never
	idle  func()        // told once in each quiet time; must not block

	mu      sync.Mutex
	held    int
	quiet   time.Time // since when held is zero
	closing bool
	timer   *time.Timer
	empty   chan struct{} // closed at zero, when somebody waits for that
}

// start begins to watch for idleness.
func (a *activity) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quiet = time.Now()
	if a.after > 0 && !a.closing {
		a.timer = time.AfterFunc(a.after, a.look)
	}
}

// look is what the timer calls. The timer is not set anew by each hold, which
// would cost more than the hold; it goes by when the quiet began.
func (a *activity) look() {
	a.mu.Lock()
	if a.closing || a.timer == nil {
		a.mu.Unlock()
		return
	}
	wait := a.after
	if a.held == 0 {
		wait -= time.Since(a.quiet)
	}
	tell := wait <= 0
	if tell {
		wait = a.after // should the driver not take the hint
	}
	a.timer.Reset(wait)
	a.mu.Unlock()
	if tell {
		a.idle()
	}
}

// hold counts one more until release. It fails once the actor stops.
func (a *activity) hold() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return false
	}
	a.held++
	return true
}

// more is hold for somebody who holds already, so that it works during a stop.
func (a *activity) more() {
	a.mu.Lock()
	a.held++
	a.mu.Unlock()
}

func (a *activity) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held--; a.held > 0 {
		return
	}
	a.quiet = time.Now()
	if a.empty != nil {
		close(a.empty)
		a.empty = nil
	}
}

// once returns release as a function that does nothing when called again.
func (a *activity) once() func() {
	var once sync.Once
	return func() { once.Do(a.release) }
}

// close refuses all holds from now on.
func (a *activity) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closing = true
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

// wait returns when nothing is held, or an error when ctx has ended first.
func (a *activity) wait(ctx context.Context) error {
	for {
		a.mu.Lock()
		if a.held == 0 {
			a.mu.Unlock()
			return nil
		}
		if a.empty == nil {
			a.empty = make(chan struct{})
		}
		empty := a.empty
		a.mu.Unlock()
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
