package actor

import "sync/atomic"

// A turn is the right to touch an actor's state. One goroutine holds it, the one
// that runs the function it was given to.
type turn struct {
	box  *mailbox
	held atomic.Bool

	// Both are nil until the turn is first given away. From then on the
	// function runs on a goroutine that drains no more, and the one that does
	// lends it the turn: it waits at returned after it has granted.
	granted, returned chan struct{}
}

// await gives the turn away while f runs, as JavaScript's await does, and waits
// for it behind everything that has come to the mailbox meanwhile. It has it
// again when it returns, also after a panic of f.
func (t *turn) await(f func() error) error {
	if t.granted == nil {
		t.granted, t.returned = make(chan struct{}), make(chan struct{})
		t.held.Store(false)
		// The goroutine that drains is busy with f, so another one does.
		t.box.owner.Go(t.box.drain)
	} else {
		t.giveBack()
	}
	defer func() {
		_ = t.box.push(item{resume: t}) // which is never refused
		<-t.granted
	}()
	return f()
}

// lend hands the turn to the function that has given it away, and waits until
// it is given back.
func (t *turn) lend() {
	t.held.Store(true)
	t.granted <- struct{}{}
	<-t.returned
}

// giveBack returns a turn that was lent.
func (t *turn) giveBack() {
	t.held.Store(false)
	t.returned <- struct{}{}
}
