package actor

import (
	"sync"
	"time"
)

// timers run functions later, and know when none of them runs any more. The
// zero value is ready.
type timers struct{ owner sync.WaitGroup }

// after runs f once d has passed, on a goroutine of its own, unless stop comes
// first. stop does not wait for f.
func (t *timers) after(d time.Duration, f func()) (stop func()) {
	t.owner.Add(1)
	timer := time.AfterFunc(d, func() {
		defer t.owner.Done()
		f()
	})
	return func() {
		if timer.Stop() {
			t.owner.Done()
		}
	}
}

// wait returns when every function has run or been stopped. No after may come
// with it.
func (t *timers) wait() { t.owner.Wait() }
